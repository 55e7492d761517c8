"""An order has answers once for each order form that applies to something in it. What was answered stays."""

import django.db.models.deletion
from django.db import migrations, models

COPY = """
    INSERT INTO sales_orderresponse (order_id, response_id, title)
    SELECT id, response_id, '' FROM sales_order WHERE response_id IS NOT NULL ORDER BY id
"""
BACK = """
    UPDATE sales_order AS orders SET response_id = one.response_id
      FROM (SELECT DISTINCT ON (order_id) order_id, response_id FROM sales_orderresponse ORDER BY order_id, id) AS one
     WHERE one.order_id = orders.id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registration_forms", "0003_changes"),
        ("sales", "0005_whose_answers"),
    ]
    operations = [
        migrations.CreateModel(
            name="OrderResponse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(blank=True, max_length=300)),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="responses", to="sales.order"
                    ),
                ),
                (
                    "response",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="order_response",
                        to="registration_forms.response",
                    ),
                ),
            ],
            options={
                "verbose_name": "answers to an order form",
                "verbose_name_plural": "answers to order forms",
            },
        ),
        migrations.RunSQL(COPY, BACK),
        migrations.RemoveField(model_name="order", name="response"),
    ]
