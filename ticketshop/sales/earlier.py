"""Earlier buyers are told that a form asks them for more: one mail an order, in pages, by the worker."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from registration_forms.models import FormVersion, Response

from . import notices
from .models import Order

PAGE = 500


@transaction.atomic
def tell_some(version: FormVersion, after: int, now: datetime, size: int = PAGE) -> int | None:
    """Queue the mails for the next responses after this id; where to go on, or None when all are told.

    An order is told once for each version, whatever is run twice. Whoever owes nothing any more is told nothing
    when the mail is about to leave.
    """
    waiting = Response.objects.filter(
        Q(relevant_until=None) | Q(relevant_until__gt=now),
        form=version.form_id,
        version__number__lt=version.number,
        void=False,
        erased_on=None,
        pk__gt=after,
    )
    ids = list(waiting.order_by("pk").values_list("pk", flat=True)[:size])
    orders = Order.objects.filter(
        Q(pk__in=Order.objects.filter(responses__response__in=ids).values("pk"))
        | Q(pk__in=Order.objects.filter(tickets__response__in=ids).values("pk"))
        | Q(pk__in=Order.objects.filter(passes__response__in=ids).values("pk"))
        | Q(pk__in=Order.objects.filter(passes__extra_response__in=ids).values("pk")),
        state__in=[Order.State.PENDING, Order.State.PAID],
    )
    for order in orders.select_related("buyer", "point_of_sale__organiser").order_by("pk"):
        notices.answers_wanted(order, version, now)
    return ids[-1] if len(ids) == size else None
