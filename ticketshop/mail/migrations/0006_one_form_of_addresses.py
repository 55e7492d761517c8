"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    normalise_rows(apps.get_model("mail.Mail").objects, "recipient")


class Migration(migrations.Migration):
    dependencies = [("mail", "0005_returned")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
