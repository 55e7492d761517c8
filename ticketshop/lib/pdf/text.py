"""Lines of text on a PDF page in any script: shaped by HarfBuzz, ordered by ``bidi``, and fitted into a box.

    writer = Writer(canvas)
    block = writer.fit("Le Malade imaginaire", width=360, sizes=(22, 18, 14), most=2, bold=True)
    y = block.draw(x, y, colour)        # where the next block begins

A text that does not fit is set smaller, broken into lines, and finally cut with "…". It never leaves its box.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import uharfbuzz
from reportlab.lib.colors import Color
from reportlab.pdfgen.canvas import Canvas

from . import bidi
from .embedding import EmbeddedFont
from .fonts import BOLD, Font, clusters, of_cluster

ELLIPSIS = "…"
LEADING = 1.3  # line height in font sizes, enough for scripts with tall marks
_TOP = 1.0  # from the upper edge of a line to its baseline
_STROKE = 1 / 40  # width of an outline in font sizes, for fonts without a bold
# Scripts without spaces: Chinese, Japanese, Korean, and Thai, Lao, Burmese, Khmer (whose words only a dictionary could find).
_WIDE = re.compile(
    "[\u0e01-\u0edf\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]"
)
# Characters with which no line of Chinese or Japanese begins or ends.
_NOT_FIRST = frozenset(
    "、。，．・：；？！）」』】〉》〕］｝ー々〻ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ％…,.:;?!)]}"
)
_NOT_LAST = frozenset("（「『【〈《〔［｛([{")
_BREAK_AFTER = frozenset("-‐–—/·")


@dataclass(frozen=True)
class Glyph:
    """One glyph of a shaped text; measures in thousandths of the font size. ``text``: its characters; may be empty."""

    number: int
    advance: float
    right: float  # offset of this glyph only
    up: float
    text: str


@dataclass(frozen=True)
class Run:
    """A part of a line in one font and direction: its glyphs from left to right. ``start``: its index in the text."""

    font: Font
    start: int
    glyphs: tuple[Glyph, ...]
    places: tuple[int, ...]  # index of each glyph's cluster in the line's text


@dataclass(frozen=True)
class Line:
    """One line, with its runs from left to right; widths in thousandths of the font size."""

    text: str
    runs: tuple[Run, ...]
    pieces: tuple[tuple[int, int], ...]  # start and end of each cluster of the text
    widths: tuple[float, ...]  # of each cluster
    named: bool  # whether the PDF must contain the text as ActualText, since the glyphs alone don't give it

    @property
    def width(self) -> float:
        """The width of the line, in thousandths of the font size."""
        return sum(self.widths)


@dataclass(frozen=True)
class Block:
    """Lines of one size, ready to be drawn. ``cut``: the text did not fit; ``broken``: a word is broken."""

    writer: "Writer"
    lines: tuple[Line, ...]
    size: float
    bold: bool
    box: float
    cut: bool
    broken: bool

    @property
    def height(self) -> float:
        """The height of all lines, in points."""
        return len(self.lines) * self.size * LEADING

    @property
    def width(self) -> float:
        """The width of the longest line, in points."""
        return min(self.box, max((line.width for line in self.lines), default=0) * self.size / 1000)

    def draw(self, x: float, y: float, colour: Color, *, align: str = "left") -> float:
        """Draw the lines below ``y``: from ``x`` ("left"), centred on it ("middle") or ending there ("right").

        Return the lower edge.
        """
        for number, line in enumerate(self.lines):
            width = min(line.width * self.size / 1000, self.box)
            left = x - {"left": 0.0, "middle": width / 2, "right": width}[align]
            baseline = y - (number * LEADING + _TOP) * self.size
            self.writer.show(line, left, baseline, self.size, colour, bold=self.bold, box=self.box)
        return y - self.height


class Writer:
    """Draws text on a canvas, and collects the fonts and glyphs that the document needs."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._embedded: dict[str, EmbeddedFont] = {}
        self._lines: dict[tuple[str, bool, int], Line] = {}

    def fit(
        self, text: str, *, width: float, sizes: Sequence[float], most: int = 1, bold: bool = False
    ) -> Block:
        """Return the text in the first of ``sizes`` in which it has at most ``most`` lines; else in the last one, and cut.

        A word is broken only if it is wider than the box in the smallest size.
        """
        text = " ".join(text.split())
        base = bidi.base_level(text)
        line = self._line(text, bold, base)
        for size in sizes:
            box = width / size * 1000
            pieces, broken = _wrap(line, box)
            if len(pieces) <= most and (not broken or size == sizes[-1]):
                break
        cut = len(pieces) > most
        texts = [text[start:end].strip() for start, end in pieces[:most]]
        if cut:
            texts[-1] = self._cut(text[pieces[most - 1][0] :], box, bold, base)
        lines = tuple(self._line(line, bold, base) for line in texts if line)
        return Block(self, lines, size, bold, width, cut=cut, broken=broken)

    def show(
        self, line: Line, x: float, y: float, size: float, colour: Color, *, bold: bool, box: float
    ) -> None:
        """Draw one line with its baseline at ``y``. A line that is wider than the box is compressed."""
        paint = f"{colour.red:.3f} {colour.green:.3f} {colour.blue:.3f}"
        parts = [f"q {paint} rg {paint} RG {size * _STROKE:.3f} w"]
        if line.named:
            parts.append(f"/Span <</ActualText <{line.text.encode('utf-16').hex()}>>> BDC")
        parts.append(f"BT 1 0 0 1 {x:.2f} {y:.2f} Tm")
        if line.width * size / 1000 > box:
            parts.append(f"{box / (line.width * size / 1000) * 100:.2f} Tz")
        for run in line.runs:
            stroked = bold and run.font.name != BOLD
            parts.append(f"/{self._use(run).resource} {size:.2f} Tf {2 if stroked else 0} Tr")
            parts += _operators(run, size)
        parts.append("ET EMC" if line.named else "ET")
        parts.append("Q")
        self.canvas.addLiteral(" ".join(parts))

    def _use(self, run: Run) -> EmbeddedFont:
        """Return the run's font in this document, with the run's glyphs added."""
        embedded = self._embedded.get(run.font.name)
        if embedded is None:
            embedded = self._embedded[run.font.name] = EmbeddedFont(run.font, len(self._embedded))
            self.canvas._doc.delayedFonts.append(embedded)
        for glyph in run.glyphs:
            embedded.texts[glyph.number] = embedded.texts.get(glyph.number) or glyph.text
        return embedded

    def _cut(self, text: str, box: float, bold: bool, base: int) -> str:
        """Return the longest beginning of the text that fits together with "…"."""
        ends = [end for _start, end in clusters(text)]
        low, high = 0, len(ends)
        while low < high:
            middle = (low + high + 1) // 2
            if self._line(f"{text[: ends[middle - 1]].rstrip()}{ELLIPSIS}", bold, base).width <= box:
                low = middle
            else:
                high = middle - 1
        return f"{text[: ends[low - 1]].rstrip() if low else ''}{ELLIPSIS}"

    def _line(self, text: str, bold: bool, base: int) -> Line:
        key = (text, bold, base)
        if key not in self._lines:
            self._lines[key] = _shaped_line(text, bold, base)
        return self._lines[key]


