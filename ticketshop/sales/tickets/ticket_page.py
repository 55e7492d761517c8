"""The pages of the PDF with tickets and passes."""

import io
import itertools
from collections.abc import Iterator, Sequence

import segno
from django.utils.translation import gettext as _
from reportlab import rl_config
from reportlab.lib.colors import HexColor, black
from reportlab.lib.pagesizes import A5
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib import colour
from ticketshop.lib.pdf import pictures
from ticketshop.lib.pdf.text import LEADING, Block, Writer
from ticketshop.lib.web.template_tags import colon
from ticketshop.organisers import logos

from ..models import Order
from .printed import PageContent

rl_config.useA85 = 0  # binary streams are a quarter smaller than ASCII85 ones
WIDTH, HEIGHT = A5
MARGIN = 30
INSIDE = WIDTH - 2 * MARGIN
GREY = HexColor("#55555d")
PICTURE = 138  # height of the event's picture
PIXELS = (1050, 345)  # the same shape, 180 dots an inch
BAND = 196  # height of the coloured band with the title, in place of a picture
STRIPE = 6
LOGO = 34  # height of the logo's plate, at most
CODE = 206  # side of the QR symbol; the page around it is its quiet zone
CODE_BOTTOM = 72
GAP = 30  # four modules of the symbol stay white


def document(order: Order, title: str, pages: Sequence[PageContent]) -> bytes:
    """Return the PDF with these pages, in the language of the order."""
    buffer = io.BytesIO()
    canvas = Canvas(buffer, pagesize=A5, pageCompression=1, lang=order.language)
    canvas.setTitle(title)
    canvas.setAuthor(order.point_of_sale.name)
    canvas.setCreator("ticketshop")
    page = Page(canvas, order)
    for page_content in pages:
        page.draw(page_content)
    canvas.save()
    return buffer.getvalue()


