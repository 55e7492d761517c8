"""Write tables as files: CSV for programs, CSV for spreadsheets, and XLSX.

A cell is a text, a number, an amount of money, a boolean, a day, an instant, a time of day, or None. Typed texts must neither
become formulas in a spreadsheet nor be changed by it. Instants are written in the active time zone; booleans, and the numbers of
the CSV for spreadsheets, in the active language. A writer takes its rows from an iterator, and has one in memory at a time.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.utils import timezone
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

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


ROWS_OF_A_SHEET = 1_048_576
EXACT_DIGITS = 15  # of a spreadsheet's numbers


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
            Decimal: digits,
            Money: "{:.2f}".format,
            # Rows of a date or of an order repeat their instants.
            datetime: lru_cache(lambda value: value.astimezone(zone).isoformat(timespec="seconds")),
        }

    def heading(self, header: Header) -> list[Sequence[str]]:
        """Return the lines before the rows."""
        return [header.keys, header.labels]

    def write(self, path: Path, header: Header, rows: Rows) -> None:
        functions = self.texts()

        def line(row: Sequence[Cell]) -> list:
            """Return the cells of a row as texts."""
            return [functions[kind](cell) if (kind := type(cell)) in functions else cell for cell in row]

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
            if len(text.strip("-0.").replace(".", "")) > EXACT_DIGITS:
                return f"'{text}"  # it would be rounded
            return text.replace(".", separator)

        return {
            **super().texts(),
            str: spreadsheet_text,
            Word: lambda value: spreadsheet_text(value.text),
            int: lambda value: number(str(value)),
            float: lambda value: number(digits(Decimal(repr(value)))),
            Decimal: lambda value: number(digits(value)),
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


def digits(value: Decimal) -> str:
    """Return a number without exponent and trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


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
        from .xlsx import Book  # noqa: PLC0415  loads XlsxWriter, which only exports need

        book = Book(path, header)
        sheet, line = book.new_sheet(), 1
        for row in rows:
            if line >= self.rows_of_a_sheet:
                sheet, line = book.new_sheet(), 1
            line += 1
            sheet.add(book.cells(row, line))
        book.name_columns()
        book.close()


FORMATS: dict[str, Format] = {
    format_.code: format_ for format_ in (Xlsx(), SpreadsheetCsv(), PointCsv(), MachineCsv())
}
