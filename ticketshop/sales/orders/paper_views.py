"""The papers of an order, behind its unguessable link: the receipt as a page and as PDF."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from ..models import Order
from ..papers import receipts
from .views import download, order_or_404


def _paid_order(request, reference: str, secret: str) -> Order:
    order = order_or_404(request, reference, secret)
    if not receipts.has_receipt(order):
        raise Http404("not paid")
    return order


@login_not_required
@require_safe
def receipt(request, pos, reference, secret):
    """Show the receipt as a page, in the visitor's language."""
    order = _paid_order(request, reference, secret)
    return render(request, "sales/receipt.html", {"order": order, "paper": receipts.of_order(order)})


@login_not_required
@require_safe
def receipt_pdf(request, pos, reference, secret):
    """Return the receipt as PDF, in the order's language."""
    order = _paid_order(request, reference, secret)
    return download(receipts.pdf(order), "application/pdf", f"receipt-{order.reference}.pdf")
