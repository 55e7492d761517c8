"""Why an order at the counter was refused, in sentences for staff."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.organisers.models import PointOfSale

from ...cart import carts
from ...orders.buyers import CannotPlace

SENTENCES = {
    "changed": gettext_lazy(
        "A price has changed since this page was opened. Look at the prices and send it again."
    ),
    "choice": gettext_lazy(
        "A choice in a form has just been sold out. Choose another one; the rest is kept."
    ),
    "details": gettext_lazy("The forms are not filled in yet."),
    "answers": gettext_lazy("The forms are not filled in as they ask by now. Look at them once more."),
    "method": gettext_lazy("This way to pay can’t be used for this order. Choose another one."),
    "gone": gettext_lazy("The places are not held any more. Begin a new order."),
    "person": gettext_lazy("The chosen person was merged or is being erased. Choose again."),
    "conflict": gettext_lazy(
        "This page has made an order already, with other tickets. Look for it in the list of orders, or begin a new order."
    ),
}


def of_cart(error: carts.CannotAdd, pos: PointOfSale) -> str:
    """Return what to tell staff about products that can't be sold."""
    if error.reason == "sold_out":
        return sentences(CannotPlace("sold_out", left=error.left))[0]
    if error.reason == "too_many":
        most = pos.max_tickets_per_order
        return ngettext(
            "One order holds at most %(count)d ticket.", "One order holds at most %(count)d tickets.", most
        ) % {"count": most}
    return _("Something on this page is not on sale any more. Look at the dates and send it again.")


def sentences(error: CannotPlace) -> list[str]:
    """Return what to tell staff about a refused order."""
    if error.code == "sold_out":
        left = min(error.left.values(), default=0)
        text = ngettext("Only %(left)d place is left.", "Only %(left)d places are left.", left) % {
            "left": left
        }
        return [text if left else _("Sold out in the meantime: no places are left.")]
    return error.problems or [str(SENTENCES[error.code])]
