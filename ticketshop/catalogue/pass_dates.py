"""Which dates a season pass opens, and which tariff a booking with it takes."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q, QuerySet

from ticketshop.lib.dates import days

from .models import Event, Offer, SeasonPass, Session, Tariff


def opened(season_pass: SeasonPass) -> QuerySet[Session]:
    """Return the dates that a pass opens, without regard to its days of validity."""
    if season_pass.opens == SeasonPass.Opens.CHOSEN_SESSIONS:
        return season_pass.sessions.all()
    if season_pass.opens == SeasonPass.Opens.CHOSEN_EVENTS:
        return Session.objects.filter(event__in=season_pass.events.values("pk"))
    shops = season_pass.points_of_sale.values("pk")
    events = Event.objects.filter(organiser=season_pass.organiser_id, points_of_sale__in=shops)
    return Session.objects.filter(event__in=events.values("pk"))


def opens(season_pass: SeasonPass, session: Session) -> bool:
    """Return whether a pass opens this date, without regard to its days of validity. One query."""
    return opened(season_pass).filter(pk=session.pk).exists()


def opening(session: Session) -> QuerySet[SeasonPass]:
    """Return the passes that open a date, without regard to their days of validity: those whose ``opened`` contains it."""
    kinds = SeasonPass.Opens
    in_same_shop = SeasonPass.objects.filter(points_of_sale__in=session.event.points_of_sale.values("pk"))
    opens = (
        Q(opens=kinds.CHOSEN_SESSIONS, pk__in=SeasonPass.objects.filter(sessions=session.pk).values("pk"))
        | Q(opens=kinds.CHOSEN_EVENTS, pk__in=SeasonPass.objects.filter(events=session.event_id).values("pk"))
        | Q(opens=kinds.ALL_EVENTS, pk__in=in_same_shop.values("pk"))
    )
    return SeasonPass.objects.filter(opens, organiser=session.event.organiser_id)


def offers_of_bookings(season_pass: SeasonPass, sessions: Iterable[Session]) -> dict[int, Offer]:
    """Return session id -> the offer whose places a booking takes, for the dates that can be booked with the pass. One query."""
    by_id = {session.pk: session for session in sessions}
    rows = Offer.objects.filter(session__in=by_id, tariff__in=season_pass.tariffs.values("pk"))
    offers: dict[int, Offer] = {}
    for offer in rows.select_related("tariff__form__published").order_by("tariff__position", "tariff_id"):
        offer.session = by_id[offer.session_id]
        offers.setdefault(offer.session_id, offer)
    return offers


def to_come(season_pass: SeasonPass, now: datetime) -> QuerySet[Session]:
    """Return the dates that a pass opens on its days of validity and that are not over, the first one first."""
    zone = season_pass.organiser.zone
    last = days.end_of(season_pass.valid_until, zone)
    return (
        opened(season_pass)
        .filter(ends_at__gt=now, starts_at__lt=last, event__state=Event.State.PUBLISHED)
        .exclude(state=Session.State.CANCELLED)
        .order_by("starts_at", "pk")
    )


def unbookable(season_pass: SeasonPass, now: datetime) -> list[Event]:
    """Return the events that a pass opens at a date to come for which no tariff of bookings has places. One query."""
    bookable = Offer.objects.filter(tariff__in=season_pass.tariffs.values("pk")).values("session")
    missing = to_come(season_pass, now).exclude(pk__in=bookable)
    return list(Event.objects.filter(pk__in=missing.order_by().values("event")).order_by("pk"))


def fits_booking(tariff: Tariff) -> bool:
    """Return whether a tariff gives one ticket that may be sold alone, as a booking needs."""
    return tariff.tickets_per_unit == 1 and tariff.min_per_order == 1 and tariff.only_with_id is None


def fitting() -> Q:
    """Return the condition for tariffs that ``fits_booking``."""
    return Q(tickets_per_unit=1, min_per_order=1, only_with=None)
