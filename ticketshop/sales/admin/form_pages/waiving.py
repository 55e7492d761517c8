"""Buttons on an order's page: skip mandatory questions that have no answer, and mail the link to answer them later."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.lib.web.waits import again_in
from ticketshop.limits import limits
from ticketshop.office.buttons import Button, Outcome

from ...counter import waiving
from ...models import LIVING_ORDERS, Order

NEEDED = (waiving.WAIVE, "sales.change_order")


class SkipForm(forms.Form):
    """Whether the buyer gets the link."""

    mail_link = forms.BooleanField(
        label=gettext_lazy("Mail a link to answer them later"), required=False, initial=False
    )

    def __init__(self, data, order: Order):
        super().__init__(data)
        if not _has_email(order):
            del self.fields["mail_link"]


def _has_email(order: Order) -> bool:
    return bool(order.buyer and order.buyer.email and order.buyer.erasing_at is None)


def _missing(order: Order) -> list[str]:
    if order.buyer is None or order.state not in LIVING_ORDERS:
        return []
    return waiving.read(order, timezone.now(), staff=True).missing


def _question(order: Order) -> list[str]:
    return [
        _("These mandatory questions have no answer: %(questions)s.")
        % {"questions": ", ".join(_missing(order))},
        _("If you skip them, they are not asked for any more. It is noted who skipped them and when."),
        _("The buyer can still answer; then they are no longer skipped."),
    ]


def _skip(request: HttpRequest, order: Order, now: datetime, values: dict) -> Outcome:
    number = waiving.waive(order, by=request.user, now=now)
    if not number:
        return messages.INFO, _("Nothing was skipped: every question is answered by now.")
    text = ngettext("%(number)d question is skipped.", "%(number)d questions are skipped.", number)
    said = [text % {"number": number}]
    if values.get("mail_link") and waiving.mail_link(order, by=request.user, now=now):
        said.append(_("The link is sent."))
    return messages.SUCCESS, " ".join(said)


def _may_answer_later(order: Order) -> bool:
    return bool(
        _has_email(order)
        and order.state in LIVING_ORDERS
        and waiving.number_of(order)
        and waiving.read(order, timezone.now()).waived
    )


def _mail_question(order: Order) -> list[str]:
    labels = waiving.read(order, timezone.now()).waived
    return [
        _("%(email)s gets the link to the page on which these questions can be answered: %(questions)s.")
        % {"email": order.buyer.email if order.buyer else "", "questions": ", ".join(labels)}
    ]


def _mail(request: HttpRequest, order: Order, now: datetime) -> Outcome:
    key = f"order:{order.pk}"
    if not limits.hit("mail_resend", key, now):
        wait = limits.wait("mail_resend", key, now)
        return messages.ERROR, f"{_('It was sent again several times already.')} {again_in(wait)}"
    if not (_may_answer_later(order) and waiving.mail_link(order, by=request.user, now=now)):
        return messages.ERROR, _("Nothing was sent: there is nothing left to answer, or no e-mail address.")
    return messages.SUCCESS, _("The link is sent.")


SKIP = Button(
    "skip-questions",
    gettext_lazy("Skip mandatory questions"),
    NEEDED,
    lambda order: bool(_missing(order)),
    _question,
    _skip,
    form=SkipForm,
)
MAIL_LINK = Button(
    "mail-answers-link",
    gettext_lazy("Mail a link to answer later"),
    ("sales.change_order",),
    _may_answer_later,
    _mail_question,
    _mail,
)
