"""Tables as files: two kinds of CSV and XLSX, safe to open and without loss.

A cell is a text, a number, yes or no, a day, an instant, a time of day, or None. Texts are what people typed: in
a spreadsheet none of them may begin a formula, and none may be changed. Instants are written in the active time zone,
yes and no in the active language. Each writer takes its rows from an iterator and keeps one of them at a time.
"""

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from xlsxwriter import Workbook
from xlsxwriter.format import Format as CellFormat
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

    def text(self, value: str) -> str:
        return value

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        as_text: dict[type, Callable[[Any], str]] = {**_plain_texts(), str: self.text}

        def line(row: Sequence[Cell]) -> list:
            return [as_text[type(cell)](cell) if type(cell) in as_text else cell for cell in row]

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

    def text(self, value: str) -> str:
        return spreadsheet_text(value)


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
    """A text is a text. XlsxWriter takes one that looks like its own markup (“<r>…</r>”) for markup, unescaped."""

    def _xml_rich_inline_string(self, string, attributes=()):
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
        options = {"constant_memory": True, "tmpdir": str(path.parent)}
        book = Workbook(str(path), options)
        kinds = _Kinds(book)
        title, number, line = _("Rows"), 1, self.rows_of_a_sheet
        for row in rows:
            if line >= self.rows_of_a_sheet:
                sheet = kinds.new_sheet(f"{title} {number}", header)
                number, line = number + 1, len(header)
            for column, cell in enumerate(row):
                if cell is not None:
                    kinds.writers[type(cell)](sheet, line, column, cell)
            line += 1
        if number == 1:
            kinds.new_sheet(f"{title} {number}", header)
        book.close()


class _Kinds:
    """How each type of cell is written in one workbook."""

    def __init__(self, book: Workbook):
        self.book = book
        self.zone = timezone.get_current_timezone()
        self.words = {True: _("Yes"), False: _("No")}
        self.text = self._format(quote_prefix=True)
        self.head = [
            self._format(quote_prefix=True, font_color="#666666"),
            self._format(quote_prefix=True, bold=True),
        ]
        self.day = self._format(num_format="yyyy-mm-dd")
        self.instant = self._format(num_format="yyyy-mm-dd hh:mm:ss")
        self.hour = self._format(num_format="hh:mm")
        self.writers: dict[type, Callable[[Worksheet, int, int, Any], object]] = {
            str: self._text,
            int: self._number,
            float: self._number,
            Decimal: self._number,
            bool: lambda sheet, line, column, cell: self._text(sheet, line, column, self.words[cell]),
            datetime: self._instant,
            date: lambda sheet, line, column, cell: self._date(sheet, line, column, cell, self.day),
            time: lambda sheet, line, column, cell: self._date(sheet, line, column, cell, self.hour),
        }

    def _format(self, **values: Any) -> CellFormat:
        return self.book.add_format(values)

    def new_sheet(self, name: str, header: Header) -> Worksheet:
        sheet = self.book.add_worksheet(name[:31], _Sheet)
        sheet.freeze_panes(len(header), 0)
        sheet.set_column(0, max((len(one) for one in header), default=1), 18)
        for line, labels in enumerate(header):
            style = self.head[min(line + 2 - len(header), 1)]
            for column, label in enumerate(labels):
                sheet.write_string(line, column, _fitting(label), style)
        return sheet

    def _text(self, sheet: Worksheet, line: int, column: int, cell: str) -> None:
        if cell:
            sheet.write_string(line, column, _fitting(cell), self.text)

    def _number(self, sheet: Worksheet, line: int, column: int, cell: int | float | Decimal) -> None:
        if (
            isinstance(cell, Decimal | int)
            and len(Decimal(cell).normalize().as_tuple().digits) > _EXACT_DIGITS
        ):
            self._text(sheet, line, column, _digits(Decimal(cell)))
        else:
            sheet.write_number(line, column, float(cell))

    def _instant(self, sheet: Worksheet, line: int, column: int, cell: datetime) -> None:
        # A spreadsheet knows no time zones: it shows the clock on the wall.
        self._date(
            sheet, line, column, cell.astimezone(self.zone).replace(tzinfo=None, microsecond=0), self.instant
        )

    def _date(
        self, sheet: Worksheet, line: int, column: int, cell: date | datetime | time, style: CellFormat
    ) -> None:
        # Its calendar begins in 1900, with a 29 February too many.
        if isinstance(cell, date) and (cell.year, cell.month) < (1900, 3):
            self._text(sheet, line, column, cell.isoformat())
        else:
            sheet.write_datetime(line, column, cell, style)


def _fitting(text: str) -> str:
    """What a cell of XLSX can hold; a text that is too long is cut, and says so."""
    if _NOT_IN_XML.search(text):
        text = _NOT_IN_XML.sub("", text)
    if len(text) <= LONGEST_CELL // 2 or _units(text) <= LONGEST_CELL:
        return text
    notice = _(" … [cut here: the text has %(count)d characters]") % {"count": len(text)}
    kept = text.encode("utf-16-le")[: 2 * (LONGEST_CELL - _units(notice))]
    return kept.decode("utf-16-le", "ignore") + notice


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


FORMATS: dict[str, Format] = {one.code: one for one in (Xlsx(), SpreadsheetCsv(), MachineCsv())}
