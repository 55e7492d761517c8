from django.db import migrations, models
from django.db.models import deletion


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0002_frozen")]
    operations = [
        migrations.AlterModelOptions(
            name="response",
            options={
                "permissions": [("view_sensitive", "Can see answers to sensitive questions")],
                "verbose_name": "response",
                "verbose_name_plural": "responses",
            },
        ),
        migrations.AddField(
            model_name="answer",
            name="version",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="+",
                to="registration_forms.formversion",
            ),
        ),
        # Changes made before they were counted: everybody has seen them.
        migrations.AddField(
            model_name="answerhistory",
            name="revision",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="registrationform",
            name="asked_again",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=deletion.PROTECT,
                related_name="+",
                to="registration_forms.formversion",
            ),
        ),
    ]
