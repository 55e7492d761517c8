"""Mails to the buyer about cancelled tickets and about money that staff pay back."""

from dataclasses import replace
from decimal import Decimal

from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ticketshop.lib import translated
from ticketshop.lib.values.money import ZERO
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.layout import Card
from ticketshop.mail.models import Mail

from .. import recipients
from ..admission_lists import passes_of, tickets_of
from ..models import Admission, Cancellation, IssuedPass, Order, Refund, Ticket
from ..passes import mentions
from ..payments import disputes, refunds
from ..tickets import ticket_pdf
from .order_mails import admission_cards, order_of, order_url


@register("tickets_cancelled", _("Single tickets cancelled"))
def tickets_cancelled(mail: Mail) -> Content | None:
    """Build the mail that names the cancelled tickets with their codes, with the tickets that stay valid as a PDF.

    None if the order was cancelled as a whole meanwhile: another mail tells that.
    """
    order = order_of(mail)
    cancellation = Cancellation.objects.filter(pk=mail.about["cancellation"]).first()
    if order is None or cancellation is None or recipients.has_left(order.buyer):
        return None
    if order.state != Order.State.PAID:
        return None
    tickets, passes = tickets_of(order), passes_of(order)
    gone = [row for row in (*tickets, *passes) if row.cancellation_id == cancellation.pk]
    cost = cancellation.lines.aggregate(sum=Sum("total"))["sum"] or ZERO
    back = paid_back_with(cancellation)
    context = {
        "order": order,
        "cards": _cards(gone),
        "back": back,
        # More than this cancellation cost can go back: what was cancelled before and not paid back is proposed too.
        "kept": min(max(cost - back, ZERO), refunds.kept(order)),
        "by_bank": disputes.taken(order),
        "given_back": mentions.given_back([row for row in gone if isinstance(row, Ticket)], timezone.now()),
        "url": order_url(order),
    }
    left = [
        [row for row in rows if row.state != Admission.State.CANCELLED]
        for rows in (recipients.of_buyer(tickets), list(passes))
    ]
    if not any(left):
        return Content(context)
    pdf = ticket_pdf.render(order, *left)
    return Content(context, [(f"tickets-{order.reference}.pdf", pdf, "application/pdf")])


def _cards(admissions: list[Ticket | IssuedPass]) -> list[Card]:
    """Return a card for each cancelled ticket or pass with its code, by which it is told apart from the others."""
    cards = []
    for row in admissions:
        (card,) = admission_cards([row], []) if isinstance(row, Ticket) else admission_cards([], [row])
        if recipients.is_given(row):
            # Name and code are those of the person who had it.
            cards.append(replace(card, names=()))
            continue
        # In groups as it is printed; its beginning is enough to find the ticket.
        code = gettext("Code %(code)s") % {"code": f"{row.code[:5]} {row.code[5:10]} …"}
        cards.append(
            replace(card, detail=translated.joined(" · ", [part for part in (card.detail, code) if part]))
        )
    return cards


def paid_back_with(cancellation: Cancellation) -> Decimal:
    """Return what was decided together with a cancellation to be paid back."""
    rows = Refund.objects.filter(payment__order=cancellation.order_id, kind=Refund.Kind.PAID_BACK)
    return rows.filter(requested_at=cancellation.made_at).aggregate(sum=Sum("amount"))["sum"] or ZERO


@register("money_paid_back", _("Staff pay money back"))
def money_paid_back(mail: Mail) -> Content | None:
    """Build the mail about money of a paid order that staff decided to pay back."""
    order = order_of(mail)
    if order is None or recipients.has_left(order.buyer):
        return None
    rows = Refund.objects.filter(payment__order=order, pk__in=mail.about["refunds"])
    back = rows.aggregate(sum=Sum("amount"))["sum"]
    return Content({"order": order, "back": back, "url": order_url(order)}) if back else None
