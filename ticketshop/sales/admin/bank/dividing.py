"""Divide a payment of a bank file among the orders that it names."""

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

from ...bank import entries, proposals
from ...models import BankEntry, Order
from ..money.money_received import came_of_it
from .files import NOTHING, RECORD, why_not_open


class DivideForm(forms.Form):
    """Form: an amount for each order that the payment names. ``seen``: what the orders waited for when the page was opened."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=400, required=False)

    def __init__(self, data, entry: BankEntry):
        self.entry, self.shares = entry, proposals.shares(entry)
        super().__init__(data, initial={"seen": self._state()})
        for share in self.shares:
            self.fields[_name(share)] = NumberField(
                label=share.order.reference,
                help_text=_situation(share),
                initial=share.amount,
                min_value=ZERO,
                max_digits=14,
                decimal_places=2,
                required=False,
            )

    def _state(self) -> str:
        return " ".join(f"{share.order.pk}:{share.order.state}:{share.missing}" for share in self.shares)

    @property
    def amounts(self) -> dict[int, Decimal]:
        """Return order id -> amount, without orders that get nothing."""
        typed = {share.order.pk: self.cleaned_data.get(_name(share)) or ZERO for share in self.shares}
        return {pk: amount for pk, amount in typed.items() if amount}

    def clean(self):
        """Check that the orders are as they were shown, and that the amounts are the whole payment."""
        cleaned = super().clean()
        if not self.shares:
            raise ValidationError(NOTHING)
        if self.errors:
            return cleaned
        if cleaned["seen"] != self._state():
            raise ValidationError(
                _("An order has changed meanwhile. Go back, and open this page once more: it proposes anew.")
            )
        total, wanted = sum(self.amounts.values(), ZERO), self.entry.amount
        if total != wanted:
            values = {
                "total": money(total, self.entry.currency),
                "wanted": money(wanted, self.entry.currency),
            }
            raise ValidationError(
                _(
                    "The amounts are %(total)s together, and %(wanted)s came. Change them so that both are equal."
                )
                % values
            )
        if len(self.amounts) < 2:
            raise ValidationError(
                _("Give an amount to two orders at least. For one order, use “Record for another order”.")
            )
        return {**cleaned, "amounts": self.amounts}


def _name(share: proposals.Share) -> str:
    return f"order{share.order.pk}"


def _situation(share: proposals.Share) -> str:
    """Return what the order waits for, or why its money would go back."""
    if share.order.state == Order.State.PENDING and share.missing > ZERO:
        return _("It waits for %(missing)s.") % {"missing": money(share.missing, share.order.currency)}
    if share.order.state == Order.State.EXPIRED:
        return _(
            "It has expired: enough money makes it valid again if everything in it is still free, other money is paid back."
        )
    return _("It waits for nothing: money for it is listed to be paid back.")


def _question(entry: BankEntry) -> list[str]:
    return [
        _("%(amount)s came and names several orders. Check what each of them gets.")
        % {"amount": money(entry.amount, entry.currency)},
        _("Each buyer is told what becomes of the order. This can’t be undone."),
    ]


def _divide(request, entry: BankEntry, now: datetime, entered: dict) -> Outcome:
    divided = entries.divide(entry, entered["amounts"], by=request.user, now=now)
    if not divided:
        return messages.WARNING, NOTHING
    outcomes = [(order, came_of_it(order)) for order in divided]
    level = max(level for _order, (level, _text) in outcomes)
    return level, " ".join(f"{order.reference}: {text}" for order, (_level, text) in outcomes)


DIVIDE = Button(
    "divide",
    gettext_lazy("Divide among orders"),
    RECORD,
    lambda entry: bool(proposals.shares(entry)),
    _question,
    _divide,
    form=DivideForm,
    why_not_offered=why_not_open,
)
