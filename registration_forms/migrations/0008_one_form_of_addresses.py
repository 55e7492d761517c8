"""Addresses stored before they had one form: see ``ticketshop.lib.stored_addresses``."""

from django.db import migrations

from ticketshop.lib.stored_addresses import normalise_rows


def one_form(apps, schema_editor):
    answers = apps.get_model("registration_forms.Answer").objects
    normalise_rows(answers.filter(field__type="email").exclude(v_text=None), "v_text")


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0007_names_on_ticket")]
    operations = [migrations.RunPython(one_form, migrations.RunPython.noop)]
