from django.db import migrations

# What pages and e-mails were shown in when this was written.
SHOWN = ("en", "fr")


def put_read_languages_first(apps, schema_editor):
    """The first language is the one whose texts must be there: one that visitors read. Texts in others stay."""
    for organiser in apps.get_model("organisers", "Organiser").objects.all():
        read = [code for code in organiser.languages if code in SHOWN] or [SHOWN[0]]
        languages = [*read, *(code for code in organiser.languages if code not in SHOWN)]
        if languages != organiser.languages:
            organiser.languages = languages
            organiser.save(update_fields=["languages"])


class Migration(migrations.Migration):
    dependencies = [("organisers", "0007_unused_settings")]

    operations = [migrations.RunPython(put_read_languages_first, migrations.RunPython.noop)]
