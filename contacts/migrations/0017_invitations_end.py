"""An invitation that was never sent has an end as well: as long from now as the organiser's links are good for."""

from datetime import timedelta

from django.db import migrations
from django.utils import timezone


def give_an_end(apps, _editor):
    requests = apps.get_model("contacts", "LinkRequest").objects.exclude(email="").filter(expires_at=None)
    for organiser in apps.get_model("organisers", "Organiser").objects.all():
        end = timezone.now() + timedelta(days=organiser.link_request_days)
        requests.filter(link__organiser=organiser).update(expires_at=end)


class Migration(migrations.Migration):
    dependencies = [("contacts", "0016_company"), ("organisers", "0004_opening")]

    operations = [migrations.RunPython(give_an_end, migrations.RunPython.noop)]
