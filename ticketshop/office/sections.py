"""Read-only tables on a row's page with rows of other models. Each costs one query."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

# Shown in place of an empty value.
NONE = "–"


@dataclass(frozen=True)
class Section:
    """A table: heading, names of the columns, cells, and a note below it."""

    title: str
    columns: list[str]
    rows: list[list[object]] = field(default_factory=list)
    note: str = ""


def link(row: Model, text: object) -> SafeString:
    """Return ``text`` as a link to the row's page in the back office."""
    meta = row._meta
    return format_html(
        '<a href="{}">{}</a>',
        reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]),
        text,
    )


def shown(request, row: Model, sections: Iterable[tuple[str, Callable[[], Section]]]) -> list[Section]:
    """Return the sections with rows whose permission the user has for ``row``.

    ``sections`` are pairs of a permission and a function that reads the section.
    """
    readable = (read() for permission, read in sections if request.user.has_perm(permission, row))
    return [section for section in readable if section.rows]
