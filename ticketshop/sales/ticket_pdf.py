"""Tickets and passes as PDF: one A5 page each, made when asked for and never stored."""

import functools
import io
from dataclasses import dataclass, replace
from pathlib import Path

import segno
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from reportlab.lib.colors import HexColor, black
from reportlab.lib.pagesizes import A5
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib import colour
from ticketshop.lib.template_tags import money

from . import answers
from .models import IssuedPass, Order, Ticket

WIDTH, HEIGHT = A5
MARGIN = 34
GREY = HexColor("#55555d")


@dataclass(frozen=True)
class Sheet:
    """What stands on one page."""

    title: str
    when: str
    where: str
    tariff: str
    price: str
    holder: str
    code: str
    number: str
    reference: str = ""
    answers: tuple[str, ...] = ()  # what a form shows on the ticket


@functools.cache
def register_fonts() -> None:
    folder = Path(__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont("Shop", folder / "DejaVuSans.ttf"))
    pdfmetrics.registerFont(TTFont("Shop-Bold", folder / "DejaVuSans-Bold.ttf"))


def render(
    order: Order, tickets: list[Ticket], passes: list[IssuedPass], *, for_holder: bool = False
) -> bytes:
    """The PDF of these tickets and passes, in the active language and time zone.

    ``for_holder``: for a person the buyer chose: without price and without the order's reference.
    """
    register_fonts()
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5, pageCompression=1, lang=order.language)
    canvas.setTitle(
        _("Tickets") if for_holder else _("Tickets for order %(reference)s") % {"reference": order.reference}
    )
    canvas.setAuthor(order.point_of_sale.name)
    canvas.setCreator("ticketshop")
    shown = answers.on_tickets([*tickets, *passes])
    for admission, sheet in [
        *((ticket, ticket_sheet(order, ticket)) for ticket in tickets),
        *((issued, pass_sheet(order, issued)) for issued in passes),
    ]:
        texts = tuple(
            _("%(label)s:") % {"label": label} + f" {text}"
            for label, text in answers.of_admission(shown, admission)
        )
        draw(
            canvas,
            order,
            replace(sheet, answers=texts, price="")
            if for_holder
            else replace(sheet, answers=texts, reference=order.reference),
        )
        canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def ticket_sheet(order: Order, ticket: Ticket) -> Sheet:
    session, venue = ticket.session, ticket.session.event.venue
    starts = timezone.localtime(session.starts_at)
    doors = (
        _("doors %(time)s") % {"time": date_format(timezone.localtime(session.doors_at), "H:i")}
        if session.doors_at
        else ""
    )
    return Sheet(
        title=ticket.line.title,
        when=" · ".join(
            part for part in (date_format(starts, "l j F Y"), date_format(starts, "H:i"), doors) if part
        ),
        where=", ".join(
            part for part in (venue.name, venue.street, f"{venue.postcode} {venue.city}".strip()) if part
        )
        if venue
        else "",
        tariff=ticket.line.tariff_name,
        price=money(ticket.line.unit_price, order.currency),
        holder=ticket.holder_text,
        code=ticket.code,
        number=_("Ticket %(number)d") % {"number": ticket.pk},
    )


def pass_sheet(order: Order, issued: IssuedPass) -> Sheet:
    when = _("Valid from %(start)s to %(end)s") % {
        "start": date_format(issued.valid_from, "j F Y"),
        "end": date_format(issued.valid_until, "j F Y"),
    }
    entries = (
        ngettext("%(count)d entry", "%(count)d entries", issued.entries_left) % {"count": issued.entries_left}
        if issued.entries_left is not None
        else _("Season pass")
    )
    return Sheet(
        issued.line.title,
        when,
        "",
        entries,
        money(issued.line.unit_price, order.currency),
        issued.holder_text,
        issued.code,
        _("Pass %(number)d") % {"number": issued.pk},
    )


def draw(canvas: Canvas, order: Order, sheet: Sheet) -> None:
    """One page: the shop, what, when and where, for whom, the code as QR and in letters."""
    accent = HexColor(colour.theme(order.point_of_sale.accent_colour)["light"]["accent"])
    canvas.setFillColor(accent)
    canvas.rect(0, HEIGHT - 12, WIDTH, 12, stroke=0, fill=1)
    y = HEIGHT - 48
    y = lines(canvas, order.point_of_sale.name, "Shop", 10, y, GREY)
    y = lines(canvas, sheet.title, "Shop-Bold", 20, y - 10, black)
    y = lines(canvas, sheet.when, "Shop-Bold", 11, y - 4, accent)
    y = lines(canvas, sheet.where, "Shop", 10, y, GREY)
    y = lines(
        canvas, " · ".join(part for part in (sheet.tariff, sheet.price) if part), "Shop", 11, y - 8, black
    )
    y = lines(canvas, sheet.holder, "Shop-Bold", 13, y - 4, black)
    size = 190
    for answer in sheet.answers:
        if y < 92 + size + 14:
            break  # the code for the door comes first: the page on the screen has everything
        y = lines(canvas, answer, "Shop", 9, y, GREY, most=1)
    qr(canvas, sheet.code, MARGIN, 92, size)
    canvas.setFillColor(black)
    canvas.setFont("Shop", 8)
    canvas.drawString(MARGIN, 78, " ".join(sheet.code[i : i + 5] for i in range(0, len(sheet.code), 5)))
    canvas.setFillColor(GREY)
    number = sheet.number
    if sheet.reference:
        number = _("%(number)s · Order %(reference)s") % {
            "number": sheet.number,
            "reference": sheet.reference,
        }
    canvas.drawString(MARGIN, 56, number)
    canvas.drawString(
        MARGIN, 42, _("Show this code at the door, on paper or on a screen. It lets one person in.")
    )


def lines(canvas: Canvas, text: str, font: str, size: int, y: float, fill, *, most: int = 3) -> float:
    """Draw text, at most so many lines; returns where the next one goes."""
    canvas.setFillColor(fill)
    canvas.setFont(font, size)
    for line in simpleSplit(text, font, size, WIDTH - 2 * MARGIN)[:most]:
        canvas.drawString(MARGIN, y, line)
        y -= size * 1.35
    return y


def qr(canvas: Canvas, code: str, x: float, y: float, size: float) -> None:
    """The code as a QR symbol, drawn as rectangles: sharp at any size. Quiet zone of four modules."""
    matrix = segno.make(code, error="m", micro=False).matrix
    module = size / (len(matrix) + 8)
    canvas.setFillColor(black)
    path = canvas.beginPath()
    for row, cells in enumerate(matrix):
        for column, dark in enumerate(cells):
            if dark:
                path.rect(x + (column + 4) * module, y + size - (row + 5) * module, module, module)
    canvas.drawPath(path, stroke=0, fill=1)
