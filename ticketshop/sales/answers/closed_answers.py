"""Why the answers of an order can't be changed any more."""

from datetime import datetime

from django.utils.translation import gettext as _

from registration_forms.models import Response
from ticketshop.lib.dates import days

from .. import notices
from ..models import Admission, Order
from ..recipients import is_given
from . import display


def why_closed(
    order: Order,
    part: display.Part,
    response: Response,
    used: bool,
    until: datetime | None,
    now: datetime,
    staff: bool,
) -> str:
    """Return why answers can't be changed any more, in a sentence; empty if they can."""
    given = part.admission is not None and is_given(part.admission)
    if notices.has_left(order.buyer) and not given:
        return _("These answers can’t be changed: the buyer’s data are erased.")
    if response.erased_on is not None:
        return _why_erased(response)
    if order.state in (Order.State.CANCELLED, Order.State.EXPIRED):
        return _("These answers can’t be changed: the order is cancelled.")
    # The answers to an order form are void when everything it was asked for is cancelled.
    if response.void or (part.admission and part.admission.state == Admission.State.CANCELLED):
        return _("These answers can’t be changed: what they were asked for is cancelled.")
    if used and not staff:
        return _("These answers can’t be changed any more: the ticket was used at the entrance.")
    if until is not None and now >= until:
        return _("These answers could be changed until %(until)s.") % {"until": days.until_text(until)}
    return ""


def _why_erased(response: Response) -> str:
    if response.about_id is None:
        return _("Guest removed: these answers are erased, and nothing is asked in their place.")
    return _(
        "Answers are erased here because the time they were kept for is over. The others can’t be changed any more."
    )
