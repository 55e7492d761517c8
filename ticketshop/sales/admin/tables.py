"""Tables of orders, tickets, passes, payments and mails for the pages of an order and of a customer."""

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.lib.web.template_tags import money, rate
from ticketshop.mail import kinds
from ticketshop.mail.models import Mail
from ticketshop.office.sections import Section, link

from ..admission_lists import WITH_LINE, WITH_PASS, WITH_TICKET
from ..answers import display as given
from ..models import (
    CancelledLine,
    Dispute,
    Exchange,
    Invoice,
    IssuedPass,
    Order,
    OrderLine,
    Payment,
    Refund,
    ReplacedCode,
    Ticket,
)
from ..payments.methods import name_of

# The largest number of rows of a table; the lists show the others.
MOST = 50


def when(instant) -> str | None:
    """Return an instant as text, in the organiser's time zone."""
    return date_format(localtime(instant), "SHORT_DATETIME_FORMAT") if instant else None


def orders(rows: QuerySet[Order]) -> Section:
    """Return the table of orders."""
    latest = rows.order_by("-placed_at", "-pk")[:MOST]
    return _section(
        _("Orders"),
        [_("reference"), _("placed"), _("state"), _("total")],
        [
            [
                link(order, order.reference),
                when(order.placed_at),
                order.get_state_display(),
                money(order.total, order.currency),
            ]
            for order in latest
        ],
    )


def invoices(rows: QuerySet[Invoice]) -> Section:
    """Return the table of an order's invoices and credit notes, without recipients: only the archive shows these."""
    return _section(
        _("Invoices"),
        [pgettext("of a paper", "number"), _("kind"), _("issued"), _("total"), _("in the archive until")],
        [
            [
                paper.full_number,
                paper.get_kind_display(),
                when(paper.issued_at),
                money(paper.total, paper.currency),
                date_format(paper.retained_until, "SHORT_DATE_FORMAT"),
            ]
            for paper in rows.order_by("year", "number")[:MOST]
        ],
    )


def lines(rows: QuerySet[OrderLine], currency: str) -> Section:
    """Return the table of an order's lines."""
    return _section(
        _("Ordered"),
        [_("quantity"), _("what"), _("date"), _("price"), _("total"), _("of which VAT")],
        [
            [
                line.quantity,
                _what(line),
                _when_of(line),
                money(line.unit_price, currency),
                money(line.total, currency),
                f"{money(line.vat_amount, currency)} ({rate(line.vat_rate)})",
            ]
            for line in rows.select_related(*WITH_LINE).order_by("pk")
        ],
    )


def cancelled(rows: QuerySet[CancelledLine], currency: str) -> Section:
    """Return the table of what was cancelled of an order's lines."""
    of_line = (f"line__{path}" for path in WITH_LINE)
    return _section(
        _("Cancelled"),
        [_("cancelled"), _("cancelled by"), _("quantity"), _("what"), _("total"), _("of which VAT")],
        [
            [
                when(part.cancellation.made_at),
                part.cancellation.made_by.email if part.cancellation.made_by else None,
                part.quantity,
                _what(part.line),
                money(part.total, currency),
                money(part.vat_amount, currency),
            ]
            for part in rows.select_related("cancellation__made_by", *of_line).order_by("pk")
        ],
    )


def _what(line: OrderLine) -> str:
    """Return title and tariff, with the title at the sale if that was another one."""
    text = ", ".join(part for part in (line.shown_title, line.shown_tariff) if part)
    if line.ordered_title:
        text += " – " + _("Ordered as “%(title)s”.") % {"title": line.ordered_title}
    return text


def _when_of(line: OrderLine) -> str | None:
    """Return the date of a line as it is now, and how it has changed."""
    if line.session is None:
        return None
    parts = [
        when(line.session.starts_at),
        line.moved_text,
        _("date cancelled") if line.date_cancelled else "",
    ]
    return " – ".join(part for part in parts if part)


def replaced_codes(rows: QuerySet[ReplacedCode]) -> Section:
    """Return the table of the earlier codes of a ticket or pass."""
    return _section(
        _("Replaced codes"),
        [_("code"), _("reason"), _("replaced"), _("replaced by")],
        [
            [
                replaced.code[:8],
                replaced.get_reason_display(),
                when(replaced.replaced_at),
                replaced.replaced_by.email if replaced.replaced_by else None,
            ]
            for replaced in rows.select_related("replaced_by").order_by("-pk")[:MOST]
        ],
    )


