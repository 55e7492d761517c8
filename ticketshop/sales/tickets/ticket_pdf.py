"""Tickets and passes as PDF: one A5 page each, made on request and never stored.

The texts are here; `ticket_page` draws them. It is imported with the first PDF, because few processes make one.
"""

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import IssuedPass, Order, Ticket
from . import printed
from .printed import PageContent, Printed


def render(
    order: Order,
    tickets: list[Ticket],
    passes: list[IssuedPass],
    *,
    for_holder: bool = False,
    on_roll: bool = False,
) -> bytes:
    """Return the PDF of these tickets and passes, in the active language and time zone.

    ``for_holder``: for a person other than the buyer, without price and without the order's reference. ``on_roll``: for a printer
    with paper of 80 mm, instead of A5 pages.
    """
    from . import ticket_page, ticket_roll  # noqa: PLC0415  load the PDF library

    title = (
        _("Tickets") if for_holder else _("Tickets for order %(reference)s") % {"reference": order.reference}
    )
    admissions = [*tickets, *passes]
    prices = [""] * len(admissions) if for_holder else printed.prices(admissions, order.currency)
    pages = [
        _page_content(
            order, admission, own, price, printed.position(number, len(admissions)), for_holder=for_holder
        )
        for number, (admission, own, price) in enumerate(
            zip(admissions, printed.on(admissions), prices, strict=True), 1
        )
    ]
    draw = ticket_roll.document if on_roll else ticket_page.document
    return draw(order, title, pages)


def _page_content(
    order: Order, admission: Ticket | IssuedPass, own: Printed, price: str, where: str, *, for_holder: bool
) -> PageContent:
    is_ticket = isinstance(admission, Ticket)
    sold = admission.session.event if is_ticket else admission.season_pass
    cancelled = is_ticket and admission.date_cancelled
    return PageContent(
        title=printed.marked(order, sold.title if is_ticket else admission.shown_name),
        when=_when(admission) if is_ticket else _validity(admission),
        where=_where(admission) if is_ticket else "",
        tariff=admission.line.shown_tariff if is_ticket else _entries(admission),
        price=price,
        code="" if cancelled else admission.code,
        note=_note(admission) if is_ticket else "",
        name=own.name,
        position=where,
        picture=sold.image.name or "",
        reference="" if for_holder else order.reference,
        answers=tuple(own.rows),
    )


def _when(ticket: Ticket) -> str:
    starts = timezone.localtime(ticket.session.starts_at)
    return f"{date_format(starts, 'l j F Y')} · {date_format(starts, 'H:i')}"


def _note(ticket: Ticket) -> str:
    return _("This date is cancelled.") if ticket.date_cancelled else ticket.moved_text


def _where(ticket: Ticket) -> str:
    """Return the time at which the doors open, and the venue."""
    session, venue = ticket.session, ticket.session.event.venue
    parts = []
    if session.doors_at:
        parts.append(_("doors %(time)s") % {"time": date_format(timezone.localtime(session.doors_at), "H:i")})
    if venue:
        town = f"{venue.postcode} {venue.city}".strip()
        parts.append(", ".join(part for part in (venue.name, venue.street, town) if part))
    return " · ".join(parts)


def _validity(issued: IssuedPass) -> str:
    return _("Valid from %(start)s to %(end)s") % {
        "start": date_format(issued.valid_from, "j F Y"),
        "end": date_format(issued.valid_until, "j F Y"),
    }


def _entries(issued: IssuedPass) -> str:
    if issued.entries_left is None:
        return _("Season pass")
    return ngettext("%(count)d entry", "%(count)d entries", issued.entries_left) % {
        "count": issued.entries_left
    }
