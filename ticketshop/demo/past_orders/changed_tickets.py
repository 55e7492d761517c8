"""Tickets of Bob that staff changed after the sale: one exchanged for a later date, one with a new code.

Made by the actions of the back office, at their own time in the past. No job is queued.
"""

import random
from datetime import datetime, timedelta

from django.db.models import F
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from accounts.models import User
from contacts.models import Contact
from ticketshop.catalogue.models import Session
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order
from ticketshop.sales.orders import cancelled_lines
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.tickets import codes

from ..people import number


def write(buyer: Contact, staff: User, rng: random.Random, midnight: datetime) -> None:
    """Exchange the first ticket of the buyer's latest order, and give the second one a new code."""
    order = Order.objects.filter(buyer=buyer, tickets__session__starts_at__gt=midnight).latest("placed_at")
    first, second = cancelled_lines.units_of(order)
    now = midnight - timedelta(days=2, hours=7, minutes=12)
    later = Session.objects.filter(
        event=first.line.offer.session.event_id,
        starts_at__gt=first.line.offer.session.starts_at,
        offers__tariff=first.line.offer.tariff_id,
        offers__allotment__sold__lt=F("offers__allotment__capacity"),
        state=Session.State.ON_SALE,
    ).earliest("starts_at")
    with app.replace_connector(InMemoryConnector()):
        wish = exchanges.Wish([first.key], session=later)
        new = exchanges.exchange(order, wish, by=staff, now=now).order
        Order.objects.filter(pk=new.pk).update(reference=number(rng))
        codes.renew(order, [second.key], by=staff, now=now + timedelta(hours=1, minutes=5))
    # In a filling that is new, nothing else is queued.
    Mail.objects.filter(state=Mail.State.QUEUED).update(
        state=Mail.State.SENT, attempts=1, sent_at=F("created_at") + timedelta(seconds=2)
    )
