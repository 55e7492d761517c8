"""Make a readable theme from one brand colour.

An organiser picks any colour. Links, buttons and tints derived from it have enough contrast in the light and the dark scheme.
The calculation uses OKLCH: there equal steps in lightness look equal, and the hue does not change.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

# The background and text colours of shop.css. A test compares them with the stylesheet.
GROUNDS = {
    "light": {"paper": "#fbfaf6", "card": "#ffffff", "ink": "#1c1b18"},
    "dark": {"paper": "#16171b", "card": "#1f2026", "ink": "#f2efe8"},
}
WHITE = "#ffffff"
NIGHT = "#14130f"

TEXT_CONTRAST = 7.0  # links and accents on paper and cards: WCAG AAA
LABEL_CONTRAST = 4.5  # text on buttons, accents on the tint: WCAG AA
EDGE_CONTRAST = 3.0  # what outlines a control: WCAG 1.4.11

_STEP = 0.005
_HEX = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)


class Oklch(NamedTuple):
    """Lightness 0 to 1, chroma from 0, hue in radians."""

    lightness: float
    chroma: float
    hue: float


def parse(value: str) -> tuple[int, int, int]:
    """Return red, green and blue (0 to 255) of `#rrggbb` or `#rgb`. Raises ValueError for any other text."""
    match = _HEX.fullmatch(value.strip())
    if match is None:
        raise ValueError(
            f"“{value}” is no colour. Write it as # and six hexadecimal digits, for example #0b5c6b."
        )
    digits = match[1] if len(match[1]) == 6 else "".join(digit * 2 for digit in match[1])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def luminance(value: str) -> float:
    """Return the relative luminance as WCAG defines it, from 0 to 1."""
    red, green, blue = (_linear(channel / 255) for channel in parse(value))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio as WCAG defines it, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@lru_cache(maxsize=256)
def theme(brand: str) -> dict[str, dict[str, str]]:
    """Return the custom properties (name without `--` -> hex colour) of the schemes `light` and `dark`.

    accent: text and links (7:1 on paper and card, 4.5:1 on the tint). accent-fill, accent-hover: buttons.
    on-accent: text on both (4.5:1). accent-edge: outline of a button (3:1 on paper). accent-soft: the tint, on
    which text has 7:1.
    """
    return {scheme: _scheme(brand, **grounds) for scheme, grounds in GROUNDS.items()}


@lru_cache(maxsize=256)
def stylesheet(brand: str) -> str:
    """Return the theme as a stylesheet, which pages load after shop.css."""
    rules = {
        scheme: ":root{" + "".join(f"--{name}:{value};" for name, value in properties.items()) + "}"
        for scheme, properties in theme(brand).items()
    }
    return f"{rules['light']}\n@media (prefers-color-scheme:dark){{{rules['dark']}}}\n"


def fingerprint(brand: str) -> str:
    """Return a hash of the stylesheet for its URL, so that browsers may cache it for ever."""
    return hashlib.sha256(stylesheet(brand).encode()).hexdigest()[:12]


def _scheme(brand: str, *, paper: str, card: str, ink: str) -> dict[str, str]:
    base = to_oklch(brand)
    dark = luminance(paper) < luminance(ink)
    limit = 1.0 if dark else 0.0
    # The tint is nearly as light (or dark) as the page, with little chroma.
    tint = from_oklch(Oklch(0.29 if dark else 0.95, min(base.chroma, 0.035 if dark else 0.018), base.hue))
    accent = _towards(
        base,
        limit,
        lambda colour: (
            min(contrast(colour, paper), contrast(colour, card)) >= TEXT_CONTRAST
            and contrast(colour, tint) >= LABEL_CONTRAST
        ),
    )
    fill, on_fill = _fill(base)
    if dark and contrast(fill, paper) < EDGE_CONTRAST:
        fill, on_fill = accent, NIGHT  # a dark button would hardly be visible on a dark page
    darker = luminance(on_fill) > luminance(fill)
    hover = from_oklch(_shifted(to_oklch(fill), -0.06 if darker else 0.06))
    return {
        "accent": accent,
        "accent-fill": fill,
        "accent-hover": hover if contrast(hover, on_fill) >= LABEL_CONTRAST else fill,
        "accent-edge": fill if min(contrast(fill, paper), contrast(fill, card)) >= EDGE_CONTRAST else accent,
        "accent-soft": tint,
        "on-accent": on_fill,
    }


def _fill(base: Oklch) -> tuple[str, str]:
    """Return the colour of buttons and of their text: the brand colour, or the nearest one on which white or NIGHT is readable."""
    for lightness in _around(base.lightness):
        colour = from_oklch(base._replace(lightness=lightness))
        for text in (WHITE, NIGHT):
            if contrast(colour, text) >= LABEL_CONTRAST:
                return colour, text
    raise AssertionError("black carries white text, so the search cannot end here")


def _around(middle: float) -> Iterator[float]:
    yield middle
    for step in range(1, math.ceil(1 / _STEP) + 1):
        yield max(0.0, middle - step * _STEP)
        yield min(1.0, middle + step * _STEP)


def _towards(base: Oklch, limit: float, is_readable: Callable[[str], bool]) -> str:
    """Return the first colour between `base` and black (0) or white (1) for which `is_readable` is true."""
    steps = max(1, math.ceil(abs(limit - base.lightness) / _STEP))
    for step in range(steps + 1):
        share = step / steps
        colour = from_oklch(base._replace(lightness=base.lightness + (limit - base.lightness) * share))
        if is_readable(colour):
            return colour
    return WHITE if limit else "#000000"


def _shifted(colour: Oklch, change: float) -> Oklch:
    """Return the colour with its lightness changed by `change`."""
    return colour._replace(lightness=min(1.0, max(0.0, colour.lightness + change)))


def to_oklch(value: str) -> Oklch:
    """Return a hex colour in OKLCH (Björn Ottosson's OKLab in polar form)."""
    red, green, blue = (_linear(channel / 255) for channel in parse(value))
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    lightness = 0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short
    a = 1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short
    b = 0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short
    return Oklch(lightness, math.hypot(a, b), math.atan2(b, a))


def from_oklch(colour: Oklch) -> str:
    """Return `#rrggbb`. The chroma of a colour outside of sRGB is reduced until it fits."""
    low, high = 0.0, colour.chroma
    channels = _srgb(colour)
    if not _shows(channels):
        for _ in range(12):
            middle = (low + high) / 2
            if _shows(_srgb(colour._replace(chroma=middle))):
                low = middle
            else:
                high = middle
        channels = _srgb(colour._replace(chroma=low))
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, channel))):02x}" for channel in channels)


def _srgb(colour: Oklch) -> tuple[float, float, float]:
    a, b = colour.chroma * math.cos(colour.hue), colour.chroma * math.sin(colour.hue)
    long = (colour.lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (colour.lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (colour.lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _shows(channels: tuple[float, float, float]) -> bool:
    return all(-0.0005 <= channel <= 1.0005 for channel in channels)


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _gamma(channel: float) -> float:
    return 12.92 * channel if channel <= 0.0031308 else 1.055 * channel ** (1 / 2.4) - 0.055
