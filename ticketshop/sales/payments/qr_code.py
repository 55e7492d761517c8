"""The code of a QR-bill as a picture, with the Swiss cross in its middle: as SVG for pages, as PNG for mails.

Import it where it is needed: it loads libraries that few requests need.
"""

import io
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

import segno
from PIL import Image, ImageDraw

from .qr_bills import QrBill

SIZE_MM = 46  # side of the printed code
CROSS_MM = 7  # side of the Swiss cross in its middle, with its white edge
# Of the Swiss cross, in 36ths of its side, from its upper left: colour, and left, top, right, bottom.
CROSS = ((255, (0, 0, 36, 36)), (0, (2, 2, 34, 34)), (255, (15, 8, 21, 28)), (255, (8, 15, 28, 21)))


@lru_cache(maxsize=64)
def matrix(data: str) -> tuple[bytes, ...]:
    """Return the modules of the code: one row after the other, 1 for dark."""
    return tuple(bytes(row) for row in segno.make(data, error="m", encoding="utf-8", micro=False).matrix)


def svg(bill: QrBill) -> bytes:
    """Return the code with the Swiss cross as SVG, on white with a quiet zone of four modules, for pages."""
    rows = matrix(bill.data)
    count = len(rows)
    dark = "".join(
        f"M{left} {y}h{right - left}v1H{left}z"
        for y, row in enumerate(rows)
        for left, right in _dark_runs(row)
    )
    cross = CROSS_MM / SIZE_MM * count / 36
    corner = (count - 36 * cross) / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 {count + 8} {count + 8}" width="368" height="368">'
        f'<path fill="#fff" d="M-4-4h{count + 8}v{count + 8}h-{count + 8}z"/>'
        f'<path shape-rendering="crispEdges" d="{dark}"/>'
        f'<g transform="translate({corner:.4f} {corner:.4f}) scale({cross:.5f})">'
        '<path fill="#fff" d="M0 0h36v36H0z"/><path d="M2 2h32v32H2z"/>'
        '<path fill="#fff" d="M15 8h6v7h7v6h-7v7h-6v-7H8v-6h7z"/></g></svg>'
    ).encode()


def _dark_runs(row: bytes) -> Iterator[tuple[int, int]]:
    """Yield the first place of each run of dark modules, and the place after its last: a third of one shape a module."""
    left = 0
    for dark, modules in groupby(row, key=lambda module: module & 1):
        right = left + len(list(modules))
        if dark:
            yield left, right
        left = right


def png(bill: QrBill) -> bytes:
    """Return the code with the Swiss cross as PNG, on white with a quiet zone of four modules, for mails."""
    rows = matrix(bill.data)
    count, scale = len(rows), 8
    picture = Image.new("L", ((count + 8) * scale, (count + 8) * scale), 255)
    draw = ImageDraw.Draw(picture)
    for y, row in enumerate(rows):
        for x, module in enumerate(row):
            if module & 1:
                left, top = (x + 4) * scale, (y + 4) * scale
                draw.rectangle([left, top, left + scale - 1, top + scale - 1], fill=0)
    _draw_cross(draw, middle=(count + 8) * scale / 2, unit=CROSS_MM / SIZE_MM * count * scale / 36)
    content = io.BytesIO()
    picture.convert("1").save(content, "PNG", optimize=True)
    return content.getvalue()


def _draw_cross(draw: ImageDraw.ImageDraw, middle: float, unit: float) -> None:
    corner = middle - 18 * unit
    for colour, box in CROSS:
        left, top, right, bottom = (round(corner + place * unit) for place in box)
        draw.rectangle([left, top, right - 1, bottom - 1], fill=colour)