def _shaped_line(text: str, bold: bool, base: int) -> Line:
    levels = [0] * len(text) if base == 0 and bidi.is_plain(text) else bidi.levels(text, base)
    text_clusters = tuple(clusters(text))
    pieces: list[tuple[int, int, Font, int]] = []  # start, end, font, level
    for start, end in text_clusters:
        font, level = of_cluster(text[start:end], bold=bold), levels[start]
        if pieces and pieces[-1][3] == level:
            before = pieces[-1][2]
            if font is before or (text[start] == " " and level % 2 and before.has(" ")):
                pieces[-1] = (pieces[-1][0], end, before, level)
                continue
        pieces.append((start, end, font, level))
    runs = [_shape(text, start, end, font, level % 2 == 1) for start, end, font, level in pieces]
    ordered = tuple(runs[index] for index in bidi.visual_order([piece[3] for piece in pieces]))
    # Not from right to left: PDF readers reverse such glyphs themselves, and would reverse the ActualText, too.
    named = not any(levels) and any(len(glyph.text) != 1 for run in ordered for glyph in run.glyphs)
    return Line(text, ordered, text_clusters, _widths(ordered, text_clusters, len(text)), named)


def _shape(text: str, start: int, end: int, font: Font, rightward: bool) -> Run:
    buffer = uharfbuzz.Buffer()
    buffer.add_str(text[start:end])
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if rightward else "ltr"
    uharfbuzz.shape(font.shaper, buffer, {})
    infos, positions = buffer.glyph_infos, buffer.glyph_positions
    begins = sorted({info.cluster for info in infos})
    ends = dict(zip(begins, [*begins[1:], end - start], strict=True))
    assigned: set[int] = set()
    glyphs = []
    for info, position in zip(infos, positions, strict=True):
        cluster_text = (
            "" if info.cluster in assigned else text[start + info.cluster : start + ends[info.cluster]]
        )
        assigned.add(info.cluster)
        advance, right, up = (
            value * font.scale for value in (position.x_advance, position.x_offset, position.y_offset)
        )
        glyphs.append(Glyph(info.codepoint, advance, right, up, cluster_text))
    return Run(font, start, tuple(glyphs), tuple(start + info.cluster for info in infos))


