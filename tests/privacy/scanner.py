"""Search all tables, files and logs for tokens of a person, in any encoding or notation.

It uses no models or declarations: it reads the tables from the database itself. It decodes sessions, JSON and percent escapes,
HTML, base64, zlib and gzip, MIME, PDF, ZIP and so spreadsheets. Case, accents and apostrophes make no difference; an e-mail
address is also found by its hashes and its local part, a phone number in each notation.
"""

import base64
import binascii
import email
import email.policy
import hashlib
import html
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote_plus, urlsplit

import pypdf
from django.conf import settings
from django.db import connection
from pypdf.errors import PyPdfError

from ticketshop.lib.values.text import APOSTROPHES, MARKS

DEEPEST = 5  # a spreadsheet in a mail in base64 in JSON
MOST_UNPACKED = 20_000_000

# --- tokens ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Token:
    """A value that identifies one person. ``kind``: text, email, phone or exact; ``name``: where it was planted."""

    name: str
    value: str
    kind: str = "text"

    def __deepcopy__(self, _memo: dict) -> "Token":
        return self


@dataclass(frozen=True, order=True)
class Hit:
    """A token that was found: the place ("table.column", "file:…", "log"), the row, and the token's name."""

    place: str
    row: str
    token: str


_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s().\-/\u00a0\u202f]+(?=\d)")
HASHES = ("md5", "sha1", "sha256")


def fold(text: str) -> str:
    """Return a text in lower case, without accents and apostrophes."""
    return MARKS.sub("", unicodedata.normalize("NFKD", APOSTROPHES.sub("", text))).casefold()


def needles(token: Token) -> Iterator[str]:
    """Yield regular expressions that find the token in a folded text."""
    value = fold(token.value)
    if token.kind == "exact":
        yield rf"(?<![a-z0-9]){re.escape(value)}(?!\d)"
    elif token.kind == "phone":
        digits = re.sub(r"\D", "", value)
        # The number without its country: it may be written +41 79…, 0041 79… or 079….
        yield rf"(?<!\d)(?:\+?0*41|0)?{digits[2:]}(?!\d)"
    elif token.kind == "email":
        local = value.partition("@")[0]
        # A longer address that contains this one is not a hit.
        yield rf"(?<![a-z0-9._+\-]){re.escape(value)}(?!\.?[a-z0-9\-])"
        yield rf"(?<![a-z0-9._+\-]){re.escape(local)}(?![._+\-]*[a-z0-9])(?!@[a-z0-9])"
        for name in HASHES:
            # Counters of refused log-ins contain its hash together with the host.
            for salt in ("", f"{urlsplit(settings.BASE_URL).netloc}:"):
                found = hashlib.new(name, f"{salt}{token.value.strip().lower()}".encode())
                yield found.hexdigest()
                # Folded, like the texts that are searched.
                yield re.escape(base64.b64encode(found.digest()).decode().rstrip("=").casefold())
    else:
        yield rf"(?<![a-z0-9]){re.escape(value)}(?![a-z0-9])"


class Needles:
    """The compiled patterns of several tokens."""

    def __init__(self, tokens: Iterable[Token]):
        self.tokens = list(tokens)
        self._patterns = [
            (token.name, _plain(pattern), re.compile(pattern))
            for token in self.tokens
            for pattern in needles(token)
        ]
        self._seen: dict[str, frozenset[str]] = {}

    def find(self, text: str) -> frozenset[str]:
        """Return the names of the tokens in ``text``, encoded or not."""
        found = self._seen.get(text)
        if found is None:
            folded = _unpacked(text)
            found = frozenset(
                name
                for name, plain, pattern in self._patterns
                if (plain is None or plain in folded) and pattern.search(folded)
            )
            self._seen[text] = found
        return found


@lru_cache(maxsize=2000)
def _unpacked(text: str) -> str:
    """Return the text and every text that is encoded in it, folded, also without signs between digits.

    Kept for the next scan: most columns are the same after each erasure of a test.
    """
    folded = "\n".join(fold(part) for part in unpack(text))
    return folded + "\n" + _BETWEEN_DIGITS.sub("", folded)


