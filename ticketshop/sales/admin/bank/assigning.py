"""Record a payment of a bank file for an order that staff look for, because it names none or another one."""

from django.contrib import messages
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.text import number_in
from ticketshop.office.buttons import OwnPage

from ...bank import entries
from ...counter.finding import by_reference_or_buyer
from ...models import BankEntry, Order
from ..money.money_received import came_of_it
from . import consequences
from .files import RECORD, why_not_open

MOST = 20


def view(page, request: HttpRequest, row: BankEntry):
    """Show the search, then what would happen with the chosen order, and record it when that is posted."""
    now = timezone.now()
    order = _chosen(request, row)
    if request.method == "POST" and order is not None:
        if entries.record(row, order, by=request.user, now=now):
            messages.add_message(request, *came_of_it(order))
        else:
            messages.warning(
                request,
                _("Nothing has changed: the payment was dealt with already, or the currency differs."),
            )
        return page.back_to(row)
    text = request.GET.get("q", "")
    context = {
        **page.about_row(request, row, _("Record for another order")),
        "text": text[:200],
        "orders": _found(row, text) if text and order is None else [],
        "order": order,
        "sentences": consequences.of_recording(row, order) if order else [],
        "recordable": order is not None and order.currency == row.currency,
    }
    return TemplateResponse(request, "admin/sales/bank_assign.html", context)


def _why_not(user, row: BankEntry) -> str:
    if row.kind != BankEntry.Kind.CREDIT:
        return _("No money came by this payment, so it can’t be recorded for an order.")
    return why_not_open(user, row)


def _chosen(request: HttpRequest, row: BankEntry) -> Order | None:
    """Return the order that was chosen, of the organiser of the payment; None if none was. Raise Http404."""
    typed = request.POST.get("order") or request.GET.get("order")
    if not typed:
        return None
    number = number_in(typed, digits=17)
    order = Order.objects.filter(pk=number, organiser=row.organiser_id).first() if number else None
    if order is None:
        raise Http404("no such order")
    return order


def _found(row: BankEntry, text: str) -> list[Order]:
    rows = Order.objects.filter(organiser=row.organiser_id, total__gt=0).select_related("buyer")
    return list(by_reference_or_buyer(rows, text, {row.organiser_id}).order_by("-placed_at", "-pk")[:MOST])


ASSIGN = OwnPage(
    "assign",
    gettext_lazy("Record for another order"),
    RECORD,
    lambda entry: entry.is_open_credit,
    view,
    why_not_offered=_why_not,
)
