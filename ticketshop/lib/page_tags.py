"""Small template filters of the shop's pages."""

import io
from datetime import datetime

import segno
from django import template
from django.utils import timezone
from django.utils.dateformat import DateFormat
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


def quantities(most: int, least: int = 1) -> list[int]:
    """What a quantity list offers: none, or from `least` to `most`."""
    return [0, *range(max(1, least), most + 1)]


@register.simple_tag
def quantity_options(most: int, least: int = 1, selected: int | None = None) -> SafeString:
    """The options of a quantity list, as HTML: a template that loops over them takes ten times as long."""
    numbers = ((SafeString(" selected") if one == selected else "", one) for one in quantities(most, least))
    return format_html_join("", "<option{}>{}</option>", numbers)


class Moment:
    """An instant in the page's time zone and language, taken apart once for all its pieces."""

    def __init__(self, when: datetime):
        local = DateFormat(timezone.localtime(when))
        self.iso, self.time = local.c(), local.format("H:i")
        self.weekday, self.day, self.month = local.l(), str(local.j()), local.F()


@register.filter
def moment(when: datetime) -> Moment:
    """``iso``, ``weekday``, ``day``, ``month`` and ``time`` of an instant."""
    return Moment(when)


@register.filter
def seconds_until(when: datetime | None) -> int:
    """Whole seconds from now, never below 0: a page counts down without trusting the visitor's clock."""
    return max(0, int((when - timezone.now()).total_seconds())) if when else 0


@register.filter
def qr(code: str) -> SafeString:
    """The code as an inline QR picture. Says nothing to a screen reader: the code stands beside it."""
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
    # Made of numbers only: segno writes no part of the code into the picture.
    return mark_safe(picture.getvalue().decode().replace("<svg ", '<svg aria-hidden="true" ', 1))  # noqa: S308
