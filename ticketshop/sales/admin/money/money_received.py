"""Recording received money in the back office: the amount an order waits for, or any other amount."""

from datetime import datetime
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.money import in_cash
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome

from ...models import Order, Payment
from ...payments import methods, payments, provider_pages, refunds, typed_money
from ...payments.methods import name_of
from ...payments.methods.base import Outcome as PaymentOutcome
from ...payments.methods.base import ProviderUnavailable

CHANGE = ("sales.change_order",)
# Otherwise the sums of the books would not be those of the payment service.
FROM_PROVIDER = gettext_lazy(
    "What is paid on a page of the payment service is known from there alone. For money that came otherwise use “Other money came”."
)


# --- the amount an order waits for ---------------------------------------------------------------------
def _may_be_paid(order: Order) -> bool:
    payment = payments.open_payment(order)
    return order.state != Order.State.PAID and payment is not None and not methods.redirects(payment.method)


def _why_not_paid(user, order: Order) -> str:
    payment = payments.open_payment(order)
    if payment is None and order.payments.filter(state=Payment.State.CONFIRMED).exists():
        return _("This payment was confirmed already. Nothing has changed.")
    if payment is None:
        return _("No payment of this order is open.")
    return str(FROM_PROVIDER) if methods.redirects(payment.method) else ""


def _paid_question(order: Order) -> list[str]:
    payment = payments.open_payment(order)
    if payment is None:
        return []
    sentences = [
        _("%(amount)s by “%(method)s” has arrived.")
        % {
            "amount": money(_amount_due(order, payment), payment.currency),
            "method": name_of(payment.method),
        }
    ]
    if order.state == Order.State.PENDING:
        sentences.append(_("The order becomes paid, its tickets become valid and go to the buyer by e-mail."))
    else:
        sentences.append(over_question(order))
    return sentences


def _amount_due(order: Order, payment: Payment) -> Decimal:
    """Return what a pending order still waits for; for an order that is over, the full amount of its payment."""
    missing = payments.due(order) if order.state == Order.State.PENDING else None
    return missing.amount if missing else payment.amount


def over_question(order: Order) -> str:
    """Return the question about money for an order that is over."""
    if order.state == Order.State.CANCELLED:
        return _(
            "The order is cancelled and stays so. The money is listed to be paid back; the buyer is told."
        )
    return _(
        "The order has expired. If everything in it is still free, it becomes valid again and its tickets go to the buyer. Otherwise the money is listed to be paid back. The buyer is told in either case."
    )


def came_of_it(order: Order) -> Outcome:
    """Return what happened with money that was just recorded, in a sentence."""
    order.refresh_from_db()
    if order.state == Order.State.PENDING:
        missing = payments.due(order)
        return messages.WARNING, _("Noted. %(amount)s is still missing; the buyer is told.") % {
            "amount": money(missing.amount if missing else order.total, order.currency)
        }
    back = refunds.last_returned(order)
    if order.state == Order.State.PAID and not back:
        return messages.SUCCESS, _("The order is paid; the tickets go to the buyer by e-mail.")
    text = (
        _("The order is paid. %(amount)s is listed to be paid back; the buyer is told.")
        if order.state == Order.State.PAID
        else _("The order is over: %(amount)s is listed to be paid back; the buyer is told.")
    )
    return messages.WARNING, text % {"amount": money(back, order.currency)}


class CameByForm(forms.Form):
    """The way in which an order at the box office was paid: in cash or by card. Without a field for orders that are paid otherwise."""

    method = forms.ChoiceField(label=gettext_lazy("How it came"), widget=forms.RadioSelect)

    def __init__(self, data, order: Order):
        super().__init__(data)
        payment = payments.open_payment(order)
        if payment is None or payment.method != methods.ON_SITE:
            del self.fields["method"]
            return
        due = _amount_due(order, payment)
        self.fields["method"].choices = [
            (code, _way(code, due, payment.currency)) for code in methods.TAKEN_BY_STAFF
        ]


def _way(code: str, amount: Decimal, currency: str) -> str:
    """Return the name of a method, with the amount in cash if that is rounded to coins."""
    rounded = in_cash(amount, currency)
    if code != methods.CASH or rounded == amount:
        return name_of(code)
    return _("%(method)s: %(amount)s, rounded to coins") % {
        "method": name_of(code),
        "amount": money(rounded, currency),
    }


