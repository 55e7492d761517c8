import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0005_erased_on"), ("contacts", "0008_erasing_until")]
    operations = [
        migrations.AlterField(
            model_name="response",
            name="about",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="contacts.contact",
                verbose_name="about",
            ),
        ),
        migrations.AddConstraint(
            model_name="response",
            constraint=models.CheckConstraint(
                condition=models.Q(about__isnull=False) | models.Q(erased_on__isnull=False),
                name="response_of_a_person",
            ),
        ),
    ]
