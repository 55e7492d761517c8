"""An order, its buyer and its point of sale belong to one organiser: the database sees to it."""

from django.db import migrations


def same_organiser(name: str, table: str, column: str, target: str) -> migrations.RunSQL:
    """A composite key: the row at the other end belongs to the same organiser, whatever code wrote it."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (organiser_id, {column})"
        f" REFERENCES {target} (organiser_id, id) DEFERRABLE INITIALLY DEFERRED",
        f"ALTER TABLE {table} DROP CONSTRAINT {name}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("sales", "0001_initial"),
        ("contacts", "0003_initial"),
        ("organisers", "0002_same_organiser"),
    ]
    operations = [
        same_organiser("order_buyer_same_organiser", "sales_order", "buyer_id", "contacts_contact"),
        same_organiser("order_pos_same_organiser", "sales_order", "point_of_sale_id", "organisers_pointofsale"),
    ]
