"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    normalise_rows(apps.get_model("contacts.Contact").objects, "email", key="email_key")
    normalise_rows(apps.get_model("contacts.ContactLink").objects, "entered_email")


class Migration(migrations.Migration):
    dependencies = [("contacts", "0011_readable_addresses")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
