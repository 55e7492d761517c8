"""Tables as files: typed texts neither become formulas nor are changed."""

import csv
import io
import re
import tracemalloc
import zipfile
from datetime import UTC, date, datetime, time
from decimal import Decimal
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties import holds_for
from ticketshop.lib.spreadsheets import formats
from ticketshop.lib.spreadsheets.formats import FORMATS, Header, Money, Word, Xlsx
from ticketshop.lib.spreadsheets.texts import converted, spreadsheet_text, unguarded

NBSP = "\u00a0"
RISKY = [
    "=1+1", "+41 79 123 45 67", "-5", "@x", "\t=1+1", " =1+1", f"{NBSP}=1+1", "a\n=1+1", "＝1+1", "|x", "%x", "\r=1", "\nx",
    "＋1", "－1", "＠x", "'=1+1", "''=1+1", "\u200b=1", "\ufeff=1", "a\r\n @SUM(1)", "=HYPERLINK(\"x\")",
]  # fmt: skip
HARMLESS = [
    "'x", "O'Brien", "1204", "Rue du Lac 12", "12A", "May", "Marc 5", "No. 7", "#1", "truth", "a;b", 'say "so"; and so', "a\nb", "a\n\nb", "Zoë Müller-Østergård", "👩\u200d👧",
    "a=b", "1+1", "مرحبا", "<b>&amp;</b>", "", "''", "'t Hooft", " x ",
]  # fmt: skip
# XlsxWriter takes a text like the first for its own markup; the second looks like the escape of a character.
MARKUP = ["<r><t>x</t></r><f>1+1</f><r></r>", "_x000D_ _x005F_", "a\x0bb\x1fc", "line\rend", "]]>"]
TEXTS = [*RISKY, *HARMLESS, *MARKUP]
HEADER = Header(["key", "other"], ["A label", "=cmd"])
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def written(code: str, rows, tmp_path, header=HEADER) -> bytes:
    path = tmp_path / "file"
    FORMATS[code].write(path, header, iter(rows))
    return path.read_bytes()


# --- CSV ------------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-43")
@pytest.mark.parametrize("text", RISKY)
def test_what_could_begin_a_formula_is_guarded(text):
    assert spreadsheet_text(text) == f"'{text}"
    assert unguarded(spreadsheet_text(text)) == text


@pytest.mark.scenario("RF-43")
@pytest.mark.parametrize("text", HARMLESS)
def test_what_could_not_is_left_alone(text):
    assert spreadsheet_text(text) == text
    assert unguarded(text) == text


def test_nul_characters_are_removed():
    assert spreadsheet_text("a\x00b") == "ab"
    assert spreadsheet_text("\x00=1") == "'=1"


@settings(max_examples=300)
@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=30))
def test_unguarded_returns_the_original_text(text):
    """A protected text also never begins with a sign that makes a spreadsheet calculate."""
    cell = spreadsheet_text(text)
    assert unguarded(cell) == text
    assert cell.lstrip()[:1] not in set("=+-@|%＝＋－＠")


@pytest.mark.scenario("RF-43")
@pytest.mark.parametrize("code", ["csv", "spreadsheet", "csv_point"])
def test_csv_is_read_back_equal(code, tmp_path):
    body = written(code, [[text, "x"] for text in [*TEXTS, "x" * 40_000]], tmp_path)
    spreadsheet = code != "csv"
    assert body.startswith(b"\xef\xbb\xbf") is spreadsheet
    assert body.endswith(b"\r\n")
    text = body.decode("utf-8-sig" if spreadsheet else "utf-8")
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if spreadsheet else ","))
    if spreadsheet:
        lines = [[unguarded(cell) for cell in line] for line in lines]
    # People read labels, programs keys first.
    first = [HEADER.labels] if spreadsheet else [HEADER.keys, HEADER.labels]
    assert lines[: len(first)] == first
    assert [line[0] for line in lines[len(first) :]] == [*TEXTS, "x" * 40_000]
    assert {line[1] for line in lines[len(first) :]} == {"x"}


