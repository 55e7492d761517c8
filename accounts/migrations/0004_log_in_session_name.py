from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_one_form_of_addresses")]

    operations = [
        migrations.AlterModelOptions(
            name="session",
            options={"verbose_name": "log-in session", "verbose_name_plural": "log-in sessions"},
        ),
    ]
