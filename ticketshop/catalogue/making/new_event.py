"""A new event with a date, its places and its tariffs, made at once."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from ticketshop.history import history
from ticketshop.organisers.models import Organiser, PointOfSale

from .. import offers
from ..models import Event, Session, Tariff, Venue
from ..slugs import free_slug


@dataclass(frozen=True)
class NewEvent:
    """Contents of a new event. ``tariffs``: pairs of name and price; ``venue``: the name of one, new or existing; empty for none."""

    title: str
    teaser: str
    venue: str
    starts_at: datetime
    lasting: timedelta
    places: int
    tariffs: Sequence[tuple[str, Decimal]]
    vat_rate: Decimal
    published: bool


@transaction.atomic
def make(pos: PointOfSale, wish: NewEvent, *, key: uuid.UUID, by, now: datetime) -> Event:
    """Make the event for a point of sale and return it; a second call with the same key returns the same event.

    The texts are in the first language of the organiser.
    """
    # The same page sent twice at once: the second call sees the event of the first.
    organiser = Organiser.objects.select_for_update(no_key=True).get(pk=pos.organiser_id)
    done = Event.objects.filter(organiser=organiser, copy_key=key).first()
    if done is not None:
        return done
    language = organiser.languages[0]
    event = Event.objects.create(
        organiser=organiser,
        slug=free_slug(Event, organiser.pk, wish.title),
        state=Event.State.PUBLISHED if wish.published else Event.State.DRAFT,
        venue=_venue(organiser, wish.venue),
        copy_key=key,
        **{f"title_{language}": wish.title, f"teaser_{language}": wish.teaser},
    )
    event.points_of_sale.add(pos)
    for position, (name, price) in enumerate(wish.tariffs):
        Tariff.objects.create(
            event=event, position=position, price=price, vat_rate=wish.vat_rate, **{f"name_{language}": name}
        )
    session = Session.objects.create(
        event=event, starts_at=wish.starts_at, ends_at=wish.starts_at + wish.lasting
    )
    offers.open_sessions(event, {session: wish.places})
    history.record(event, "created", by=by, now=now)
    return event


def _venue(organiser: Organiser, name: str) -> Venue | None:
    """Return the venue of this name; it is made if there is none."""
    if not name:
        return None
    venue = Venue.objects.filter(organiser=organiser, name__iexact=name).order_by("pk").first()
    return venue or Venue.objects.create(organiser=organiser, name=name)
