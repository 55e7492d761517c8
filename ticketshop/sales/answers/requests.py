"""Ask earlier buyers for answers to questions that a form got later: one mail per order, sent by the worker in pages."""

from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext_lazy

from registration_forms.models import FormVersion, Response
from ticketshop.jobs.rows import RowJob

from .. import notices
from ..models import Order, Ticket, responses_of

PAGE = 500
STANDING = [Order.State.PENDING, Order.State.PAID]


def _needed(now: datetime) -> QuerySet[Response]:
    """Return the responses of pending and paid orders that still matter: what they are for is not over, and the
    person is not erased.
    """
    return Response.objects.filter(
        Q(relevant_until=None) | Q(relevant_until__gt=now), void=False, erased_on=None
    )


def _waiting(now: datetime) -> QuerySet[Response]:
    """Return the responses to a version before the one that earlier buyers are asked for."""
    return _needed(now).filter(version__number__lt=F("form__asked_again__number"))


def _orders_of(responses) -> QuerySet[Order]:
    """Return the orders of these responses."""
    return Order.objects.filter(
        Q(pk__in=Order.objects.filter(responses__response__in=responses).values("pk"))
        | Q(pk__in=Order.objects.filter(tickets__response__in=responses).values("pk"))
        | Q(pk__in=Order.objects.filter(passes__response__in=responses).values("pk"))
        | Q(pk__in=Order.objects.filter(passes__extra_response__in=responses).values("pk")),
        state__in=STANDING,
    )


def _to_tell(now: datetime) -> QuerySet[Order]:
    return _orders_of(_waiting(now)).select_related("buyer", "point_of_sale__organiser").order_by("pk")


def _tell(order: Order, now: datetime) -> None:
    """Queue a mail for each version that the order's answers are older than; only once for each version."""
    if hasattr(order, "asked"):
        notices.answers_wanted(order, order.asked, now, holders=order.has_given)
        return
    waiting = _waiting(now).filter(pk__in=responses_of(order).values("pk"))
    asked = waiting.values_list("form__asked_again", flat=True)
    for version_id in sorted(set(asked)):
        notices.answers_wanted(order, version_id, now)


TELL = RowJob(
    "sales.ask_earlier", gettext_lazy("Ask an earlier buyer for more answers"), rows=_to_tell, act=_tell
)


def tell_some(version: FormVersion, after: int, now: datetime, size: int = PAGE) -> int | None:
    """Queue the mails for the next responses after this id. Return the last id, or None when all are done.

    A buyer who owes nothing when the mail is about to be sent gets none.
    """
    waiting = _needed(now).filter(form=version.form_id, version__number__lt=version.number, pk__gt=after)
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:size])
    orders = _orders_of(ids).select_related("buyer", "point_of_sale__organiser")
    given = Exists(Ticket.objects.filter(order=OuterRef("pk"), gift__isnull=False))
    TELL.run(now, orders.annotate(asked=Value(version.pk), has_given=given).order_by("pk"))
    return ids[-1] if len(ids) == size else None
