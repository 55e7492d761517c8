"""The mail with the invoices and credit notes of an order."""

from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from .. import recipients
from ..models import Order
from ..papers import earlier_bills, mailing
from ..payments import payments
from .order_mails import order_of, order_url


@register("invoice_sent", _("Invoice sent"))
def invoice_sent(mail: Mail) -> Content | None:
    """Build the mail with all invoices and credit notes of an order as PDFs; None if the buyer is erased or they are gone."""
    order = order_of(mail)
    if order is None or recipients.has_left(order.buyer):
        return None
    papers = mailing.pdfs(order)
    if not papers:
        return None
    pending = order.state == Order.State.PENDING
    payment, given_up = payments.due_and_given_up(order) if pending else (None, set())
    context = {
        "order": order,
        "papers": [paper for paper, _content in papers],
        "earlier_bill": earlier_bills.note(order, payment, given_up),
        "paid_otherwise": earlier_bills.is_paid_otherwise(order),
        "url": order_url(order),
    }
    files = [
        (f"{paper.kind}-{paper.full_number}.pdf", content, "application/pdf") for paper, content in papers
    ]
    return Content(context, files)
