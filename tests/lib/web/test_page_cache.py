"""Pages without personal content are cached for a second, personal ones never."""

import pytest
from django.test import Client

from tests.factories.catalogue import OfferFactory


@pytest.fixture
def address(settings, db):
    settings.PAGE_CACHE_SECONDS = 60
    event = OfferFactory().session.event
    return f"/{event.points_of_sale.get().slug}/events/{event.slug}/"


def test_the_second_visitor_gets_the_same_bytes_without_a_query(address, django_assert_num_queries):
    first = Client()
    page = first.get(address)
    assert b"cart/add" in page.content
    assert page.headers["Cache-Control"] == "public, max-age=1"
    with django_assert_num_queries(0):
        again = first.get(address)
    assert again.content == page.content
    assert again.headers["Content-Security-Policy"] == page.headers["Content-Security-Policy"]
    assert again.headers["Content-Type"] == page.headers["Content-Type"]


def test_another_language_is_another_page(address):
    client = Client()
    english = client.get(address, headers={"accept-language": "en"})
    french = client.get(address, headers={"accept-language": "fr"})
    assert b'lang="en"' in english.content
    assert b'lang="fr"' in french.content


def test_visitor_with_a_session_gets_an_uncached_page(address, django_user_model):
    client = Client()
    client.get(address)
    client.force_login(django_user_model.objects.create_user("kept@example.org"))
    mine = client.get(address)
    assert b"kept@example.org" in mine.content
    assert mine.headers["Cache-Control"] == "private, no-store"
    stranger = Client()
    stranger.handler = client.handler
    assert b"kept@example.org" not in stranger.get(address).content


def test_missing_page_is_not_cached(address):
    client = Client()
    missing = address.replace("/events/", "/events/x")
    assert client.get(missing).status_code == 404
    assert client.get(missing).headers["Cache-Control"] != "public, max-age=1"