def _mark_paid(request, order: Order, now: datetime, entered: dict) -> Outcome:
    payment = payments.open_payment(order)
    if payment is not None and methods.redirects(payment.method):
        return messages.WARNING, FROM_PROVIDER
    if payment is None or not payments.confirm(
        payment, by=request.user, now=now, rest=True, method=entered.get("method", "")
    ):
        return messages.WARNING, _("This payment was confirmed already. Nothing has changed.")
    return came_of_it(order)


# --- other money --------------------------------------------------------------------------------------
class OtherMoneyForm(forms.Form):
    """An amount that came, as on the bank statement. ``before``: how many payments had come when the page was opened."""

    amount = NumberField(
        label=gettext_lazy("Amount that came"), min_value=Decimal("0.01"), max_digits=9, decimal_places=2
    )
    method = forms.ChoiceField(label=gettext_lazy("How it came"), widget=forms.RadioSelect)
    before = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=1_000_000)

    def __init__(self, data, order: Order):
        super().__init__(data, initial={"before": typed_money.number_confirmed(order)})
        ways = {methods.TRANSFER, *methods.TAKEN_BY_STAFF, order.payment_method} - {methods.ON_SITE}
        by_hand = [code for code in methods.codes() if code in ways and not methods.redirects(code)]
        self.fields["method"].choices = [(code, name_of(code)) for code in by_hand]
        if order.payment_method in by_hand:
            self.fields["method"].initial = order.payment_method
        elif order.payment_method != methods.ON_SITE:
            self.fields["method"].initial = methods.TRANSFER
        self.fields["amount"].help_text = _("In %(currency)s, such as 12.50") % {"currency": order.currency}


def _may_receive(order: Order) -> bool:
    return order.total > 0


def _receive_question(order: Order) -> list[str]:
    sentences = [
        _(
            "For money that came otherwise than on the page of the payment service, such as cash, or that came once more."
        )
        if methods.redirects(order.payment_method)
        else _("For money that came, but not the amount the order waits for, or that came once more.")
    ]
    if order.state == Order.State.PENDING:
        sentences.append(
            _(
                "Too little: the buyer is told what is missing. Enough: the order is paid, and what is too much is listed to be paid back."
            )
        )
    elif order.state == Order.State.PAID:
        sentences.append(_("The order is paid: the money is listed to be paid back; the buyer is told."))
    else:
        sentences.append(over_question(order))
    return sentences


def _receive(request, order: Order, now: datetime, entered: dict) -> Outcome:
    if typed_money.receive(order, by=request.user, now=now, **entered):
        return came_of_it(order)
    return messages.WARNING, _(
        "Nothing has changed: other money of this order was recorded meanwhile. Look at its payments first."
    )


# --- what a provider knows -----------------------------------------------------------------------------
def _may_be_asked(order: Order) -> bool:
    return methods.redirects(order.payment_method) and provider_pages.has_open_page(order)


def _ask_question(order: Order) -> list[str]:
    return [
        _("The payment service is asked whether the money of this order has come."),
        _("If it has, the order becomes paid, and its tickets go to the buyer by e-mail."),
    ]


def _ask(request, order: Order, now: datetime) -> Outcome:
    payment = provider_pages.with_open_page(order).first()
    if payment is None:
        return messages.WARNING, _("No payment of this order is open.")
    try:
        status = provider_pages.settle(payment, by=request.user, now=now)
    except ProviderUnavailable:
        return messages.ERROR, _("The payment service does not answer. Nothing has changed; try again later.")
    if status.outcome == PaymentOutcome.PAID:
        return came_of_it(order)
    if status.outcome == PaymentOutcome.FAILED:
        return messages.WARNING, _("The payment was declined or stopped. The buyer can pay again.")
    return messages.WARNING, _("No money has come yet.")


MARK_PAID = Button(
    "mark-paid",
    gettext_lazy("Mark paid"),
    CHANGE,
    _may_be_paid,
    _paid_question,
    _mark_paid,
    form=CameByForm,
    why_not_offered=_why_not_paid,
)
ASK_PROVIDER = Button(
    "ask-provider", gettext_lazy("Ask the payment service"), CHANGE, _may_be_asked, _ask_question, _ask
)
OTHER_MONEY = Button(
    "other-money",
    gettext_lazy("Other money came"),
    CHANGE,
    _may_receive,
    _receive_question,
    _receive,
    form=OtherMoneyForm,
)
