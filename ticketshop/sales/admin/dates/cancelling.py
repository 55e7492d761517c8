"""On the page of a date: cancel it with or without paying back, pay it back later, and see what is left to do."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from ticketshop.catalogue import dates
from ticketshop.catalogue.admin.sessions import SessionAdmin
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.lib.forms.fields import LinesField
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.web.template_tags import money
from ticketshop.office.buttons import Button, Outcome, OwnPage
from ticketshop.office.sections import Section, link
from ticketshop.organisers import role_names

from ...models import OPEN_STATES, Order, Ticket
from ...orders.dates import cancelled_dates, date_changes, refund_preview
from ...payments.methods import name_of
from ..date_changes import MESSAGE_HELP, whom

PAY_BACK_NOW, LATER = "now", "later"
MAY_REFUND = ("catalogue.change_session", "sales.change_order", "sales.change_refund")
CANCELLED_BEFORE = gettext_lazy("This date was cancelled already. Nothing has changed.")
PAID_BACK_BEFORE = gettext_lazy("This date is paid back already, or takes place. Nothing has changed.")
MAY_SEE = ("catalogue.view_session", "sales.view_order", "sales.view_ticket")
# The largest number of orders that are named.
NAMED = 20


class CancelForm(forms.Form):
    """Form: whether tickets are paid back now, and the message to the people concerned."""

    refund = forms.ChoiceField(
        label=gettext_lazy("Tickets and money"),
        choices=[
            (
                PAY_BACK_NOW,
                gettext_lazy(
                    "Cancel the tickets and pay them back; unpaid orders end. This can’t be undone, even if the date takes place after all."
                ),
            ),
            (
                LATER,
                gettext_lazy(
                    "Pay nothing back now. The tickets let nobody in, and are valid again if the date takes place after all. You can pay back later on the page of the date."
                ),
            ),
        ],
        widget=forms.RadioSelect,
    )
    message = LinesField(
        label=gettext_lazy("Your message to them"), required=False, max_length=1000, help_text=MESSAGE_HELP
    )

    def __init__(self, data, row: Session):
        super().__init__(data)


def _costs_money(session: Session) -> bool:
    """Return whether tickets of a date were paid: then the password is asked again."""
    tickets = Ticket.objects.filter(session=session, state__in=OPEN_STATES, order__state=Order.State.PAID)
    return tickets.filter(line__unit_price__gt=ZERO).exists()


def _why_not_cancelled(user, session: Session) -> str:
    return str(CANCELLED_BEFORE) if session.state == Session.State.CANCELLED else ""


def _why_not_paid_back(user, session: Session) -> str:
    is_to_be = session.state == Session.State.CANCELLED and not _is_paid_back(session)
    return "" if is_to_be else str(PAID_BACK_BEFORE)


def _takes_place(session: Session) -> bool:
    return session.state != Session.State.CANCELLED and session.ends_at > timezone.now()


def _is_paid_back(session: Session) -> bool:
    return session.state == Session.State.CANCELLED and session.pk in cancelled_dates.paid_back_sessions()


def _can_be_paid_back(session: Session) -> bool:
    cancelled = session.state == Session.State.CANCELLED and not _is_paid_back(session)
    return cancelled and Ticket.objects.filter(session=session, state__in=OPEN_STATES).exists()


# --- what will happen ----------------------------------------------------------------------------------------
def _cancel_question(session: Session) -> list[str]:
    impact = date_changes.impact([session.pk])
    if not impact.tickets:
        return [_("Nobody has a ticket for this date. It is no longer sold.")]
    return [
        *whom(impact),
        _("Each buyer gets one e-mail, and so does everybody who has their ticket by e-mail."),
        *_money(session),
    ]


def _money(session: Session) -> list[str]:
    """Return what paying back would do, in sentences with numbers."""
    preview = refund_preview.of_session(session.pk)
    sentences = []
    if preview.tickets:
        values = {
            "tickets": ngettext("%(count)d ticket", "%(count)d tickets", preview.tickets)
            % {"count": preview.tickets},
            "orders": ngettext("%(count)d paid order", "%(count)d paid orders", preview.paid)
            % {"count": preview.paid},
        }
        sentences.append(_("This pays back %(tickets)s in %(orders)s.") % values)
    for (method, by_itself, currency), amount in sorted(preview.money.items()):
        text = (
            _("%(method)s: %(amount)s goes back through the payment service, by itself.")
            if by_itself
            else _(
                "%(method)s: %(amount)s is listed under “Refunds”, where it is noted once it is paid back by hand. Who can: %(roles)s."
            )
        )
        sentences.append(
            text
            % {
                "method": name_of(method),
                "amount": money(amount, currency),
                "roles": role_names.who_may("sales.change_refund"),
            }
        )
    if not preview.money:
        sentences.append(_("No money goes back."))
    return [*sentences, *_exceptions(preview)]


def _exceptions(preview: refund_preview.Preview) -> list[str]:
    sentences = []
    if preview.ends:
        sentences.append(
            ngettext(
                "%(count)d unpaid order ends, and the buyer need not pay.",
                "%(count)d unpaid orders end, and the buyers need not pay.",
                preview.ends,
            )
            % {"count": preview.ends}
        )
    if preview.waits:
        sentences.append(
            ngettext(
                "%(count)d unpaid order contains something else too and stays. If it is paid, what this date costs goes back.",
                "%(count)d unpaid orders contain something else too and stay. If they are paid, what this date costs goes back.",
                preview.waits,
            )
            % {"count": preview.waits}
        )
    if preview.used:
        sentences.append(
            ngettext(
                "%(count)d ticket was used at the entrance and stays: pay it back on the page of its order.",
                "%(count)d tickets were used at the entrance and stay: pay them back on the pages of their orders.",
                preview.used,
            )
            % {"count": preview.used}
        )
    if preview.disputed:
        text = _(
            "A bank has yet to decide about the money of these orders. Their tickets are cancelled, but nothing is paid back automatically: %(orders)s"
        )
        named = ", ".join(preview.disputed[:NAMED]) + (" …" if len(preview.disputed) > NAMED else "")
        sentences.append(text % {"orders": named})
    return sentences


def _pay_back_question(session: Session) -> list[str]:
    return [
        *_money(session),
        _("The tickets are cancelled, even if the date takes place after all. Each buyer is told by e-mail."),
    ]


# --- what is done --------------------------------------------------------------------------------------------
@transaction.atomic
def _cancel(request: HttpRequest, session: Session, now: datetime, entered: dict) -> Outcome:
    before = dates.facts_of([session.pk], lock=True)
    if before[session.pk].cancelled:
        return messages.WARNING, CANCELLED_BEFORE
    row = Session.objects.get(pk=session.pk)
    Session.objects.filter(pk=session.pk).update(state=Session.State.CANCELLED)
    _record(request, session, now, changes={"state": [row.state, Session.State.CANCELLED.value]})
    after, refund = dates.facts_of([session.pk]), entered["refund"] == PAY_BACK_NOW
    date_changes.announce(
        {session.pk: (before[session.pk], after[session.pk])},
        organiser=session.event.organiser,
        message=entered["message"],
        tell=True,
        refund=refund,
        by=request.user,
        now=now,
    )
    if not refund:
        return messages.SUCCESS, _("The date is cancelled. The people concerned are told by e-mail.")
    return messages.SUCCESS, _(
        "The date is cancelled. Tickets are cancelled and paid back in the background; then the people concerned are told by e-mail."
    )


@transaction.atomic
def _pay_back(request: HttpRequest, session: Session, now: datetime) -> Outcome:
    facts = dates.facts_of([session.pk], lock=True)[session.pk]
    if not facts.cancelled or session.pk in cancelled_dates.paid_back_sessions():
        return messages.WARNING, PAID_BACK_BEFORE
    date_changes.announce(
        {session.pk: (facts, facts)},
        organiser=session.event.organiser,
        message="",
        tell=False,
        refund=True,
        by=request.user,
        now=now,
    )
    _record(request, session, now, action="date_paid_back")
    return messages.SUCCESS, _("The tickets are cancelled and paid back in the background.")


def _record(request, session: Session, now: datetime, action: str = "changed", **details) -> None:
    organiser = session.event.organiser_id
    history.record(session, action, by=request.user, now=now, organiser_id=organiser, **details)


# --- what is left to do --------------------------------------------------------------------------------------
def _advice() -> dict[str, str]:
    return {
        refund_preview.UNPAID: _(
            "Not paid, and it contains something else, too. Once it is paid, the price of this date is paid back automatically. You can also cancel the order."
        ),
        refund_preview.USED: _("Used at the entrance. To pay money back, use “Pay money back” on the order."),
        refund_preview.OPEN: _(
            "The cancellation is on its way; if it fails, it is tried again automatically. If the order stays in this list, cancel its tickets on the page of the order."
        ),
    }


@require_safe
def _left_page(request: HttpRequest, page, session: Session):
    """Show the orders that still have tickets of a date that is paid back."""
    advice = _advice()
    left = [
        [link(order, order.reference), order.buyer_name, order.get_state_display(), advice[why]]
        for order, why in refund_preview.left_to_do(session.pk)
    ]
    section = Section(
        _("Orders that still have tickets of this date"),
        [_("reference"), _("buyer"), _("state"), _("what to do")],
        left,
        note=_("Money that staff pay back by hand is listed under “Refunds”."),
    )
    context = {**page.about_row(request, session, LEFT.label), "section": section}
    return TemplateResponse(request, "admin/sales/date_left.html", context)


CANCEL = Button(
    "cancel",
    gettext_lazy("Cancel this date"),
    MAY_REFUND,
    _takes_place,
    _cancel_question,
    _cancel,
    serious=True,
    form=CancelForm,
    asks_password=_costs_money,
    why_not_offered=_why_not_cancelled,
)
PAY_BACK = Button(
    "pay-back",
    gettext_lazy("Pay this date back"),
    MAY_REFUND,
    _can_be_paid_back,
    _pay_back_question,
    _pay_back,
    serious=True,
    asks_password=_costs_money,
    why_not_offered=_why_not_paid_back,
)
LEFT = OwnPage(
    "pay-back-left",
    gettext_lazy("What is not paid back"),
    MAY_SEE,
    _is_paid_back,
    lambda page, request, row: _left_page(request, page, row),
)
for button in (CANCEL, PAY_BACK, LEFT):
    SessionAdmin.offer(button)
