"""Embed fonts in a PDF: the glyphs that were drawn, and the text of each for copying and searching."""

import functools
import zlib

import uharfbuzz
from reportlab.pdfbase import pdfdoc

from .fonts import Font

# Tables that only shaping needs; a PDF does without them.
_DROPPED = ("cmap", "name", "post", "OS/2", "GSUB", "GPOS", "GDEF", "BASE", "kern")
_SYMBOLIC = 4


class EmbeddedFont:
    """The glyphs of one font in one document. Written when the document is saved."""

    def __init__(self, font: Font, number: int) -> None:
        self.font = font
        self.resource = f"S{number}"
        self.texts: dict[int, str] = {}  # glyph -> its text

    def addObjects(self, doc) -> None:
        """Add the font, its widths, file and ToUnicode table to the document. ReportLab calls this when it saves."""
        name = f"{_letters(self.texts)}+{self.font.name}"
        descendant = self._descendant(doc, name)
        font = pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("Font"),
                "Subtype": pdfdoc.PDFName("Type0"),
                "BaseFont": pdfdoc.PDFName(name),
                "Encoding": pdfdoc.PDFName("Identity-H"),
                "DescendantFonts": pdfdoc.PDFArray(
                    [doc.Reference(descendant, f"{self.resource}.descendant")]
                ),
                "ToUnicode": doc.Reference(_stream(_to_unicode(self.texts)), f"{self.resource}.unicode"),
            }
        )
        doc.idToObject["BasicFonts"].dict[self.resource] = doc.Reference(font, self.resource)

    def _descendant(self, doc, name: str):
        """Return the font by glyph numbers, with the width of each glyph."""
        return pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("Font"),
                "Subtype": pdfdoc.PDFName("CIDFontType2"),
                "BaseFont": pdfdoc.PDFName(name),
                "CIDSystemInfo": pdfdoc.PDFDictionary(
                    {
                        "Registry": pdfdoc.PDFString("Adobe"),
                        "Ordering": pdfdoc.PDFString("Identity"),
                        "Supplement": 0,
                    }
                ),
                "CIDToGIDMap": pdfdoc.PDFName("Identity"),
                "DW": 1000,
                "W": pdfdoc.PDFArray(
                    [
                        part
                        for glyph in sorted(self.texts)
                        for part in (glyph, pdfdoc.PDFArray([round(self.font.advance(glyph), 2)]))
                    ]
                ),
                "FontDescriptor": doc.Reference(self._descriptor(doc, name), f"{self.resource}.descriptor"),
            }
        )

    def _descriptor(self, doc, name: str):
        font = self.font
        extents = font.shaper.get_font_extents("ltr")
        file = _subset(font, frozenset(self.texts))
        return pdfdoc.PDFDictionary(
            {
                "Type": pdfdoc.PDFName("FontDescriptor"),
                "FontName": pdfdoc.PDFName(name),
                "Flags": _SYMBOLIC,
                "FontBBox": pdfdoc.PDFArray([-1000, -500, 3000, 1500]),
                "ItalicAngle": 0,
                "Ascent": round(extents.ascender * font.scale),
                "Descent": round(extents.descender * font.scale),
                "CapHeight": 714,
                "StemV": 80,
                "FontFile2": doc.Reference(_stream(file, Length1=len(file)), f"{self.resource}.file"),
            }
        )


@functools.lru_cache(maxsize=8)
def _subset(font: Font, glyphs: frozenset[int]) -> bytes:
    """Return the font file with these glyphs only, with unchanged glyph numbers."""
    subset = uharfbuzz.SubsetInput()
    kept = subset.sets(uharfbuzz.SubsetInputSets.GLYPH_INDEX)
    for glyph in glyphs:
        kept.add(glyph)
    dropped = subset.sets(uharfbuzz.SubsetInputSets.DROP_TABLE_TAG)
    for table in _DROPPED:
        dropped.add(int.from_bytes(table.encode(), "big"))
    subset.flags = (
        uharfbuzz.SubsetFlags.RETAIN_GIDS
        | uharfbuzz.SubsetFlags.NO_HINTING
        | uharfbuzz.SubsetFlags.NOTDEF_OUTLINE
        | uharfbuzz.SubsetFlags.NO_LAYOUT_CLOSURE
    )
    return bytes(uharfbuzz.subset(font.face, subset).blob.data)


def _letters(texts: dict[int, str]) -> str:
    """Return the six capitals before the name of a subset font (PDF 32000-1, 9.6.4)."""
    number = zlib.crc32(",".join(map(str, sorted(texts))).encode())
    return "".join(chr(65 + number // 26**place % 26) for place in range(6))


def _stream(content: bytes, **entries: int):
    stream = pdfdoc.PDFStream(pdfdoc.PDFDictionary(entries), content)
    stream.filters = [pdfdoc.PDFZCompress]
    return stream


def _to_unicode(texts: dict[int, str]) -> bytes:
    """Return the ToUnicode table (glyph -> text) for searching, copying and screen readers."""
    rows = [
        f"<{glyph:04X}> <{text.encode('utf-16-be').hex().upper()}>" for glyph, text in sorted(texts.items())
    ]
    blocks = "".join(
        f"{len(part)} beginbfchar\n{chr(10).join(part)}\nendbfchar\n"
        for part in (rows[start : start + 100] for start in range(0, len(rows), 100))
    )
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        f"{blocks}endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode("ascii")
