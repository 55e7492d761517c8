"""Cancelling an order or some of its tickets, and paying money back: two buttons of an order's page."""

from datetime import datetime
from decimal import Decimal

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.values.money import ZERO
from ticketshop.lib.values.numbers import NumberField
from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome
from ticketshop.organisers import role_names

from ...models import Admission, Order, Payment, Withdrawal
from ...orders import cancelled_lines, orders, single_tickets
from ...payments import disputes, payments, refunds
from ...payments.methods.base import ProviderUnavailable
from . import erased_buyer

WHOLE, SINGLE = "order", "tickets"
PROPOSED, OTHER = "proposed", "other"
AWAY = gettext_lazy(
    "The order is not cancelled: the payment service does not answer, and the buyer may just be paying. Try again in a few minutes."
)
MAY_BE_PAID = gettext_lazy(
    "The order is not cancelled: a payment has begun that may still succeed, for instance because the buyer’s bank has not confirmed it yet. Wait until it has succeeded or failed; the page of the order shows it."
)
PAID_MEANWHILE = gettext_lazy(
    "The order is not cancelled: it has been paid meanwhile, as the payment service tells. Open “Cancel” once more to choose what is cancelled and paid back."
)
ALL_USED = gettext_lazy(
    "Everything in this order was used at the entrance. To pay money back for it, use “Pay money back”."
)
OVER = gettext_lazy("This order was over already. Nothing has changed.")


# --- cancel ----------------------------------------------------------------------------------------------
class CancelForm(forms.Form):
    """Form: the parts of a paid order to cancel, and the amount to pay back. An order that is not paid has no fields: it is cancelled as a
    whole, and its money goes back.
    """

    what = forms.ChoiceField(
        label=gettext_lazy("What is cancelled"),
        choices=[
            (WHOLE, gettext_lazy("The whole order")),
            (SINGLE, gettext_lazy("Only what is chosen below")),
        ],
        widget=forms.RadioSelect,
    )
    chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Tickets and passes"), widget=forms.CheckboxSelectMultiple, required=False
    )
    pay_back = forms.ChoiceField(
        label=gettext_lazy("Money"),
        choices=[
            (PROPOSED, gettext_lazy("Pay back what was cancelled, as far as it was not paid back before")),
            (OTHER, gettext_lazy("Pay back another amount")),
        ],
        initial=PROPOSED,
        widget=forms.RadioSelect,
    )
    amount = NumberField(
        label=gettext_lazy("Other amount"), min_value=ZERO, max_digits=9, decimal_places=2, required=False
    )

    def __init__(self, data, order: Order):
        super().__init__(data)
        self.order = order
        self.units = cancelled_lines.units_of(order) if order.state == Order.State.PAID else []
        left = [unit for unit in self.units if not unit.is_cancelled]
        if order.state != Order.State.PAID:
            self.fields.clear()
            return
        if len(left) > 1:
            self.fields["chosen"].choices = [(unit.key, _unit_text(unit, order)) for unit in left]
            if withdrawn := _withdrawn(order, left):
                self.initial = {"what": SINGLE, "chosen": withdrawn}
        else:
            del self.fields["what"], self.fields["chosen"]
        if not refunds.kept(order):
            del self.fields["pay_back"], self.fields["amount"]
            return
        self.fields["amount"].help_text = _(
            "In %(currency)s, such as 12.50. With 0 nothing is paid back, and the buyer is told so."
        ) % {"currency": order.currency}

    def clean(self):
        """Check that the parts of the form do not contradict each other, and that the chosen tickets may go."""
        cleaned = super().clean()
        if "what" in cleaned:
            self._check_choice(cleaned["what"], cleaned.get("chosen") or [])
        if cleaned.get("pay_back") == OTHER and "amount" in cleaned and cleaned["amount"] is None:
            self.add_error("amount", _("Enter the amount to pay back, or 0."))
        if cleaned.get("pay_back") == PROPOSED and cleaned.get("amount") is not None:
            self.add_error(
                "amount", _("Choose “Pay back another amount” as well, or leave this field empty.")
            )
        return cleaned

    def _check_choice(self, what: str, chosen: list[str]) -> None:
        if what == WHOLE and chosen:
            self.add_error(
                "what", _("Tickets are chosen below. Choose “Only what is chosen below”, or no ticket.")
            )
        elif what == SINGLE:
            for sentence in single_tickets.why_not(self.order, self.units, chosen):
                self.add_error("chosen", sentence)


