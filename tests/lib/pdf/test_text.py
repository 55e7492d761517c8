"""Text on PDF pages in all scripts: in the right order, inside its box, cut only with "…"."""

import io
import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader
from reportlab.lib.colors import black
from reportlab.pdfgen.canvas import Canvas

from ticketshop.lib.forms import fields
from ticketshop.lib.pdf import bidi, fonts
from ticketshop.lib.pdf.text import ELLIPSIS, Writer

SCRIPTS = {
    "Latin": "Théâtre “Œdipe” Łódź Nguyễn Thị Ánh",
    "Greek and Cyrillic": "Ωμέγα Ђорђевић",
    "Arabic": "محمد عبد الله",
    "Hebrew": "שרה כהן",
    "Chinese": "王小明 龍髙﨑",
    "Japanese": "山田 太郎 カタカナ ひらがな",
    "Korean": "김철수 똠방각하",
    "Thai": "สมชาย น้ำผึ้ง",
    "Devanagari": "राजेश क्षत्रिय श्रीमती",
    "Bengali": "বাংলা ক্ষুদ্র",
    "Tamil": "தமிழ் கொ",
    "Georgian, Armenian, Ethiopic": "ქართული Հայերեն አማርኛ",
    "emoji": "🎭 👨‍👩‍👧‍👦 🇨🇭 👍🏽 ❤️ 1️⃣",
    "mixed directions": "Alice محمد (שרה) 12 of 34",
}
LONG = [
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "A long title about the sorrows of young Werther and the joys of an old count, with wine",
    "مسرحية طويلة جدا عن أحزان الشاب فيرتر وأفراح الكونت العجوز مع استراحة ونبيذ وموسيقى",
    "長い長い題名の芝居、それは「若きウェルテルの悩み」と老伯爵の喜びについて、幕間とワイン。",
    "เรื่องยาวมากเกี่ยวกับความเศร้าของเวอร์เธอร์หนุ่มและความสุขของเคานต์ชราพร้อมช่วงพัก",
    "x" * 400,
]


@pytest.fixture
def writer():
    return Writer(Canvas(io.BytesIO()))


def glyphs(block) -> list[int]:
    return [glyph.number for line in block.lines for run in line.runs for glyph in run.glyphs]


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_every_script_has_a_glyph_for_each_character(writer, text):
    block = writer.fit(text, width=1000, sizes=(10,))
    assert glyphs(block)
    assert 0 not in glyphs(block), "0 is the empty box"
    assert fonts.unprintable(text) == []


def test_letters_are_shaped_not_only_placed(writer):
    def count(text):
        return len(glyphs(writer.fit(text, width=1000, sizes=(10,))))

    # A family and a flag are one picture, three Devanagari letters one sign; Arabic letters join.
    assert count("👨‍👩‍👧‍👦") == count("🇨🇭") == count("क्ष") == 1
    alone, joined = (glyphs(writer.fit(text, width=1000, sizes=(10,))) for text in ("م", "ممم"))
    assert set(alone).isdisjoint(joined)


def test_text_can_be_read_back_from_the_pdf():
    made = io.BytesIO()
    canvas = Canvas(made)
    Writer(canvas).fit("Œuvre fi Привет 山田", width=500, sizes=(12,)).draw(50, 700, black)
    canvas.save()
    assert "Œuvre fi Привет 山田" in PdfReader(made).pages[0].extract_text()


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("text", LONG, ids=range(len(LONG)))
def test_a_long_text_stays_inside_its_box_and_is_cut_only_with_the_sign_for_it(writer, text, most):
    block = writer.fit(text, width=150, sizes=(20, 14, 9), most=most)
    assert len(block.lines) <= most
    assert all(line.width * block.size / 1000 <= 150.5 for line in block.lines)
    shown = "".join(line.text for line in block.lines).replace(" ", "")
    if block.cut:
        assert shown.endswith(ELLIPSIS)
        assert text.replace(" ", "").startswith(shown.removesuffix(ELLIPSIS))
        assert len(shown) > 5
    else:
        assert shown == text.replace(" ", "")


