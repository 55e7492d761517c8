"""The e-mail address of whoever holds a ticket or pass, where a form asks for it."""

from django.db import migrations, models


def column():
    return models.EmailField(blank=True, default="", max_length=254, verbose_name="e-mail address of the holder")


class Migration(migrations.Migration):
    dependencies = [("sales", "0010_unpaid_caps")]
    operations = [
        migrations.AddField("ticket", "holder_email", column(), preserve_default=False),
        migrations.AddField("issuedpass", "holder_email", column(), preserve_default=False),
    ]
