"""The Swiss QR-bill of an order that waits for a bank transfer: its code as a picture, and its PDF."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_safe

from ...models import Order
from ...payments.qr_bills import QrBill
from ..views import download, instructions, lines_of, order_or_404


def _bill_or_404(request, reference: str, secret: str) -> tuple[Order, QrBill]:
    order = order_or_404(request, reference, secret)
    if order.state != Order.State.PENDING or any(line.date_cancelled for line in lines_of(order)):
        raise Http404("nothing to pay")
    bill = instructions(order).qr_bill
    if bill is None:
        raise Http404("no QR-bill")
    return order, bill


@login_not_required
@require_safe
def code(request, pos, reference, secret):
    """Return the code as SVG, for the order's page."""
    from ...payments import qr_code  # noqa: PLC0415  loads the library of the code

    _order, bill = _bill_or_404(request, reference, secret)
    return HttpResponse(qr_code.svg(bill), content_type="image/svg+xml")


@login_not_required
@require_safe
def pdf(request, pos, reference, secret):
    """Return the QR-bill as PDF, made now and never stored."""
    from ...payments import payment_part  # noqa: PLC0415  loads the PDF library

    order, bill = _bill_or_404(request, reference, secret)
    return download(payment_part.render(order, bill), "application/pdf", f"qr-bill-{order.reference}.pdf")
