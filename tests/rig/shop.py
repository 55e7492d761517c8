"""Fill the rig's database: ``main`` prints the ids and URLs that a buyer needs, as JSON."""

import json
import os
from decimal import Decimal

from django.conf import settings
from django.core.management import call_command

from tests import migrated_dump
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory


def prepare() -> None:
    """Migrate and collect static files."""
    migrated_dump.restore(os.environ["DATABASE_URL"])
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)


def main() -> None:
    prepare()
    pos = PointOfSaleFactory(slug="theatre", name="The Theatre")
    PaymentMethodFactory(point_of_sale=pos)
    if settings.STRIPE_ACCOUNTS:
        PaymentMethodFactory(point_of_sale=pos, code="stripe")
    offer = OfferFactory(pos=pos, capacity=100_000, price=Decimal("35.00"))
    event = offer.session.event
    print(json.dumps({"home": "/theatre/", "event": f"/theatre/events/{event.slug}/", "offer": offer.pk}))
