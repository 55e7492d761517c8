"""The button on the page of a payment that takes it back, because it was recorded by mistake."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome
from ticketshop.organisers import role_names

from ...models import BankEntry, Order, Payment, Reversal
from ...orders import reversing
from ...orders.reversing import CannotReverse, Result, may_be_reversed

# A payment of a bank file is taken back by those who may record it.
CHANGE_ENTRY = "sales.change_bankentry"


class ReasonForm(forms.Form):
    """The reason why a payment is taken back."""

    reason = forms.ChoiceField(
        label=gettext_lazy("Why"), widget=forms.RadioSelect, choices=Reversal.Reason.choices
    )

    def __init__(self, data, payment: Payment):
        super().__init__(data)


def _why_not(user, payment: Payment) -> str:
    """Return why this member of staff can't take the payment back, and what to do; empty if nothing is in the way."""
    of_file = BankEntry.objects.filter(payment=payment).exists()
    if of_file and not user.has_perm(CHANGE_ENTRY, payment):
        return role_names.ask_them(CHANGE_ENTRY)
    return reversing.why_not(payment, now=timezone.now())


def _question(payment: Payment) -> list[str]:
    """Return what taking the payment back would change, or why that can't be done."""
    what = _(
        "%(amount)s was recorded for order %(reference)s and did not come. The payment stays in the books, and a row of today takes it back. No money moves; for money that came and goes back there is “Pay money back”."
    ) % {"amount": money(payment.amount, payment.currency), "reference": payment.order.reference}
    try:
        result = reversing.preview(payment, Reversal.Reason.NOT_RECEIVED, now=timezone.now())
    except CannotReverse as error:
        return [what, str(error)]
    return [what, *_sentences(payment, result)]


def _sentences(payment: Payment, result: Result) -> list[str]:
    """Return what becomes of the order, its tickets and its refunds."""
    missing = {"amount": money(result.missing, payment.currency)}
    if result.unpaid:
        text = _(
            "The order is not paid any more: it waits for %(amount)s again. Its places stay taken; its tickets are reserved, and let nobody in until it is paid. The buyer is told how to pay, and until when."
        )
        sentences = [text % missing]
    elif result.state == Order.State.PENDING:
        sentences = [_("The order goes on waiting, for %(amount)s. The buyer is told.") % missing]
    elif result.state == Order.State.PAID:
        sentences = [
            _("The order stays paid by its other money, and its tickets stay valid. The buyer is told.")
        ]
    else:
        sentences = [_("The order is over and stays so. The buyer is told.")]
    if result.closed:
        closed = {"amount": money(result.closed, payment.currency)}
        sentences.append(_("%(amount)s that was listed to be paid back is not paid back.") % closed)
    if BankEntry.objects.filter(payment=payment).exists():
        sentences.append(
            _(
                "The payment of the bank file is to be looked at again, so that it can be recorded for the right order."
            )
        )
    return sentences


def _reverse(request, payment: Payment, now: datetime, entered: dict) -> Outcome:
    try:
        result = reversing.reverse(payment, entered["reason"], by=request.user, now=now)
    except CannotReverse as error:
        return messages.ERROR, str(error)
    if result.unpaid:
        text = _(
            "Taken back. The order waits for %(amount)s again, and its tickets are reserved; the buyer is told."
        )
        return messages.SUCCESS, text % {"amount": money(result.missing, payment.currency)}
    return messages.SUCCESS, _("Taken back; the buyer is told.")


REVERSE = Button(
    "reverse",
    gettext_lazy("Recorded by mistake"),
    ("sales.change_order",),
    may_be_reversed,
    _question,
    _reverse,
    serious=True,
    form=ReasonForm,
    why_not=_why_not,
    why_not_offered=_why_not,
)
