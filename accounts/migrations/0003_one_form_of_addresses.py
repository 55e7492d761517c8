"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    normalise_rows(apps.get_model("accounts.User").objects, "email", unique=True)
    # allauth's table of the addresses a log-in has proved, or waits to prove.
    normalise_rows(apps.get_model("account.EmailAddress").objects, "email", unique=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_forgetting"), ("account", "0009_emailaddress_unique_primary_email")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
