"""Mails about orders. Each is built when it is sent, from the order as it is then. A function returns None if
there is nothing to tell any more.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.linking.links import name_for_parent
from contacts.models import ContactLink
from registration_forms import definitions
from registration_forms.models import AnswerHistory
from ticketshop.catalogue.models import Venue
from ticketshop.lib import translated
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.web.template_tags import money
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.layout import Card
from ticketshop.mail.models import Mail

from .. import admission_lists as admissions
from .. import notices, recipients
from ..admission_lists import WITH_LINE, WITH_PASS, WITH_TICKET
from ..answers import display, editing
from ..counter import waiving
from ..models import Admission, IssuedPass, Order, OrderLine, Refund, Ticket
from ..orders.exchange import links as exchange_links
from ..papers import earlier_bills
from ..passes import mentions
from ..payments import disputes, methods, payments, provider_pages, refunds
from ..payments.qr_bills import QrBill
from ..tickets import ticket_pdf


def order_url(order: Order) -> str:
    """Return the URL of the order's page. URLs in mails begin with BASE_URL, never with the host of a request."""
    return settings.BASE_URL + order_path(order)


def order_path(order: Order) -> str:
    """Return the path of the order's page, for links on pages of the shop."""
    return reverse("shop:order", args=[order.point_of_sale.slug, order.reference, order.secret])


def _order(mail: Mail) -> Order | None:
    """Return the order, for a mail to its buyer; None if the buyer is erased."""
    order = order_of(mail)
    return order if order is not None and order.buyer is not None else None


def order_of(mail: Mail) -> Order | None:
    """Return the order that a mail is about, even if its buyer is erased."""
    rows = Order.objects.filter(pk=mail.about["order"])
    return rows.select_related("buyer", "point_of_sale__organiser", "organiser").first()


def _context(order: Order, admissions: Sequence[Ticket | IssuedPass] = ()) -> dict:
    method = methods.of_order(order.point_of_sale, order.payment_method)
    payment, given_up = payments.due_and_given_up(order)
    lines = list(order.lines.select_related(*WITH_LINE).order_by("pk"))
    cancelled = [line for line in lines if line.date_cancelled]
    to_pay = payment is not None and order.state == Order.State.PENDING and not cancelled
    return {
        "order": order,
        "cards": _line_cards(order, lines, admissions),
        "url": order_url(order),
        "method": method,
        "instructions": method.instructions(order, payment) if to_pay else [],
        "qr_bill": method.qr_bill(order, payment) if to_pay else None,
        "earlier_bill": earlier_bills.note(order, payment, given_up) if to_pay else "",
        "date_cancelled": bool(cancelled),
        "all_cancelled": len(cancelled) == len(lines),
        **exchange_links.origin(order),
    }


def _line_cards(
    order: Order, lines: list[OrderLine], admissions: Sequence[Ticket | IssuedPass]
) -> list[Card]:
    """Return the lines of an order for the template, with the names on their ``admissions``. One query if a line costs nothing."""
    free = [line.pk for line in lines if not line.total]
    with_pass = Ticket.objects.filter(line__in=free, booked_with__isnull=False).values_list("line", flat=True)
    booked = set(with_pass) if free else set()
    return [_line_card(order, line, admissions, booked=line.pk in booked) for line in lines]


def _line_card(
    order: Order, line: OrderLine, admissions: Sequence[Ticket | IssuedPass], *, booked: bool
) -> Card:
    """Return a line of an order. ``booked``: with a pass, which the mail names."""
    price = money(line.total, order.currency) if line.total else "" if booked else gettext("Free")
    return Card(
        title=line.shown_title,
        when=line.session.starts_at if line.session else None,
        where=place_text(line.session.event.venue) if line.session else "",
        detail=translated.joined(" × ", [str(line.quantity), line.shown_tariff or gettext("Season pass")]),
        note=date_note(line),
        names=tuple(
            dict.fromkeys(
                admission.holder
                for admission in admissions
                if admission.line_id == line.pk and admission.holder
            )
        ),
        price=price,
    )


