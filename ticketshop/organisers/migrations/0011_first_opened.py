"""When a shop was first switched on: of those that exist, those that are on or have sold something count as opened."""

from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone


def note_opened(apps, _editor):
    orders = apps.get_model("sales", "Order").objects.order_by().values("point_of_sale")
    shops = apps.get_model("organisers", "PointOfSale").objects.filter(Q(active=True) | Q(pk__in=orders))
    shops.update(first_opened_at=timezone.now())


class Migration(migrations.Migration):
    dependencies = [("organisers", "0010_unpaid_caps"), ("sales", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="pointofsale",
            name="first_opened_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="first switched on"),
        ),
        migrations.AlterField(
            model_name="pointofsale",
            name="active",
            field=models.BooleanField(
                default=False,
                help_text="Visitors can buy only while it is on. Orders that exist stay reachable when it is switched off. It needs a way to pay, terms and a legal name.",
                verbose_name="switched on",
            ),
        ),
        migrations.RunPython(note_opened, migrations.RunPython.noop),
    ]
