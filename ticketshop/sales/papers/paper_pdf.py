"""A receipt, invoice or credit note as PDF on A4, in the active language. As many pages as its lines need."""

import io
from collections.abc import Callable, Sequence

from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor, black
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib import colour
from ticketshop.lib.pdf.text import Block, Writer
from ticketshop.lib.web.template_tags import money, rate
from ticketshop.organisers import logos
from ticketshop.organisers.models import PointOfSale

from ..payments import payment_part
from ..payments.qr_bills import QrBill
from .paper import Paper, PaperLine, Section

rl_config.useA85 = 0
WIDTH, HEIGHT = A4
LEFT, RIGHT = 56, WIDTH - 50
INSIDE = RIGHT - LEFT
TOP, FOOT = HEIGHT - 48, 64  # the first line of a page; the last line of its content
BILL = payment_part.HEIGHT_MM * mm  # upper edge of the QR-bill
ADDRESS = HEIGHT - 150  # upper edge of the recipient's address, in the left window of an envelope
GREY, RULE = HexColor("#55555d"), HexColor("#b8b8c0")
SIZES = (9.5, 9, 8)
# Right edges of the columns of figures; the text on the left ends at ``TEXT``.
TEXT = 246
QUANTITY, PRICE, RATE, TOTAL = LEFT + 286, LEFT + 372, LEFT + 416, RIGHT


def render(paper: Paper, pos: PointOfSale) -> bytes:
    """Return the PDF. ``pos``: whose logo and colour it has."""
    pages = _Drawing(paper, pos, pages=0).draw()[1]
    return _Drawing(paper, pos, pages=pages).draw()[0]