def admission_cards(tickets: list[Ticket], passes: list[IssuedPass]) -> list[Card]:
    """Return a card for each ticket and pass, without price, for a beneficiary other than the buyer."""
    return [
        *(
            Card(
                title=ticket.session.event.title,
                when=ticket.session.starts_at,
                where=place_text(ticket.session.event.venue),
                detail=ticket.line.shown_tariff,
                note=date_note(ticket),
                names=(ticket.holder,) if ticket.holder else (),
            )
            for ticket in tickets
        ),
        *(
            Card(title=issued.shown_name, names=(issued.holder,) if issued.holder else ())
            for issued in passes
        ),
    ]


def date_note(row: OrderLine | Ticket) -> str:
    """Return how the date of a line or ticket has changed since the sale; empty if it takes place as promised."""
    return gettext("This date is cancelled.") if row.date_cancelled else row.moved_text


def place_text(venue: Venue | None) -> str:
    """Return name and postal address of a venue in one line."""
    return ", ".join(part for part in (venue.name, venue.city) if part) if venue else ""


@register("order_placed", _("Order received"))
def order_placed(mail: Mail) -> Content | None:
    """Build the mail about a new order that waits for payment; None once it is paid or over."""
    order = _order(mail)
    if order is None or order.state != Order.State.PENDING:
        return None
    context = _context(order)
    return Content(context, *bill_files(order, context["qr_bill"]))


def bill_files(order: Order, bill: QrBill | None) -> tuple[list[tuple[str, bytes, str]], dict[str, bytes]]:
    """Return attachments and pictures of a mail with a QR-bill: the PDF, and the code for the HTML part."""
    if bill is None:
        return [], {}
    from ..payments import payment_part, qr_code  # noqa: PLC0415  they load the PDF library

    pdf = payment_part.render(order, bill)
    return [(f"qr-bill-{order.reference}.pdf", pdf, "application/pdf")], {"qr-bill": qr_code.png(bill)}


@register("order_reminder", _("Reminder to pay"))
def order_reminder(mail: Mail) -> Content | None:
    """Build the reminder to pay; None if the money has come, or a date is cancelled."""
    content = order_placed(mail)
    if content is None or content.context["date_cancelled"]:
        return None
    order, method = content.context["order"], content.context["method"]
    context = {**content.context, "reminder_text": method.reminder_text % {"reference": order.reference}}
    return Content(context, content.attachments, content.pictures)


def receipt_url(order: Order) -> str:
    """Return the URL of the order's receipt."""
    return f"{order_url(order)}receipt/"


@register("order_paid", _("Tickets"))
def order_paid(mail: Mail) -> Content | None:
    """Build the mail with the tickets as a PDF, or without it if every date is cancelled."""
    order = _order(mail)
    if order is None or order.state != Order.State.PAID:
        return None
    tickets = list(
        Ticket.objects.filter(order=order, gift=None)
        .exclude(state=Admission.State.CANCELLED)
        .select_related(*WITH_TICKET)
        .order_by("session__starts_at", "line_id", "pk")
    )
    passes = list(
        IssuedPass.objects.filter(order=order)
        .exclude(state=Admission.State.CANCELLED)
        .select_related(*WITH_PASS)
        .order_by("line_id", "pk")
    )
    context = _context(order, [*tickets, *passes])
    # An earlier mail told the buyer that the order had expired; this mail has to correct that.
    context["receipt_url"] = receipt_url(order)
    context["has_tickets"], context["booked"] = bool(tickets), mentions.booked(tickets, timezone.now())
    context["revived"] = Mail.objects.filter(once=f"order_expired:{order.pk}").exists()
    if context["all_cancelled"] or not (tickets or passes):
        return Content(context)
    pdf = ticket_pdf.render(order, tickets, passes)
    return Content(context, [(f"tickets-{order.reference}.pdf", pdf, "application/pdf")])


