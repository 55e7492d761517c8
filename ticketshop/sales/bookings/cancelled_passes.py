"""Places booked with a pass that was cancelled since: a job cancels each one and tells its holder."""

from datetime import datetime

from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import RowJob
from ticketshop.lib.values.money import ZERO

from ..models import Admission, Ticket
from ..orders import single_tickets
from ..tickets import codes


def _cancel(ticket: Ticket, now: datetime) -> None:
    single_tickets.cancel(ticket.order, [codes.key_of(ticket)], by=None, now=now, pay_back=ZERO)


# Each in a separate transaction: the order of a booking is locked before its pass, that of the pass is not.
CANCEL = RowJob(
    "sales.cancel_bookings",
    gettext_lazy("Cancel a place that was booked with a cancelled pass"),
    rows=lambda now: (
        Ticket.objects.filter(
            state=Admission.State.VALID,
            booked_with__state=Admission.State.CANCELLED,
            session__ends_at__gt=now,
        )
        .select_related("order")
        .order_by("pk")
    ),
    act=_cancel,
)
