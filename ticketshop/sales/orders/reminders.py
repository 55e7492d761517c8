"""The job that reminds buyers of orders that wait for payment."""

from datetime import datetime, timedelta

from django.db.models import DurationField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.models import Session
from ticketshop.jobs.rows import RowJob

from .. import notices
from ..models import Order, Ticket
from ..payments import methods


def _to_remind(now: datetime) -> QuerySet[Order]:
    """Return the unpaid orders whose payment method reminds, after the days that their organiser has set."""
    one_day = Value(timedelta(days=1))
    due = Q()
    for code, method in methods.METHODS.items():
        if method.reminder_days is not None:
            wait = ExpressionWrapper(method.reminder_days * one_day, output_field=DurationField())
            due |= Q(payment_method=code, placed_at__lte=Value(now) - wait)
    return (
        Order.objects.filter(
            due,
            # No buyer is reminded to pay for a date that is cancelled.
            ~Exists(Ticket.objects.filter(order=OuterRef("pk"), session__state=Session.State.CANCELLED)),
            state=Order.State.PENDING,
            reminded_at=None,
            expires_at__gt=now,
        )
        .select_related("organiser", "buyer", "point_of_sale")
        .order_by("placed_at")
    )


def _remind(order: Order, now: datetime) -> bool:
    unreminded = Order.objects.filter(pk=order.pk, reminded_at=None, state=Order.State.PENDING)
    if not unreminded.update(reminded_at=now):
        return False
    # The row is locked now; the buyer may have been erased since it was read.
    order.refresh_from_db(fields=["buyer"])
    notices.queue(order, "order_reminder", now)
    return True


REMIND = RowJob("sales.remind", gettext_lazy("Remind a buyer to pay"), rows=_to_remind, act=_remind)


def remind(now: datetime) -> int:
    """Remind each buyer whose bank transfer has not come, once. Return the number of reminders."""
    return REMIND.run(now)
