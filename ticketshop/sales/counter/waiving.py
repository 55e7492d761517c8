"""Mandatory questions that staff skip, and the mail with the link to answer them later."""

from datetime import datetime

from django.db import transaction

from registration_forms.answers import waiving
from registration_forms.models import Answer
from ticketshop.history import history

from .. import notices
from ..admission_lists import passes_of, tickets_of
from ..answers.editing import EditableAnswers
from ..models import LIVING_ORDERS, Order, responses_of

# The permission to skip mandatory questions.
WAIVE = "registration_forms.waive_answers"


def read(order: Order, now: datetime, *, staff: bool = False) -> EditableAnswers:
    """Return the answers of an order as its buyer, or staff, may still change them."""
    return EditableAnswers(order, tickets_of(order), passes_of(order), now=now, staff=staff)


@transaction.atomic
def waive(order: Order, *, by, now: datetime) -> int:
    """Skip the mandatory questions of an order that have no answer. Return their number; 0 if the order has ended.

    The order is locked before its responses, as for a change of answers.
    """
    locked = Order.objects.select_for_update(of=("self",), no_key=True)
    order = locked.select_related("buyer", "point_of_sale__organiser").get(pk=order.pk)
    if order.state not in LIVING_ORDERS:
        return 0
    forms = [answered_form.response.pk for answered_form in read(order, now, staff=True).open]
    number = waiving.waive(forms, by=by, now=now)
    if number:
        record(order, number, by=by, now=now)
    return number


def number_of(order: Order) -> int:
    """Return how many questions of an order are skipped."""
    return Answer.objects.filter(response__in=responses_of(order), state=Answer.State.WAIVED).count()


def record(order: Order, number: int, *, by, now: datetime) -> None:
    """Note in the history of an order how many questions were skipped."""
    history.record(order, "answers_waived", by=by, now=now, number=number)


def mail_link(order: Order, *, by, now: datetime) -> bool:
    """Send the buyer the link to answer skipped questions later. Return False if the buyer has no e-mail address."""
    if notices.has_left(order.buyer) or not order.buyer.email:
        return False
    notices.answers_later(order, now)
    history.record(order, "answers_link_mailed", by=by, now=now)
    return True
