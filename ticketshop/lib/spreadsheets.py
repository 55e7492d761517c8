"""Tables as files: two kinds of CSV and XLSX, safe to open and without loss.

A cell is a text, a number, yes or no, a day, an instant, a time of day, or None. Texts are what people typed: in
a spreadsheet none of them may begin a formula, and none may be changed. Instants are written in the active time zone,
yes and no in the active language. Each writer takes its rows from an iterator and keeps one of them at a time.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from xlsxwriter import Workbook
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

Cell = str | int | float | Decimal | bool | date | datetime | time | None
Header = Sequence[Sequence[str]]
Rows = Iterable[Sequence[Cell]]

# What a spreadsheet takes for the beginning of a formula, and the full-width and small forms of it.
_BEGINS = "=+\\-@|%＝＋－＠｜％﹦﹢﹣﹫﹪\t"
# What it may skip before that: spaces of all kinds, and characters nobody sees.
_SKIPPED = " \u00a0\u00ad\u034f\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff\\x00-\\x08\\x0e-\\x1f\x7f-\u009f"
# Any line of a cell counts: not every program that reads CSV keeps a quoted line break inside the cell. Apostrophes
# at the beginning are skipped, so that what was guarded can be told from what was typed like that.
_RISKY = re.compile(
    f"\\A'*[{_SKIPPED}]*[{_BEGINS}\r\n]|[\r\n\x0b\x0c\x85\u2028\u2029][{_SKIPPED}]*[{_BEGINS}]"
)
# Not allowed in XML at all; what XlsxWriter can write in the format's own escapes stays.
_NOT_IN_XML = re.compile("[\x00\ud800-\udfff\ufffe\uffff]")

LONGEST_CELL = 32_767  # counted as the format does: in units of UTF-16
ROWS_OF_A_SHEET = 1_048_576
_EXACT_DIGITS = 15  # a spreadsheet's numbers hold no more


def spreadsheet_text(value: str) -> str:
    """A text for a CSV that a spreadsheet will open: behind an apostrophe where it could begin a formula.

    NUL characters go: nothing can show them, and some programs end the cell there.
    """
    value = value.replace("\x00", "")
    return f"'{value}" if _RISKY.search(value) else value


def unguarded(value: str) -> str:
    """The text as it was before ``spreadsheet_text``."""
    return value[1:] if value.startswith("'") and _RISKY.search(value[1:]) else value


class Format:
    """A kind of file. ``note`` is what to know before choosing it."""

    code: str
    label: str | Promise
    note: str | Promise
    extension: str
    content_type: str

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        """Write a new file with the lines of ``header`` and then the rows."""
        raise NotImplementedError


class MachineCsv(Format):
    code = "csv"
    label = gettext_lazy("CSV for programs")
    note = gettext_lazy(
        "UTF-8 with commas, every text exactly as it was entered. Do not open it in a spreadsheet: a text could"
        " begin a formula there. Take one of the other two for that."
    )
    extension = "csv"
    content_type = "text/csv; charset=utf-8"
    encoding, delimiter = "utf-8", ","

    # What becomes of a text; nothing where that is None.
    text: Callable[[str], str] | None = None

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        as_text = _plain_texts()
        if self.text is not None:
            as_text[str] = self.text
        find = as_text.get

        def line(row: Sequence[Cell]) -> list:
            return [made(cell) if (made := find(type(cell))) else cell for cell in row]

        with path.open("w", encoding=self.encoding, errors="replace", newline="") as file:
            writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\r\n")
            writer.writerows(map(line, header))
            writer.writerows(map(line, rows))


class SpreadsheetCsv(MachineCsv):
    code = "spreadsheet"
    label = gettext_lazy("CSV for spreadsheets")
    note = gettext_lazy(
        "With semicolons. A text that could begin a formula, a phone number for example, gets an apostrophe before it."
    )
    encoding, delimiter = "utf-8-sig", ";"
    text = staticmethod(spreadsheet_text)


def _plain_texts() -> dict[type, Callable[[Any], str]]:
    """How CSV writes what is no text; whatever is missing here is written as Python does."""
    zone, words = timezone.get_current_timezone(), {True: _("Yes"), False: _("No")}
    return {
        bool: words.__getitem__,
        Decimal: _digits,
        datetime: lambda value: value.astimezone(zone).isoformat(timespec="seconds"),
    }


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
    note = gettext_lazy("For every spreadsheet. Texts stay texts, dates are dates.")
    extension = "xlsx"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    rows_of_a_sheet = ROWS_OF_A_SHEET

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        """Sheet after sheet, each with the header. Temporary files lie beside ``path``, and stay there after a fault."""
        book = _Book(path, header)
        sheet = book.new_sheet()
        line = len(header)
        for row in rows:
            if line >= self.rows_of_a_sheet:
                sheet, line = book.new_sheet(), len(header)
            line += 1
            sheet.add(book.cells(row, line))
        book.close()


class _Book:
    """A workbook, and how each type of cell stands in it."""

    def __init__(self, path: Path, header: Header):
        self._book = Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
        self._header, self._sheets = header, 0
        self._zone = timezone.get_current_timezone()
        self._words = {True: _("Yes"), False: _("No")}
        self._head = [
            self._book.add_format({"quote_prefix": True, "font_color": "#666666"}),
            self._book.add_format({"quote_prefix": True, "bold": True}),
        ]
        # Formats by number, as cells name them.
        self._text_style = self._style(quote_prefix=True)
        self._day_style = self._style(num_format="yyyy-mm-dd")
        self._instant_style = self._style(num_format="yyyy-mm-dd hh:mm:ss")
        self._hour_style = self._style(num_format="hh:mm")
        self._names = [
            xl_col_to_name(number) for number in range(max((len(one) for one in header), default=0))
        ]
        self._kinds: dict[type, Callable[[str, Any], str]] = {
            str: self._text,
            int: self._number,
            float: self._number,
            Decimal: self._number,
            bool: lambda where, cell: self._text(where, self._words[cell]),
            datetime: self._instant,
            date: self._day,
            time: self._hour,
        }

    def _style(self, **values: Any) -> int:
        return self._book.add_format(values)._get_xf_index()

    def new_sheet(self) -> _Sheet:
        self._sheets += 1
        sheet: _Sheet = self._book.add_worksheet(f"{_('Rows')} {self._sheets}"[:31], _Sheet)
        sheet.freeze_panes(len(self._header), 0)
        sheet.set_column(0, max(len(self._names) - 1, 0), 18)
        for line, labels in enumerate(self._header):
            style = self._head[min(line + 2 - len(self._header), 1)]
            for column, label in enumerate(labels):
                sheet.write_string(line, column, _fitting(label), style)
        sheet.begin()
        return sheet

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


FORMATS: dict[str, Format] = {one.code: one for one in (Xlsx(), SpreadsheetCsv(), MachineCsv())}