@register("order_cancelled", _("Order cancelled"))
def order_cancelled(mail: Mail) -> Content | None:
    """Build the mail about a cancelled order, with what is paid back."""
    order = _order(mail)
    if order is None:
        return None
    back, kept = _returned(order), refunds.kept(order)
    by_bank = disputes.taken(order) + refunds.credit_lost(order)
    given_back = mentions.given_back(admissions.tickets_of(order), timezone.now())
    context = {**_context(order), "back": back, "kept": kept, "by_bank": by_bank, "given_back": given_back}
    return Content(context)


@register("order_expired", _("Order expired"))
def order_expired(mail: Mail) -> Content | None:
    """Build the mail about an order that was not paid in time; None if it is valid again."""
    order = _order(mail)
    if order is None or order.state != Order.State.EXPIRED:
        return None
    refused = provider_pages.was_not_confirmed(order)
    return Content({**_context(order), "back": _returned(order), "refused": refused})


def _returned(order: Order) -> Decimal:
    """Return how much of the order's money was paid back, or is to be, without what a bank took after a dispute and what never came."""
    rows = Refund.objects.filter(payment__order=order, dispute=None, reversal=None).exclude(
        kind=Refund.Kind.EXCHANGED
    )
    return rows.aggregate(sum=Sum("amount"))["sum"] or ZERO


def answers_url(order: Order) -> str:
    """Return the URL of the page on which the buyer changes answers."""
    path = reverse("shop:answers", args=[order.point_of_sale.slug, order.reference, order.secret])
    return settings.BASE_URL + path


@register("answers_changed", _("Answers changed"))
def answers_changed(mail: Mail) -> Content | None:
    """Build the mail that names the questions whose answers changed, never the answers."""
    order = _order(mail)
    if order is None:
        return None
    headings = {
        part.response_id: part.heading
        for part in display.parts(order, admissions.tickets_of(order), admissions.passes_of(order))
    }
    lines = AnswerHistory.objects.filter(pk__in=mail.about.get("changes", ()), response__in=headings)
    changed: dict[int, list[str]] = {}
    for line in lines.select_related("field", "response__version", "response__form__published").order_by(
        "pk"
    ):
        versions = (line.response.form.published, line.response.version)
        questions = (definitions.of_version(version).question(line.field.key) for version in versions)
        label = next((question.label for question in questions if question), line.field.label)
        changed.setdefault(line.response_id, []).append(label)
    if not changed:
        return None
    by_staff = any(line.source == AnswerHistory.Source.STAFF for line in lines)
    changes = [(headings[pk], labels) for pk, labels in changed.items()]
    return Content({**_context(order), "changed": changes, "by_staff": by_staff})


@register("answers_wanted", _("More answers wanted"))
def answers_wanted(mail: Mail) -> Content | None:
    """Build the mail that asks an earlier buyer for missing answers; None if none are missing or they can't be
    given any more.
    """
    order = _order(mail)
    if order is None:
        return None
    editable = editing.EditableAnswers(
        order, admissions.tickets_of(order), admissions.passes_of(order), now=timezone.now()
    )
    return _about_answers(order, editable.missing, editable.until)


@register("answers_later", _("Link to answer skipped questions"))
def answers_later(mail: Mail) -> Content | None:
    """Build the mail with the link to answer skipped questions; None if none is left or they can't be answered any more."""
    order = _order(mail)
    if order is None:
        return None
    editable = waiving.read(order, timezone.now())
    return _about_answers(order, editable.waived, editable.until)


def _about_answers(order: Order, wanted: list[str], until: datetime | None) -> Content | None:
    """Return the content of a mail about unanswered questions, given their labels; None without any."""
    if not wanted:
        return None
    return Content({**_context(order), "wanted": wanted, "until": until, "answers_url": answers_url(order)})


@register("ticket_for_you", _("Ticket for a linked person"))
def ticket_for_you(mail: Mail) -> Content | None:
    """Build the mail to a beneficiary with their tickets in another person's order, without price, order and
    other holders.

    None once the person is not linked any more. After the buyer's erasure the mail does not name the buyer:
    the beneficiaries keep their tickets.
    """
    order, tickets, passes = _for_person(mail)
    if order is None:
        return None
    pdf = ticket_pdf.render(order, tickets, passes, for_holder=True)
    return Content(_person_context(order, tickets, passes), [("tickets.pdf", pdf, "application/pdf")])


