"""The page *Figures* and its spreadsheet: the same numbers, the organiser's own, for those who may see them."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.lib.spreadsheets.test_formats import Book
from tests.staff import Staff
from ticketshop.sales.admin.figures import curves

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-03")]
PAGE = "/admin/sales/order/figures/"


@pytest.fixture
def offer():
    return OfferFactory(capacity=20)


@pytest.fixture
def pos(offer):
    return offer.session.event.points_of_sale.get()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "accounting"))


def test_page_shows_tables_and_curves_without_a_script(offer, pos, staff):
    make_order({offer: 3}, pos=pos, paid=True)
    page = staff.open(PAGE)
    assert "Figures" in staff.open("/admin/").text
    for text in ("CHF 105.00", "By date", "By tariff", "By channel", "By payment method", "By day"):
        assert text in page.text
    drawn = re.search(r'(?s)<figure class="curves">.*?</figure>', page.source).group()
    assert len(re.search(r'points="([^"]*)"', drawn).group(1).split()) == 30
    assert "style=" not in drawn
    assert "<script" not in drawn


def test_spreadsheet_has_the_numbers_of_the_page(offer, pos, staff):
    make_order({offer: 3}, pos=pos, paid=True)
    today = timezone.localdate(timezone.now(), pos.organiser.zone)
    page = staff.client.get(f"{PAGE}?since={today}&until={today}&xlsx=1")
    assert page.headers["Content-Disposition"] == f'attachment; filename="figures-{today}-{today}.xlsx"'
    cells = Book(page.content).sheets[0]
    head = {text: letters for (row, letters), (_kind, text, _style) in cells.items() if row == 1}
    totals = {name: cells[2, head[name]][1] for name in ("Tickets sold", "Amount sold", "Money received")}
    assert {name: Decimal(text) for name, text in totals.items()} == {
        "Tickets sold": 3, "Amount sold": 105, "Money received": 105,
    }  # fmt: skip
    assert {cells[row, "A"][1] for row, letters in cells if letters == "A"} >= {
        "Total",
        "By date",
        "By tariff",
        "By day",
    }


def test_wrong_period_is_marked_and_what_was_typed_stays(staff):
    page = staff.open(f"{PAGE}?since=2026-11-02&until=2026-11-01")
    assert "The last day is before the first one." in page.text
    assert 'value="2026-11-02"' in page.source
    assert "At most two years at once." in staff.open(f"{PAGE}?since=2020-01-01&until=2026-01-01").text


@pytest.mark.parametrize("role", ["box office", "door"])
def test_other_roles_and_other_organisers_get_nothing(offer, pos, role):
    other = make_staff(OfferFactory().session.event.organiser, "owner")
    stranger = Staff(other)
    make_order({offer: 1}, pos=pos, paid=True)
    assert "CHF 35.00" not in stranger.open(PAGE).text
    assert stranger.open(f"{PAGE}?organiser={pos.organiser_id}").status == 404
    foreign = f"{PAGE}?since=2026-11-01&until=2026-11-02&event={offer.session.event_id}"
    assert "Select a valid choice" in stranger.open(foreign).text
    assert Staff(make_staff(pos.organiser, role)).client.get(PAGE).status_code in (302, 403)


def test_a_day_without_sales_and_one_with_losses_are_drawn_inside_the_picture():
    days = [date(2026, 11, 1) + timedelta(days=number) for number in range(3)]
    drawing = curves.draw("Money", days, [("Sales", [Decimal("120.50"), 0, Decimal(-35)])], str)
    places = [tuple(map(float, point.split(","))) for point in drawing.lines[0].points.split()]
    assert [x for x, _y in places] == sorted(x for x, _y in places)
    assert all(0 <= x <= drawing.width and 0 <= y <= drawing.height for x, y in places)
    assert places[0][1] < places[1][1] == drawing.zero < places[2][1]
    assert "0" in {mark.text for mark in drawing.heights}
    empty = curves.draw("Money", days[:1], [("Sales", [0])], str)
    assert empty.lines[0].dots[0].y == empty.zero
