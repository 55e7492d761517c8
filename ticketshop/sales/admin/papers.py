"""On the page of an order: its receipt and the accepted terms of sale, for staff who may see the order."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ticketshop.office.buttons import OwnPage

from ..models import Order
from ..papers import receipts
from .orders import OrderAdmin

SEE = ("sales.view_order",)
PDF = "application/pdf"


@require_safe
def _receipt(request: HttpRequest, page, order: Order) -> HttpResponse:
    if not receipts.has_receipt(order):
        messages.warning(request, _("There is no receipt yet: the order is not paid."))
        return page.back_to(order)
    response = HttpResponse(receipts.pdf(order), content_type=PDF)
    response.headers["Content-Disposition"] = f'attachment; filename="receipt-{order.reference}.pdf"'
    return response


@require_safe
def _accepted_terms(request: HttpRequest, page, order: Order) -> HttpResponse:
    version = order.terms_version
    if version is None:
        messages.warning(request, _("It is not known which terms of sale were accepted with this order."))
        return page.back_to(order)
    context = {
        **page.about_row(request, order, _("Accepted terms of sale")),
        "order": order,
        "version": version,
        "text": version.text_in(receipts.language_of(order)),
    }
    return TemplateResponse(request, "admin/sales/accepted_terms.html", context)


OrderAdmin.offer(
    OwnPage(
        "accepted-terms",
        gettext_lazy("Accepted terms of sale"),
        SEE,
        lambda order: order.terms_version_id is not None,
        lambda page, request, order: _accepted_terms(request, page, order),
    )
)
OrderAdmin.offer(
    OwnPage(
        "receipt",
        gettext_lazy("Receipt (PDF)"),
        SEE,
        receipts.has_receipt,
        lambda page, request, order: _receipt(request, page, order),
    )
)
