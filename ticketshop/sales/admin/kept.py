"""What an order's page says of a buyer who was erased, or is being erased: what was kept, why, until when."""

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib import days
from ticketshop.lib.personal import BOOKS, CLAIM, CONTRACT

from ..models import Order, Refund

NO_MAIL = gettext_lazy("No e-mail about this order can be sent any more: the buyer’s address is erased.")


def notes(order: Order) -> list[str]:
    """Sentences for the page of ``order``; none while its buyer is a customer like others."""
    if order.buyer is None:
        return [
            _("The buyer was erased. Everything that named them is gone and can’t be brought back."),
            _stays(order),
            str(NO_MAIL),
        ]
    if order.buyer.erasing_at is None:
        return []
    return [_waits(order), _stays(order)]


def _stays(order: Order) -> str:
    return _(
        "Kept until %(day)s at least: reference, dates, what was ordered, amounts, VAT, payments, refunds and the codes of tickets. %(reason)s"
    ) % {
        "day": date_format(BOOKS.end(localtime(order.placed_at)), "SHORT_DATE_FORMAT"),
        "reason": BOOKS.reason,
    }


def _waits(order: Order) -> str:
    reason = (CLAIM if _is_owed(order) else CONTRACT).reason
    if order.buyer.erasing_until is None:
        return _(
            "The buyer is being erased. What this order still needs stays until then: their name and e-mail address, the names on its tickets, and the answers. %(reason)s Then it goes by itself."
        ) % {"reason": reason}
    day = days.until_text(order.buyer.erasing_until)
    return _(
        "The buyer is being erased. What this order still needs stays until %(day)s at the latest: their name and e-mail address, the names on its tickets, and the answers. %(reason)s Then it goes by itself."
    ) % {"day": day, "reason": reason}


def _is_owed(order: Order) -> bool:
    """Whether money is still to come, or to be paid back."""
    owed = Refund.objects.filter(payment__order=order, state=Refund.State.REQUESTED)
    return order.state == Order.State.PENDING or owed.exists()
