"""Palettes of the posters, and a canvas with drawing functions."""

import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

SIZE = (960, 640)
_OVER = 2  # drawn at this scale and reduced, for smooth edges
_WIDTH, _HEIGHT = SIZE[0] * _OVER, SIZE[1] * _OVER

# A palette: ground, then colours from the weightiest to the lightest. Every house has six, from one set of inks.
_LAKE = {
    "night": "#11212c",
    "lake": "#0d5568",
    "mist": "#b9d6d6",
    "paper": "#f4ecda",
    "red": "#dd4b2f",
    "ochre": "#e5a530",
}
_SEA = {
    "deep": "#22143a",
    "violet": "#5a3ec8",
    "coral": "#f4664f",
    "mint": "#98dcc1",
    "sand": "#f9ecd2",
    "sun": "#f8bb3f",
}
PALETTES: dict[str, tuple[tuple[str, ...], ...]] = {
    "lake": tuple(
        tuple(_LAKE[name] for name in names.split())
        for names in (
            "lake red ochre night paper",
            "paper lake red ochre night",
            "night red mist lake paper",
            "red night paper ochre lake",
            "mist lake paper red night",
            "ochre lake red paper night",
        )
    ),
    "sea": tuple(
        tuple(_SEA[name] for name in names.split())
        for names in (
            "deep coral sun violet mint",
            "violet mint coral deep sand",
            "sand violet coral mint deep",
            "coral deep sand sun violet",
            "mint deep violet coral sand",
            "sun violet deep coral sand",
        )
    ),
}


class Canvas:
    """A canvas with drawing functions. Coordinates run from 0 to 3 (across) and 0 to 2 (down)."""

    unit = _HEIGHT / 2

    def __init__(self, palette: Sequence[str], rng: random.Random):
        self.ground, self.one, self.two, self.three, self.four = (
            tuple(bytes.fromhex(c[1:])) for c in palette
        )
        self.rng = rng
        by_light = sorted(
            (self.one, self.two, self.three, self.four), key=lambda c: 2 * c[0] + 5 * c[1] + c[2]
        )
        self.dark, self.light = by_light[0], by_light[-1]
        self.image = Image.new("RGB", (_WIDTH, _HEIGHT), self.ground)
        self.draw = ImageDraw.Draw(self.image)

    def polygon(self, points, colour) -> None:
        """Fill the polygon through ``points``."""
        self.draw.polygon([(x * self.unit, y * self.unit) for x, y in points], fill=colour)

    def box(self, left, top, right, bottom, colour, radius=0.0) -> None:
        """Fill a rectangle, with rounded corners of ``radius``."""
        corners = [value * self.unit for value in (left, top, right, bottom)]
        self.draw.rounded_rectangle(corners, radius=radius * self.unit, fill=colour)

    def disc(self, x, y, radius, colour) -> None:
        """Fill a circle around (x, y)."""
        self.slice(x, y, radius, 0, 360, colour)

    def slice(self, x, y, radius, start, end, colour) -> None:
        """A part of a disc, from `start` to `end` degrees, clockwise from the right."""
        corners = [value * self.unit for value in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.pieslice(corners, start, end, fill=colour)

    def ring(self, x, y, radius, width, colour, start=0, end=360) -> None:
        """Draw an arc of ``width`` around (x, y), from ``start`` to ``end`` degrees, clockwise from the right."""
        corners = [value * self.unit for value in (x - radius, y - radius, x + radius, y + radius)]
        self.draw.arc(corners, start, end, fill=colour, width=max(1, round(width * self.unit)))

    def ribbon(self, middle: Callable[[float], tuple[float, float]], width, colour) -> None:
        """A band of constant width along `middle`, a curve over 0 to 1."""
        points = [middle(step / 120) for step in range(121)]
        left, right = [], []
        for before, here, after in zip([points[0], *points], points, [*points[1:], points[-1]], strict=False):
            dx, dy = after[0] - before[0], after[1] - before[1]
            length = math.hypot(dx, dy) or 1.0
            nx, ny = -dy / length * width / 2, dx / length * width / 2
            left.append((here[0] + nx, here[1] + ny))
            right.append((here[0] - nx, here[1] - ny))
        self.polygon(left + right[::-1], colour)

    def mix(self, one, other, share: float) -> tuple[int, ...]:
        """Return ``one`` mixed with a share of ``other``, as if inks overlapped."""
        return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
