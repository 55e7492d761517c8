"""The payment part of a QR-bill with its receipt, drawn at the bottom of an A4 page, and the PDF with nothing else.

    payment_part.draw(writer, bill, "fr")      # on a page of any document, such as an invoice

Measures and fonts after the Swiss Implementation Guidelines QR-bill 2.3 (SIX), section 3. The payer's fields stay blank.
"""

import io
from collections.abc import Sequence

from chqr.constants import TRANSLATIONS
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from reportlab.lib.colors import HexColor, black, white
from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase.pdfmetrics import stringWidth
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib.pdf.text import Writer
from ticketshop.lib.values import iban, references
from ticketshop.lib.web.template_tags import money

from ..models import Order
from . import qr_code
from .qr_bills import QrBill
from .qr_code import CROSS, CROSS_MM, SIZE_MM

HEIGHT_MM = 105.0  # of receipt and payment part, from the lower edge of the page
RECEIPT_MM = 62.0  # width of the receipt
MARGIN_MM = 5.0
# The guidelines allow Helvetica, Arial, Frutiger and Liberation Sans only. Letters that Helvetica lacks are drawn by ``Writer``.
REGULAR, BOLD = "Helvetica", "Helvetica-Bold"
SCISSORS = "\u2702"  # in the font ZapfDingbats
GREY = HexColor("#55555d")


class _Column:
    """Texts below each other. ``left`` and ``y`` in millimetres from the lower left corner of the page."""

    def __init__(self, writer: Writer, left: float, top: float, width: float):
        self.writer = writer
        self.left, self.y, self.width = left, top, width

    def heading(self, text: str, size: float, leading: float) -> None:
        """Draw a bold heading."""
        self._line(text, BOLD, size, leading)

    def texts(self, texts: Sequence[str], size: float, leading: float) -> None:
        """Draw each text, in several lines where it is wider than the column."""
        for text in texts:
            for line in wrapped(text, size, self.width * mm):
                self._line(line, REGULAR, size, leading)

    def gap(self, points: float) -> None:
        """Leave room before the next heading."""
        self.y -= points / mm

    def _line(self, text: str, font: str, size: float, leading: float) -> None:
        self.y -= leading / mm
        _text(self.writer, text, self.left, self.y, font, size)


