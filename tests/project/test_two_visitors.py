"""No page shows a visitor anything of the visitor before: all pages, with every cache in use."""

import re
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from django.test.client import ClientHandler
from django.urls import reverse

from tests.project.test_routes import ROWS
from tests.project.world import House
from tests.visitor import TestClientVisitor
from ticketshop.lib.web import piece_cache
from ticketshop.lib.web.page_cache import PageCache

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
# Tokens differ from request to request, and a hold of places has fewer seconds left.
TOKEN = re.compile(
    r'((?:name="(?:csrfmiddlewaretoken|form_token|checkout_key|content_hash)" value|data-hold-seconds)=")([^"]*)'
)


# Enough pages to notice a cache that mixes up visitors.
FEW = ("shop:event", "shop:cart", "shop:index", "account:home")


def pages(house: House) -> list[str]:
    """Return the URLs of the pages that a guest or a visitor can open, without files, which are not compared."""
    names = [name for name, row in ROWS.items() if 200 in row.get and not name.endswith(("_pdf", "calendar"))]
    assert len(names) > 30 and set(FEW) < set(names)
    return [reverse(name, kwargs=ROWS[name].args(house)) for name in names]


def walk(visitor: TestClientVisitor, urls: list[str]) -> dict[str, str]:
    """Return URL -> HTML of each page that the visitor can open."""
    found = {}
    for url in urls:
        page = visitor.send("GET", url)
        if page.status == 200 and page.headers["Content-Type"].startswith("text/html"):
            found[url] = page.source
    return found


def without_tokens(found: dict[str, str]) -> dict[str, str]:
    return {url: TOKEN.sub(r"\1", source) for url, source in found.items()}


def tokens(found: dict[str, str]) -> set[str]:
    return {
        value
        for source in found.values()
        for name, value in TOKEN.findall(source)
        if "csrfmiddlewaretoken" in name or "checkout_key" in name  # an open token is the same for all
    }


@pytest.fixture
def empty_caches(settings, monkeypatch) -> Callable[[], ClientHandler]:
    """Return a function that empties the caches and returns a handler for the clients that share them."""
    settings.PAGE_CACHE_SECONDS = 600

    def empty() -> ClientHandler:
        monkeypatch.setattr(piece_cache, "_CACHE", piece_cache.PieceCache())
        return ClientHandler(enforce_csrf_checks=True)

    return empty


@pytest.fixture
def people(world) -> dict[str, TestClientVisitor]:
    """Return visitors who differ in name, cart, language and log-in; each has a cart but the guest."""
    house = world.aye
    made = {
        "signed in": TestClientVisitor(**{"accept-language": "en"}),
        "another, French": TestClientVisitor(**{"accept-language": "fr"}),
        "cart holder": TestClientVisitor(**{"accept-language": "en"}),
        "guest": TestClientVisitor(**{"accept-language": "en"}),
    }
    made["signed in"].client.force_login(house.visitor)
    made["another, French"].client.force_login(world.second)
    event = f"/{house.pos.slug}/events/{house.event.slug}/"
    for number, name in enumerate(["signed in", "another, French", "cart holder"], start=2):
        made[name].add(event, **{f"offer_{house.offer.pk}": number})
        assert f'class="count">{number}<' in made[name].page.source
    return made


def differences(
    people: dict[str, TestClientVisitor], urls: list[str], empty_caches, signed_in: int
) -> Iterator[str]:
    """Yield where a page differs after other visitors have opened all pages; more than ``signed_in`` show who is logged in."""

    def use(name: str, handler: ClientHandler) -> dict[str, str]:
        people[name].client.handler = handler
        return walk(people[name], urls)

    first, *others = people
    alone = {name: use(name, empty_caches()) for name in others}
    handler = empty_caches()
    alone[first] = use(first, handler)
    assert sum("visitor@ayeside.example" in source for source in alone["signed in"].values()) > signed_in
    shown: dict[str, set[str]] = {name: set() for name in people}
    shown[first] = tokens(alone[first])
    for name in [*others, first]:  # the first visitor once more, after all others
        found = use(name, handler)
        expected = without_tokens(alone[name])
        yield from (f"{name}: {url} is a page for one" for url in found.keys() ^ expected.keys())
        for url, source in without_tokens(found).items():
            lines = zip_longest(source.splitlines(), expected.get(url, "").splitlines())
            yield from (f"{name}: {url}: {mine} – {theirs}" for mine, theirs in lines if mine != theirs)
        shown[name] |= tokens(found)
        for other in set(people) - {name}:
            yield from (f"{name}: {token} of {other}" for token in shown[name] & shown[other])


def test_no_page_shows_anything_of_the_visitor_before(world, people, empty_caches):
    found = list(differences(people, pages(world.aye), empty_caches, signed_in=15))
    assert not found, "\n".join(found[:20])


@pytest.mark.parametrize(
    "part, other", [("values", "cart holder"), ("language", "another, French"), ("pages", "cart holder")]
)
def test_walk_notices_a_cache_that_mixes_up_visitors(world, people, empty_caches, monkeypatch, part, other):
    if part == "values":
        monkeypatch.setattr(piece_cache, "_key", lambda named: named[0])
    elif part == "language":
        monkeypatch.setattr(piece_cache, "get_language", lambda: "en")
    else:
        monkeypatch.setattr(PageCache, "_is_shared", staticmethod(lambda request: request.method == "GET"))
        monkeypatch.setattr(
            PageCache, "_may_keep", staticmethod(lambda response: response.status_code == 200)
        )
    two = {name: people[name] for name in ("signed in", other)}
    few = [reverse(name, kwargs=ROWS[name].args(world.aye)) for name in FEW]
    assert next(differences(two, few, empty_caches, signed_in=2), None)


# What a template must not contain if what it renders is kept for other visitors.
PERSONAL = re.compile(
    r"{%\s*(?:csrf_token|form_token)\b|\b(?:request|user|csrf_token|csp_nonce|messages|cart_count)\b(?![\"'=-])"
)
NAMED = re.compile(r"""{%\s*(?:piece|include|extends)\s+["']([^"']+)["']""")


def code(name: str) -> str:
    """Return what a template renders from: its tags and variables, without comments."""
    source = (ROOT / "templates" / name).read_text()
    return " ".join(re.findall(r"{[%{].*?[%}]}", re.sub(r"{#.*?#}", "", source)))


def pieces() -> set[str]:
    """Return the templates of all pieces, with those they include."""
    sources = [path.read_text() for path in (ROOT / "templates").rglob("*.html")]
    waiting = {name for source in sources for name in re.findall(r'{%\s*piece\s+"([^"]+)"', source)}
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(NAMED.findall(code(name))) - found
    return found


def test_templates_of_pieces_contain_no_token_and_nothing_of_a_request():
    assert {"sales/parts/tariff.html", "parts/footer.html"} <= pieces()
    for name in ("sales/event.html", "parts/header.html", "parts/messages.html"):
        assert PERSONAL.search(code(name)), name
    # The number in the cart is passed to its piece, so each number is a piece of its own.
    assert {name for name in pieces() if PERSONAL.search(code(name))} == {"parts/masthead.html"}
