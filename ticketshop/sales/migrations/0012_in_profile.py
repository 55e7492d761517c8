"""Whether a signed-in buyer chose to have the answers to an order form in their profile too."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sales", "0011_holder_email")]
    operations = [
        migrations.AddField("orderresponse", "in_profile", models.BooleanField(editable=False, null=True)),
    ]