class Page:
    """Draws the pages of one document for one shop."""

    def __init__(self, canvas: Canvas, order: Order) -> None:
        self.canvas = canvas
        self.writer = Writer(canvas)
        self.shop = order.point_of_sale.name
        self.logo = logos.of(order.point_of_sale)
        look = colour.theme(order.point_of_sale.accent_colour)["light"]
        self.accent, self.fill = HexColor(look["accent"]), HexColor(look["accent-fill"])
        self.on_fill = HexColor(look["on-accent"])

    def draw(self, page_content: PageContent) -> None:
        """Draw one page: picture, shop, title, date and venue; below them the code, beside it name, tariff and price."""
        bottom = CODE_BOTTOM + CODE + 14
        place = self.writer.fit(page_content.where, width=INSIDE, sizes=(10.5, 9, 8), most=2)
        when = self.writer.fit(page_content.when, width=INSIDE, sizes=(14, 12, 10), bold=True)
        note = self.writer.fit(page_content.note, width=INSIDE, sizes=(11, 10, 9), most=3, bold=True)
        below = when.height + note.height + place.height
        content = _picture(page_content.picture)
        if content:
            y = self._shop(page_content, self._photograph(page_content.picture, content) - 12) - 4
            title = self._title(page_content.title, y - bottom - below - 6)
            y = title.draw(MARGIN, y, black)
        else:
            y = self._shop(page_content, self._band(page_content.title) - 12) - 4
        y = when.draw(MARGIN, y - 2, self.accent)
        if page_content.note:
            y = note.draw(MARGIN, y - 2, black)
        place.draw(MARGIN, y - 2, GREY)
        self._beside(page_content, CODE_BOTTOM + CODE)
        self._code(page_content)
        self.canvas.showPage()

    def _photograph(self, name: str, content: bytes) -> float:
        """Draw the event's picture across the page. Return the lower edge of the stripe below it."""
        box = (0, HEIGHT - PICTURE, WIDTH, PICTURE)
        pictures.draw_jpeg(self.canvas, name, content, PIXELS, box)
        return self._fill(HEIGHT - PICTURE, STRIPE)

    def _band(self, title: str) -> float:
        """Draw the title on the shop's colour, in place of a picture. Return the lower edge."""
        lower = self._fill(HEIGHT, BAND)
        block = self._title(title, BAND - 44)
        block.draw(MARGIN, lower + 20 + block.height, self.on_fill)
        return lower

    def _fill(self, top: float, height: float) -> float:
        self.canvas.setFillColor(self.fill)
        self.canvas.rect(0, top - height, WIDTH, height, stroke=0, fill=1)
        return top - height

    def _shop(self, page_content: PageContent, y: float) -> float:
        """Draw the shop's logo or name on the left, “2 of 4” on the right. Return the lower edge."""
        position = self.writer.fit(page_content.position, width=INSIDE / 3, sizes=(13, 10), bold=True)
        width = INSIDE - (position.width + GAP if page_content.position else 0)
        height = 0.0
        if self.logo:
            height = min(LOGO, self.logo.height * width / self.logo.width)
            scale = height / self.logo.height
            # The light background of the logo has an invisible margin.
            left = MARGIN - (logos.PADDING / 2 * scale if self.logo.on_light else 0)
            self._logo(left, y - height, self.logo.width * scale, height)
        else:
            name = self.writer.fit(self.shop, width=width, sizes=(11, 9, 8), bold=True)
            height = name.draw(MARGIN, y, GREY) and name.height
        position.draw(WIDTH - MARGIN, y - max(0, (height - position.height) / 2), self.accent, align="right")
        return y - max(height, position.height)

    def _logo(self, left: float, bottom: float, width: float, height: float) -> None:
        name = "logo"
        if not self.canvas.hasForm(name):
            self.canvas.beginForm(name, 0, 0, 1, 1)
            self.canvas.drawImage(ImageReader(io.BytesIO(self.logo.content)), 0, 0, 1, 1)
            self.canvas.endForm()
        self.canvas.saveState()
        self.canvas.translate(left, bottom)
        self.canvas.scale(width, height)
        self.canvas.doForm(name)
        self.canvas.restoreState()

    def _title(self, title: str, room: float) -> Block:
        """Return the title as large as fits into this height, in at most four lines. Words are broken only if
        unavoidable.
        """
        sizes = (30, 26, 22, 19, 16, 14, 12)
        blocks = []
        for size in sizes:
            most = max(1, min(4, int(room / (size * LEADING))))
            block = self.writer.fit(title, width=INSIDE, sizes=(size,), most=most, bold=True)
            if not block.cut and not block.broken and block.height <= room:
                return block
            blocks.append(block)
        return next((block for block in blocks if not block.cut and block.height <= room), blocks[-1])

    def _beside(self, page_content: PageContent, top: float) -> None:
        """Draw name, tariff, price and answers in the column beside the code."""
        left = MARGIN + CODE + GAP
        width = WIDTH - MARGIN - left
        y = top - 8
        for text, sizes, most, bold, tint, gap in (
            (page_content.name, (16, 14, 12, 10), 3, True, black, 6),
            (page_content.tariff, (11.5, 10, 9), 3, False, black, 2),
            (page_content.price, (11.5, 10, 9), 2, False, GREY, 8),
        ):
            block = self.writer.fit(text, width=width, sizes=sizes, most=most, bold=bold)
            if block.lines:
                y = block.draw(left, y, tint) - gap
        self._answers(page_content, left, width, y)

    def _answers(self, page_content: PageContent, left: float, width: float, y: float) -> None:
        """Draw the answers that fit; the last line tells where the others are."""
        size, floor = 8.5, CODE_BOTTOM
        for number, (label, text) in enumerate(page_content.answers):
            room = int((y - floor) / (size * 1.3)) - (number < len(page_content.answers) - 1)
            name = self.writer.fit(str(colon(label)), width=width, sizes=(size,), most=2, bold=True)
            lines = min(6, room - len(name.lines))
            if lines < 1:
                more = _("More answers: on the page of your order")
                self.writer.fit(more, width=width, sizes=(size, 7, 6)).draw(left, y, GREY)
                return
            y = name.draw(left, y, GREY)
            y = self.writer.fit(text, width=width, sizes=(size,), most=lines).draw(left, y, black) - 3

    def _code(self, page_content: PageContent) -> None:
        """Draw the code as QR symbol and in letters, with its instructions."""
        y = 46.0
        if page_content.code:
            qr(self.canvas, page_content.code, MARGIN, CODE_BOTTOM, CODE)
            groups = " ".join(
                page_content.code[start : start + 5] for start in range(0, len(page_content.code), 5)
            )
            self.writer.fit(groups, width=CODE, sizes=(9, 8, 7)).draw(MARGIN, CODE_BOTTOM - 4, black)
            hint = _("Show this code at the door, on paper or on a screen. It lets one person in.")
            y = self.writer.fit(hint, width=INSIDE, sizes=(8.5, 7.5)).draw(MARGIN, y, GREY)
        if page_content.reference:
            order = _("Order %(reference)s") % {"reference": page_content.reference}
            self.writer.fit(f"{order} · {self.shop}", width=INSIDE, sizes=(8.5, 7)).draw(MARGIN, y, GREY)


def _picture(name: str) -> bytes:
    """Return the picture as JPEG; empty without a picture or if its file can't be read."""
    try:
        return pictures.cover(name, *PIXELS) if name else b""
    except OSError:
        return b""


def qr(canvas: Canvas, code: str, x: float, y: float, size: float) -> None:
    """Draw the code as a QR symbol without its quiet zone, as rectangles that stay sharp at any size."""
    matrix = segno.make(code, error="m", micro=False).matrix
    count = len(matrix)
    # Counted in modules from the upper left. Adjacent dark modules are one rectangle, so that no hairlines
    # appear.
    rectangles = [
        f"{start} {row} {end - start} 1 re" for row, cells in enumerate(matrix) for start, end in _dark(cells)
    ]
    scale = size / count
    canvas.addLiteral(
        f"q 0 g {scale:.4f} 0 0 {-scale:.4f} {x:.2f} {y + size:.2f} cm {' '.join(rectangles)} f Q"
    )


def _dark(cells: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield start and end of each group of adjacent dark modules in a row."""
    place = 0
    for is_dark, group in itertools.groupby(cells):
        length = len(list(group))
        if is_dark:
            yield place, place + length
        place += length