def test_a_text_becomes_smaller_before_it_is_broken_and_broken_before_it_is_cut(writer):
    word = "Donaudampfschifffahrt"
    large = writer.fit("Hamlet", width=150, sizes=(20, 14, 9))
    assert (large.size, len(large.lines), large.cut) == (20, 1, False)
    smaller = writer.fit(word, width=150, sizes=(20, 14, 9))
    assert (smaller.size, smaller.broken, smaller.cut) == (9, False, False)
    broken = writer.fit(word * 2, width=150, sizes=(20, 14, 9), most=2)
    assert (broken.size, broken.broken, broken.cut) == (9, True, False)


@settings(max_examples=150)
@given(st.text(st.sampled_from("aé שרה مح 王。。「」ท🎭\u0301\u200d-1 "), max_size=60), st.integers(8, 90))
def test_nothing_of_any_text_leaves_its_box_or_gets_lost(text, width):
    # An accent on a space is as wide as what stands before it: the line may get wider than it was, and is drawn compressed.
    text = re.sub(" [\u0301\u200d]+", " ", text)
    writer = Writer(Canvas(io.BytesIO()))
    block = writer.fit(text, width=width, sizes=(9, 6), most=30)
    assert not block.cut or len(block.lines) == 30
    for line in block.lines:
        widest = max(line.widths, default=0)
        assert line.width <= max(width / block.size * 1000, widest) + 60
    if not block.cut:
        assert "".join("".join(line.text for line in block.lines).split()) == "".join(text.split())


# --- directions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("logical", "visual"),
    [
        ("abc", "abc"),
        ("אבג", "גבא"),
        ("abc אבג def", "abc גבא def"),
        ("אבג abc דהו", "והד abc גבא"),
        ("אבג 123", "123 גבא"),
        ("אבג 1,234.5%", "1,234.5% גבא"),
        ("אבג (abc) דהו", "והד (abc) גבא"),
        ("abc (אבג) def", "abc (גבא) def"),
        ("abc (אבג def) ghi", "abc (גבא def) ghi"),
        ("אבג [דהו] זחט", "טחז [והד] גבא"),
        ("א-1", "1-א"),
        ("abc 12 אבג 34", "abc 12 34 גבא"),
        ("אבג", "גבא"),
        ("١٢٣ اب", "با ١٢٣"),
        ("", ""),
    ],
)
def test_mixed_directions_are_drawn_in_the_order_of_the_unicode_algorithm(logical, visual):
    levels = bidi.levels(logical, bidi.base_level(logical))
    order = bidi.visual_order(levels)
    drawn = "".join(logical[index] for index in order)
    # Brackets are mirrored by the shaper; here they keep their code.
    assert re.sub(r"[()\[\]]", "|", drawn) == re.sub(r"[()\[\]]", "|", visual)


# --- what no font has ----------------------------------------------------------------------------------------


def test_characters_that_no_font_has_are_named_at_the_field():
    field = fields.LineField()
    assert field.clean("Zoë 王 محمد 🎭") == "Zoë 王 محمد 🎭"
    with pytest.raises(ValidationError) as refused:
        field.clean("𠮷野家 ᚠ 𠮷")
    assert refused.value.messages == [
        "We can’t print these characters: 𠮷 ᚠ. Please write it in another way."
    ]


def test_fonts_are_small_enough_and_their_licences_are_there():
    sizes = {path.name: path.stat().st_size for path in fonts.FOLDER.iterdir()}
    assert sum(sizes.values()) < 10_000_000
    assert {f"{name}.ttf" for name in (fonts.REGULAR, fonts.BOLD, *fonts.OTHERS)} == {
        name for name in sizes if name.endswith(".ttf")
    }
    readme = (fonts.FOLDER / "README.md").read_text()
    for name in ("OFL.txt", "APACHE-2.0.txt"):
        assert sizes[name] > 1000
        assert name in readme