def _withdrawn(order: Order, units: list[cancelled_lines.Unit]) -> list[str]:
    """Return the keys of the units from which the buyer has withdrawn, as far as that is open; none if these are all units."""
    lines = set(Withdrawal.objects.filter(line__order=order, settled_at=None).values_list("line", flat=True))
    keys = [unit.key for unit in units if unit.line.pk in lines]
    return keys if len(keys) < len(units) else []


def _unit_text(unit: cancelled_lines.Unit, order: Order) -> str:
    """Return a ticket, pass or group for the list of what can be cancelled: names, code, price, state."""
    first = unit.admissions[0]
    parts = [single_tickets.name_of(unit), first.code[:8], money(unit.line.unit_price, order.currency)]
    if unit.is_used:
        parts.append(_("used"))
    return " · ".join(parts)


def _why_not_cancelled(user, order: Order) -> str:
    """Return why an order that can't be cancelled can't, in a sentence."""
    return str(ALL_USED if order.state == Order.State.PAID else OVER)


def _may_be_cancelled(order: Order) -> bool:
    if order.state != Order.State.PAID:
        return order.state == Order.State.PENDING
    used = {"state": Admission.State.USED}
    if not order.tickets.filter(**used).exists() and not order.passes.filter(**used).exists():
        return True
    # What was used stays; for that, “Pay money back” is offered.
    units = cancelled_lines.units_of(order)
    return any(not unit.is_used and not unit.is_cancelled for unit in units)


def _question(order: Order) -> list[str]:
    sentences = [
        _(
            "What is cancelled becomes void, and its places are free again. What was used at the entrance stays, with its price."
        ),
        erased_buyer.no_mail(order) if order.buyer is None else _("The buyer is told by e-mail."),
    ]
    if order.state == Order.State.PENDING:
        sentences.append(
            _(
                "The order is not paid, so only all of it can be cancelled. For some of its tickets, place a new order first."
            )
        )
    paid = payments.received_by_payment(order)
    by_staff = {payment: left for payment, left in paid.items() if not refunds.by_provider(payment)}
    by_provider = {payment: left for payment, left in paid.items() if refunds.by_provider(payment)}
    if by_staff:
        sentences.append(
            _(
                "%(amount)s was paid without a payment service. What goes back of it is listed under “Refunds”, where it is noted once it is paid back by hand. Who can: %(roles)s."
            )
            % {"amount": _amounts(by_staff), "roles": role_names.who_may("sales.change_refund")}
        )
    if by_provider:
        sentences.append(
            _(
                "%(amount)s was paid through a payment service. What goes back of it goes to the buyer through that service, by itself."
            )
            % {"amount": _amounts(by_provider)}
        )
    sentences += _taken_by_banks(order)
    if not by_staff and not by_provider:
        sentences.append(_("No money has come, so none is to be paid back."))
    return sentences


def _taken_by_banks(order: Order) -> list[str]:
    """Return a sentence about what banks took of the order's money; none if they took nothing."""
    amount = disputes.taken(order)
    if not amount:
        return []
    text = _("A bank took %(amount)s back after a dispute: that is not paid back once more.")
    return [text % {"amount": money(amount, order.currency)}]


def _amounts(received: dict[Payment, Decimal]) -> str:
    """Return what came, without what was not owed, as text; one amount for each currency."""
    sums: dict[str, Decimal] = {}
    for payment, amount in received.items():
        sums[payment.currency] = sums.get(payment.currency, ZERO) + amount
    return ", ".join(money(amount, currency) for currency, amount in sums.items())


def _cancel(request, order: Order, now: datetime, entered: dict) -> Outcome:
    pay_back = entered["amount"] if entered.get("pay_back") == OTHER else None
    chosen = entered["chosen"] if entered.get("what") == SINGLE else _beside_used(order)
    try:
        if chosen is not None:
            result = single_tickets.cancel(order, chosen, by=request.user, now=now, pay_back=pay_back)
            return _single_outcome(order, result)
        cancelled = orders.cancel(order, by=request.user, now=now, pay_back=pay_back)
    except ProviderUnavailable:
        return messages.ERROR, AWAY
    except payments.PageOpen:
        return messages.ERROR, MAY_BE_PAID
    except refunds.TooMuch as error:
        raise _too_much(
            order,
            error,
            _(
                "With this choice at most %(left)s can be paid back. For more, “Pay money back” is used afterwards. Who can: %(roles)s."
            ),
        ) from None
    except single_tickets.CannotCancel as error:
        return messages.ERROR, " ".join(error.problems)
    except orders.TicketsUsed:
        return messages.ERROR, _("A ticket was used at the entrance meanwhile. Look at the order once more.")
    if cancelled:
        return messages.SUCCESS, _("The order is cancelled; its places are free again.")
    order.refresh_from_db(fields=["state"])
    if order.state == Order.State.PAID:
        return messages.WARNING, PAID_MEANWHILE
    return messages.WARNING, OVER


