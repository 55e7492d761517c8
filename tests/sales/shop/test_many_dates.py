"""The shop with many dates, with few, and with a logo: what stands where."""

import io
import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from PIL import Image

from tests.factories.catalogue import AllotmentFactory, OfferFactory, SessionFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.visitor import TestClientVisitor

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory()


def dates(pos, count: int):
    """An event with so many dates, one every ten days."""
    first = OfferFactory(pos=pos)
    places = AllotmentFactory(organiser=pos.organiser)
    for number in range(1, count):
        starts = first.session.starts_at + timedelta(days=10 * number)
        session = SessionFactory(event=first.session.event, starts_at=starts)
        OfferFactory(session=session, tariff=first.tariff, allotment=places)
    return first.session.event


def test_many_dates_stand_under_their_months_with_a_way_to_each(pos):
    event = dates(pos, 12)
    page = TestClientVisitor().open(f"/{pos.slug}/events/{event.slug}/")
    links = re.findall(r'href="#(month-\d{4}-\d\d)"', page.source)
    assert len(links) >= 3
    assert links == sorted(set(links))
    assert re.findall(r'id="(month-\d{4}-\d\d)"', page.source) == links
    assert page.source.count('class="session') - page.source.count('class="sessions') == 12
    assert "buy-bar" in page.source, "the button stays in sight"


def test_a_few_dates_need_neither(pos):
    event = dates(pos, 2)
    page = TestClientVisitor().open(f"/{pos.slug}/events/{event.slug}/")
    assert 'class="sessions"' in page.source
    assert "month-" not in page.source
    assert "buy-bar" not in page.source


def test_no_part_of_the_programme_stands_empty(pos):
    dates(pos, 1)
    visitor = TestClientVisitor()
    page = visitor.open(f"/{pos.slug}/")
    assert "Coming next" in page.text
    assert "Later this season" not in page.text
    for _number in range(8):
        dates(pos, 1)
    assert "Later this season" in visitor.open(f"/{pos.slug}/").text
    assert "Nothing in the programme matches." in visitor.open(f"/{pos.slug}/?q=nothing").text


@pytest.mark.parametrize("colour, ground", [((0, 0, 0, 255), "light"), ((255, 255, 255, 255), "dark")])
def test_a_logo_says_on_which_ground_it_can_be_seen(pos, colour, ground):
    picture = Image.new("RGBA", (60, 20), (0, 0, 0, 0))
    picture.paste(colour, (10, 5, 50, 15))
    written = io.BytesIO()
    picture.save(written, "WEBP", lossless=True)
    pos.logo.save(f"{ground}-{timezone.now():%f}.webp", ContentFile(written.getvalue()))
    page = TestClientVisitor().open(f"/{pos.slug}/")
    assert f'class="on-{ground}"' in page.source
