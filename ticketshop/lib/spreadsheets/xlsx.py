"""The file of the format XLSX: a workbook whose rows are written as XML, one after the other."""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from .formats import EXACT_DIGITS, Cell, Header, Money, Word, digits

# Not allowed in XML, not even as an escape of XLSX.
_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")

LONGEST_CELL = 32_767  # in UTF-16 units, as XLSX counts


class _Sheet(Worksheet):
    """A sheet whose rows are written as XML: several times as fast as XlsxWriter's cells."""

    def begin(self) -> None:
        """Write the header from memory to the file."""
        self._write_single_row(self.dim_rowmax + 1)

    def add(self, cells: str) -> None:
        """Add a row; ``cells``: its XML."""
        self.dim_rowmax += 1
        self.fh.write(f'<row r="{self.dim_rowmax + 1}">{cells}</row>')

    def _xml_rich_inline_string(self, string, attributes=()):
        # XlsxWriter would not escape a header that looks like its own markup (“<r>…</r>”).
        self._xml_inline_string(string, True, attributes)


class Book:
    """A workbook, with a function per type of cell that returns its XML."""

    def __init__(self, path: Path, header: Header):
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self._header, self._sheets = header, 0
        self._zone = timezone.get_current_timezone()
        # Rows of a date or of an order repeat their instants.
        self._number_of = lru_cache(self._instant)
        self._booleans = {True: _("Yes"), False: _("No")}
        self._head = self._book.add_format(
            {"quote_prefix": True, "bold": True, "text_wrap": True, "valign": "top"}
        )
        # Indices of the formats in the file.
        text_style = self._style(quote_prefix=True)
        self._before_text = f' s="{text_style}" t="inlineStr"><is><t xml:space="preserve">'
        self._day_style = self._style(num_format="yyyy-mm-dd")
        self._instant_style = self._style(num_format="yyyy-mm-dd hh:mm:ss")
        self._hour_style = self._style(num_format="hh:mm")
        self._money_style = self._style(num_format="#,##0.00")
        self._names = [xl_col_to_name(number) for number in range(len(header.labels))]
        self._kinds: dict[type, Callable[[str, Any], str]] = {
            str: self._text,
            Word: lambda where, cell: self._text(where, cell.text),
            int: self._number,
            float: self._number,
            Decimal: self._number,
            Money: self._money,
            bool: lambda where, cell: self._text(where, self._booleans[cell]),
            datetime: self._instant_cell,
            date: self._day,
            time: self._hour,
        }

    def _style(self, **values: Any) -> int:
        return self._book.add_format(values)._get_xf_index()

    def new_sheet(self) -> _Sheet:
        """Begin another sheet of rows."""
        self._sheets += 1
        return self._sheet(f"{_('Rows')} {self._sheets}", self._header.labels, 18)

    def _sheet(self, name: str, labels: Sequence[str], width: int) -> _Sheet:
        sheet: _Sheet = self._book.add_worksheet(name[:31], _Sheet)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, max(len(labels) - 1, 0), width)
        for column, label in enumerate(labels):
            sheet.write_string(0, column, _fitting(label), self._head)
        sheet.begin()
        return sheet

    def name_columns(self) -> None:
        """Write the last sheet: letters, label and key of each column."""
        titles = [pgettext("of a table", "Column"), _("Label"), _("Key")]
        sheet = self._sheet(pgettext("of a table", "Columns"), titles, 30)
        pairs = zip(self._names, self._header.labels, self._header.keys, strict=True)
        for line, (letters, label, key) in enumerate(pairs, 2):
            cells = zip("ABC", (letters, label, key), strict=True)
            sheet.add("".join(self._text(f'r="{name}{line}"', text) for name, text in cells if text))

    def close(self) -> None:
        """Write the file."""
        self._book.close()

    def cells(self, row: Sequence[Cell], line: int) -> str:
        """Return the cells of a row as XML. ``line``: its number in the sheet, from 1."""
        kinds, needs_escape, before_text = self._kinds, _TO_ESCAPE.search, self._before_text
        parts = []
        for name, cell in zip(self._names, row, strict=True):
            if cell is None or cell == "":
                continue
            kind = type(cell)
            text: Any = cell
            if kind is str and len(text) <= LONGEST_CELL // 2 and not needs_escape(text):
                # Most cells are such texts: what ``_text`` would return, without a call.
                parts.append(f'<c r="{name}{line}"{before_text}{text}</t></is></c>')
            else:
                parts.append(kinds[kind](f'r="{name}{line}"', cell))
        return "".join(parts)

    def _text(self, where: str, cell: str) -> str:
        if len(cell) > LONGEST_CELL // 2:
            cell = _fitting(cell)
        if _TO_ESCAPE.search(cell):
            cell = _TO_ESCAPE.sub(_escaped, cell)
        return f"<c {where}{self._before_text}{cell}</t></is></c>"

    def _number(self, where: str, cell: int | float | Decimal) -> str:
        if not isinstance(cell, float):
            text = digits(Decimal(cell))
            if len(text.replace("-", "").replace(".", "").strip("0")) > EXACT_DIGITS:
                return self._text(where, text)
            return f"<c {where}><v>{text}</v></c>"
        return f"<c {where}><v>{cell!r}</v></c>"

    def _money(self, where: str, cell: Money) -> str:
        return f'<c {where} s="{self._money_style}"><v>{cell:.2f}</v></c>'

    def _instant_cell(self, where: str, cell: datetime) -> str:
        number = self._number_of(cell)
        if number is None:
            return self._text(where, cell.astimezone(self._zone).isoformat(timespec="seconds"))
        return f'<c {where} s="{self._instant_style}"><v>{number}</v></c>'

    def _instant(self, cell: datetime) -> str | None:
        """Return the number of an instant; None if spreadsheets do not count so far back."""
        # Spreadsheets have no time zones, so they get the local time.
        local = cell.astimezone(self._zone).replace(tzinfo=None)
        if local < _FIRST_DAY:
            return None
        seconds = (local - _DAY_ZERO) // timedelta(seconds=1)
        return f"{seconds / 86400:.10f}"

    def _day(self, where: str, cell: date) -> str:
        if cell < _FIRST_DAY.date():
            return self._text(where, cell.isoformat())
        return f'<c {where} s="{self._day_style}"><v>{(cell - _DAY_ZERO.date()).days}</v></c>'

    def _hour(self, where: str, cell: time) -> str:
        seconds = cell.hour * 3600 + cell.minute * 60 + cell.second
        return f'<c {where} s="{self._hour_style}"><v>{seconds / 86400:.10f}</v></c>'


# Spreadsheets count days from here. Before March 1900 they count a 29 February that did not exist.
_DAY_ZERO, _FIRST_DAY = datetime(1899, 12, 30), datetime(1900, 3, 1)  # noqa: DTZ001 - local times
# Characters to escape. XLSX has its own escapes for control characters (“_x000D_”), so a text that looks like one is
# escaped, too.
_TO_ESCAPE = re.compile("[&<>\\x00-\\x08\\x0b-\\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "_": "_x005F_"}


def _escaped(match: re.Match) -> str:
    character = match[0]
    if _NOT_IN_XML.match(character):
        return ""
    return _ESCAPES.get(character) or f"_x{ord(character):04X}_"


def _fitting(text: str) -> str:
    """Return a text that fits into a cell of XLSX. A longer text is cut, with a notice at its end."""
    text = _NOT_IN_XML.sub("", text)
    if _units(text) <= LONGEST_CELL:
        return text
    notice = _(" … [cut here: the text has %(count)d characters]") % {"count": len(text)}
    kept = text.encode("utf-16-le")[: 2 * (LONGEST_CELL - _units(notice))]
    return kept.decode("utf-16-le", "ignore") + notice


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
