"""Curves over the days of a period, as coordinates for SVG. The template draws them without a script; a table beside them has the
same numbers.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil, floor, log10

from django.utils.formats import date_format

# The size of the drawing in its own units, and the room for labels at the left, right, top and below.
WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BELOW = 90, 44, 16, 36
# The most labels below and at the left.
DAYS_NAMED, STEPS = 6, 5

Number = int | Decimal


@dataclass(frozen=True)
class Label:
    """A text at a place."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A curve. ``kind``: the end of its CSS class, which sets colour and dashes; ``points``: for a polyline; ``dots``: for a period of one day."""

    name: str
    kind: str
    points: str
    dots: list[Label]


@dataclass(frozen=True)
class Curves:
    """A drawing: its title, its lines, the labels of both axes. ``zero``: where zero is."""

    title: str
    lines: list[Line]
    heights: list[Label]
    days: list[Label]
    zero: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    end: int = WIDTH - RIGHT


def draw(
    title: str,
    days: Sequence[date],
    values: Sequence[tuple[str, Sequence[Number]]],
    text: Callable[[Number], str],
) -> Curves:
    """Return the curves of these values, each (name, a number for each day). ``text``: writes a number at the axis."""
    highest = max((number for _name, numbers in values for number in numbers), default=0)
    lowest = min((number for _name, numbers in values for number in numbers), default=0)
    marks = _marks(min(float(lowest), 0.0), max(float(highest), 0.0))
    low, high = marks[0], marks[-1]

    def place(number: float) -> float:
        return round(HEIGHT - BELOW - (number - low) / (high - low) * (HEIGHT - TOP - BELOW), 1)

    lines = [
        _line(
            name, kind, [(_across(at, len(days)), place(float(number))) for at, number in enumerate(numbers)]
        )
        for kind, (name, numbers) in zip("abc", values, strict=False)
    ]
    heights = [Label(LEFT - 8, place(mark), text(int(mark))) for mark in marks]
    return Curves(title, lines, heights, _named(days), place(0.0))


def _across(number: int, count: int) -> float:
    """Return where the day with this number is, from left to right; a single day is in the middle."""
    room = WIDTH - LEFT - RIGHT
    return round(LEFT + (room / 2 if count == 1 else room * number / (count - 1)), 1)


def _line(name: str, kind: str, places: list[tuple[float, float]]) -> Line:
    dots = [Label(x, y, "") for x, y in places] if len(places) == 1 else []
    return Line(name, kind, " ".join(f"{x},{y}" for x, y in places), dots)


def _marks(lowest: float, highest: float) -> list[float]:
    """Return round numbers from at most ``lowest`` to at least ``highest``: steps of 1, 2 or 5 times a power of ten, never below 1."""
    wide = max(highest - lowest, 1.0)
    power = 10 ** floor(log10(wide / STEPS)) if wide > STEPS else 1
    step = next(size * power for size in (1, 2, 5, 10) if wide / (size * power) <= STEPS)
    first, last = floor(lowest / step), max(ceil(highest / step), floor(lowest / step) + 1)
    return [number * step for number in range(first, last + 1)]


def _named(days: Sequence[date]) -> list[Label]:
    """Return the labels of some days, evenly spread, with the first and the last one."""
    count = min(len(days), DAYS_NAMED)
    numbers = sorted({round(at * (len(days) - 1) / max(count - 1, 1)) for at in range(count)})
    y = HEIGHT - 8
    return [Label(_across(at, len(days)), y, date_format(days[at], "j N")) for at in numbers]
