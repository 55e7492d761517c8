import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("privacy", "0008_companions"),
    ]

    operations = [
        migrations.AddField(
            model_name="erasure",
            name="companions_later",
            field=django.contrib.postgres.fields.ArrayField(base_field=models.DateField(null=True), default=list, size=None),
        ),
    ]
