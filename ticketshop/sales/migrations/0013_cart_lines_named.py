from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("sales", "0012_in_profile")]

    operations = [
        migrations.AlterModelOptions(
            name="cartline",
            options={"verbose_name": "cart line", "verbose_name_plural": "cart lines"},
        ),
    ]
