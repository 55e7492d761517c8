"""Tickets and passes for the printer of a counter: a page of 80 mm width for each, as long as its texts."""

import io
from collections.abc import Sequence

from django.utils.translation import gettext as _
from reportlab.lib.colors import black
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib.pdf.text import Block, Writer
from ticketshop.lib.web.template_tags import colon

from ..models import Order
from .printed import PageContent
from .ticket_page import qr

WIDTH = 80 * mm
MARGIN = 4 * mm
INSIDE = WIDTH - 2 * MARGIN
CODE = 44 * mm
# White above the first line and below the last one, where the printer cuts.
EDGE = 5 * mm
# Text, sizes from the largest to the smallest, most lines, bold, and the space below.
Line = tuple[str, tuple[float, ...], int, bool, float]


def document(order: Order, title: str, pages: Sequence[PageContent]) -> bytes:
    """Return the PDF with these pages, in the language of the order."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pageCompression=1, lang=order.language)
    canvas.setTitle(title)
    canvas.setAuthor(order.point_of_sale.name)
    canvas.setCreator("ticketshop")
    writer = Writer(canvas)
    for page_content in pages:
        _draw(canvas, writer, order, page_content)
    canvas.save()
    return buffer.getvalue()


def _lines(order: Order, page_content: PageContent) -> list[Line]:
    """Return the texts above the code."""
    price = " · ".join(text for text in (page_content.tariff, page_content.price) if text)
    lines: list[Line] = [
        (order.point_of_sale.name, (9, 8), 2, False, 4),
        (page_content.title, (16, 14, 12), 4, True, 4),
        (page_content.when, (12, 11, 10), 2, True, 2),
        (page_content.note, (10, 9), 3, True, 2),
        (page_content.where, (9, 8), 4, False, 6),
        (page_content.name, (13, 11, 10), 3, True, 2),
        (price, (10, 9), 3, False, 2),
        (page_content.position, (9, 8), 1, False, 2),
    ]
    lines += [(f"{colon(label)} {text}", (8, 7), 6, False, 2) for label, text in page_content.answers]
    return lines


def _below(page_content: PageContent) -> list[Line]:
    """Return the texts below the code."""
    code = page_content.code
    groups = " ".join(code[start : start + 5] for start in range(0, len(code), 5))
    order = _("Order %(reference)s") % {"reference": page_content.reference} if page_content.reference else ""
    return [(groups, (8, 7), 3, False, 3), (order, (8, 7), 1, False, 0)]


def _draw(canvas: Canvas, writer: Writer, order: Order, page_content: PageContent) -> None:
    def fit(lines: list[Line]) -> list[tuple[Block, float]]:
        """Return the blocks of the texts that are not empty, with the space below each."""
        return [
            (writer.fit(text, width=INSIDE, sizes=sizes, most=most, bold=bold), gap)
            for text, sizes, most, bold, gap in lines
            if text
        ]

    above, below = fit(_lines(order, page_content)), fit(_below(page_content))
    code = CODE + 6 * mm if page_content.code else 0
    height = 2 * EDGE + code + sum(block.height + gap for block, gap in [*above, *below])
    canvas.setPageSize((WIDTH, height))
    y = height - EDGE
    for block, gap in above:
        y = block.draw(MARGIN, y, black) - gap
    if page_content.code:
        qr(canvas, page_content.code, (WIDTH - CODE) / 2, y - CODE - 3 * mm, CODE)
        y -= code
    for block, gap in below:
        y = block.draw(MARGIN, y, black) - gap
    canvas.showPage()
