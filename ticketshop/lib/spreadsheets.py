"""Tables as files: CSV for programs, CSV for spreadsheets and XLSX, safe to open and without loss.

A cell is a text, a number, an amount of money, yes or no, a day, an instant, a time of day, or None. Texts are what
people typed: in a spreadsheet none of them may begin a formula, and none may be changed. Instants are written in the
active time zone; yes and no, and the numbers of the CSV for spreadsheets, in the active language. Each writer takes its
rows from an iterator and keeps one of them at a time.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
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

from .spreadsheet_texts import spreadsheet_text

Cell = str | int | float | Decimal | bool | date | datetime | time | None
Rows = Iterable[Sequence[Cell]]


class Money(Decimal):
    """An amount, written with the two digits it has: 28.00."""


class Word(str):
    """A word of ours, such as a state. Programs get the word itself, people its ``text`` in their language."""

    text: str
    __slots__ = ("text",)

    def __new__(cls, code: str, text: object) -> "Word":
        made = super().__new__(cls, code)
        made.text = str(text)
        return made


@dataclass(frozen=True)
class Header:
    """The names of the columns: ``labels`` for people, ``keys`` for programs, both in the order of the cells."""

    keys: Sequence[str]
    labels: Sequence[str]


# Not allowed in XML at all; what XlsxWriter can write in the format's own escapes stays.
_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")

LONGEST_CELL = 32_767  # counted as the format does: in units of UTF-16
ROWS_OF_A_SHEET = 1_048_576
_EXACT_DIGITS = 15  # a spreadsheet's numbers hold no more


class Format:
    """A kind of file. ``note`` is what to know before choosing it."""

    code: str
    label: str | Promise
    note: str | Promise
    extension: str
    content_type: str
    most_columns: int | None = None

    def offered(self) -> bool:
        """Whether the format is another one than those before it, in the active language."""
        return True

    def values(self) -> dict[str, str]:
        """What ``note`` names, in the active language."""
        return {}

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        """Write a new file with a heading and then the rows."""
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
        """How cells are written, by their type; whatever is missing here is written as Python does."""
        zone, words = timezone.get_current_timezone(), {True: _("Yes"), False: _("No")}
        return {
            bool: words.__getitem__,
            Decimal: _digits,
            Money: "{:.2f}".format,
            datetime: lambda value: value.astimezone(zone).isoformat(timespec="seconds"),
        }

    def heading(self, header: Header) -> list[Sequence[str]]:
        """The lines before the rows."""
        return [header.keys, header.labels]

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        find = self.texts().get

        def line(row: Sequence[Cell]) -> list:
            return [made(cell) if (made := find(type(cell))) else cell for cell in row]

        with path.open("w", encoding=self.encoding, errors="replace", newline="") as file:
            writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\r\n")
            writer.writerows(map(line, self.heading(header)))
            writer.writerows(map(line, rows))


class SpreadsheetCsv(MachineCsv):
    """Opens unchanged in a spreadsheet that is set to the active language."""

    code = "spreadsheet"
    label = gettext_lazy("CSV for spreadsheets")
    note = gettext_lazy(
        "With semicolons, numbers like %(number)s, days and times as a spreadsheet knows them. A text that it would change,"
        " or that could begin a formula, gets an apostrophe before it: a phone number for example."
    )
    encoding, delimiter = "utf-8-sig", ";"

    def separator(self) -> str:
        """What stands before the decimals."""
        return get_format("DECIMAL_SEPARATOR", get_language())

    def values(self):
        return {"number": f"1234{self.separator()}50"}

    def texts(self):
        zone, separator = timezone.get_current_timezone(), self.separator()

        def number(text: str) -> str:
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
            datetime: lambda value: _on_the_wall(value.astimezone(zone)),
        }

    def heading(self, header):
        return [header.labels]


class PointCsv(SpreadsheetCsv):
    """For a spreadsheet of another country: with a point, where the active language has a comma."""

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


def _on_the_wall(local: datetime) -> str:
    """The clock on the wall, as every spreadsheet reads it. The hour that comes twice stays a text, with its offset."""
    if local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset():
        return local.isoformat(timespec="seconds")
    return f"{local:%Y-%m-%d %H:%M:%S}"


def _digits(value: Decimal) -> str:
    """Without exponent and without zeros at the end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Sheet(Worksheet):
    """A sheet whose rows are written as they will stand in the file: several times as fast as cell by cell."""

    def begin(self) -> None:
        """After the header: what is in memory goes to the file."""
        self._write_single_row(self.dim_rowmax + 1)

    def add(self, cells: str) -> None:
        """One more row."""
        self.dim_rowmax += 1
        self.fh.write(f'<row r="{self.dim_rowmax + 1}">{cells}</row>')

    def _xml_rich_inline_string(self, string, attributes=()):
        # A text of the header that looks like XlsxWriter's own markup (“<r>…</r>”) would be written unescaped.
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
        """Sheet after sheet, each with the labels, then one that names the columns.

        Temporary files lie beside ``path``, and stay there after a fault.
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
    """A workbook, and how each type of cell stands in it."""

    def __init__(self, path: Path, header: Header):
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self._header, self._sheets = header, 0
        self._zone = timezone.get_current_timezone()
        self._words = {True: _("Yes"), False: _("No")}
        self._head = self._book.add_format(
            {"quote_prefix": True, "bold": True, "text_wrap": True, "valign": "top"}
        )
        # Formats by number, as cells name them.
        self._text_style = self._style(quote_prefix=True)
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
            bool: lambda where, cell: self._text(where, self._words[cell]),
            datetime: self._instant,
            date: self._day,
            time: self._hour,
        }

    def _style(self, **values: Any) -> int:
        return self._book.add_format(values)._get_xf_index()

    def new_sheet(self) -> _Sheet:
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
        """A last sheet: for each column its letters, its label, and its key, which stays when the label changes."""
        titles = [pgettext("of a table", "Column"), _("Label"), _("Key")]
        sheet = self._sheet(pgettext("of a table", "Columns"), titles, 30)
        pairs = zip(self._names, self._header.labels, self._header.keys, strict=True)
        for line, (letters, label, key) in enumerate(pairs, 2):
            cells = zip("ABC", (letters, label, key), strict=True)
            sheet.add("".join(self._text(f'r="{name}{line}"', text) for name, text in cells if text))

    def close(self) -> None:
        self._book.close()

    def cells(self, row: Sequence[Cell], line: int) -> str:
        """The cells of a row that is the ``line``th of its sheet, as XML."""
        kinds = self._kinds
        return "".join(
            [
                kinds[type(cell)](f'r="{name}{line}"', cell)
                for name, cell in zip(self._names, row, strict=True)
                if cell is not None and cell != ""
            ]
        )

    def _text(self, where: str, cell: str) -> str:
        if len(cell) > LONGEST_CELL // 2:
            cell = _fitting(cell)
        if _TO_ESCAPE.search(cell):
            cell = _TO_ESCAPE.sub(_escaped, cell)
        return (
            f'<c {where} s="{self._text_style}" t="inlineStr"><is><t xml:space="preserve">{cell}</t></is></c>'
        )

    def _number(self, where: str, cell: int | float | Decimal) -> str:
        if not isinstance(cell, float):
            digits = _digits(Decimal(cell))
            if len(digits.replace("-", "").replace(".", "").strip("0")) > _EXACT_DIGITS:
                return self._text(where, digits)
            return f"<c {where}><v>{digits}</v></c>"
        return f"<c {where}><v>{cell!r}</v></c>"

    def _money(self, where: str, cell: Money) -> str:
        return f'<c {where} s="{self._money_style}"><v>{cell:.2f}</v></c>'

    def _instant(self, where: str, cell: datetime) -> str:
        # A spreadsheet knows no time zones: it shows the clock on the wall.
        local = cell.astimezone(self._zone).replace(tzinfo=None)
        if local < _FIRST_DAY:
            return self._text(where, cell.astimezone(self._zone).isoformat(timespec="seconds"))
        seconds = (local - _DAY_ZERO) // timedelta(seconds=1)
        return f'<c {where} s="{self._instant_style}"><v>{seconds / 86400:.10f}</v></c>'

    def _day(self, where: str, cell: date) -> str:
        if cell < _FIRST_DAY.date():
            return self._text(where, cell.isoformat())
        return f'<c {where} s="{self._day_style}"><v>{(cell - _DAY_ZERO.date()).days}</v></c>'

    def _hour(self, where: str, cell: time) -> str:
        seconds = cell.hour * 3600 + cell.minute * 60 + cell.second
        return f'<c {where} s="{self._hour_style}"><v>{seconds / 86400:.10f}</v></c>'


# The days of a spreadsheet are counted from here; before March 1900 it counts a 29 February too many.
_DAY_ZERO, _FIRST_DAY = datetime(1899, 12, 30), datetime(1900, 3, 1)  # noqa: DTZ001 - a clock on the wall
# What XML can't hold as it is. The format has escapes of its own for control characters (“_x000D_”), so that a text
# which looks like one needs one, too.
_TO_ESCAPE = re.compile("[&<>\\x00-\\x08\\x0b-\\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "_": "_x005F_"}


def _escaped(found: re.Match) -> str:
    sign = found[0]
    if _NOT_IN_XML.match(sign):
        return ""
    return _ESCAPES.get(sign) or f"_x{ord(sign):04X}_"


def _fitting(text: str) -> str:
    """What a cell of XLSX can hold; a text that is too long is cut, and says so."""
    text = _NOT_IN_XML.sub("", text)
    if _units(text) <= LONGEST_CELL:
        return text
    notice = _(" … [cut here: the text has %(count)d characters]") % {"count": len(text)}
    kept = text.encode("utf-16-le")[: 2 * (LONGEST_CELL - _units(notice))]
    return kept.decode("utf-16-le", "ignore") + notice


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


FORMATS: dict[str, Format] = {one.code: one for one in (Xlsx(), SpreadsheetCsv(), PointCsv(), MachineCsv())}