def wrapped(text: str, size: float, width: float) -> list[str]:
    """Return the lines of a text that is ``width`` points wide at most, broken between words, or within a long one."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".strip()
        if stringWidth(joined, REGULAR, size) <= width:
            lines[-1] = joined
            continue
        if lines[-1]:
            lines.append("")
        for char in word:
            if lines[-1] and stringWidth(lines[-1] + char, REGULAR, size) > width:
                lines.append("")
            lines[-1] += char
    return lines


def draw(writer: Writer, bill: QrBill, language: str) -> None:
    """Draw receipt and payment part at the bottom of the current A4 page of ``writer.canvas``, ``HEIGHT_MM`` high.

    ``writer``: the document's only one. ``language``: "en", "fr", "de" or "it"; English for any other.
    """
    words = TRANSLATIONS.get(language, TRANSLATIONS["en"])
    canvas = writer.canvas
    canvas.saveState()
    canvas.setFillColor(white)
    canvas.rect(0, 0, A4[0], HEIGHT_MM * mm, stroke=0, fill=1)
    canvas.setFillColor(black)
    _separators(canvas)
    _receipt(writer, bill, words)
    _payment_part(writer, bill, words)
    canvas.restoreState()


def _separators(canvas: Canvas) -> None:
    canvas.setLineWidth(0.3)
    canvas.line(0, HEIGHT_MM * mm, A4[0], HEIGHT_MM * mm)
    canvas.line(RECEIPT_MM * mm, 0, RECEIPT_MM * mm, HEIGHT_MM * mm)
    canvas.setFont("ZapfDingbats", 11)
    canvas.drawString(MARGIN_MM * mm, HEIGHT_MM * mm - 3.7, SCISSORS)
    canvas.saveState()
    canvas.translate(RECEIPT_MM * mm, (HEIGHT_MM - 12) * mm)
    canvas.rotate(-90)
    canvas.drawString(0, -3.7, SCISSORS)
    canvas.restoreState()


def _receipt(writer: Writer, bill: QrBill, words: dict[str, str]) -> None:
    canvas, width = writer.canvas, RECEIPT_MM - 2 * MARGIN_MM
    _text(writer, words["receipt"], MARGIN_MM, 96.5, BOLD, 11)
    column = _Column(writer, MARGIN_MM, 93.0, width)
    column.heading(words["account_payable_to"], 6, 7)
    # The guidelines let the receipt leave the street out if the rest would not fit.
    name_lines = len(wrapped(bill.name, 8, width * mm))
    address = bill.address if name_lines + len(bill.address) <= 3 else bill.address[-1:]
    column.texts([iban.grouped(bill.account), bill.name, *address], 8, 9)
    column.gap(6)
    column.heading(words["reference"], 6, 9)
    column.texts([references.in_groups(bill.reference)], 8, 9)
    column.gap(6)
    column.heading(words["payable_by_name_address"], 6, 9)
    _corners(canvas, MARGIN_MM, column.y - 1.2, 52, 20)
    _amount(writer, bill, words, left=MARGIN_MM, top=37.0, sizes=(6, 8), gap=9)
    canvas.setFont(BOLD, 6)
    canvas.drawRightString((RECEIPT_MM - MARGIN_MM) * mm, 21 * mm, words["acceptance_point"])


def _payment_part(writer: Writer, bill: QrBill, words: dict[str, str]) -> None:
    left = RECEIPT_MM + MARGIN_MM
    _text(writer, words["payment_part"], left, 96.5, BOLD, 11)
    _code(writer.canvas, bill, left, 42.0)
    _amount(writer, bill, words, left=left, top=37.0, sizes=(8, 10), gap=11)
    column = _Column(writer, left + 51, 100.0, 87)
    column.heading(words["account_payable_to"], 8, 9)
    column.texts([iban.grouped(bill.account), bill.name, *bill.address], 10, 11)
    column.gap(9)
    column.heading(words["reference"], 8, 11)
    column.texts([references.in_groups(bill.reference)], 10, 11)
    column.gap(9)
    column.heading(words["payable_by_name_address"], 8, 11)
    _corners(writer.canvas, left + 51, column.y - 1.5, 65, 25)


def _amount(writer: Writer, bill: QrBill, words, *, left, top, sizes, gap) -> None:
    amount = f"{bill.amount:,.2f}".replace(",", " ")
    for x, heading, value in (
        (left, words["currency"], bill.currency),
        (left + 17, words["amount"], amount),
    ):
        _text(writer, heading, x, top - sizes[0] / mm, BOLD, sizes[0])
        _text(writer, value, x, top - (sizes[0] + gap + 2) / mm, REGULAR, sizes[1])


def _code(canvas: Canvas, bill: QrBill, left: float, bottom: float) -> None:
    """Draw the code, as rectangles that stay sharp at any size, and the Swiss cross."""
    rows = qr_code.matrix(bill.data)
    side = SIZE_MM * mm / len(rows)
    x, top = left * mm, (bottom + SIZE_MM) * mm
    canvas.setFillColor(black)
    path = canvas.beginPath()
    for row, cells in enumerate(rows):
        start = 0
        while start < len(cells):
            end = start
            while end < len(cells) and cells[end] & 1 == cells[start] & 1:
                end += 1
            if cells[start] & 1:
                path.rect(x + start * side, top - (row + 1) * side, (end - start) * side, side)
            start = end
    canvas.drawPath(path, stroke=0, fill=1)
    unit = CROSS_MM * mm / 36
    corner = x + (SIZE_MM - CROSS_MM) / 2 * mm
    edge = top - (SIZE_MM - CROSS_MM) / 2 * mm
    for colour, (from_left, from_top, right, lower) in CROSS:
        canvas.setFillColor(white if colour else black)
        canvas.rect(
            corner + from_left * unit,
            edge - lower * unit,
            (right - from_left) * unit,
            (lower - from_top) * unit,
            stroke=0,
            fill=1,
        )
    canvas.setFillColor(black)


def _corners(canvas: Canvas, left: float, top: float, width: float, height: float) -> None:
    """Draw the corner marks of a blank field, 3 mm long."""
    canvas.setLineWidth(0.75)
    path = canvas.beginPath()
    for x, inward in ((left, 3), (left + width, -3)):
        for y, down in ((top, -3), (top - height, 3)):
            path.moveTo((x + inward) * mm, y * mm)
            path.lineTo(x * mm, y * mm)
            path.lineTo(x * mm, (y + down) * mm)
    canvas.drawPath(path, stroke=1, fill=0)


def _text(writer: Writer, text: str, x: float, y: float, font: str, size: float) -> None:
    """Draw a text on the baseline ``y``. ``x``, ``y`` in millimetres."""
    if text.encode("cp1252", "ignore").decode("cp1252") == text:
        writer.canvas.setFont(font, size)
        writer.canvas.drawString(x * mm, y * mm, text)
        return
    block = writer.fit(text, width=A4[0], sizes=(size,), bold=font == BOLD)
    block.draw(x * mm, y * mm + size, black)


def render(order: Order, bill: QrBill) -> bytes:
    """Return the PDF of an order's QR-bill, one A4 page in the active language. It is made on request and never stored."""
    content = io.BytesIO()
    language = (get_language() or order.language)[:2]
    canvas = Canvas(content, pagesize=A4, pageCompression=1, lang=language)
    title = _("QR-bill for order %(reference)s") % {"reference": order.reference}
    canvas.setTitle(title)
    canvas.setAuthor(order.point_of_sale.name)
    canvas.setCreator("ticketshop")
    writer = Writer(canvas)
    left, width = 20 * mm, A4[0] - 40 * mm
    y = writer.fit(order.point_of_sale.name, width=width, sizes=(12, 10)).draw(left, A4[1] - 25 * mm, GREY)
    y = writer.fit(title, width=width, sizes=(22, 18), most=2, bold=True).draw(left, y - 4 * mm, black)
    y -= 6 * mm
    for sentence in _sentences(order, bill):
        y = writer.fit(sentence, width=width, sizes=(11,), most=4).draw(left, y, black) - 2 * mm
    draw(writer, bill, language)
    canvas.showPage()
    canvas.save()
    return content.getvalue()


def _sentences(order: Order, bill: QrBill) -> list[str]:
    """Return what stands above the payment part."""
    return [
        _("Amount still to be paid: %(amount)s") % {"amount": money(bill.amount, bill.currency)},
        _("Scan the code with the app of your bank, or pay it at a post office."),
        _("Each QR-bill pays one order, once. The tickets come when the money has arrived."),
    ]
