from django.db import migrations

# Until now a name was printed whatever its question said; drafts keep what organisers have seen.
SQL = """
UPDATE registration_forms_field SET on_ticket = TRUE WHERE system_ref IN ('first_name', 'last_name') AND NOT sensitive;
"""


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0006_of_a_person")]

    operations = [migrations.RunSQL(SQL, migrations.RunSQL.noop)]
