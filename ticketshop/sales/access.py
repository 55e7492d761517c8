"""Queries that check access to orders and tickets: an unknown person gets 404."""

import hmac
from datetime import datetime
from functools import cache
from typing import TypeVar

from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.http import Http404
from django.utils import timezone

from contacts.models import ContactLink
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.ids import fulfils_any
from ticketshop.lib.dates import days
from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import LinkReplaced, TooManyTries
from ticketshop.limits import limits
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser, PointOfSale

from .admission_lists import WITH_PASS, WITH_TICKET
from .models import OPEN_STATES, IssuedPass, Order, Ticket

AdmissionRow = TypeVar("AdmissionRow", Ticket, IssuedPass)

_BY_REFERENCE = Compiled(
    lambda: Order.objects.filter(
        point_of_sale=Parameter("pos"), reference=Parameter("reference")
    ).select_related("buyer")
)


def order_by_link(pos: PointOfSale, reference: str, secret: str) -> Order:
    """Return the order behind an unguessable link. Raise LinkReplaced for the link that it had before, and Http404 for anything
    else, without a hint which part was wrong.
    """
    order = _BY_REFERENCE.first(pos=pos.pk, reference=reference) if secret else None
    if order is not None and order.replaced_secret == order.hash_of_secret(secret):
        raise LinkReplaced
    if order is None or not order.secret or not hmac.compare_digest(order.secret.encode(), secret.encode()):
        raise Http404("no such order")
    order.point_of_sale = pos
    return order


def order_or_404(request, reference: str, secret: str) -> Order:
    """Return the order behind the link. Wrong links are counted, so that guessing reaches a limit which an
    honest buyer never does.
    """
    try:
        return order_by_link(request.pos, reference, secret)
    except Http404:
        now = timezone.now()
        if not limits.hit("order_link", network(request), now):
            raise TooManyTries(limits.wait("order_link", network(request), now)) from None
        raise


def counters(user) -> QuerySet[PointOfSale]:
    """Return the points of sale for which a staff member may enter orders: those that are open, then those that were never opened,
    where it is a test.
    """
    rows = PointOfSale.objects.filter(Q(active=True) | Q(first_opened_at=None)).select_related("organiser")
    rows = rows.order_by("-active", "name", "pk")
    return permissions.for_staff(rows, user, "sales.add_order")


# For the buyer: no person was chosen, in contrast to a beneficiary who was erased since.
WITHOUT_BENEFICIARY = Q(beneficiary=None, holder_erased_at=None)


def orders_of(user, pos: PointOfSale) -> QuerySet[Order]:
    """Return the orders that a user placed at this shop's organiser, the newest first.

    ``cancelled_total``: what was cancelled of a paid order; None if nothing was.
    """
    return (
        Order.objects.filter(organiser_id=pos.organiser_id, buyer__user=user)
        .annotate(cancelled_total=Sum("cancellations__lines__total"))
        .select_related("point_of_sale")
        .order_by("-placed_at")
    )


def _declined() -> Q:
    """Return a condition: the beneficiary has declined the buyer's link, or stated that the ticket is not theirs."""
    theirs = ContactLink.objects.filter(parent=OuterRef("order__buyer"), child=OuterRef("beneficiary"))
    refused = Q(status=ContactLink.Status.DECLINED) | Q(end_reason="not_me")
    return Exists(theirs.filter(refused)) & ~Exists(theirs.filter(status__in=ContactLink.OPEN))


def of_person(model: type[AdmissionRow], user) -> QuerySet[AdmissionRow]:
    """Return the tickets or passes that are for a user or were bought by them, at any organiser.

    The queries below name it beside their own condition, for which alone PostgreSQL would read the tickets of all people.
    """
    rows = model._default_manager.all()
    return rows.filter(fulfils_any(rows, Q(beneficiary__user=user), Q(order__buyer__user=user)))


def tickets_of(user, pos: PointOfSale) -> QuerySet[Ticket]:
    """Return the tickets that a user has at this organiser: bought by them, or for them by another person."""
    return _tickets(user, pos.organiser_id)


def _tickets(user, organiser_id) -> QuerySet[Ticket]:
    return (
        of_person(Ticket, user)
        .filter(
            (Q(beneficiary__user=user) & (Q(gift__isnull=False) | ~_declined()))
            | WITHOUT_BENEFICIARY & Q(order__buyer__user=user, gift=None),
            order__organiser_id=organiser_id,
        )
        .select_related(*WITH_TICKET, "order__point_of_sale")
        .order_by("session__starts_at", "pk")
    )


def passes_of(user, pos: PointOfSale) -> QuerySet[IssuedPass]:
    """Return the passes that a user has at this organiser."""
    return _passes(user, pos.organiser_id)


def passes_for(user_id: int, organiser_id: int) -> QuerySet[IssuedPass]:
    """Return what ``passes_of`` returns, for ids."""
    return _passes(user_id, organiser_id)


def _passes(user, organiser_id) -> QuerySet[IssuedPass]:
    return (
        of_person(IssuedPass, user)
        .filter(
            (Q(beneficiary__user=user) & ~_declined()) | WITHOUT_BENEFICIARY & Q(order__buyer__user=user),
            order__organiser_id=organiser_id,
        )
        .select_related(*WITH_PASS, "order__point_of_sale")
        .order_by("valid_until", "pk")
    )


def upcoming_tickets(tickets: QuerySet[Ticket], now: datetime | Parameter) -> QuerySet[Ticket]:
    """Return the tickets that can still be used: reserved or valid, for a date that has not ended."""
    return tickets.filter(state__in=OPEN_STATES, session__ends_at__gt=now)


def upcoming_passes(
    passes: QuerySet[IssuedPass], organiser: Organiser, now: datetime
) -> QuerySet[IssuedPass]:
    """Return the passes that can still be used: reserved or valid, and the last day is not over."""
    return _usable(passes, days.day_of(now, organiser.zone))


def _usable(passes: QuerySet[IssuedPass], today) -> QuerySet[IssuedPass]:
    return passes.filter(state__in=OPEN_STATES, valid_until__gte=today)


@cache
def _next_tickets(most: int) -> Compiled[Ticket]:
    tickets = _tickets(Parameter("user"), Parameter("organiser"))
    return Compiled(lambda: upcoming_tickets(tickets, Parameter("now"))[:most])


def next_tickets(user, pos: PointOfSale, now: datetime, most: int) -> list[Ticket]:
    """Return the first ``most`` of the user's upcoming tickets at this organiser. One query."""
    return _next_tickets(most).all(user=user.pk, organiser=pos.organiser_id, now=now)


@cache
def _next_passes(most: int) -> Compiled[IssuedPass]:
    passes = _passes(Parameter("user"), Parameter("organiser"))
    return Compiled(lambda: _usable(passes, Parameter("today"))[:most])


def next_passes(user, pos: PointOfSale, now: datetime, most: int) -> list[IssuedPass]:
    """Return the first ``most`` of the user's upcoming passes at this organiser. One query."""
    today = days.day_of(now, pos.organiser.zone)
    return _next_passes(most).all(user=user.pk, organiser=pos.organiser_id, today=today)
