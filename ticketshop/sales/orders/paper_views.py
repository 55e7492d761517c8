"""The papers of an order, behind its unguessable link: the receipt as a page and as PDF, and the accepted terms of sale."""

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


@login_not_required
@require_safe
def accepted_terms(request, pos, reference, secret):
    """Show the terms of sale that the buyer accepted, as they were then, in the language in which they were read."""
    order = order_or_404(request, reference, secret)
    version = order.terms_version
    if version is None:
        raise Http404("no version of the terms")
    version.point_of_sale = order.point_of_sale
    text = version.text_in(receipts.language_of(order))
    return render(request, "sales/accepted_terms.html", {"order": order, "version": version, "text": text})
