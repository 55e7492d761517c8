"""The Unicode Bidirectional Algorithm (UAX 9): the order in which the characters of a line are drawn.

For texts of one paragraph without control characters, which ``lib.values.text`` removes from typed text. So the rules for explicit
embeddings and isolates (X1 to X10) are left out. Texts that must not influence each other are drawn separately.
"""

import unicodedata
from collections.abc import Iterable

# The pairs of brackets (BidiBrackets.txt) that the PDF fonts contain.
_PAIRS = {"(": ")", "[": "]", "{": "}", "⁅": "⁆", "⁽": "⁾", "₍": "₎", "〈": "〉", "《": "》", "「": "」", "『": "』",
          "【": "】", "〔": "〕", "〖": "〗", "〘": "〙", "（": "）", "［": "］", "｛": "｝", "｟": "｠", "｢": "｣"}  # fmt: skip
_CLOSING = {closing: opening for opening, closing in _PAIRS.items()}
_MOST_BRACKETS = 63
_STRONG = {
    "L": "L",
    "R": "R",
    "EN": "R",
    "AN": "R",
}  # the direction of a kind for neutral characters beside it
_NEUTRAL = frozenset(("B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI"))
_IGNORED = frozenset(("BN", "LRE", "RLE", "LRO", "RLO", "PDF"))


def is_plain(text: str) -> bool:
    """Return whether no character runs from right to left: then the algorithm changes nothing."""
    return text.isascii() or not any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in text)


def base_level(text: str) -> int:
    """Return 1 if the first strong character runs from right to left, else 0 (rules P2, P3)."""
    for char in text:
        kind = unicodedata.bidirectional(char)
        if kind in {"L", "R", "AL"}:
            return int(kind != "L")
    return 0


def levels(text: str, base: int) -> list[int]:
    """Return the embedding level of each character: even numbers from left to right, odd from right to left."""
    kinds = [unicodedata.bidirectional(char) for char in text]
    indices = [index for index, kind in enumerate(kinds) if kind not in _IGNORED]
    resolved = [kinds[index] for index in indices]
    edge = "R" if base else "L"
    _weak(resolved, edge)
    _brackets([text[index] for index in indices], resolved, edge)
    _neutral(resolved, edge)
    text_levels = [base] * len(text)
    level = base
    by_index = dict(zip(indices, resolved, strict=True))
    for index in range(len(text)):
        if index in by_index:
            level = _implicit(by_index[index], base)
        text_levels[index] = level
    return text_levels


def visual_order(run_levels: list[int]) -> list[int]:
    """Return the indices of runs in the order in which they are drawn from left to right (rule L2)."""
    order = list(range(len(run_levels)))
    for level in range(max(run_levels, default=0), 0, -1):
        start = None
        for place in range(len(order) + 1):
            inside = place < len(order) and run_levels[order[place]] >= level
            if inside and start is None:
                start = place
            elif not inside and start is not None:
                order[start:place] = reversed(order[start:place])
                start = None
    return order


def _implicit(kind: str, base: int) -> int:
    """Return the level of a resolved kind (rules I1, I2)."""
    if base % 2 == 0:
        return base + {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)
    return base + (kind != "R")


def _weak(kinds: list[str], edge: str) -> None:
    """Resolve marks, numbers and their signs in place (rules W1 to W7)."""
    before = strong = edge
    for index, kind in enumerate(kinds):
        if kind == "NSM":
            kinds[index] = "ON" if before in {"LRI", "RLI", "FSI", "PDI"} else before
        elif kind == "EN" and strong == "AL":
            kinds[index] = "AN"
        before = kinds[index]
        if before in {"L", "R", "AL"}:
            strong = before
    kinds[:] = ["R" if kind == "AL" else kind for kind in kinds]
    _signs_of_numbers(kinds)
    strong = edge
    for index, kind in enumerate(kinds):
        if kind in {"ES", "CS"}:
            kinds[index] = "ON"
        elif kind == "EN" and strong == "L":
            kinds[index] = "L"
        elif kind in {"L", "R"}:
            strong = kind


def _signs_of_numbers(kinds: list[str]) -> None:
    """Resolve separators inside a number and signs beside it, which belong to the number (rules W4, W5)."""
    for index in range(1, len(kinds) - 1):
        left, kind, right = kinds[index - 1 : index + 2]
        if left == right and ((kind == "ES" and left == "EN") or (kind == "CS" and left in {"EN", "AN"})):
            kinds[index] = left
    for start, end in _runs(kinds, {"ET"}):
        beside = {kinds[start - 1] if start else "", kinds[end] if end < len(kinds) else ""}
        kinds[start:end] = ["EN" if "EN" in beside else "ON"] * (end - start)


def _brackets(chars: list[str], kinds: list[str], edge: str) -> None:
    """Resolve pairs of brackets: both get one direction (rule N0)."""
    for opening, closing in _pairs(chars, kinds):
        inside = {_STRONG[kind] for kind in kinds[opening + 1 : closing] if kind in _STRONG}
        if edge in inside:
            direction = edge
        elif inside:
            before = next((_STRONG[kind] for kind in reversed(kinds[:opening]) if kind in _STRONG), edge)
            direction = before if before in inside else edge
        else:
            continue
        kinds[opening] = kinds[closing] = direction


def _pairs(chars: list[str], kinds: list[str]) -> list[tuple[int, int]]:
    """Return the indices of opening and closing brackets that belong together (BD16)."""
    waiting: list[tuple[str, int]] = []
    pairs = []
    for index, char in enumerate(chars):
        if kinds[index] != "ON":
            continue
        if char in _PAIRS:
            if len(waiting) == _MOST_BRACKETS:
                return []
            waiting.append((char, index))
        elif char in _CLOSING:
            for depth in range(len(waiting) - 1, -1, -1):
                if waiting[depth][0] == _CLOSING[char]:
                    pairs.append((waiting[depth][1], index))
                    del waiting[depth:]
                    break
    return sorted(pairs)


def _neutral(kinds: list[str], edge: str) -> None:
    """Resolve signs and spaces by the characters on both sides of them (rules N1, N2)."""
    for start, end in _runs(kinds, _NEUTRAL):
        left = _STRONG.get(kinds[start - 1], edge) if start else edge
        right = _STRONG.get(kinds[end], edge) if end < len(kinds) else edge
        kinds[start:end] = [left if left == right else edge] * (end - start)


def _runs(kinds: list[str], wanted: Iterable[str]) -> list[tuple[int, int]]:
    """Return (start, end) of each run of kinds in ``wanted``."""
    runs, start = [], None
    for index, kind in enumerate([*kinds, ""]):
        if kind in wanted and start is None:
            start = index
        elif kind not in wanted and start is not None:
            runs.append((start, index))
            start = None
    return runs
