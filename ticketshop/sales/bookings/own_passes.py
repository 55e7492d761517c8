"""The passes that a visitor may book with, and the dates that can be booked with one."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from contacts.linking import links
from contacts.models import Contact
from ticketshop.catalogue import availability, pass_dates, places, products
from ticketshop.catalogue.models import Offer, Session
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.dates import days
from ticketshop.organisers.models import PointOfSale

from .. import access
from ..models import OPEN_STATES, IssuedPass
from ..passes import entries, refusals

MOST_DATES = 100
WITH_PASS = ("season_pass__organiser", "line", "order", "beneficiary")


def of_visitor(contact: Contact) -> QuerySet[IssuedPass]:
    """Return the passes that a signed-in visitor may book with: their own, and those that they bought for people without a
    log-in.
    """
    return _of_visitor(contact.pk, contact.user_id, contact.organiser_id)


def _of_visitor(contact, user, organiser) -> QuerySet[IssuedPass]:
    children = links.choosable(contact).filter(child__user=None).values("child")
    own = access.passes_for(user, organiser).order_by().values("pk")
    bought = Q(order__buyer=contact, beneficiary__in=children)
    return (
        access.of_person(IssuedPass, user)
        .filter(Q(pk__in=own) | bought)
        .select_related(*WITH_PASS)
        .order_by("valid_until", "pk")
    )


@cache
def _usable(most: int) -> Compiled[IssuedPass]:
    passes = _of_visitor(Parameter("contact"), Parameter("user"), Parameter("organiser"))
    return Compiled(lambda: passes.filter(state__in=OPEN_STATES, valid_until__gte=Parameter("today"))[:most])


def usable(contact: Contact, pos: PointOfSale, now: datetime, most: int) -> list[IssuedPass]:
    """Return the first ``most`` of those passes of a visitor whose last day is not over and that are not cancelled. One query."""
    today = days.day_of(now, pos.organiser.zone)
    return _usable(most).all(
        contact=contact.pk, user=contact.user_id, organiser=contact.organiser_id, today=today
    )


def pass_or_404(contact: Contact, pk: int) -> IssuedPass:
    """Return a pass that a visitor may book with. Raise Http404 if there is none."""
    issued = of_visitor(contact).filter(pk=pk).first()
    if issued is None:
        raise Http404("no such pass")
    return issued


@dataclass(frozen=True)
class BookableDate:
    """A date that a pass opens. ``refusal``: why it can't be booked now, in a sentence; empty if it can."""

    session: Session
    offer: Offer | None
    refusal: str
    most: int = 0  # places that can be booked in one booking


def dates(issued: IssuedPass, pos: PointOfSale, now: datetime) -> list[BookableDate]:
    """Return the dates to come that a pass opens at this shop, the first one first."""
    rows = pass_dates.to_come(issued.season_pass, now).filter(event__points_of_sale=pos, starts_at__gt=now)
    sessions = rows.select_related("event__organiser", "event__venue")[:MOST_DATES]
    found = of_sessions(issued, sessions, now)
    if pos.sells:
        return found
    return [replace(date, refusal=_("Nothing can be booked while the shop is closed.")) for date in found]


def of_sessions(issued: IssuedPass, sessions: Iterable[Session], now: datetime) -> list[BookableDate]:
    """Return whether each of these dates, which the pass opens, can be booked with it. Four queries for any number."""
    sessions = list(sessions)
    offers = pass_dates.offers_of_bookings(issued.season_pass, sessions)
    left = places.left({offer.allotment_id for offer in offers.values()})
    taken = entries.taken_by_session(issued, sessions)
    return [
        _date(issued, session, offers.get(session.pk), left, taken.get(session.pk, 0), now)
        for session in sessions
    ]


def _date(
    issued: IssuedPass,
    session: Session,
    offer: Offer | None,
    left: dict[int, int],
    taken: int,
    now: datetime,
) -> BookableDate:
    refusal = refusals.of_validity(issued, session) or refusals.of_entries(issued, taken)
    if refusal:
        return BookableDate(session, offer, refusal.text)
    if text := _not_on_sale(session, offer, now):
        return BookableDate(session, offer, text)
    free = left[offer.allotment_id]
    if free < 1:
        return BookableDate(session, offer, _("This date is sold out."))
    most = min(issued.season_pass.entries_per_date - taken, free)
    if issued.entries_left is not None:
        most = min(most, issued.entries_left)
    return BookableDate(session, offer, "", min(most, offer.tariff.max_per_order))


def _not_on_sale(session: Session, offer: Offer | None, now: datetime) -> str:
    """Return why no places of a date are given now, in a sentence; empty if they are."""
    if session.state == Session.State.CANCELLED:
        return _("This date is cancelled.")
    if offer is None or not pass_dates.fits_booking(offer.tariff):
        return _("This date can’t be booked with the pass. Write to the organiser.")
    if session.state == Session.State.SOLD_OUT:
        return _("This date is sold out.")
    if products.BookedProduct(offer).on_sale(now):
        return ""
    if session.sales_start_at and now < session.sales_start_at:
        return _("Places for this date can’t be booked yet.")
    return _("Places for this date can’t be booked any more.")


def date_of(issued: IssuedPass, session: Session, now: datetime) -> BookableDate:
    """Return whether one date can be booked with a pass."""
    if refusal := refusals.of_date(issued, session):
        return BookableDate(session, None, refusal.text)
    return of_sessions(issued, [session], now)[0]


def session_or_404(pos: PointOfSale, pk: int) -> Session:
    """Return a date of this shop's published events. Raise Http404 if there is none."""
    rows = Session.objects.filter(pk=pk, event__in=availability.events(pos).values("pk"))
    session = rows.select_related("event__organiser", "event__venue").first()
    if session is None:
        raise Http404("no such date")
    return session
