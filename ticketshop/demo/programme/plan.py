"""The data types of the demo's seasons: texts in two languages, and dates relative to the day of the filling."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from inspect import cleandoc
from typing import NamedTuple
from zoneinfo import ZoneInfo

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SIGNS = re.compile(r" ([:;!?»%])")


class Both(NamedTuple):
    """A text in English and French."""

    en: str
    fr: str

    def columns(self, name: str) -> dict[str, str]:
        """Return column -> text of a translated field."""
        return {f"{name}_en": self.en, f"{name}_fr": self.fr}

    def filled(self, **values: str) -> "Both":
        """Return the text with values for its ``{names}``."""
        return Both(self.en.format(**values), self.fr.format(**values))


def both(en: str, fr: str) -> Both:
    """Return a text as the modules of the demo write it, without indentation, and with no-break spaces in French."""
    bound = _SIGNS.sub("\N{NO-BREAK SPACE}\\1", cleandoc(fr)).replace("« ", "«\N{NO-BREAK SPACE}")
    return Both(cleandoc(en), bound)


class Prices(NamedTuple):
    """Prices in francs; None if there is no such tariff."""

    adult: int
    reduced: int | None = None
    child: int | None = None
    family: int | None = None


FREE = Prices(0)


@dataclass(frozen=True)
class Show:
    """An event. ``dates`` is a list such as "+1 20:00, w6 fri 19:30", see ``instant``."""

    slug: str
    category: str
    venue: str
    poster: tuple[str, int]  # kind, number of the palette
    title: Both
    teaser: Both
    text: Both
    dates: str
    minutes: int
    prices: Prices
    places: int
    vat: Decimal = Decimal("2.60")
    left: int | None = None  # number of places left at the end; None: random
    cancelled: int | None = None  # index of the cancelled date
    on_sale_in: int | None = None  # days
    demand: float = 1.0

    def instants(self, today: date, zone: ZoneInfo) -> list[datetime]:
        """Return the dates, in the order of the list."""
        return [instant(text, today, zone) for text in self.dates.split(", ")]


@dataclass(frozen=True)
class Pass:
    """A season pass. With ``shows`` (slugs) it is valid for their sessions, and on their days."""

    slug: str
    palette: int
    name: Both
    teaser: Both
    text: Both
    price: int
    places: int
    days: tuple[int, int] = (0, 0)  # valid from, until
    entries: int | None = None
    per_date: int = 1
    booking_needed: bool = False
    shows: tuple[str, ...] = ()
    demand: float = 1.0


@dataclass(frozen=True)
class House:
    """An organiser and its shop. ``organiser`` and ``shop`` are column values of these rows."""

    slug: str
    organiser: dict
    shop: dict
    texts: dict[str, Both]  # translated columns of the shop
    palettes: str
    iban: str
    # The short name of its account at the payment service; empty if it takes no cards.
    stripe_account: str
    opening_hours: str
    venues: dict[str, tuple[str, str, str, str]]  # name, street, postcode, town
    categories: dict[str, Both]
    shows: Sequence[Show]
    passes: Sequence[Pass]
    orders: int
    visitors: int
    seed: int

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone of the organiser."""
        return ZoneInfo(self.organiser["time_zone"])


def instant(text: str, today: date, zone: ZoneInfo) -> datetime:
    """“+3 20:00” is three days from ``today``, “w6 fri 20:00” the Friday of the sixth week after this one.

    Weeks with Christmas or New Year are not counted: the houses are closed.
    """
    *day, clock = text.split()
    if len(day) == 1:
        when = today + timedelta(days=int(day[0]))
    else:
        when = _monday(today, int(day[0].removeprefix("w"))) + timedelta(days=_WEEKDAYS.index(day[1]))
    return datetime.combine(when, time.fromisoformat(clock), zone)


def _monday(today: date, weeks: int) -> date:
    monday = today - timedelta(days=today.weekday())
    step = timedelta(weeks=1 if weeks > 0 else -1)
    for _ in range(abs(weeks)):
        monday += step
        while _closed(monday):
            monday += step
    return monday


def _closed(monday: date) -> bool:
    week = [monday + timedelta(days=number) for number in range(7)]
    return any((day.month, day.day) in ((12, 25), (1, 1)) for day in week)
