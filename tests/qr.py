"""Read QR codes from PDF files, by their pixels, like a scanner."""

import io

import zxingcpp
from PIL import Image, ImageDraw
from pypdf import PdfReader
from pypdf.generic import ContentStream

SCALE = 4  # pixels to a point


def read_all(picture: Image.Image) -> list[zxingcpp.Barcode]:
    """Return all QR codes. Other kinds are not looked for: the squares of a QR code may by chance contain a bar code."""
    return zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)


def codes_in_picture(picture: Image.Image) -> list[str]:
    return [found.text for found in read_all(picture)]


def codes_in_pdf(content: bytes) -> list[str]:
    """Return the codes on all pages, read from the filled rectangles: white ones, and all others as black."""
    reader = PdfReader(io.BytesIO(content))
    return [code for page in reader.pages for code in codes_in_picture(_rectangles(page, reader))]


def text_of_pdf(content: bytes) -> list[str]:
    """Return the text of each page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def _rectangles(page, reader: PdfReader) -> Image.Image:
    width, height = (float(page.mediabox.width), float(page.mediabox.height))
    picture = Image.new("L", (round(width * SCALE), round(height * SCALE)), 255)
    draw = ImageDraw.Draw(picture)
    fills = [0]
    for operands, operator in ContentStream(page.get_contents(), reader).operations:
        if operator == b"re":
            x, y, w, h = (float(value) for value in operands)
            box = [x * SCALE, (height - y - h) * SCALE, (x + w) * SCALE, (height - y) * SCALE]
            draw.rectangle([round(edge) for edge in box], fill=fills[-1])
        elif operator in {b"g", b"rg"}:
            fills[-1] = 255 if all(float(value) == 1 for value in operands) else 0
        elif operator == b"q":
            fills.append(fills[-1])
        elif operator == b"Q":
            fills.pop()
    return picture
