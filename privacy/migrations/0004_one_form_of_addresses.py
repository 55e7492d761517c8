"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    normalise_rows(apps.get_model("privacy.MailboxProof").objects, "address")


class Migration(migrations.Migration):
    dependencies = [("privacy", "0003_downloaded_lists")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
