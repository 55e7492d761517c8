"""The list for the door of one date: people to let in, by name, with a box to tick by hand. As PDF and as
spreadsheet.

Made on request and stored nowhere.
"""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor, black
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.lib.pdf.text import Block, Writer
from ticketshop.lib.spreadsheets.formats import Header, Xlsx
from ticketshop.lib.values.text import fold

from ..models import ERASED, HOLDER_ERASED, OPEN_STATES, WITHOUT_PERSON, Admission, Ticket
from .printed import LETTERS_AT_THE_DOOR

WIDTH, HEIGHT = A4
MARGIN = 36
GREY, LINE = HexColor("#55555d"), HexColor("#b8b8c0")
BOX = 9  # the side of the box to tick
ROW = 6  # white space between two rows
# Left edge and width of each column: name, tariff, buyer and order, code.
COLUMNS = ((MARGIN + 20, 178), (MARGIN + 204, 112), (MARGIN + 322, 128), (MARGIN + 456, 67))


def tickets(session: Session) -> list[Ticket]:
    """Return the valid and used tickets, by the last name on them, then by that of the buyer. One query."""
    rows = _rows(session).exclude(state=Admission.State.CANCELLED)
    return sorted(rows, key=_place)


def _rows(session: Session) -> QuerySet[Ticket]:
    return session.tickets.select_related(
        "order__buyer", "beneficiary", "line__offer__tariff", "session__event__venue"
    )


def _place(ticket: Ticket) -> tuple:
    buyer = ticket.order.buyer
    of_buyer = (buyer.last_name, buyer.first_name) if buyer and buyer.erasing_at is None else ("", "")
    last, first = (ticket.holder_last_name, ticket.holder_first_name) if ticket.holder else of_buyer
    return (fold(last), fold(first), ticket.order.reference, ticket.pk)


def cells(ticket: Ticket) -> tuple[str, str, str, str, str]:
    """Return name on the ticket, tariff, buyer, order reference, and the state if it is not the usual one."""
    name = ticket.holder or (str(HOLDER_ERASED) if ticket.holder_erased_at else "")
    state = "" if ticket.state == Admission.State.VALID else ticket.state_text
    buyer = ticket.order.buyer_name
    return (
        name,
        ticket.line.shown_tariff,
        buyer if buyer not in (str(ERASED), str(WITHOUT_PERSON)) else "",
        ticket.order.reference,
        state,
    )


# --- spreadsheet -------------------------------------------------------------------------------------------------
KEYS = ("last_name", "first_name", "tariff", "state", "buyer", "order", "code")


def xlsx(session: Session) -> bytes:
    """Return the list as a workbook, in the active language and time zone."""
    labels = (
        _("Last name"), _("First name"), _("Tariff"), _("State"), _("Buyer"), _("Order"), _("Code"),
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        path = Path(folder) / "door.xlsx"
        Xlsx().write(path, Header(KEYS, labels), _lines(tickets(session)))
        return path.read_bytes()


def _lines(found: Sequence[Ticket]) -> Iterator[Sequence[str]]:
    for ticket in found:
        _name, tariff, buyer, order, _state = cells(ticket)
        last = ticket.holder_last_name or (str(HOLDER_ERASED) if ticket.holder_erased_at else "")
        yield last, ticket.holder_first_name, tariff, ticket.state_text, buyer, order, ticket.code


# --- PDF ---------------------------------------------------------------------------------------------------------
def pdf(session: Session) -> bytes:
    """Return the list as A4 pages, in the active language and time zone."""
    shown_tickets = tickets(session)
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A4, pageCompression=1, lang=get_language())
    canvas.setTitle(_("List for the door: %(event)s") % {"event": session.event.title})
    canvas.setCreator("ticketshop")
    _Pages(canvas, session, len(shown_tickets)).draw(shown_tickets)
    canvas.save()
    return buffer.getvalue()


class _Pages:
    """Draws the list page by page, each with its heading and number."""

    def __init__(self, canvas: Canvas, session: Session, count: int) -> None:
        self.canvas, self.writer, self.number = canvas, Writer(canvas), 0
        self.title = session.event.title
        to_come = ngettext("%(count)d ticket", "%(count)d tickets", count) % {"count": count}
        self.about = f"{dates.when(session.starts_at)} · {to_come}"
        self.note = _("This date is cancelled.") if session.state == Session.State.CANCELLED else ""
        self.printed = _("As of %(when)s") % {"when": dates.when(timezone.now())}

    def draw(self, found: Sequence[Ticket]) -> None:
        """Draw all tickets."""
        y = self._heading()
        if not found:
            self.writer.fit(_("No tickets."), width=WIDTH - 2 * MARGIN, sizes=(11,)).draw(MARGIN, y, black)
        for ticket in found:
            blocks = self._blocks(ticket)
            height = max(block.height for block in blocks)
            if y - height < MARGIN + 20:
                self.canvas.showPage()
                y = self._heading()
            y = self._row(ticket, blocks, y, height)
        self.canvas.showPage()

    def _heading(self) -> float:
        self.number += 1
        inside = WIDTH - 2 * MARGIN
        y = HEIGHT - MARGIN
        y = self.writer.fit(self.title, width=inside, sizes=(16, 13, 11), most=2, bold=True).draw(
            MARGIN, y, black
        )
        y = self.writer.fit(self.about, width=inside, sizes=(11, 9)).draw(MARGIN, y, black)
        if self.note:
            y = self.writer.fit(self.note, width=inside, sizes=(11,), bold=True).draw(MARGIN, y, black)
        labels = (_("Name on the ticket"), _("Tariff"), _("Buyer"), _("Code"))
        y -= 10
        for label, (left, width) in zip(labels, COLUMNS, strict=True):
            self.writer.fit(label, width=width, sizes=(8.5, 7), bold=True).draw(left, y, GREY)
        foot = self.writer.fit(f"{self.printed} · {self.number}", width=inside, sizes=(8,))
        foot.draw(MARGIN, MARGIN, GREY)
        return y - 18

    def _blocks(self, ticket: Ticket) -> list[Block]:
        name, tariff, buyer, order, state = cells(ticket)
        texts = (
            (name, (11, 9.5, 8.5), True),
            (" · ".join(text for text in (tariff, state) if text), (9.5, 8.5), False),
            (f"{buyer} {order}".strip(), (9.5, 8.5), False),
            (ticket.code[:LETTERS_AT_THE_DOOR], (9.5,), False),
        )
        return [
            self.writer.fit(text, width=width, sizes=sizes, most=2, bold=bold)
            for (text, sizes, bold), (_left, width) in zip(texts, COLUMNS, strict=True)
        ]

    def _row(self, ticket: Ticket, blocks: list[Block], y: float, height: float) -> float:
        """Draw one row below ``y``. Return where the next one begins."""
        self.canvas.setStrokeColor(black)
        self.canvas.setLineWidth(0.8)
        self.canvas.rect(MARGIN, y - BOX - 2, BOX, BOX)
        if ticket.state not in OPEN_STATES:  # already used
            self.canvas.line(MARGIN, y - BOX - 2, MARGIN + BOX, y - 2)
            self.canvas.line(MARGIN, y - 2, MARGIN + BOX, y - BOX - 2)
        for block, (left, _width) in zip(blocks, COLUMNS, strict=True):
            block.draw(left, y, black)
        lower = y - height - ROW / 2
        self.canvas.setStrokeColor(LINE)
        self.canvas.setLineWidth(0.4)
        self.canvas.line(MARGIN, lower, WIDTH - MARGIN, lower)
        return lower - ROW / 2
