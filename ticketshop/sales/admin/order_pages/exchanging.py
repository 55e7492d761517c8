"""Exchange of tickets for another date or tariff: a page of an order, first with what it would cost, then done."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.catalogue.models import Session
from ticketshop.lib import translated
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.web.template_tags import money
from ticketshop.office import staff_sessions
from ticketshop.office.buttons import OwnPage, drawn

from ...models import Admission, Order
from ...orders import cancelled_lines, single_tickets
from ...orders.exchange import exchanges, targets
from ...payments import refunds

# What the page showed when *Exchange* was pressed: the amounts must still be the same.
SEEN = "seen"


class ExchangeForm(forms.Form):
    """Form: which tickets, for which date and tariff; once that is tried out, how the difference is paid or how much goes back."""

    chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Tickets to exchange"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose the tickets to exchange.")},
    )
    session = forms.ChoiceField(label=gettext_lazy("New date"), required=False)
    tariff = forms.ChoiceField(label=gettext_lazy("New tariff"), required=False)
    method = forms.ChoiceField(label=gettext_lazy("How the difference is paid"), required=False)
    amount = NumberField(
        label=gettext_lazy("Amount to pay back"),
        min_value=ZERO,
        max_digits=9,
        decimal_places=2,
        required=False,
        help_text=gettext_lazy(
            "Leave it empty to pay back the whole difference. With 0 nothing is paid back."
        ),
    )

    def __init__(self, data, order: Order):
        super().__init__(data)
        now = timezone.now()
        units = [
            unit
            for unit in cancelled_lines.units_of(order)
            if unit.line.offer_id
            and not unit.is_cancelled
            and not unit.is_used
            and not unit.admissions[0].booked_with_id
        ]
        self.fields["chosen"].choices = [(unit.key, _unit_text(unit, order)) for unit in units]
        if len(units) == 1:
            self.fields["chosen"].initial = [units[0].key]
        self.sessions = {str(session.pk): session for session in targets.sessions(units, now)}
        self.tariffs = {str(tariff.pk): tariff for tariff in targets.tariffs(units)}
        self.fields["session"].choices = [
            ("", _("the same date")),
            *((pk, f"{session.event.title}, {_weekday(session)}") for pk, session in self.sessions.items()),
        ]
        self.fields["tariff"].choices = [
            ("", _("the same tariff")),
            *(
                (pk, f"{tariff.event.title}, {tariff.name}, {money(tariff.price, order.currency)}")
                for pk, tariff in self.tariffs.items()
            ),
        ]
        self.fields["method"].choices = [("", "–")]

    def offer_methods(self, labels: dict[str, str], proposed: str) -> None:
        """Let the difference be paid by these methods (code -> label), the proposed one first."""
        self.fields["method"].choices = sorted(labels.items(), key=lambda label: label[0] != proposed)

    def wish(self) -> exchanges.Wish:
        """Return what was chosen."""
        cleaned = self.cleaned_data
        return exchanges.Wish(
            keys=cleaned["chosen"],
            session=self.sessions.get(cleaned["session"]),
            tariff=self.tariffs.get(cleaned["tariff"]),
            pay_back=cleaned.get("amount"),
            method=self.data.get("method", "")[:20],
        )


def _weekday(session: Session) -> str:
    """Return the start of a date with its weekday: staff are asked for “Saturday instead of Friday”."""
    starts = localtime(session.starts_at)
    return f"{date_format(starts, 'l j F Y')}, {date_format(starts, 'H:i')}"


def _unit_text(unit: cancelled_lines.Unit, order: Order) -> str:
    parts = [
        single_tickets.name_of(unit),
        unit.admissions[0].code[:8],
        money(unit.line.unit_price, order.currency),
    ]
    return translated.joined(" · ", parts)


def _may_exchange(order: Order) -> bool:
    possible = order.state == Order.State.PAID and not targets.why_not_order(order)
    return possible and targets.has_any(order, timezone.now())


def notes(order: Order) -> list[str]:
    """Return why valid tickets of a paid order can't be exchanged, and what to do instead; none if they can."""
    if order.state != Order.State.PAID or not order.tickets.filter(state=Admission.State.VALID).exists():
        return []
    if sentence := targets.why_not_order(order):
        return [sentence]
    if order.tickets.filter(state=Admission.State.VALID).exclude(booked_with=None).exists():
        return [
            _(
                "Tickets that were booked with a pass are not exchanged: cancel them, and book another date with the pass."
            )
        ]
    return []


def _seen(result: exchanges.Result) -> str:
    """Return the amounts that the page shows, as a hidden field posts them."""
    return f"{result.order.total}/{result.credited}/{result.due}"


def view(page, request: HttpRequest, order: Order):
    """Show the form; on POST what the exchange would result in; with the same result posted, exchange."""
    if refunds.kept(order) > ZERO and not staff_sessions.is_fresh(request):
        return staff_sessions.ask_password(request)
    posted = request.method == "POST"
    form, result, now = ExchangeForm(request.POST if posted else None, order), None, timezone.now()
    # Choices of the method are known only when the exchange was tried out.
    form.fields["method"].choices = [(request.POST.get("method", ""), "")] if posted else [("", "–")]
    if posted and form.is_valid():
        try:
            result = exchanges.preview(order, form.wish(), by=request.user, now=now)
            if request.POST.get(SEEN) == _seen(result):
                done = exchanges.exchange(order, form.wish(), by=request.user, now=now)
                messages.success(request, _outcome(done, order))
                return page.back_to(done.order)
        except exchanges.CannotExchange as error:
            form.add_error(None, [str(problem) for problem in error.problems])
        except refunds.TooMuch as error:
            text = _("With this choice at most %(left)s can be paid back.")
            form.add_error("amount", text % {"left": money(error.left, order.currency)})
    if result is not None:
        form.offer_methods(result.methods, result.order.payment_method)
    context = {
        **page.about_row(request, order, EXCHANGE.label),
        "form": drawn(form, _fields(form, result)),
        "result": result,
        "seen": _seen(result) if result and not form.errors else "",
        "seen_before": posted and bool(request.POST.get(SEEN)),
        "order": order,
        "saved": None,
    }
    return TemplateResponse(request, "admin/sales/exchange.html", context)


def _fields(form: ExchangeForm, result: exchanges.Result | None) -> list[str]:
    """Return the fields to show: those about the difference when there is one."""
    names = ["chosen", "session", "tariff"]
    if result is not None and result.due:
        names.append("method")
    if "amount" in form.errors or (result is not None and result.price_before > result.order.total):
        names.append("amount")
    return names


def _outcome(done: exchanges.Result, order: Order) -> str:
    """Return what was done, in a sentence."""
    if done.due:
        return _(
            "Exchanged. The new order waits for %(amount)s; then its tickets are valid. The buyer is told by e-mail."
        ) % {"amount": money(done.due, order.currency)}
    if done.back:
        return _("Exchanged. %(amount)s goes back to the buyer: see “Refunds” of the old order.") % {
            "amount": money(done.back, order.currency)
        }
    return _("Exchanged. The new tickets are on the way to the buyer.")


EXCHANGE = OwnPage("exchange", gettext_lazy("Exchange"), ("sales.change_order",), _may_exchange, view)
