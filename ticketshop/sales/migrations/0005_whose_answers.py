from django.db import migrations

# Answers given before each response named whose it is: those of the person a ticket is for, else the buyer's.
WHOSE = """
    UPDATE registration_forms_response AS response SET about_id = orders.buyer_id
      FROM sales_order AS orders WHERE orders.response_id = response.id AND response.about_id IS NULL;
    UPDATE registration_forms_response AS response SET about_id = coalesce(ticket.beneficiary_id, orders.buyer_id)
      FROM sales_ticket AS ticket JOIN sales_order AS orders ON orders.id = ticket.order_id
     WHERE ticket.response_id = response.id AND response.about_id IS NULL;
    UPDATE registration_forms_response AS response SET about_id = coalesce(pass.beneficiary_id, orders.buyer_id)
      FROM sales_issuedpass AS pass JOIN sales_order AS orders ON orders.id = pass.order_id
     WHERE response.id IN (pass.response_id, pass.extra_response_id) AND response.about_id IS NULL
"""


class Migration(migrations.Migration):

    dependencies = [
        ('sales', '0004_forgetting'),
    ]

    operations = [migrations.RunSQL(WHOSE, migrations.RunSQL.noop)]
