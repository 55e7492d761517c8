"""The scanner finds tokens in every encoding, and no similar values of others."""

import base64
import gzip
import hashlib
import io
import json
import unicodedata
import zipfile
import zlib
from email.message import EmailMessage
from html import escape
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signing import dumps
from django.db import connection
from django.test import Client
from reportlab.lib.colors import black
from reportlab.pdfgen.canvas import Canvas

from accounts.models import Session
from tests.factories.accounts import UserFactory
from tests.privacy.scanner import Hit, Needles, Token, find_in_bytes, scan, tables
from ticketshop.lib.pdf.text import Writer

EMAIL = Token("e-mail", "Zoe.zq1@planted.example", "email")
NAME = Token("name", "Zoé d'Ōta-Müllerzq2")
PHONE = Token("phone", "+41795550177", "phone")
SOUGHT = Needles([EMAIL, NAME, PHONE, Token("day", "1913-07-19", "exact")])


def pdf(text: str) -> bytes:
    made = io.BytesIO()
    canvas = Canvas(made)
    Writer(canvas).fit(text, width=400, sizes=(12,), most=9).draw(100, 700, black)  # as tickets are written
    canvas.save()
    return made.getvalue()


def spreadsheet(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", f"<sst><si><t>{escape(text)}</t></si></sst>")
    return made.getvalue()


def letter(text: str) -> bytes:
    message = EmailMessage()
    message["To"] = "w@elsewhere.example"
    message["Subject"] = f"Für {text}"
    message.set_content("è" * 200)
    message.add_attachment(pdf("nothing"), maintype="application", subtype="pdf", filename="x.pdf")
    return message.as_bytes()


PACKINGS = {
    "plain": str.encode,
    "upper case": lambda text: text.upper().encode(),
    "decomposed": lambda text: unicodedata.normalize("NFD", text).encode(),
    "without accents": lambda text: unicodedata.normalize("NFD", text).encode("ascii", "ignore"),
    "json": lambda text: json.dumps({"a": [text]}).encode(),
    "json in json": lambda text: json.dumps(json.dumps({"a": text})).encode(),
    "percent": lambda text: f"/search/?q={quote(text)}&x=1".encode(),
    "html": lambda text: f"<td>{escape(text)}</td>".encode(),
    "html numbers": lambda text: text.encode("ascii", "xmlcharrefreplace"),
    "base64": lambda text: b"x " + base64.b64encode(f"some words, then {text}".encode()),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(f"some words, then {text}".encode()),
    "base64 of gzip": lambda text: base64.b64encode(gzip.compress(text.encode())),
    "zlib": lambda text: zlib.compress(f"{text} {'x' * 500}".encode()),
    "gzip": lambda text: gzip.compress(text.encode()),
    "signed": lambda text: dumps({"a": text}).encode(),
    "signed, compressed": lambda text: dumps({"a": text, "b": "x" * 500}, compress=True).encode(),
    "hexadecimal": lambda text: ("\\x" + text.encode().hex()).encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "mail": letter,
    "spreadsheet": spreadsheet,
    "pdf": pdf,
    "pdf in a zip in base64": lambda text: base64.b64encode(spreadsheet(text)),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_token_is_found_in_every_packing(packing):
    pack = PACKINGS[packing]
    assert find_in_bytes(SOUGHT, pack("somebody else")) == frozenset()
    for token in (EMAIL, NAME):
        assert find_in_bytes(SOUGHT, pack(f"so {token.value} said")) == {token.name}


@pytest.mark.parametrize("name", ["md5", "sha1", "sha256"])
def test_a_hash_of_an_address_is_the_address(name):
    found = hashlib.new(name, b"zoe.zq1@planted.example")
    for text in (found.hexdigest(), base64.b64encode(found.digest()).decode(), "\\x" + found.hexdigest()):
        assert SOUGHT.find(f"key:{text}:x") == {"e-mail"}
    assert SOUGHT.find(hashlib.new(name, b"w@planted.example").hexdigest()) == frozenset()


@pytest.mark.parametrize(
    "text", ["+41 79 555 01 77", "0041795550177", "079 555 01 77", "(079) 555-01-77", "795550177"]
)
def test_a_phone_is_found_however_it_is_written(text):
    assert SOUGHT.find(f"call {text}, please") == {"phone"}


@pytest.mark.parametrize(
    "text",
    [
        "azoe.zq1@planted.example",
        "zoe.zq1@planted.example.org",
        "my-zoe.zq1@planted.example",
        "zoe.zq12@planted.example",
        "zoe d'ota-mullerzq21",
        "179 555 01 77 0",
    ],
)
def test_scanner_ignores_a_longer_value_that_contains_the_token(text):
    assert SOUGHT.find(f"so {text} said") == frozenset()


def test_scanner_finds_the_local_part_of_an_address():
    assert SOUGHT.find("user=zoe.zq1") == {"e-mail"}
    assert SOUGHT.find("Write to zoe.zq1@planted.example.") == {"e-mail"}


def test_scanner_reads_every_table(db):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA aside")
        cursor.execute("CREATE TABLE aside.notes (texts jsonb, raw bytea, words tsvector, many text[])")
        cursor.execute(
            "INSERT INTO aside.notes VALUES (%s, %s, to_tsvector('simple', %s), %s)",
            [json.dumps({"x": NAME.value}), b"zoe.zq1@planted.example", "mullerzq2", ["a", "1913-07-19"]],
        )
    assert {(hit.place, hit.token) for hit in scan(SOUGHT)} == {
        ("notes.texts", "name"),
        ("notes.raw", "e-mail"),
        ("notes.many", "day"),
    }
    assert "aside" in {table.schema for table in tables()}


def test_sessions_caches_and_files_are_read(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    client = Client()
    client.force_login(UserFactory())
    session = client.session
    session["typed"] = {"name": NAME.value, "filling": "x" * 300}
    session.save()
    cache.set("a", {"b": EMAIL.value}, 60)
    name = default_storage.save("a/b.pdf", ContentFile(pdf("Zoe.zq1@planted.example")))
    default_storage.save("1913-07-19.txt", ContentFile(b""))
    found = scan(SOUGHT)
    cache.delete("a")
    table = Session._meta.db_table
    assert Hit(f"{table}.session_data", session.session_key, "name") in found
    assert {(hit.place, hit.token) for hit in found if hit.place.startswith(("cache", "file"))} == {
        ("cache_entries.value", "e-mail"),
        (f"file:{tmp_path.name}/{name}", "e-mail"),
        (f"file:{tmp_path.name}/1913-07-19.txt", "day"),
    }
    assert Session.objects.filter(session_data__contains="llerzq2").count() == 0, "it was packed"


def test_scanner_reads_the_planner_samples(db):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE remembered (word text)")
        cursor.execute("INSERT INTO remembered SELECT %s FROM generate_series(1, 50)", [NAME.value])
        cursor.execute("ANALYZE remembered")
        cursor.execute("TRUNCATE remembered")
    assert scan(SOUGHT) == {Hit("pg_stats", "remembered.word", "name")}
