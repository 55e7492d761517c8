"""New codes for lost or stolen tickets and passes: a button of an order's page, and of a ticket's or pass's page."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.lib import translated
from ticketshop.office.buttons import Button, Outcome

from ...admission_lists import heading
from ...models import IssuedPass, Order, Ticket
from ...tickets import codes
from . import erased_buyer

CHANGE = ("sales.change_order",)


class NewLinkForm(forms.Form):
    """Form: whether the order's page gets a new link, too. ``before``: how many codes had been replaced when it was opened."""

    new_link = forms.BooleanField(
        label=gettext_lazy("Give the order’s page a new link, too"),
        required=False,
        help_text=gettext_lazy(
            "For a stolen e-mail or phone: a person with the old link would see the new codes. The buyer gets the new link by e-mail; without an e-mail address the buyer can’t open the page any more."
        ),
    )
    before = forms.IntegerField(widget=forms.HiddenInput, min_value=0, max_value=1_000_000)

    def __init__(self, data, row: Order | Ticket | IssuedPass):
        order = row if isinstance(row, Order) else row.order
        super().__init__(data, initial={"before": codes.number_replaced(order)})


class NewCodesForm(NewLinkForm):
    """Form: the tickets and passes of an order that get a new code."""

    field_order = ["chosen", "new_link"]
    chosen = forms.MultipleChoiceField(
        label=gettext_lazy("Tickets and passes"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose the tickets that get a new code.")},
    )

    def __init__(self, data, order: Order):
        super().__init__(data, order)
        now = timezone.now()
        renewable = [row for row in codes.admissions_of(order) if not codes.why_not(row, now)]
        self.fields["chosen"].choices = [(codes.key_of(row), _text(row)) for row in renewable]
        if len(renewable) == 1:
            self.fields["chosen"].initial = [codes.key_of(renewable[0])]


def _text(admission: Ticket | IssuedPass) -> str:
    """Return a ticket or pass for the list: what it is, the name on it, and the beginning of its code."""
    parts = [heading(admission), admission.holder_text, admission.code[:8]]
    return translated.joined(" · ", [part for part in parts if part])


def _has_renewable(order: Order) -> bool:
    now = timezone.now()
    return order.state == Order.State.PAID and any(
        not codes.why_not(admission, now) for admission in codes.admissions_of(order)
    )


def _question(order: Order) -> list[str]:
    return [
        _("The old code lets nobody in any more, at once: at the entrance it is answered with “replaced”."),
        erased_buyer.no_mail(order)
        if order.buyer is None
        else _("The ticket with its new code goes by e-mail to the people who had the old one."),
    ]


def _renew(request, order: Order, now: datetime, keys: list[str], entered: dict) -> Outcome:
    try:
        renewed = codes.renew(
            order, keys, by=request.user, now=now, new_link=entered["new_link"], before=entered["before"]
        )
    except codes.CannotReplace as error:
        return messages.ERROR, " ".join(error.problems)
    return messages.SUCCESS, ngettext(
        "The ticket has a new code; the old one lets nobody in any more.",
        "%(number)d tickets have new codes; the old ones let nobody in any more.",
        len(renewed),
    ) % {"number": len(renewed)}


NEW_CODES = Button(
    "new-codes",
    gettext_lazy("New code"),
    CHANGE,
    _has_renewable,
    _question,
    lambda request, order, now, entered: _renew(request, order, now, entered["chosen"], entered),
    form=NewCodesForm,
)
NEW_CODE = Button(
    "new-code",
    gettext_lazy("New code"),
    CHANGE,
    lambda admission: not codes.why_not(admission, timezone.now()),
    lambda admission: _question(admission.order),
    lambda request, admission, now, entered: _renew(
        request, admission.order, now, [codes.key_of(admission)], entered
    ),
    form=NewLinkForm,
    why_not_offered=lambda user, admission: codes.why_not(admission, timezone.now()),
)