def exchanges(rows: QuerySet[Exchange], order: Order) -> Section:
    """Return the table of the exchanges that made an order, or that its tickets went into."""
    return _section(
        _("Exchanges"),
        [_("when"), _("exchanged by"), _("order"), _("credited")],
        [
            [
                when(row.cancellation.made_at),
                row.cancellation.made_by.email if row.cancellation.made_by else None,
                _("from %(order)s") % {"order": row.cancellation.order.reference}
                if row.order_id == order.pk
                else link(row.order, row.order.reference),
                money(row.credited, order.currency),
            ]
            for row in rows.select_related("cancellation__made_by", "cancellation__order", "order").order_by(
                "pk"
            )
        ],
    )


def tickets(rows: QuerySet[Ticket]) -> Section:
    """Return the table of tickets."""
    latest = rows.select_related(*WITH_TICKET).order_by("-session__starts_at", "line_id", "pk")[:MOST]
    return _section(
        _("Tickets"),
        [_("code"), _("event"), _("date"), _("tariff"), _("name on it"), _("state")],
        [
            [
                link(ticket, ticket.code[:8]),
                ticket.session.event.title,
                when(ticket.session.starts_at),
                ticket.line.shown_tariff,
                ticket.holder_text,
                ticket.state_text,
            ]
            for ticket in latest
        ],
    )


def passes(rows: QuerySet[IssuedPass]) -> Section:
    """Return the table of season passes."""
    latest = rows.select_related(*WITH_PASS).order_by("-valid_until", "pk")[:MOST]
    return _section(
        _("Season passes"),
        [_("code"), _("season pass"), _("valid until"), _("entries left"), _("name on it"), _("state")],
        [
            [
                link(issued, issued.code[:8]),
                issued.shown_name,
                date_format(issued.valid_until, "SHORT_DATE_FORMAT"),
                issued.entries_left,
                issued.holder_text,
                issued.get_state_display(),
            ]
            for issued in latest
        ],
    )


def payments(rows: QuerySet[Payment]) -> Section:
    """Return the table of payments."""
    return _section(
        _("Payments"),
        [_("method"), _("amount"), _("payment reference"), _("state"), _("confirmed"), _("confirmed by")],
        [
            [
                link(payment, name_of(payment.method)),
                money(payment.amount, payment.currency),
                payment.reference,
                payment.state_text,
                when(payment.confirmed_at),
                payment.confirmed_by.email if payment.confirmed_by else None,
            ]
            for payment in rows.select_related("confirmed_by").prefetch_related("reversals").order_by("pk")
        ],
    )


def refunds(rows: QuerySet[Refund]) -> Section:
    """Return the table of refunds."""
    return _section(
        _("Refunds"),
        [_("amount"), _("reason"), _("state"), _("requested"), _("paid back")],
        [
            [
                link(refund, money(refund.amount, refund.payment.currency)),
                refund.get_kind_display(),
                refund.state_text,
                when(refund.requested_at),
                when(refund.done_at),
            ]
            for refund in rows.select_related("payment").order_by("pk")
        ],
    )


def disputes(rows: QuerySet[Dispute]) -> Section:
    """Return the table of disputes about payments."""
    return _section(
        _("Disputes"),
        [
            _("amount"),
            _("state"),
            pgettext("dispute", "opened"),
            pgettext("dispute", "closed"),
            _("reference at the payment service"),
        ],
        [
            [
                money(dispute.amount, dispute.payment.currency),
                dispute.get_state_display(),
                when(dispute.opened_at),
                when(dispute.closed_at),
                dispute.provider_reference,
            ]
            for dispute in rows
        ],
    )


def mails(rows: QuerySet[Mail]) -> Section:
    """Return the table of mails."""
    return _section(
        _("E-mails"),
        [_("e-mail"), _("recipient"), _("state"), _("queued"), _("sent")],
        [
            [
                link(mail, kinds.label(mail.kind)),
                mail.recipient,
                mail.get_state_display(),
                when(mail.created_at),
                when(mail.sent_at),
            ]
            for mail in rows.order_by("-created_at", "-pk")[:MOST]
        ],
    )


def _section(title: str, columns: list[str], rows: list[list[object]]) -> Section:
    note = _("The latest %(count)d.") % {"count": MOST} if len(rows) == MOST else ""
    return Section(title, columns, rows, note)


def answers_of(person: Contact) -> Section:
    """Return the table of answers about a person, the latest forms first. Sensitive answers are only on the
    pages of orders.
    """
    latest = Response.objects.filter(about=person, void=False).order_by("-pk")[:MOST]
    by_id, answers = given.read(latest.values_list("pk", flat=True))
    rows = [
        [when(by_id[pk].created_at), by_id[pk].form.name, label, text]
        for pk in sorted(by_id, reverse=True)
        for label, text in given.rows(by_id[pk], answers[pk], given.for_staff(sensitive=False))
    ]
    return Section(_("Answers"), [_("when"), _("form"), _("question"), _("answer")], rows)
