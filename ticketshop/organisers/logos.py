"""A shop's logo as a PNG for e-mails and tickets, on a background (plate) on which it is visible."""

import io
import logging
from dataclasses import dataclass
from functools import lru_cache

from django.core.files.storage import default_storage

from .models import PointOfSale

logger = logging.getLogger("ticketshop.organisers")

MOST_HEIGHT, MOST_WIDTH = 56, 240  # in CSS pixels; the picture has twice as many
PADDING = 16  # around the logo, in pixels of the picture
LIGHT_PLATE, DARK_PLATE = (255, 255, 255), (20, 19, 15)
LIGHT_LOGO = 200  # mean brightness (0 to 255) from which a logo vanishes on a light plate


@dataclass(frozen=True)
class Logo:
    """The PNG, its size in CSS pixels, and whether its plate is light."""

    content: bytes
    width: int
    height: int
    on_light: bool


def of(pos: PointOfSale | None) -> Logo | None:
    """Return the shop's logo; None if it has none or the file can't be read."""
    if pos is None or not pos.logo:
        return None
    try:
        return _logo(pos.logo.name)
    except OSError:
        logger.warning("logo not readable point_of_sale=%s", pos.pk)
        return None


@lru_cache(maxsize=64)
def _logo(name: str) -> Logo:
    """Return the stored picture as a PNG, because Outlook does not show WebP. Cached: a new logo has a new file name.

    The plate is part of the picture, so that a dark logo stays readable where a mail program replaces the colours of the page.
    A light logo gets a dark plate.
    """
    from PIL import Image, ImageStat  # noqa: PLC0415  needed if a shop has a logo

    with default_storage.open(name) as file, Image.open(file) as stored:
        picture = stored.convert("RGBA")
    picture.thumbnail((2 * MOST_WIDTH - 2 * PADDING, 2 * MOST_HEIGHT - 2 * PADDING))
    alpha = picture.getchannel("A")
    is_light = ImageStat.Stat(picture.convert("L"), mask=alpha).mean[0] >= LIGHT_LOGO
    is_opaque = alpha.getextrema()[0] == 255
    on_light = is_opaque or not is_light
    size = (picture.width + 2 * PADDING, picture.height + 2 * PADDING)
    canvas = Image.new("RGB", size, LIGHT_PLATE if on_light else DARK_PLATE)
    canvas.paste(picture, (PADDING, PADDING), alpha)
    written = io.BytesIO()
    canvas.quantize(colors=128).save(written, "PNG", optimize=True)
    return Logo(written.getvalue(), canvas.width // 2, canvas.height // 2, on_light)
