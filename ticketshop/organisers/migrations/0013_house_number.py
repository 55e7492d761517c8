"""The house number gets a column of its own, as banks want it. Street and number, printed one after the other, stay the same."""

import re

from django.db import migrations, models

# A street that ends with a number, such as "Quai des Tilleuls 7" or "Rue du Lac 12 bis". A post-office box ends so too.
_NUMBER = re.compile(r"(?P<street>.*\D) (?P<number>\d+(?: ?(?:bis|ter|[a-zA-Z]))?)")
_BOX = re.compile(r"\b(?:case|postfach|casella|p\.? ?o\.?|box|cp)\b", re.IGNORECASE)


def split_streets(apps, _editor):
    organisers = apps.get_model("organisers", "Organiser")
    for organiser in organisers.objects.exclude(street="").only("street"):
        found = _NUMBER.fullmatch(organiser.street)
        if found and len(found["number"]) <= 16 and not _BOX.search(organiser.street):
            organisers.objects.filter(pk=organiser.pk).update(
                street=found["street"], house_number=found["number"]
            )


def join_streets(apps, _editor):
    organisers = apps.get_model("organisers", "Organiser")
    for organiser in organisers.objects.exclude(house_number="").only("street", "house_number"):
        joined = f"{organiser.street} {organiser.house_number}".strip()[:160]
        organisers.objects.filter(pk=organiser.pk).update(street=joined)


class Migration(migrations.Migration):
    dependencies = [("organisers", "0012_terms_versions")]

    operations = [
        migrations.AddField(
            model_name="organiser",
            name="house_number",
            field=models.CharField(blank=True, default="", max_length=16, verbose_name="house number"),
        ),
        migrations.RunPython(split_streets, join_streets),
    ]
