"""Pieces of pages show the values they are given and nothing else; a piece is rendered again when a value differs."""

from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.template import engines
from django.test import RequestFactory
from django.utils import timezone, translation
from django.utils.safestring import mark_safe

from tests.factories.organisers import PointOfSaleFactory
from ticketshop.lib.translated import StandIn, compose
from ticketshop.lib.web import piece_cache
from ticketshop.lib.web.piece_cache import PieceCache, piece
from ticketshop.organisers import access

ALL = "{% load tz i18n %}{{ value }}|{{ user }}{{ request }}{{ csrf_token }}{{ cart_count }}|{% get_current_timezone as zone %}{{ zone }}"


@pytest.fixture
def templates(tmp_path, settings, monkeypatch):
    """Return a folder for templates; the cache is empty."""
    (first,) = settings.TEMPLATES
    settings.TEMPLATES = [{**first, "DIRS": [tmp_path, *first["DIRS"]]}]
    monkeypatch.setattr(piece_cache, "_CACHE", PieceCache())
    (tmp_path / "all.html").write_text(ALL)
    return tmp_path


@dataclass
class Thing:
    name: str
    piece_key: int

    def __str__(self):
        return self.name


def test_piece_in_a_page_gets_no_variable_of_the_page(templates):
    page = ALL + '@@{% piece "all.html" value=value %}'
    request = RequestFactory().get("/")
    context = {"value": 1, "user": "Ada", "cart_count": 3}
    around, inside = engines["django"].from_string(page).render(context, request).split("@@")
    assert "Ada" in around
    assert "WSGIRequest" in around
    assert inside == "1||UTC"


def test_piece_is_rendered_once_for_equal_values(templates):
    assert piece("all.html", value="one").startswith("one")
    (templates / "all.html").write_text("new")
    engines["django"].engine.template_loaders[0].reset()
    assert piece("all.html", value="one").startswith("one")
    assert piece("all.html", value="two") == "new"


@pytest.mark.parametrize(
    "first, second",
    [
        (1, True),
        (1, Decimal("1.0")),
        ("<b>", mark_safe("<b>")),
        (None, ""),
        (Thing("old", 1), Thing("new", 2)),
    ],
)
def test_values_that_look_different_are_different_pieces(templates, first, second):
    assert piece("all.html", value=first) != piece("all.html", value=second)


def test_texts_in_another_language_are_different_pieces():
    plain, german, french = "Gala", StandIn("Gala", "de"), StandIn("Gala", "fr")
    texts = [plain, german, french, compose("%(x)s", x=german), compose("%(x)s", x=french)]
    lines = [
        piece("sales/parts/summary_line.html", quantity=1, name=text, title=text, when=None, moved="")
        for text in texts
    ]
    assert len(set(lines)) == len(texts)


def test_language_and_time_zone_make_different_pieces(templates):
    (templates / "language.html").write_text("{% load i18n %}{% get_current_language as code %}{{ code }}")
    assert piece("language.html") == "en"
    with translation.override("fr"):
        assert piece("language.html") == "fr"
    with timezone.override(ZoneInfo("Europe/Zurich")):
        assert piece("all.html", value=1).endswith("Europe/Zurich")
    assert piece("all.html", value=1).endswith("UTC")


def test_object_without_a_key_is_refused(templates):
    with pytest.raises(TypeError, match="value: object has no piece_key"):
        piece("all.html", value=object())


def test_pieces_used_longest_ago_are_dropped_when_the_cache_is_full():
    cache = PieceCache(most=100)
    for number in range(10):
        cache.put(number, "0123456789")
    assert cache.get(0)
    cache.put("more", "0123456789")
    assert cache.get(1) is None
    assert cache.get(0)
    cache.put("more", "01234")
    assert cache.size == 95
    cache.put("large", "x" * 11)
    assert cache.get("large") is None


@pytest.mark.django_db
def test_shop_has_another_key_as_soon_as_a_column_of_it_or_its_organiser_differs():
    pos = PointOfSaleFactory()
    keys = [access.point_of_sale(pos.slug).piece_key]
    assert access.point_of_sale(pos.slug).piece_key == keys[0]
    type(pos).objects.filter(pk=pos.pk).update(tagline_fr="Autre")
    keys.append(access.point_of_sale(pos.slug).piece_key)
    type(pos.organiser).objects.filter(pk=pos.organiser_id).update(city="Elsewhere")
    keys.append(access.point_of_sale(pos.slug).piece_key)
    type(pos).objects.filter(pk=pos.pk).update(languages=["fr"], logo="logos/x.webp")
    keys.append(access.point_of_sale(pos.slug).piece_key)
    assert len(set(keys)) == 4
