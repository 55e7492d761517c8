"""The fonts of PDF pages, and the choice of a font for each character. Opened once per process, when first needed.

The files in ``fonts/`` are mapped into memory. ``fonts/README.md`` names their sources and licences.
"""

import functools
import re
import unicodedata
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"
REGULAR, BOLD = "NotoSans-Regular", "NotoSans-Bold"
# In this order: the first font with a character draws it.
OTHERS = (
    "NotoSansArabic-Regular", "NotoSansHebrew-Regular", "DroidSansFallback", "ShopHangul", "NotoSansThai-Regular",
    "NotoSansDevanagari-Regular", "NotoSansBengali-Regular", "NotoSansTamil-Regular", "NotoSansTelugu-Regular",
    "NotoSansKannada-Regular", "NotoSansMalayalam-Regular", "NotoSansGujarati-Regular", "NotoSansGurmukhi-Regular",
    "NotoSansOriya-Regular", "NotoSansSinhala-Regular", "NotoSansGeorgian-Regular", "NotoSansArmenian-Regular",
    "NotoSansEthiopic-Regular", "NotoSansKhmer-Regular", "NotoSansLao-Regular", "NotoSansMyanmar-Regular",
    "NotoSansThaana-Regular", "NotoSansTifinagh-Regular", "NotoSansCherokee-Regular", "NotoSansNKo-Regular",
    "NotoEmoji-Regular", "NotoSansSymbols-Regular", "NotoSansSymbols2-Regular",
)  # fmt: skip
EMOJI = "NotoEmoji-Regular"
_KEYCAP = "\u20e3"
_EMOJI_SIGN = "\ufe0f"  # requests an emoji picture for the character before it
_JOINER = "\u200d"
# Characters that have no glyph: joiners, variation selectors, tags.
_UNSEEN = re.compile("[\u200c\u200d\ufe00-\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]")
_SIMPLE_LATIN = re.compile("[\t\n -~\u00a0-\u024f\u2010-\u2026]*")  # nearly all texts
_SIMPLE = re.compile(
    "[ -\u02ff\u0370-\u0482\u048a-\u0590\u1e00-\u200b\u2010-\u206f\u3040-\u3098\u30a0-\u9fff\uac00-\ud7a3]*"
)
_SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")
_FLAG_LETTER = re.compile("[\U0001f1e6-\U0001f1ff]")
_JAMO = re.compile("[\u1100-\u11ff]")
_VIRAMA = 9  # the combining class of the sign that joins two consonants
_BEFORE_CONSONANT = "เแโใไເແໂໃໄ"  # vowels of Thai and Lao that are written first


class Font:
    """One font file, opened by HarfBuzz."""

    def __init__(self, name: str) -> None:
        import uharfbuzz  # noqa: PLC0415  needed for a PDF, or for a text that is not Latin

        self.name = name
        self.face = uharfbuzz.Face(uharfbuzz.Blob.from_file_path(str(FOLDER / f"{name}.ttf")))
        self.shaper = uharfbuzz.Font(self.face)
        self.scale = 1000 / self.face.upem  # to the thousandths that PDF counts in
        self.characters = self.face.unicodes

    @functools.cache  # noqa: B019  # fonts live as long as the process
    def advance(self, glyph: int) -> float:
        """The width of a glyph in thousandths of the size."""
        return self.shaper.get_glyph_h_advance(glyph) * self.scale

    def has(self, cluster: str) -> bool:
        """Return whether the font can draw all visible characters of a cluster, composed (NFC) or decomposed (NFD)."""
        seen = _UNSEEN.sub("", cluster)
        return any(
            all(ord(char) in self.characters for char in form)
            for form in (seen, unicodedata.normalize("NFC", seen), unicodedata.normalize("NFD", seen))
        )


@functools.cache
def font(name: str) -> Font:
    """Return a font by its name, opened once per process."""
    return Font(name)


@functools.lru_cache(maxsize=4096)
def _of_cluster(first: str, cluster: str) -> Font | None:
    names = [first, *OTHERS]
    if _EMOJI_SIGN in cluster or _KEYCAP in cluster:
        names.insert(0, EMOJI)
    return next((font(name) for name in names if font(name).has(cluster)), None)


def of_cluster(cluster: str, *, bold: bool) -> Font:
    """Return the font that draws a cluster; the first one, with an empty box, if no font has it."""
    first = BOLD if bold else REGULAR
    return _of_cluster(first, cluster) or font(first)


def clusters(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of each cluster: a character with its marks, joined characters, skin colours or flag letters."""
    if _SIMPLE.fullmatch(text):
        return [(start, start + 1) for start in range(len(text))]
    ranges, start = [], 0
    while start < len(text):
        end = _end_of_cluster(text, start)
        ranges.append((start, end))
        start = end
    return ranges


def _end_of_cluster(text: str, start: int) -> int:
    end = start + 1
    is_flag = _FLAG_LETTER.match(text, start) and _FLAG_LETTER.match(text, end)
    if end < len(text) and (is_flag or text[start] in _BEFORE_CONSONANT):
        end += 1
    while end < len(text):
        char = text[end]
        joins = char == _JOINER or unicodedata.combining(char) == _VIRAMA
        if joins and end + 1 < len(text) and not text[end + 1].isspace():
            end += 2
        elif (
            unicodedata.category(char) in {"Mn", "Mc", "Me"}
            or _UNSEEN.match(char)
            or _SKIN.match(char)
            or (_JAMO.match(char) and _JAMO.match(text, end - 1))
        ):
            end += 1
        else:
            break
    return end


def unprintable(text: str) -> list[str]:
    """Return the characters of a text that no font contains, each once, in order. Empty for nearly all texts."""
    if _SIMPLE_LATIN.fullmatch(text):
        return []
    missing: dict[str, None] = {}
    for start, end in clusters(text):
        cluster = text[start:end]
        if cluster.isspace() or cluster.isascii() or _of_cluster(REGULAR, cluster):
            continue
        missing |= {char: None for char in cluster if not _of_cluster(REGULAR, char)} or {cluster: None}
    return list(missing)