def _plain(pattern: str) -> str | None:
    """Return the longest literal part of a pattern: a quick search for it excludes most texts."""
    pieces = re.findall(r"(?:\\[^a-zA-Z0-9]|[a-z0-9@_])+", re.sub(r"\(\?[^)]*\)\??", " ", pattern))
    longest = max((re.sub(r"\\(.)", r"\1", piece) for piece in pieces), key=len, default="")
    return longest if len(longest) > 3 else None


# --- unpacking -----------------------------------------------------------------------------------------------

_PACKED = re.compile(r"[A-Za-z0-9+/_\-]{16,}={0,2}")
_HEX = re.compile(r"(?:\\\\?x|^)((?:[0-9a-f]{2}){8,})$", re.MULTILINE)
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")


def unpack(text: str | bytes, depth: int = DEEPEST) -> Iterator[str]:
    """Yield the text, and every text that is encoded in it."""
    if isinstance(text, bytes):
        yield from _unpack_bytes(text, depth)
        return
    yield text
    if depth == 0 or not text:
        return
    for other in _other_spellings(text):
        yield from unpack(other, depth - 1)
    for match in _HEX.finditer(text):
        yield from _unpack_bytes(bytes.fromhex(match[1]), depth - 1)
    for packed in dict.fromkeys(_PACKED.findall(text)):
        yield from _unbase64(packed, depth - 1)
    if "mime-version:" in text.lower():
        yield from _unpack_mail(text.encode("utf-8", "surrogateescape"), depth - 1)


def _other_spellings(text: str) -> Iterator[str]:
    spellings = {text}
    if _ESCAPED.search(text):
        spellings.add(
            _ESCAPED.sub(lambda found: chr(int(found[0][2:6], base=16)), text)
            .encode("utf-16", "surrogatepass")
            .decode("utf-16", "replace")
        )
    if "\\" in text:
        spellings.add(text.replace('\\"', '"').replace("\\\\", "\\"))
    if "%" in text:
        spellings.add(unquote_plus(text))
    if "&" in text and ";" in text:
        spellings.add(html.unescape(text))
    yield from spellings - {text}


def _unbase64(packed: str, depth: int) -> Iterator[str]:
    bare = packed.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) // 4 * 4] if len(bare) % 4 == 1 else bare
    try:
        unpacked = base64.b64decode(bare + "=" * (-len(bare) % 4))
    except (binascii.Error, ValueError):
        return
    yield from _unpack_bytes(unpacked, depth, guessed=True)


def _unpack_bytes(data: bytes, depth: int, *, guessed: bool = False) -> Iterator[str]:
    """``guessed``: these bytes may be meaningless, such as a random name that was decoded as base64."""
    unpacked = list(_archives(data))
    for inner in unpacked:
        yield from _unpack_bytes(inner, max(depth - 1, 0)) if depth else ()
    if data.startswith(b"%PDF"):
        yield from _pdf(data)
    if unpacked:
        return
    text = data.decode("utf-8", "replace")
    if guessed and text.count("\ufffd") * 4 > len(text):
        # Perhaps a pickle, which contains its texts as they are.
        text = data.decode("latin-1")
        yield text
        return
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield data.decode("utf-16", "replace")
    yield from unpack(text, depth) if depth else [text]


