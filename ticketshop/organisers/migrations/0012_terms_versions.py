import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.utils import timezone

from ticketshop.lib.forms import json_hash

# Also used for other tables with rows that are never changed.
REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""
FREEZE = """
CREATE TRIGGER organisers_termsversion_frozen BEFORE UPDATE ON organisers_termsversion
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""


def first_versions(apps, schema_editor):
    """Freeze the terms of today. Earlier orders keep null: what was accepted then is not known."""
    TermsVersion = apps.get_model("organisers", "TermsVersion")
    for pos in apps.get_model("organisers", "PointOfSale").objects.order_by("pk"):
        texts = {code: getattr(pos, f"terms_{code}") or "" for code, _name in settings.CONTENT_LANGUAGES}
        texts = {code: text for code, text in texts.items() if text.strip()}
        if texts:
            pos.terms_version = TermsVersion.objects.create(
                point_of_sale=pos,
                number=1,
                texts=texts,
                texts_hash=json_hash.of(texts),
                published_at=timezone.now(),
            )
            pos.save(update_fields=["terms_version"])


class Migration(migrations.Migration):
    dependencies = [("organisers", "0011_first_opened")]

    operations = [
        migrations.CreateModel(
            name="TermsVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("texts", models.JSONField(verbose_name="terms of sale")),
                ("texts_hash", models.CharField(editable=False, max_length=64)),
                ("published_at", models.DateTimeField(verbose_name="published")),
                (
                    "point_of_sale",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms_versions",
                        to="organisers.pointofsale",
                    ),
                ),
            ],
            options={
                "verbose_name": "version of the terms of sale",
                "verbose_name_plural": "versions of the terms of sale",
                "constraints": [
                    models.UniqueConstraint(fields=("point_of_sale", "number"), name="terms_version_once")
                ],
            },
        ),
        migrations.AddField(
            model_name="pointofsale",
            name="terms_version",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="organisers.termsversion",
            ),
        ),
        migrations.RunSQL(REFUSE, "DROP FUNCTION refuse_change()"),
        migrations.RunSQL(FREEZE, "DROP TRIGGER organisers_termsversion_frozen ON organisers_termsversion"),
        migrations.RunPython(first_versions, migrations.RunPython.noop),
    ]
