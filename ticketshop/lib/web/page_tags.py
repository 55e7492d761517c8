"""Template filters and tags of the shop's pages."""

import io
from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.dateformat import DateFormat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from . import piece_cache

register = template.Library()
register.simple_tag(piece_cache.piece)


def quantities(most: int, least: int = 1) -> list[int]:
    """Return the numbers of a quantity list: 0, and from `least` to `most`."""
    return [0, *range(max(1, least), most + 1)]


@register.simple_tag
def quantity_options(most: int, least: int = 1, selected: int | None = None) -> SafeString:
    """Return the options of a quantity list as HTML. A loop in the template would take ten times as long."""
    numbers = (
        (SafeString(" selected") if number == selected else "", number) for number in quantities(most, least)
    )
    return format_html_join("", "<option{}>{}</option>", numbers)


class Moment:
    """The parts of an instant in the page's time zone and language, computed once."""

    def __init__(self, when: datetime):
        # HTML allows no more than milliseconds.
        local = DateFormat(timezone.localtime(when).replace(microsecond=0))
        self.iso, self.time = local.c(), local.format("H:i")
        self.weekday, self.day, self.month = local.l(), str(local.j()), local.F()


@register.filter
def moment(when: datetime) -> Moment:
    """Return the parts of an instant: ``iso``, ``weekday``, ``day``, ``month`` and ``time``."""
    return Moment(when)


@register.filter
def seconds_until(when: datetime | None) -> int:
    """Return whole seconds from now, at least 0. Countdowns use it, since the visitor's clock may be wrong."""
    return max(0, int((when - timezone.now()).total_seconds())) if when else 0


@register.filter
def qr(code: str) -> SafeString:
    """Return a QR code as inline SVG, hidden from screen readers: the page shows the code as text, too."""
    import segno  # noqa: PLC0415  pages without a ticket do not need it

    picture = io.BytesIO()
    segno.make(code, error="m", micro=False).save(
        picture,
        kind="svg",
        border=4,
        xmldecl=False,
        svgns=False,
        svgclass="qr",
        lineclass=None,
        omitsize=True,
    )
    # Safe: segno writes only numbers into the SVG, no part of the code.
    return mark_safe(picture.getvalue().decode().replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S308
