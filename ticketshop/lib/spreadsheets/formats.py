"""Write tables as files: CSV for programs, CSV for spreadsheets, and XLSX.

A cell is a text, a number, an amount of money, a boolean, a day, an instant, a time of day, or None. Typed texts must neither
become formulas in a spreadsheet nor be changed by it. Instants are written in the active time zone; booleans, and the numbers of
the CSV for spreadsheets, in the active language. A writer takes its rows from an iterator, and has one in memory at a time.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from .texts import spreadsheet_text

Cell = str | int | float | Decimal | bool | date | datetime | time | None
Rows = Iterable[Sequence[Cell]]


class Money(Decimal):
    """An amount of money, written with two decimals: 28.00."""


class Word(str):
    """A code, such as a state. Files for programs contain the code, others its translated ``text``."""

    text: str
    __slots__ = ("text",)

    def __new__(cls, code: str, text: object) -> "Word":
        word = super().__new__(cls, code)
        word.text = str(text)
        return word


@dataclass(frozen=True)
class Header:
    """The names of the columns in the order of the cells: ``labels`` for people, ``keys`` for programs."""

    keys: Sequence[str]
    labels: Sequence[str]


# Not allowed in XML, not even as an escape of XLSX.
_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")

LONGEST_CELL = 32_767  # in UTF-16 units, as XLSX counts
ROWS_OF_A_SHEET = 1_048_576
_EXACT_DIGITS = 15  # of a spreadsheet's numbers


class Format:
    """A file format. ``note``: the text beside its choice."""

    code: str
    label: str | Promise
    note: str | Promise
    extension: str
    content_type: str
    most_columns: int | None = None

    def offered(self) -> bool:
        """Return whether the format differs from the others in the active language."""
        return True

    def values(self) -> dict[str, str]:
        """Return the values of the placeholders in ``note``."""
        return {}

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        """Write a new file with the header and the rows."""
        raise NotImplementedError


class MachineCsv(Format):
    code = "csv"
    label = gettext_lazy("CSV for programs")
    note = gettext_lazy(
        "UTF-8 with commas, every text exactly as it was entered, keys of the columns in the first line. Do not open it"
        " in a spreadsheet: a text could begin a formula there. Take another one for that."
    )
    extension = "csv"
    content_type = "text/csv; charset=utf-8"
    encoding, delimiter = "utf-8", ","

    def texts(self) -> dict[type, Callable[[Any], str]]:
        """Return the functions that write cells, by type. Cells of other types are written by ``str``."""
        zone, booleans = timezone.get_current_timezone(), {True: _("Yes"), False: _("No")}
        return {
            bool: booleans.__getitem__,
            Decimal: _digits,
            Money: "{:.2f}".format,
            # Rows of a date or of an order repeat their instants.
            datetime: lru_cache(lambda value: value.astimezone(zone).isoformat(timespec="seconds")),
        }

    def heading(self, header: Header) -> list[Sequence[str]]:
        """Return the lines before the rows."""
        return [header.keys, header.labels]

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        function_for = self.texts().get

        def line(row: Sequence[Cell]) -> list:
            """Return the cells of a row as texts."""
            return [to_text(cell) if (to_text := function_for(type(cell))) else cell for cell in row]

        with path.open("w", encoding=self.encoding, errors="replace", newline="") as file:
            writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\r\n")
            writer.writerows(map(line, self.heading(header)))
            writer.writerows(map(line, rows))


class SpreadsheetCsv(MachineCsv):
    """For a spreadsheet that is set to the active language, which opens it without changing values."""

    code = "spreadsheet"
    label = gettext_lazy("CSV for spreadsheets")
    note = gettext_lazy(
        "With semicolons, numbers like %(number)s, days and times as a spreadsheet knows them. A text that it would change,"
        " or that could begin a formula, gets an apostrophe before it: a phone number for example."
    )
    encoding, delimiter = "utf-8-sig", ";"

    def separator(self) -> str:
        """Return the decimal separator."""
        return get_format("DECIMAL_SEPARATOR", get_language())

    def values(self):
        return {"number": f"1234{self.separator()}50"}

    def texts(self):
        zone, separator = timezone.get_current_timezone(), self.separator()

        def number(text: str) -> str:
            """Return a number with the separator; as protected text if it has too many digits."""
            if len(text.strip("-0.").replace(".", "")) > _EXACT_DIGITS:
                return f"'{text}"  # it would be rounded
            return text.replace(".", separator)

        return {
            **super().texts(),
            str: spreadsheet_text,
            Word: lambda value: spreadsheet_text(value.text),
            int: lambda value: number(str(value)),
            float: lambda value: number(_digits(Decimal(repr(value)))),
            Decimal: lambda value: number(_digits(value)),
            Money: lambda value: number(f"{value:.2f}"),
            datetime: lru_cache(lambda value: _local_time(value.astimezone(zone))),
        }

    def heading(self, header):
        return [header.labels]


class PointCsv(SpreadsheetCsv):
    """For a spreadsheet of another country: numbers with a point although the active language has a comma."""

    code = "csv_point"
    label = gettext_lazy("CSV for spreadsheets, numbers with a point")
    note = gettext_lazy(
        "The same with numbers like %(number)s: for a spreadsheet that is set to English, or to German or Italian of"
        " Switzerland."
    )

    def separator(self):
        return "."

    def offered(self):
        return get_format("DECIMAL_SEPARATOR", get_language()) != "."


def _local_time(local: datetime) -> str:
    """Return a local time as spreadsheets read it; in the repeated hour of a clock change as text with its offset."""
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        return local.isoformat(timespec="seconds")
    return f"{local:%Y-%m-%d %H:%M:%S}"


def _digits(value: Decimal) -> str:
    """Return a number without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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


class Xlsx(Format):
    code = "xlsx"
    label = gettext_lazy("Excel (XLSX)")
    note = gettext_lazy(
        "For every spreadsheet. Texts stay texts, dates are dates. The last sheet names the keys of the columns."
    )
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    rows_of_a_sheet = ROWS_OF_A_SHEET
    most_columns = 16_384

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        """Write the rows in as many sheets as needed, each with the labels, then a sheet with the keys of the columns.

        Temporary files are in the folder of ``path``; after an error they stay there.
        """
        book = _Book(path, header)
        sheet, line = book.new_sheet(), 1
        for row in rows:
            if line >= self.rows_of_a_sheet:
                sheet, line = book.new_sheet(), 1
            line += 1
            sheet.add(book.cells(row, line))
        book.name_columns()
        book.close()


class _Book:
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
            digits = _digits(Decimal(cell))
            if len(digits.replace("-", "").replace(".", "").strip("0")) > _EXACT_DIGITS:
                return self._text(where, digits)
            return f"<c {where}><v>{digits}</v></c>"
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


FORMATS: dict[str, Format] = {
    format_.code: format_ for format_ in (Xlsx(), SpreadsheetCsv(), PointCsv(), MachineCsv())
}