def _wrap(whole: Line, box: float) -> tuple[list[tuple[int, int]], bool]:
    """Return (start, end) of each line, and whether a word is broken."""
    text, pieces, widths = whole.text, whole.pieces, whole.widths
    lines: list[tuple[int, int]] = []
    broken = False
    first, width, opportunity = 0, 0.0, 0
    for number, (start, end) in enumerate(pieces):
        while number > first and width + widths[number] > box and not text[start:end].isspace():
            broken |= opportunity <= first
            at = opportunity if opportunity > first else number
            lines.append((pieces[first][0], pieces[at][0]))
            first, width = at, sum(widths[at:number])
        width += widths[number]
        if number + 1 < len(pieces) and _may_break(text, pieces[number + 1][0]):
            opportunity = number + 1
    if pieces:
        lines.append((pieces[first][0], len(text)))
    return lines, broken


def _widths(runs: Iterable[Run], pieces: Iterable[tuple[int, int]], length: int) -> tuple[float, ...]:
    """Return the width of each cluster, in the order of the text."""
    advances = [0.0] * length
    for run in runs:
        for glyph, place in zip(run.glyphs, run.places, strict=True):
            advances[place] += glyph.advance
    return tuple(sum(advances[start:end]) for start, end in pieces)


def _may_break(text: str, at: int) -> bool:
    """Return whether a line may end before the character at ``at``."""
    before, after = text[at - 1], text[at]
    if after == " ":
        return False
    if before == " ":
        return True
    if after in _NOT_FIRST or before in _NOT_LAST:
        return False
    if _WIDE.match(before) or _WIDE.match(after):
        return True
    return before in _BREAK_AFTER and not after.isdigit() and at > 1


def _operators(run: Run, size: float) -> Iterator[str]:
    """Yield the PDF operators of the glyphs. Numbers between glyphs move the next one to the left, in thousandths."""
    shown: list[str] = []
    codes = ""
    rise = 0.0
    for glyph in run.glyphs:
        if glyph.up != rise:
            if codes:
                shown.append(f"<{codes}>")
                codes = ""
            yield (
                f"[{' '.join(shown)}] TJ {glyph.up * size / 1000:.3f} Ts"
                if shown
                else (f"{glyph.up * size / 1000:.3f} Ts")
            )
            shown, rise = [], glyph.up
        if abs(glyph.right) >= 1:
            shown += [f"<{codes}>", f"{-glyph.right:.0f}"] if codes else [f"{-glyph.right:.0f}"]
            codes = ""
        codes += f"{glyph.number:04X}"
        after = run.font.advance(glyph.number) + glyph.right - glyph.advance
        if abs(after) >= 1:
            shown += [f"<{codes}>", f"{after:.0f}"]
            codes = ""
    if codes:
        shown.append(f"<{codes}>")
    yield f"[{' '.join(shown)}] TJ"
    if rise:
        yield "0 Ts"
