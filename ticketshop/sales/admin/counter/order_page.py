"""The page of an order at the counter: take its money, print its tickets, go on with the next order."""

from collections.abc import Callable
from decimal import Decimal

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from ticketshop.lib.values.money import in_cash
from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import OwnPage, always

from ...admission_lists import passes_of, tickets_of
from ...counter import taking
from ...models import Admission, IssuedPass, Order, Payment, Ticket
from ...papers import receipts
from ...payments import payments
from ...payments.methods import name_of
from ...recipients import is_given, of_buyer
from .. import tables
from .new_order import ADD

USABLE = {Admission.State.VALID, Admission.State.USED}
REFUSALS = {
    "paid": gettext_lazy("The order was paid in the meantime. No money was noted: give back what you took."),
    "over": gettext_lazy(
        "The order was cancelled or has expired. No money was noted: give back what you took."
    ),
    "method": gettext_lazy("This way to pay is not offered any more. No money was noted."),
}
PAGE_OPEN = gettext_lazy(
    "No money was noted: a payment by card that was begun online may still succeed. Press “Ask the payment service” on the page of the order first."
)


def page(admin_page, request: HttpRequest, order: Order):
    """Show what the order costs or that it is paid, or note the money that was taken."""
    if request.method == "POST":
        _take(request, order)
        return redirect(reverse("admin:sales_order_counter", args=[order.pk]))
    due = payments.still_due(order) if order.state == Order.State.PENDING else None
    context = {
        **admin_page.about_row(request, order, _("At the counter")),
        "order": order,
        "due": due,
        "in_cash": _in_cash(order, due),
        "methods": taking.ways(order) if due is not None else {},
        "paid_by": _paid_by(order),
        "method": name_of(order.payment_method),
        "printable": bool(_printable(order)),
        "given": _given(order),
        "lines": tables.lines(order.lines.all(), order.currency),
        "receipt": _receipt(order),
        "next": f"{reverse('admin:sales_counter')}?pos={order.point_of_sale.slug}",
    }
    return TemplateResponse(request, "admin/sales/counter_order.html", context)


def _paid_by(order: Order) -> str:
    """Return how the money came; with each amount if it came in more than one way."""
    came = list(order.payments.filter(state=Payment.State.CONFIRMED).order_by("confirmed_at", "pk"))
    if len(came) == 1:
        return name_of(came[0].method)
    return ", ".join(
        f"{name_of(payment.method)} {money(payment.amount, payment.currency)}" for payment in came
    )


def _in_cash(order: Order, due: Decimal | None) -> Decimal | None:
    """Return what is or was paid in cash if that is rounded, else None."""
    if due is not None:
        amount = in_cash(due, order.currency)
        return amount if amount != due else None
    rounded = order.payments.filter(state=Payment.State.CONFIRMED).exclude(rounding=0).first()
    return rounded.amount + rounded.rounding if rounded else None


def _take(request: HttpRequest, order: Order) -> None:
    try:
        taking.take(order, request.POST.get("method", ""), by=request.user, now=timezone.now())
    except taking.NotTaken as error:
        messages.error(request, REFUSALS[error.code])
    except payments.PageOpen:
        messages.error(request, PAGE_OPEN)
    else:
        messages.success(request, _("Noted: the order is paid, and its tickets are valid."))


def _receipt(order: Order) -> str:
    """Return the URL of the receipt; empty if there is none."""
    if not receipts.has_receipt(order):
        return ""
    # The page of the back office: the buyer's needs the link of the order, which is gone with an erased buyer.
    return reverse("admin:sales_order_receipt", args=[order.pk])


def _printable(order: Order) -> list:
    """Return the tickets and passes that let people in, without given tickets, whose codes only their holders get."""
    return of_buyer(row for row in _admissions(order) if row.state in USABLE)


def _given(order: Order) -> int:
    """Return how many tickets are not printed because they are given."""
    return sum(row.state in USABLE and is_given(row) for row in _admissions(order))


def _admissions(order: Order) -> list:
    return [*tickets_of(order), *passes_of(order)]


def _print(*, on_roll: bool) -> Callable[..., HttpResponse]:
    """Return a view with the tickets as PDF, which the browser shows and prints."""

    @require_safe
    def view(request, order):
        from ...tickets import ticket_pdf  # noqa: PLC0415  loads the PDF library

        rows = _printable(order)
        tickets = [row for row in rows if isinstance(row, Ticket)]
        passes = [row for row in rows if isinstance(row, IssuedPass)]
        with receipts.in_language_of(order):
            content = ticket_pdf.render(order, tickets, passes, on_roll=on_roll)
        response = HttpResponse(content, content_type="application/pdf")
        response.headers["Content-Disposition"] = f'inline; filename="tickets-{order.reference}.pdf"'
        return response

    return lambda _page, request, order: view(request, order)


AT_COUNTER = OwnPage("counter", gettext_lazy("At the counter"), (ADD,), always, page)


def _why_not_printed(user, order: Order) -> str:
    if _printable(order):
        return ""
    return _("The order has no ticket of the buyer that lets anybody in.")


# The page of the counter links to these two.
PRINT, PRINT_ROLL = (
    OwnPage(name, label, (ADD,), always, _print(on_roll=on_roll), on_page=False, why_not=_why_not_printed)
    for name, label, on_roll in (
        ("print", gettext_lazy("Print tickets"), False),
        ("print-roll", gettext_lazy("Print on the 80 mm roll"), True),
    )
)
