"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    normalise_rows(apps.get_model("organisers.Organiser").objects, "privacy_contact")
    normalise_rows(apps.get_model("organisers.PointOfSale").objects, "email_sender_address")


class Migration(migrations.Migration):
    dependencies = [("organisers", "0005_hooks_reserved")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
