"""A connection made by staff showed the child's stored e-mail address to its parent, who had never typed it."""

from django.db import migrations


def forget_addresses(apps, schema_editor):
    links = apps.get_model("contacts.ContactLink").objects
    links.exclude(origin="shop").exclude(entered_email="").update(entered_email="")


class Migration(migrations.Migration):
    dependencies = [("contacts", "0008_erasing_until")]
    operations = [migrations.RunPython(forget_addresses, migrations.RunPython.noop)]
