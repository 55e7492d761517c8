"""A cache of rendered pieces of pages, in each web process: ``{% piece "sales/parts/event_row.html" row=row pos=pos %}``.

The template of a piece gets the named values and nothing else: no request, no visitor, no token. The key of the piece is these
values, the page's language and time zone. So a piece shows nothing of a visitor that is not passed to it, and a value that has
changed makes another piece: nothing has to be removed from the cache.
"""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from itertools import count
from threading import Lock

from django.db.models import Model
from django.template.loader import get_template
from django.utils.safestring import SafeString
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import get_language

MOST_CHARACTERS = 3_000_000  # about 5 MB
_PLAIN = frozenset({str, SafeString, int, bool, Decimal, date, datetime, type(None)})
_numbers = count(1)


class PieceCache:
    """Rendered pieces, up to ``most`` characters; the pieces that were not used for the longest time are dropped."""

    def __init__(self, most: int = MOST_CHARACTERS):
        self.most, self.size = most, 0
        self._pieces: OrderedDict[Hashable, str] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> str | None:
        """Return the piece, or None."""
        with self._lock:
            piece = self._pieces.get(key)
            if piece is not None:
                self._pieces.move_to_end(key)
            return piece

    def put(self, key: Hashable, piece: str) -> None:
        """Store a piece, unless it is larger than a tenth of the cache."""
        if len(piece) > self.most // 10:
            return
        with self._lock:
            self.size += len(piece) - len(self._pieces.pop(key, ""))
            self._pieces[key] = piece
            while self.size > self.most:
                self.size -= len(self._pieces.popitem(last=False)[1])


_CACHE = PieceCache()


def piece(template: str, **values: object) -> str:
    """Return the rendered template. ``values``: its whole context.

    A value is a text, a number, a date, None, or an object with the attribute ``piece_key``: a hashable that differs whenever
    the object looks different. Raise TypeError for any other value.
    """
    key = (template, get_language(), get_current_timezone_name(), *map(_key, values.items()))
    rendered = _CACHE.get(key)
    if rendered is None:
        rendered = get_template(template).render(values)
        _CACHE.put(key, rendered)
    return rendered


def _key(named: tuple[str, object]) -> Hashable:
    name, value = named
    if type(value) in _PLAIN:
        # 1, True and Decimal(1) are equal, but don't look alike.
        return name, type(value), value
    try:
        return name, value.piece_key  # type: ignore[attr-defined]
    except AttributeError:
        raise TypeError(f"a piece can’t show {name}: {type(value).__name__} has no piece_key") from None


def new_number() -> int:
    """Return a number that was not returned before in this process: a ``piece_key`` for an object that never changes."""
    return next(_numbers)


def number_of_rows(rows: Iterable[Model]) -> int:
    """Return a ``piece_key`` for these instances: the same number as long as all their columns have the same values."""
    return _number_of(tuple(tuple(map(_comparable, _columns(row))) for row in rows))


def _columns(row: Model) -> Iterator[object]:
    """Yield the values of all columns as stored, without a query and without the active language."""
    stored = vars(row)
    return (stored[column.attname] for column in row._meta.concrete_fields)


def _comparable(value: object) -> Hashable:
    return value if type(value) in _PLAIN else str(value)  # lists of languages, names of pictures


@lru_cache(maxsize=1024)
def _number_of(_values: Hashable) -> int:
    return new_number()
