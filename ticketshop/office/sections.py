"""Tables on a row's page that show rows of other models: read only, each by one query."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

# What stands where there is nothing to show.
NONE = "–"


@dataclass(frozen=True)
class Section:
    """A heading, the names of the columns, and the cells; ``note`` stands below."""

    title: str
    columns: list[str]
    rows: list[list[object]] = field(default_factory=list)
    note: str = ""


def link(row: Model, text: object) -> SafeString:
    """``text`` as a link to the row's own page in the back office."""
    meta = row._meta
    return format_html(
        '<a href="{}">{}</a>',
        reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]),
        text,
    )


def shown(request, row: Model, sections: Iterable[tuple[str, Callable[[], Section]]]) -> list[Section]:
    """The sections whose permission the user has at ``row`` and that have rows; each comes as a function that reads it."""
    found = (read() for permission, read in sections if request.user.has_perm(permission, row))
    return [section for section in found if section.rows]
