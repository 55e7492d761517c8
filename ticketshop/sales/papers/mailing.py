"""Send the invoices and credit notes of an order to its buyer by e-mail, when buyer or staff ask for it."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.limits import limits

from .. import notices
from ..models import Invoice, Order
from ..recipients import has_left
from . import archive, invoices

LIMIT = "invoice_mail"


class CannotMail(Exception):
    """Nothing was sent. ``code`` is a key of ``SENTENCES``."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code

    @property
    def sentence(self) -> str:
        """Return why, and what to do next."""
        return str(SENTENCES[self.code])


SENTENCES = {
    "nobody": gettext_lazy("Nothing was sent: this order has no e-mail address. Download the PDF instead."),
    "gone": gettext_lazy("Nothing was sent: this order has no invoice in the archive."),
    "damaged": gettext_lazy(
        "Nothing was sent: the PDF is not what was issued. The administrator of the server can restore it from a backup."
    ),
    "often": gettext_lazy(
        "Nothing was sent: the invoice went to this address three times in the last hour. Look into the spam folder, or download the PDF."
    ),
}


def may_be_mailed(order: Order) -> bool:
    """Return whether the archive has an invoice of the order, and the buyer an e-mail address."""
    if order.buyer is None or has_left(order.buyer) or not order.buyer.email:
        return False
    return Invoice.objects.filter(order=order, archived__isnull=False).exists()


def pdfs(order: Order) -> list[tuple[Invoice, bytes]]:
    """Return the invoices and credit notes of an order that are in the archive, with their PDFs. Raise ``archive.Damaged``."""
    found = []
    for paper in invoices.of_order(order):
        try:
            found.append((paper, archive.read(paper)))
        except archive.Gone:
            continue
    return found


def send(order: Order, *, by, now: datetime) -> None:
    """Queue a mail with all invoices and credit notes of an order to its buyer, at most three times an hour. Raise CannotMail."""
    try:
        papers = pdfs(order)
    except archive.Damaged:
        raise CannotMail("damaged") from None
    if not papers:
        raise CannotMail("gone")
    if order.buyer is None or not order.buyer.email:
        raise CannotMail("nobody")
    if not limits.hit(LIMIT, f"order:{order.pk}", now):
        raise CannotMail("often")
    with transaction.atomic():
        notices.queue(order, "invoice_sent", now, again=True)
        history.record(order, "invoice_mailed", by=by, now=now)
