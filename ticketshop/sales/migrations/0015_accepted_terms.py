import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organisers", "0012_terms_versions"), ("sales", "0014_provider_pages")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="terms_version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisers.termsversion",
                verbose_name="terms of sale",
            ),
        ),
    ]