def _archives(data: bytes) -> Iterator[bytes]:
    if data[:1] == b"\x78" or data[:2] == b"\x1f\x8b":
        try:
            yield zlib.decompressobj(wbits=47).decompress(data, MOST_UNPACKED)
        except zlib.error:
            return
    if data[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                for entry in archive.infolist():
                    yield entry.filename.encode()
                    yield archive.read(entry)
        except zipfile.BadZipFile:
            return


def _pdf(data: bytes) -> Iterator[str]:
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        yield "\n".join(page.extract_text() for page in reader.pages)
        yield str(dict(reader.metadata or {}))
    except PyPdfError:
        # The first line of one in a mail; the lines together are searched, too.
        return


def _unpack_mail(data: bytes, depth: int) -> Iterator[str]:
    message = email.message_from_bytes(data, policy=email.policy.default)
    yield "\n".join(f"{name}: {value}" for name, value in message.items())
    for part in message.walk():
        yield str(part.get_filename() or "")
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield from _unpack_bytes(content, depth) if depth > 0 else ()


# --- tables -------------------------------------------------------------------------------------------------

_TABLES = """
    SELECT n.nspname, c.relname,
        ARRAY(SELECT a.attname FROM pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::text[],
        ARRAY(SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
              WHERE i.indrelid = c.oid AND i.indisprimary)::text[]
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
        AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Table:
    """A table, with its columns and key."""

    schema: str
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


Rows = dict[str, tuple[str | None, ...]]  # key of a row -> its values as text, in the order of the columns


def tables() -> list[Table]:
    """Return all tables, except those of PostgreSQL itself."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        return [Table(schema, name, tuple(columns), tuple(key)) for schema, name, columns, key in cursor]


def read(table: Table) -> Rows:
    """Return all rows, with every column as text."""
    quoted = [connection.ops.quote_name(column) for column in table.columns]
    whole = f"{connection.ops.quote_name(table.schema)}.{connection.ops.quote_name(table.name)}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'{column}::text' for column in quoted)} FROM {whole}")
        rows = cursor.fetchall()
    places = [table.columns.index(column) for column in table.key]
    return {
        "/".join(str(row[place]) for place in places) if places else f"#{number}": row
        for number, row in enumerate(rows)
    }


Snapshot = dict[Table, Rows]


def snapshot() -> Snapshot:
    """Return the whole database as text."""
    return {table: read(table) for table in tables()}


def scan_database(sought: Needles, whole: Snapshot | None = None) -> set[Hit]:
    """Return the hits in the rows of the database."""
    found = set()
    for table, rows in (snapshot() if whole is None else whole).items():
        for number, column in enumerate(table.columns):
            values = {key: row[number] for key, row in rows.items() if row[number]}
            # All values of a column at once first, since most columns have no hit.
            if not values or not sought.find("\n".join(sorted(values.values()))):
                continue
            for key, value in values.items():
                found |= {Hit(f"{table.name}.{column}", key, name) for name in sought.find(value)}
    return found


def scan_statistics(sought: Needles) -> set[Hit]:
    """Return the hits in the planner's samples: most common values, and bounds of histograms."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tablename || '.' || attname, most_common_vals::text, histogram_bounds::text,"
            " most_common_elems::text FROM pg_stats WHERE schemaname !~ '^pg_|^information_schema$'"
        )
        rows = cursor.fetchall()
    return {
        Hit("pg_stats", place, name)
        for place, *texts in rows
        for text in texts
        if text
        for name in sought.find(text)
    }


# --- files and texts ----------------------------------------------------------------------------------------


def trees() -> list[Path]:
    """Return the folders with files of the installation, except static files."""
    places = [Path(settings.MEDIA_ROOT), Path(settings.MAILBOX_DIR)]
    for name, storage in settings.STORAGES.items():
        location = storage.get("OPTIONS", {}).get("location")
        if name != "staticfiles" and location:
            places.append(Path(location))
    return list(dict.fromkeys(places))


def scan_files(sought: Needles) -> set[Hit]:
    """Return the hits in names and contents of files."""
    found = set()
    for tree in trees():
        for path in sorted(tree.rglob("*")) if tree.exists() else []:
            if path.is_file():
                place = f"file:{tree.name}/{path.relative_to(tree)}"
                names = sought.find(str(path.relative_to(tree))) | find_in_bytes(sought, path.read_bytes())
                found |= {Hit(place, "", name) for name in names}
    return found


def find_in_bytes(sought: Needles, data: bytes) -> frozenset[str]:
    return frozenset().union(*(sought.find(text) for text in unpack(data)))


def scan_texts(sought: Needles, place: str, texts: Iterable[str]) -> set[Hit]:
    """Return the hits in log lines, pages or mails."""
    return {Hit(place, "", name) for text in texts for name in sought.find(text)}


def scan(sought: Needles) -> set[Hit]:
    """Return the hits in the database, its statistics, and the files."""
    return scan_database(sought) | scan_statistics(sought) | scan_files(sought)
