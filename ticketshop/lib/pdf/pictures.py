"""Photographs on PDF pages: cropped to their box, as JPEG, stored once per document."""

import hashlib
import io
from functools import lru_cache

from django.core.files.storage import default_storage
from PIL import Image
from reportlab.pdfbase import pdfdoc
from reportlab.pdfgen.canvas import Canvas

QUALITY = 80


@lru_cache(maxsize=32)
def cover(name: str, width: int, height: int) -> bytes:
    """Return a stored picture as JPEG of ``width`` × ``height`` pixels, cropped to fill them.

    Raises OSError if it can't be read. The result is cached: a changed picture has another name.
    """
    with default_storage.open(name) as file, Image.open(file) as stored:
        stored.draft("RGB", (width, height))
        flat = Image.new("RGB", stored.size, "white")
        picture = stored.convert("RGBA")
        flat.paste(picture, mask=picture.getchannel("A"))
    share = min(flat.width / width, flat.height / height)
    across, down = share * width, share * height
    # Crop more from below, since faces are usually in the upper half.
    left, top = (flat.width - across) / 2, (flat.height - down) * 0.4
    cut = flat.resize((width, height), Image.Resampling.LANCZOS, box=(left, top, left + across, top + down))
    written = io.BytesIO()
    cut.save(written, "JPEG", quality=QUALITY, optimize=True, progressive=False)
    return written.getvalue()


def draw_jpeg(
    canvas: Canvas, name: str, content: bytes, pixels: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    """Draw a JPEG of ``pixels`` (width, height) into ``box`` (left, bottom, width, height). Its bytes are stored once."""
    document = canvas._doc
    name = f"jpeg-{hashlib.sha256(name.encode()).hexdigest()[:16]}"  # PDF allows only certain characters in names
    resource = document.getXObjectName(name)
    if not document.hasForm(name):
        stream = pdfdoc.PDFStream(
            pdfdoc.PDFDictionary(
                {
                    "Type": pdfdoc.PDFName("XObject"),
                    "Subtype": pdfdoc.PDFName("Image"),
                    "Width": pixels[0],
                    "Height": pixels[1],
                    "BitsPerComponent": 8,
                    "ColorSpace": pdfdoc.PDFName("DeviceRGB"),
                    "Filter": pdfdoc.PDFName("DCTDecode"),
                }
            ),
            content,
            filters=[],
        )
        document.addForm(name, stream)
    left, bottom, width, height = box
    canvas.addLiteral(f"q {width:.2f} 0 0 {height:.2f} {left:.2f} {bottom:.2f} cm /{resource} Do Q")
    canvas._formsinuse.append(name)
