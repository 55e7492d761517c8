"""The layout of mails: the shop's colours, the organiser's postal address, and cards for tickets."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from ticketshop.lib import colour
from ticketshop.organisers.models import Organiser, PointOfSale

DEFAULT_COLOUR = "#0b4f5c"  # as in shop.css; for mails without a shop
# Secondary text and thin lines, as in shop.css.
GREYS = {
    "light": {"muted": "#57534b", "rule": "#dedace"},
    "dark": {"muted": "#b9b4aa", "rule": "#373840"},
}


@dataclass(frozen=True)
class Card:
    """A ticket, a pass or an order line, as ``emails/parts/cards.html`` shows it. Empty values are left out."""

    title: str
    when: datetime | None = None
    where: str = ""
    detail: str = ""  # tariff, quantity, validity
    names: tuple[str, ...] = ()
    price: str = ""
    note: str = ""  # what is unusual about it, such as "cancelled"


@lru_cache(maxsize=256)
def look(brand: str) -> dict[str, dict[str, str]]:
    """Return scheme ("light", "dark") -> name ("accent_fill", "ink" …) -> colour. Text is readable for any brand colour."""
    return {
        scheme: {
            name.replace("-", "_"): value
            for name, value in {**colour.GROUNDS[scheme], **GREYS[scheme], **properties}.items()
        }
        for scheme, properties in colour.theme(brand).items()
    }


def look_of(pos: PointOfSale | None) -> dict[str, dict[str, str]]:
    """Return the colours of the mails of this shop, or the default colours."""
    return look(pos.accent_colour if pos else DEFAULT_COLOUR)


def postal_address(organiser: Organiser) -> str:
    """Return street, postcode and town on one line; empty parts are left out."""
    town = f"{organiser.postcode} {organiser.city}".strip()
    return ", ".join(part for part in (organiser.street_line, town) if part)
