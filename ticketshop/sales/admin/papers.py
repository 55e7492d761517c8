"""On the page of an order: its receipt, for staff who may see the order."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ticketshop.office.buttons import OwnPage

from ..models import Order
from ..papers import receipts
from .orders import OrderAdmin

PDF = "application/pdf"


@require_safe
def _receipt(request: HttpRequest, page, order: Order) -> HttpResponse:
    if not receipts.has_receipt(order):
        messages.warning(request, _("There is no receipt yet: the order is not paid."))
        return page.back_to(order)
    response = HttpResponse(receipts.pdf(order), content_type=PDF)
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{order.reference}.pdf"'
    return response


OrderAdmin.offer(
    OwnPage(
        "receipt",
        gettext_lazy("Receipt (PDF)"),
        ("sales.view_order",),
        receipts.has_receipt,
        lambda page, request, order: _receipt(request, page, order),
    )
)
