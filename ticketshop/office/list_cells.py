"""The cells of the back office's lists, written in Python.

Django's admin asks for each cell anew what its column is, and a template joins the cells: together a third of the CPU time of a list.
Here a column is looked at once for all rows of a page. The HTML is Django's; ``tests/office/test_list_cells.py`` compares the cells
of all lists with those of Django, because what its templates get from a list is not documented. Left out is what no list has:
columns that are edited in the list, and lists in a window from which a row is chosen.
"""

from datetime import date, time
from typing import Any

from django.contrib.admin.utils import display_for_field, display_for_value
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe


class Column:
    """A column that shows what a method of the page, or an attribute of the row, returns."""

    def __init__(self, rows: ChangeList, name: Any, number: int):
        page = rows.model_admin
        self.name = name
        if callable(name):
            self.name = name.__name__ if name.__name__ != "<lambda>" else f"lambda{number}"
            self.read = described = name
        elif name != "__str__" and hasattr(page, name):
            self.read = described = getattr(page, name)
        else:
            self.read, described = self._attribute, getattr(rows.model, name)
        if isinstance(described, property):
            described = described.fget
        self.is_boolean = getattr(described, "boolean", False)
        self.empty = getattr(described, "empty_value_display", page.get_empty_value_display())
        css = "action-checkbox" if name == "action_checkbox" else f"field-{self.name}"
        self.css, self.css_of_dates = css, f"{css} nowrap"
        self.links, self.tag = False, "td"

    def _attribute(self, row: models.Model) -> Any:
        value = getattr(row, self.name)
        return value() if callable(value) else value

    def shown(self, value: Any) -> Any:
        """Return a value as text."""
        if isinstance(value, str) and not self.is_boolean:
            return value or self.empty
        return display_for_value(value, self.empty, self.is_boolean)

    def cell(self, row: models.Model, url: str) -> str:
        """Return the cell of a row as HTML. ``url``: that of the row's page, as HTML."""
        try:
            value = self.read(row)
        except ObjectDoesNotExist:
            value, text = None, self.empty
        else:
            is_blank = isinstance(value, str) and value.isspace()
            text = conditional_escape(self.shown("" if is_blank else value))
        css = self.css_of_dates if isinstance(value, date | time) else self.css
        if self.links:
            text = f'<a href="{url}">{text}</a>'
        return f'<{self.tag} class="{css}">{text}</{self.tag}>'


class FieldColumn(Column):
    """A column that shows a column of the model."""

    def __init__(self, rows: ChangeList, field: Any, number: int):
        super().__init__(rows, field.name, number)
        self.field, self.read = field, self._attribute
        self.texts = dict(field.flatchoices or ())
        if isinstance(field, models.DateField | models.TimeField | models.ForeignKey):
            self.css = self.css_of_dates

    def _attribute(self, row: models.Model) -> Any:
        return getattr(row, self.name)

    def shown(self, value: Any) -> Any:
        if self.texts:
            return self.texts.get(value, self.empty)
        if isinstance(self.field, models.ForeignKey):
            return self.empty if value is None else value
        return display_for_field(value, self.field, self.empty, avoid_link=self.links)


def columns_of(rows: ChangeList) -> list[Column]:
    """Return the columns of a list. The first that links to the pages of the rows has their headings."""
    linked, columns = rows.list_display_links, []
    for number, name in enumerate(rows.list_display):
        try:
            column: Column = FieldColumn(rows, rows.model._meta.get_field(name), number)
        except FieldDoesNotExist:
            column = Column(rows, name, number)
        is_first = not any(column.links for column in columns)
        column.links = linked is not None and (name in linked if linked else is_first)
        column.tag = "th" if column.links and is_first else "td"
        columns.append(column)
    return columns


def html_of(rows: ChangeList) -> SafeString:
    """Return the rows of a list as HTML, for a ``tbody``."""
    columns, lines = columns_of(rows), []
    has_links = any(column.links for column in columns)
    for row in rows.result_list:
        url = conditional_escape(rows.url_for_result(row)) if has_links else ""
        lines.append(f"<tr>{''.join(column.cell(row, url) for column in columns)}</tr>")
    # Safe: ``Column.cell`` escapes all texts.
    return mark_safe("".join(lines))  # noqa: S308