class _Drawing:
    """One document. ``pages``: their number, for “1 of 2”; 0 in the first pass, which counts them."""

    def __init__(self, paper: Paper, pos: PointOfSale, *, pages: int) -> None:
        self.paper, self.pos, self.pages = paper, pos, pages
        self.buffer = io.BytesIO()
        # Without the instant of writing and a random id: the same paper gives the same bytes.
        self.canvas = Canvas(
            self.buffer, pagesize=A4, pageCompression=1, lang=get_language() or "en", invariant=1
        )
        self.canvas.setTitle(" ".join([paper.title, paper.facts[0][1]]))
        self.canvas.setAuthor(paper.seller[0])
        self.canvas.setCreator("ticketshop")
        self.writer = Writer(self.canvas)
        self.accent = HexColor(colour.theme(pos.accent_colour)["light"]["accent"])
        self.number = 1
        self.y, self.foot = TOP, 44.0

    def draw(self) -> tuple[bytes, int]:
        """Draw everything. Return the file and the number of its pages."""
        self._head()
        self._table_head()
        for line in self.paper.lines:
            self._line(line)
        self._total()
        if self.paper.rates:
            self._rates()
        for section in self.paper.sections:
            self._section(section)
        if self.paper.instructions:
            self._instructions()
        for note in self.paper.notes:
            self._paragraph(note)
        if self.paper.qr_bill:
            self._qr_bill(self.paper.qr_bill)
        self._foot()
        self.canvas.showPage()
        self.canvas.save()
        return self.buffer.getvalue(), self.number

    # --- the first page ----------------------------------------------------------------------------------
    def _head(self) -> None:
        """Draw the shop on the left, the seller on the right, the recipient, title and facts."""
        right = LEFT + INSIDE * 0.56
        width = RIGHT - right
        y = TOP
        for number, text in enumerate(self.paper.seller):
            block = self._fit(text, width, most=3, bold=number == 0)
            y = block.draw(right, y, black if number == 0 else GREY)
        lowest = min(y, self._shop())
        if self.paper.recipient:
            y = ADDRESS
            for text in self.paper.recipient:
                y = self._fit(text, INSIDE * 0.5, most=2, sizes=(10.5, 9.5, 8.5)).draw(LEFT, y, black)
            lowest = min(lowest, y, ADDRESS - 56)
        title = self.writer.fit(self.paper.title, width=INSIDE, sizes=(20, 16, 13), most=2, bold=True)
        self.y = title.draw(LEFT, lowest - 28, self.accent) - 6
        for label, value in self.paper.facts:
            self._fact(label, value)
        self.y -= 14

    def _shop(self) -> float:
        """Draw the shop's logo, or its name. Return the lower edge."""
        logo = logos.of(self.pos)
        if logo is None:
            name = self.writer.fit(self.pos.name, width=INSIDE * 0.5, sizes=(13, 11, 9), most=3, bold=True)
            return name.draw(LEFT, TOP, self.accent)
        scale = min(1.0, 44 / logo.height, INSIDE * 0.45 / logo.width)
        width, height = logo.width * scale, logo.height * scale
        left = LEFT - (logos.PADDING / 2 * scale if logo.on_light else 0)
        self.canvas.drawImage(ImageReader(io.BytesIO(logo.content)), left, TOP - height, width, height)
        return TOP - height

    def _fact(self, label: str, value: str) -> None:
        name = self._fit(label, 110, most=2)
        text = self._fit(value, INSIDE - 120, most=2)
        self.y = min(name.draw(LEFT, self.y, GREY), text.draw(LEFT + 120, self.y, black)) - 1

    # --- lines -------------------------------------------------------------------------------------------
    def _table_head(self) -> None:
        heads = [(pgettext("how many", "Number"), QUANTITY), (_("Price"), PRICE), (_("Total"), TOTAL)]
        if self.paper.rates:
            heads.insert(2, (_("VAT"), RATE))
        self._fit(_("What was bought"), TEXT, sizes=(8.5, 7.5)).draw(LEFT, self.y, GREY)
        for text, right in heads:
            self._fit(text, 70, sizes=(8.5, 7.5, 6.5)).draw(right, self.y, GREY, align="right")
        self.y -= 14
        self._rule()

    def _line(self, line: PaperLine) -> None:
        title = self._fit(line.title, TEXT, most=3, bold=True)
        detail = self._fit(line.detail, TEXT, most=3, sizes=(8.5, 8, 7.5))
        self._room(title.height + detail.height + 8, again=self._table_head)
        top = self.y
        cells = [(str(line.quantity), QUANTITY, 40), (self._money(line.unit_price), PRICE, 80)]
        if self.paper.rates:
            cells.append((rate(line.rate) if line.rate is not None else "", RATE, 42))
        for text, right, width in [*cells, (self._money(line.total), TOTAL, 68)]:
            self._fit(text, width, sizes=(9.5, 8.5, 7.5, 6.5, 5.5)).draw(right, top, black, align="right")
        self.y = detail.draw(LEFT, title.draw(LEFT, top, black), GREY) - 4
        self._rule()

    def _total(self) -> None:
        self._room(30)
        self.y -= 2
        self._fit(_("Total"), 200, sizes=(11.5,), bold=True).draw(LEFT, self.y, black)
        amount = self._fit(self._money(self.paper.total), 180, sizes=(11.5, 10, 8.5), bold=True)
        self.y = amount.draw(TOTAL, self.y, black, align="right") - 12

    # --- VAT, payments, notes ----------------------------------------------------------------------------
    def _rates(self) -> None:
        rows = [
            (rate(row.rate), *map(self._money, (row.net, row.vat, row.gross))) for row in self.paper.rates
        ]
        sums = map(self._money, (self.paper.net_total, self.paper.vat_total, self.paper.total))
        self._room(14 * (len(rows) + 3))
        heads = (_("VAT rate"), _("Net"), _("VAT"), _("Gross"))
        self._row(heads, GREY)
        for cells in rows:
            self._row(cells, black)
        if len(rows) > 1:
            self._row((_("Together"), *sums), black, bold=True)
        self.y -= 10

    def _row(self, cells: Sequence[str], tint: Color, *, bold: bool = False) -> None:
        self._fit(cells[0], 120, sizes=(8.5, 7.5), bold=bold).draw(LEFT, self.y, tint)
        for text, right in zip(cells[1:], (LEFT + 210, LEFT + 300, LEFT + 390), strict=True):
            block = self._fit(text, 86, sizes=(8.5, 7.5, 6.5), bold=bold)
            block.draw(right, self.y, tint, align="right")
        self.y -= 13

    def _section(self, section: Section) -> None:
        self._room(34)
        self.y = self._fit(section.title, INSIDE, bold=True).draw(LEFT, self.y, black) - 2
        for movement in section.movements:
            text = self._fit(movement.text, INSIDE - 120, most=3)
            self._room(text.height)
            amount = self._fit(self._money(movement.amount), 110)
            amount.draw(TOTAL, self.y, black, align="right")
            self.y = text.draw(LEFT, self.y, black) - 1
        self.y -= 9

    def _instructions(self) -> None:
        self._room(30 + 14 * len(self.paper.instructions))
        self.y = self._fit(_("How to pay"), INSIDE, bold=True).draw(LEFT, self.y, black) - 2
        for label, value in self.paper.instructions:
            self._fact(label, value)
        self.y -= 9

    def _paragraph(self, text: str) -> None:
        block = self._fit(text, INSIDE, most=12, sizes=(8.5,))
        self._room(block.height)
        self.y = block.draw(LEFT, self.y, GREY) - 3

    def _qr_bill(self, bill: QrBill) -> None:
        """Draw the QR-bill at the bottom of this page, or of another one if there is text already."""
        self._room(BILL + 24 - FOOT)
        self.foot = BILL + 10
        payment_part.draw(self.writer, bill, (get_language() or "en")[:2])

    # --- pages -------------------------------------------------------------------------------------------
    def _room(self, height: float, again: Callable[[], None] | None = None) -> None:
        """Begin another page if ``height`` does not fit on this one; ``again`` draws the head of a table anew."""
        if self.y - height >= FOOT:
            return
        self._foot()
        self.canvas.showPage()
        self.number += 1
        self.y = TOP
        self._fit(self._name(), INSIDE).draw(LEFT, self.y, GREY)
        self.y -= 28
        if again:
            again()

    def _name(self) -> str:
        return f"{self.paper.title} {self.paper.facts[0][1]}"

    def _foot(self) -> None:
        """Draw the seller and, if there are several pages, which one this is."""
        where = ""
        if self.pages > 1:
            where = _("Page %(number)d of %(count)d") % {"number": self.number, "count": self.pages}
        text = " · ".join([self.paper.seller[0], self._name()])
        self._fit(text, INSIDE - 90, sizes=(8, 7, 6)).draw(LEFT, self.foot, GREY)
        self._fit(where, 84, sizes=(8, 7, 6)).draw(RIGHT, self.foot, GREY, align="right")

    def _rule(self) -> None:
        self.canvas.setStrokeColor(RULE)
        self.canvas.setLineWidth(0.5)
        self.canvas.line(LEFT, self.y, RIGHT, self.y)
        self.y -= 4

    def _fit(
        self, text: str, width: float, *, most: int = 1, sizes: Sequence[float] = SIZES, bold: bool = False
    ) -> Block:
        return self.writer.fit(text, width=width, sizes=sizes, most=most, bold=bold)

    def _money(self, amount) -> str:
        return money(amount, self.paper.currency)