@pytest.mark.scenario("RF-43")
def test_the_csv_for_programs_keeps_every_byte(tmp_path):
    body = written("csv", [["a\x00b", "=1+1"]], tmp_path, header=Header(["k", "l"], ["K", "L"]))
    assert body == b"k,l\r\nK,L\r\na\x00b,=1+1\r\n"


@pytest.mark.scenario("RF-44")
def test_typed_cells_in_csv(tmp_path):
    """Instants carry the offset of the day: on the night the clocks go back, half past two comes twice."""
    october = [datetime(2027, 10, 31, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    row = [
        7,
        Decimal("5.000000"),
        Decimal("-0.250000"),
        Decimal("1E+2"),
        True,
        False,
        date(2027, 7, 3),
        time(18, 5),
        None,
    ]
    instants = [*october, datetime(2027, 7, 3, 18, tzinfo=UTC)]
    with timezone.override(ZoneInfo("Europe/Zurich")), translation.override("fr"):
        found = {
            code: written(code, [[*row, *instants]], tmp_path, header=Header([], []))
            .decode("utf-8-sig")
            .split("\r\n")
            for code in ("csv", "spreadsheet", "csv_point")
        }
    typed, twice = "Oui;Non;2027-07-03;18:05:00;;", "2027-10-31T02:30:00+02:00;2027-10-31T02:30:00+01:00"
    assert found["csv"][-2] == f"7;5;-0.25;100;{typed}{twice};2027-07-03T20:00:00+02:00".replace(";", ",")
    assert found["spreadsheet"][-2] == f"7;5;-0,25;100;{typed}{twice};2027-07-03 20:00:00"
    assert found["csv_point"][-2] == f"7;5;-0.25;100;{typed}{twice};2027-07-03 20:00:00"


CONVERTED = [
    "00123", "1E5", "3/4", "1.42", "1,42", "1-2", "12:30", "2027-07-03", "05.07.2012", "1'234.50", "1 234,50", "12 %", "CHF 12.50",
    "12.50 Fr.", "€ 5", "5 mai", "3. Juli 2027", "Jan 5", "mer 5", "10 am", "9 p", "TRUE", "wahr", "FAUX", "#N/A", "#DIV/0!", "#WERT!",
    "1234567890123456", "044 668 18 00", " 7 ", "(5)", "'00123", "''3/4",
]  # fmt: skip


@pytest.mark.parametrize("text", CONVERTED)
def test_what_a_spreadsheet_would_change_is_guarded(text):
    assert spreadsheet_text(text) == f"'{text}"
    assert unguarded(spreadsheet_text(text)) == text


FIGURES = st.text("0123456789", min_size=1, max_size=4)


@holds_for(FIGURES, st.lists(st.tuples(st.sampled_from(".,:/' -"), FIGURES), max_size=3), few=100)
def test_of_figures_only_a_plain_whole_number_is_left(first, more):
    text = first + "".join(sign + figures for sign, figures in more)
    assert converted(text) is (str(int(text)) != text if text.isdecimal() else True)


@pytest.mark.parametrize(
    ("language", "amount", "number"),
    [
        ("fr", "28,00", "1234,5"),
        ("de", "28,00", "1234,5"),
        ("it", "28,00", "1234,5"),
        ("en", "28.00", "1234.5"),
    ],
)
def test_amounts_and_numbers_are_those_of_the_language(language, amount, number, tmp_path):
    row = [Money("28"), Decimal("1234.500000"), 28, 0.5, 1234567890123456, Decimal("123456789012345.678900")]
    with translation.override(language):
        body = written("spreadsheet", [row], tmp_path, header=Header([], [])).decode("utf-8-sig")
        points = FORMATS["csv_point"].offered()
    comma = number[4]
    # A number holds fifteen digits: longer ones stay texts.
    exact = "'1234567890123456;'123456789012345.6789"
    assert body.split("\r\n")[1] == f"{amount};{number};28;0{comma}5;{exact}"
    assert points is (comma == ",")
    assert (
        written("csv", [row], tmp_path, header=Header([], []))
        .split(b"\r\n")[2]
        .startswith(b"28.00,1234.5,28,")
    )


def test_words_of_ours_are_codes_for_programs_and_words_for_people(tmp_path):
    row, header = [Word("not_asked", "pas demandé"), Word("x", "=1")], Header(["a", "b"], ["A", "B"])
    assert written("csv", [row], tmp_path, header).endswith(b"\r\nnot_asked,x\r\n")
    assert written("spreadsheet", [row], tmp_path, header).decode().endswith("\r\npas demandé;'=1\r\n")
    cells = Book(written("xlsx", [row], tmp_path, header)).sheets[0]
    assert [cells[2, "A"][1], cells[2, "B"][1]] == ["pas demandé", "=1"]


# --- XLSX -----------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """A text without the format's escapes (ECMA-376, ST_Xstring)."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text)


class Book:
    """An XLSX as a parser of XML sees it: for each sheet, (row, column letters) -> (type, text, style)."""

    def __init__(self, content: bytes):
        self.archive = zipfile.ZipFile(io.BytesIO(content))
        names = [name for name in self.archive.namelist() if name.startswith("xl/worksheets/sheet")]
        self.sheets = [self._cells(name) for name in sorted(names)]
        styles = ElementTree.fromstring(self.archive.read("xl/styles.xml"))
        self.styles = styles.find(f"{SHEET}cellXfs")
        self.formats = {one.get("numFmtId"): one.get("formatCode") for one in styles.iter(f"{SHEET}numFmt")}

    def _cells(self, name: str) -> dict:
        root = ElementTree.fromstring(self.archive.read(name))
        assert root.find(f".//{SHEET}f") is None, "a formula"
        found = {}
        for cell in root.iter(f"{SHEET}c"):
            letters, number = re.fullmatch("([A-Z]+)([0-9]+)", cell.get("r")).groups()
            if cell.get("t") == "inlineStr":
                (text,) = cell.findall(f"{SHEET}is/{SHEET}t")
                value = plain(text.text or "")
            else:
                value = cell.find(f"{SHEET}v").text
            found[int(number), letters] = (cell.get("t"), value, int(cell.get("s") or 0))
        return found

    def style(self, cell: tuple):
        return self.styles[cell[2]]

    def shown_as(self, cell: tuple) -> str | None:
        return self.formats.get(self.style(cell).get("numFmtId"))


@pytest.mark.scenario("RF-43")
def test_every_text_of_an_xlsx_is_a_text_and_equal(tmp_path):
    book = Book(written("xlsx", [[text, "x"] for text in TEXTS], tmp_path))
    cells, columns = book.sheets
    assert [cells[1, "A"][1], cells[1, "B"][1]] == ["A label", "=cmd"]
    for number, text in enumerate(TEXTS, 2):
        if text:
            kind, value, _style = cells[number, "A"]
            assert (kind, value) == ("inlineStr", text)
            assert book.style(cells[number, "A"]).get("quotePrefix") == "1"
        assert cells[number, "B"][1] == "x"
    assert book.style(cells[1, "A"]).get("quotePrefix") == "1"
    # A second sheet lists the key of each column.
    assert [[columns[line, letter][1] for letter in "ABC"] for line in (1, 2, 3)] == [
        ["Column", "Label", "Key"], ["A", "A label", "key"], ["B", "=cmd", "other"],
    ]  # fmt: skip


@pytest.mark.scenario("RF-43")
def test_long_text_is_cut_with_a_notice(tmp_path):
    whole, long, emoji = "x" * 32_767, "x" * 40_000, "👩" * 20_000
    cells = Book(written("xlsx", [[whole, long], [emoji, "a\x00b\ufffe"]], tmp_path)).sheets[0]
    assert cells[2, "A"][1] == whole
    cut = cells[2, "B"][1]
    assert len(cut) == 32_767
    assert cut.endswith(" … [cut here: the text has 40000 characters]")
    assert cut.startswith("x" * 32_000)
    in_units = cells[3, "A"][1].encode("utf-16-le")
    assert len(in_units) // 2 <= 32_767
    assert cells[3, "A"][1].endswith("characters]")
    assert cells[3, "B"][1] == "ab"


@pytest.mark.scenario("RF-43")
def test_typed_cells_in_xlsx(tmp_path):
    exact, instant = Decimal("123456789012345.678900"), datetime(2027, 7, 3, 18, tzinfo=UTC)
    row = [
        7,
        Decimal("5.500000"),
        exact,
        True,
        date(2027, 7, 3),
        instant,
        time(18, 30),
        None,
        "00123",
        date(1899, 5, 1),
        Money("28"),
    ]
    with timezone.override(ZoneInfo("Europe/Zurich")):
        book = Book(written("xlsx", [row], tmp_path, header=Header(["k"] * len(row), ["K"] * len(row))))
    cells = book.sheets[0]
    found = [cells.get((2, letters)) for letters in "ABCDEFGHIJK"]
    assert [cell[:2] for cell in found[:4]] == [
        (None, "7"), (None, "5.5"), ("inlineStr", "123456789012345.6789"), ("inlineStr", "Yes"),
    ]  # fmt: skip
    day, clock, hour = found[4:7]
    assert (day[:2], book.shown_as(day)) == (
        (None, str((date(2027, 7, 3) - date(1899, 12, 30)).days)),
        "yyyy-mm-dd",
    )
    assert float(clock[1]) == pytest.approx(int(day[1]) + 20 / 24)  # 20:00 on the wall
    assert book.shown_as(clock) == "yyyy-mm-dd hh:mm:ss"
    assert (float(hour[1]), book.shown_as(hour)) == (pytest.approx(18.5 / 24), "hh:mm")
    assert found[7] is None
    assert found[8][:2] == ("inlineStr", "00123")
    assert found[9][:2] == ("inlineStr", "1899-05-01")
    assert (found[10][:2], book.shown_as(found[10])) == ((None, "28.00"), "#,##0.00")


@pytest.mark.scenario("RF-44")
def test_more_rows_than_a_sheet_holds_go_to_the_next(tmp_path, monkeypatch):
    assert formats.ROWS_OF_A_SHEET == 1_048_576
    monkeypatch.setattr(Xlsx, "rows_of_a_sheet", 4)
    book = Book(written("xlsx", [[str(n), None] for n in range(7)], tmp_path))
    sheets = book.sheets[:-1]
    assert [[cells[n, "A"][1] for n in range(2, 5) if (n, "A") in cells] for cells in sheets] == [
        ["0", "1", "2"], ["3", "4", "5"], ["6"],
    ]  # fmt: skip
    assert all(cells[1, "A"][1] == "A label" for cells in sheets)
    assert book.sheets[-1][2, "C"][1] == "key"


def test_an_xlsx_without_rows_has_its_header(tmp_path):
    cells, _columns = Book(written("xlsx", [], tmp_path)).sheets
    assert cells[1, "A"][1] == "A label"


@pytest.mark.scenario("RF-44")
@pytest.mark.parametrize("code", FORMATS)
def test_a_file_does_not_need_more_memory_for_more_rows(code, tmp_path):
    def peak(count: int) -> int:
        tracemalloc.start()
        written(
            code,
            ([f"text {n}", n, "x" * 50] for n in range(count)),
            tmp_path,
            Header(["a", "b", "c"], ["A", "B", "C"]),
        )
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found - (tmp_path / "file").stat().st_size  # which the test reads

    few, many = peak(500), peak(10_000)
    assert many < few + 300_000
