"""Queries that check access to orders and tickets: an unknown person gets 404."""

import hmac
from datetime import datetime

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404

from contacts.models import ContactLink
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.dates import days
from ticketshop.organisers.models import Organiser, PointOfSale

from .admission_lists import WITH_PASS, WITH_TICKET
from .models import OPEN_STATES, IssuedPass, Order, Ticket

_BY_REFERENCE = Compiled(
    lambda: Order.objects.filter(
        point_of_sale=Parameter("pos"), reference=Parameter("reference")
    ).select_related("buyer")
)


def order_by_link(pos: PointOfSale, reference: str, secret: str) -> Order:
    """Return the order behind an unguessable link. Raise Http404 for anything else, without a hint which part was wrong."""
    order = _BY_REFERENCE.first(pos=pos.pk, reference=reference) if secret else None
    if order is None or not order.secret or not hmac.compare_digest(order.secret.encode(), secret.encode()):
        raise Http404("no such order")
    order.point_of_sale = pos
    return order


# For the buyer: no person was chosen, in contrast to a beneficiary who was erased since.
WITHOUT_BENEFICIARY = Q(beneficiary=None, holder_erased_at=None)


def orders_of(user, pos: PointOfSale) -> QuerySet[Order]:
    """Return the orders that a user placed at this shop's organiser, the newest first."""
    return (
        Order.objects.filter(organiser_id=pos.organiser_id, buyer__user=user)
        .select_related("point_of_sale")
        .order_by("-placed_at")
    )


def _declined() -> Q:
    """Return a condition: the beneficiary has declined the buyer's link, or stated that the ticket is not theirs."""
    theirs = ContactLink.objects.filter(parent=OuterRef("order__buyer"), child=OuterRef("beneficiary"))
    refused = Q(status=ContactLink.Status.DECLINED) | Q(end_reason="not_me")
    return Exists(theirs.filter(refused)) & ~Exists(theirs.filter(status__in=ContactLink.OPEN))


def tickets_of(user, pos: PointOfSale) -> QuerySet[Ticket]:
    """Return the tickets that a user has at this organiser: bought by them, or for them by another person."""
    return (
        Ticket.objects.filter(
            (Q(beneficiary__user=user) & ~_declined()) | WITHOUT_BENEFICIARY & Q(order__buyer__user=user),
            order__organiser_id=pos.organiser_id,
        )
        .select_related(*WITH_TICKET, "order__point_of_sale")
        .order_by("session__starts_at", "pk")
    )


def passes_of(user, pos: PointOfSale) -> QuerySet[IssuedPass]:
    """Return the passes that a user has at this organiser."""
    return (
        IssuedPass.objects.filter(
            (Q(beneficiary__user=user) & ~_declined()) | WITHOUT_BENEFICIARY & Q(order__buyer__user=user),
            order__organiser_id=pos.organiser_id,
        )
        .select_related(*WITH_PASS, "order__point_of_sale")
        .order_by("valid_until", "pk")
    )


def upcoming_tickets(tickets: QuerySet[Ticket], now: datetime) -> QuerySet[Ticket]:
    """Return the tickets that can still be used: reserved or valid, for a date that has not ended."""
    return tickets.filter(state__in=OPEN_STATES, session__ends_at__gt=now)


def upcoming_passes(
    passes: QuerySet[IssuedPass], organiser: Organiser, now: datetime
) -> QuerySet[IssuedPass]:
    """Return the passes that can still be used: reserved or valid, and the last day is not over."""
    return passes.filter(state__in=OPEN_STATES, valid_until__gte=days.day_of(now, organiser.zone))
