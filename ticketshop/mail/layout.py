"""What every mail looks like: the shop's colours, its logo, its organiser's postal address, and cards for tickets."""

import io
import logging
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from django.core.files.storage import default_storage
from PIL import Image, ImageStat

from ticketshop.lib import colour
from ticketshop.organisers.models import Organiser, PointOfSale

logger = logging.getLogger("ticketshop.mail")

DEFAULT_COLOUR = "#0b4f5c"  # that of shop.css, for mails that belong to no shop
# Secondary text and thin lines, as in shop.css.
GREYS = {
    "light": {"muted": "#57534b", "rule": "#dedace"},
    "dark": {"muted": "#b9b4aa", "rule": "#373840"},
}
LOGO_HEIGHT, LOGO_WIDTH = 56, 240  # at most, in CSS pixels; the picture has twice as many
PLATE_PADDING = 16  # around the logo, in pixels of the picture
LIGHT_PLATE, DARK_PLATE = (255, 255, 255), (20, 19, 15)
LIGHT_LOGO = 200  # mean brightness (0 to 255) from which a logo vanishes on a light plate


@dataclass(frozen=True)
class Card:
    """A ticket, a pass or a line of an order, as ``emails/parts/cards.html`` shows it. Empty values are left out."""

    title: str
    when: datetime | None = None
    where: str = ""
    detail: str = ""  # tariff, quantity, validity
    names: tuple[str, ...] = ()
    price: str = ""
    note: str = ""  # what is unusual about it, such as "cancelled"


@dataclass(frozen=True)
class Logo:
    """A shop's logo as PNG on a plate of its own, and its size in CSS pixels."""

    content: bytes
    width: int
    height: int


@lru_cache(maxsize=256)
def look(brand: str) -> dict[str, dict[str, str]]:
    """Colours by scheme (``light``, ``dark``) and name (``accent_fill``, ``ink`` …), readable for any brand colour."""
    return {
        scheme: {
            name.replace("-", "_"): value
            for name, value in {**colour.GROUNDS[scheme], **GREYS[scheme], **properties}.items()
        }
        for scheme, properties in colour.theme(brand).items()
    }


def look_of(pos: PointOfSale | None) -> dict[str, dict[str, str]]:
    """The colours of mails of this shop, or of none."""
    return look(pos.accent_colour if pos else DEFAULT_COLOUR)


def logo_of(pos: PointOfSale | None) -> Logo | None:
    """The shop's logo for a mail; None where there is none, or its file can't be read."""
    if pos is None or not pos.logo:
        return None
    try:
        return _logo(pos.logo.name)
    except OSError:
        logger.warning("logo not readable point_of_sale=%s", pos.pk)
        return None


@lru_cache(maxsize=64)
def _logo(name: str) -> Logo:
    """The stored picture as PNG: Outlook shows no WebP. A new logo has a new name, so this may be kept.

    The plate is part of the picture. A dark logo stays readable in a dark mail, also where a mail program replaces
    the colours of the page by its own; a light logo gets a dark plate.
    """
    with default_storage.open(name) as file, Image.open(file) as stored:
        picture = stored.convert("RGBA")
    picture.thumbnail((2 * LOGO_WIDTH - 2 * PLATE_PADDING, 2 * LOGO_HEIGHT - 2 * PLATE_PADDING))
    alpha = picture.getchannel("A")
    is_light = ImageStat.Stat(picture.convert("L"), mask=alpha).mean[0] >= LIGHT_LOGO
    has_ground = alpha.getextrema()[0] == 255
    plate = DARK_PLATE if is_light and not has_ground else LIGHT_PLATE
    size = (picture.width + 2 * PLATE_PADDING, picture.height + 2 * PLATE_PADDING)
    whole = Image.new("RGB", size, plate)
    whole.paste(picture, (PLATE_PADDING, PLATE_PADDING), alpha)
    written = io.BytesIO()
    whole.quantize(colors=128).save(written, "PNG", optimize=True)
    return Logo(written.getvalue(), whole.width // 2, whole.height // 2)


def postal_address(organiser: Organiser) -> str:
    """Street, postcode and town on one line; only what is known."""
    town = f"{organiser.postcode} {organiser.city}".strip()
    return ", ".join(part for part in (organiser.street, town) if part)