def _beside_used(order: Order) -> list[str] | None:
    """Return the keys of everything in a paid order that was not used; None if nothing was: then the order can end."""
    units = cancelled_lines.units_of(order) if order.state == Order.State.PAID else []
    left = [unit for unit in units if not unit.is_cancelled]
    if not any(unit.is_used for unit in left):
        return None
    if keys := [unit.key for unit in left if not unit.is_used]:
        return keys
    raise ValidationError(ALL_USED)


def _single_outcome(order: Order, result: single_tickets.Result) -> Outcome:
    if result.ended:
        return messages.SUCCESS, _(
            "Nothing is left of the order, so it is cancelled; its places are free again."
        )
    if not result.back:
        return messages.SUCCESS, _("Cancelled; the places are free again. No money is paid back.")
    return messages.SUCCESS, _(
        "Cancelled; the places are free again. %(amount)s goes back to the buyer: see “Refunds”."
    ) % {"amount": money(result.back, order.currency)}


def _too_much(order: Order, error: refunds.TooMuch, sentence: str) -> ValidationError:
    """Return the error for the field with the amount. Nothing has changed."""
    values = {
        "left": money(error.left, order.currency),
        "roles": role_names.who_may("sales.change_refund"),
    }
    return ValidationError({"amount": sentence % values})


# --- pay money back ------------------------------------------------------------------------------------------
class PayBackForm(forms.Form):
    """Form: the amount of an order's money that is paid back. ``before``: what was paid back when the page was opened."""

    amount = NumberField(
        label=gettext_lazy("Amount to pay back"),
        min_value=Decimal("0.01"),
        max_digits=9,
        decimal_places=2,
    )
    before = forms.DecimalField(widget=forms.HiddenInput, max_digits=10, decimal_places=2)

    def __init__(self, data, order: Order):
        before = refunds.paid_back(order)
        super().__init__(data, initial={"amount": cancelled_lines.proposed(order) or None, "before": before})
        self.fields["amount"].help_text = _("In %(currency)s, at most %(left)s") % {
            "currency": order.currency,
            "left": money(refunds.kept(order), order.currency),
        }


def _may_pay_back(order: Order) -> bool:
    return refunds.kept(order) > ZERO


def _pay_back_question(order: Order) -> list[str]:
    came, back = payments.received(order), refunds.paid_back(order)
    sentences = [
        _("%(came)s was paid for this order, and %(back)s of it goes back or has gone back.")
        % {"came": money(came, order.currency), "back": money(back, order.currency)},
        _("The tickets stay as they are. To cancel tickets, use “Cancel”."),
    ]
    if proposed := cancelled_lines.proposed(order):
        sentences.append(
            _("%(amount)s was cancelled and does not go back yet.")
            % {"amount": money(proposed, order.currency)}
        )
    sentences += _taken_by_banks(order)
    sentences.append(
        _(
            "Money that came through a payment service goes back through it; the rest is listed under “Refunds”."
        )
    )
    sentences.append(
        erased_buyer.no_mail(order) if order.buyer is None else _("The buyer is told by e-mail.")
    )
    return sentences


def _pay_back(request, order: Order, now: datetime, entered: dict) -> Outcome:
    try:
        refunds.pay_back(order, entered["amount"], before=entered["before"], by=request.user, now=now)
    except refunds.TooMuch as error:
        raise _too_much(order, error, _("At most %(left)s can be paid back.")) from None
    except refunds.Changed:
        return messages.WARNING, _(
            "Nothing has changed: somebody else paid money of this order back meanwhile. Look at its refunds first."
        )
    return messages.SUCCESS, _("%(amount)s goes back to the buyer: see “Refunds”.") % {
        "amount": money(entered["amount"], order.currency)
    }


CANCEL = Button(
    "cancel",
    gettext_lazy("Cancel"),
    ("sales.change_order",),
    _may_be_cancelled,
    _question,
    _cancel,
    serious=True,
    form=CancelForm,
    asks_password=_may_pay_back,
    why_not_offered=_why_not_cancelled,
)
PAY_BACK = Button(
    "pay-back",
    gettext_lazy("Pay money back"),
    ("sales.change_order", "sales.change_refund"),
    _may_pay_back,
    _pay_back_question,
    _pay_back,
    form=PayBackForm,
    asks_password=_may_pay_back,
)