@register("ticket_for_child", _("Ticket for a child, to a parent"))
def ticket_for_child(mail: Mail) -> Content | None:
    """Build the mail to a parent about tickets that another person bought for the child: event and date, no code."""
    order, tickets, passes = _for_person(mail)
    told = _told(order, mail) if order is not None else None
    if told is None:
        return None
    return Content({**_person_context(order, tickets, passes), "name": told.name})


def _told(order: Order, mail: Mail) -> recipients.Recipient | None:
    """Return the recipient of a mail to a parent, if they still manage the person."""
    return next(
        (
            recipient
            for recipient in recipients.of_orders([order])
            if recipient.person.pk == mail.about["contact"] and recipient.to.subject_uuid == mail.subject_uuid
        ),
        None,
    )


def _for_person(mail: Mail) -> tuple[Order | None, list[Ticket], list[IssuedPass]]:
    """Return the paid order and one person's valid tickets and passes in it; None if there is nothing to tell any more."""
    order = order_of(mail)
    if order is None or order.state != Order.State.PAID:
        return None, [], []
    links = ContactLink.objects.filter(parent=order.buyer, child=mail.about["contact"])
    # Locked while the mail is sent: it names the buyer, and an erasure of the buyer must end later.
    active = links.filter(status=ContactLink.Status.ACTIVE).select_for_update(no_key=True)
    tickets, passes = _admissions_of(order, mail.about["contact"], Admission.State.VALID)
    if not notices.has_left(order.buyer) and not active:
        # After the end of the connection, only what was given stays theirs.
        tickets, passes = [ticket for ticket in tickets if recipients.is_given(ticket)], []
    return (order, tickets, passes) if tickets or passes else (None, [], [])


def _person_context(order: Order, tickets: list[Ticket], passes: list[IssuedPass]) -> dict:
    return {
        "cards": admission_cards(tickets, passes),
        "buyer_name": "" if notices.has_left(order.buyer) else order.buyer.full_name,
        "url": settings.BASE_URL + reverse("account:orders", args=[order.point_of_sale.slug]),
    }


def _admissions_of(order: Order, contact_id: int, state: str) -> tuple[list[Ticket], list[IssuedPass]]:
    theirs = {"order": order, "beneficiary": contact_id, "state": state}
    tickets = Ticket.objects.filter(**theirs).select_related(*WITH_TICKET)
    passes = IssuedPass.objects.filter(**theirs).select_related(*WITH_PASS)
    return list(tickets.order_by("session__starts_at", "pk")), list(passes.order_by("pk"))


@register("ticket_cancelled", _("Ticket cancelled"))
def ticket_cancelled(mail: Mail) -> Content | None:
    """Build the mail about cancelled tickets to a beneficiary, without code, price and buyer."""
    order = order_of(mail)
    if order is None:
        return None
    tickets, passes = _admissions_of(order, mail.about["contact"], Admission.State.CANCELLED)
    if together := mail.about.get("cancellation"):
        tickets = [ticket for ticket in tickets if ticket.cancellation_id == together]
        passes = [issued for issued in passes if issued.cancellation_id == together]
    return Content({"cards": admission_cards(tickets, passes)}) if tickets or passes else None


@register("ticket_cancelled_for_child", _("Ticket cancelled, to a parent"))
def ticket_cancelled_for_child(mail: Mail) -> Content | None:
    """Build the same mail as ``ticket_cancelled`` to a parent who manages the beneficiary, with the beneficiary's name."""
    content = ticket_cancelled(mail)
    link = ContactLink.objects.filter(
        parent__subject_uuid=mail.subject_uuid, child=mail.about["contact"], status=ContactLink.Status.ACTIVE
    ).first()
    if content is None or link is None:
        return None
    return Content({**content.context, "name": name_for_parent(link)})
