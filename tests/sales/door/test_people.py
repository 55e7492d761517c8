"""Search, whole groups, and the count of a date."""

import csv
import io
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.sales.door.conftest import another_date, make_evening
from tests.sales.door.test_scanning import scan
from tests.sales.tickets.test_door_list import fetch
from tests.staff import Staff
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.sales.door import entry_sheet
from ticketshop.sales.models import HOLDER_ERASED, CheckIn, Ticket

pytestmark = pytest.mark.django_db


def found_by(door, evening, typed: str) -> list[str]:
    """Return the references of the orders that a search finds."""
    door.open(f"{evening.url}people/")
    door.fill("^q$", {"q": typed})
    return re.findall(r"</bdi></strong> · ([\w-]+)", door.page.source)


# --- search -------------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-04")
def test_people_are_found_by_name_order_number_and_code(evening, door):
    order = evening.order(2, holders=[{"first_name": "Jürg", "last_name": "Müller"}, {"last_name": "D’Arcy"}])
    evening.order(holders=[{"first_name": "Somebody", "last_name": "Else"}])
    first = order.tickets.earliest("pk")
    for typed in (
        "muller",
        "  MÜL jü ",
        "darcy",
        order.reference,
        order.reference[:5].lower(),
        f"Order {order.reference}",
        first.code[:8],
    ):
        assert found_by(door, evening, typed) == [order.reference], typed
    text = door.page.text
    assert "Jürg Müller" in text and "D’Arcy" in text
    for typed in ("ller", "müller else", "", ".*", "%", "nobody"):
        assert found_by(door, evening, typed) == [], typed


def test_buyer_is_found_and_no_longer_after_an_erasure(evening, door):
    buyer = ContactFactory(organiser=evening.pos.organiser, first_name="Bea", last_name="Buyer")
    order = evening.order(buyer=buyer)
    assert found_by(door, evening, "bea buyer") == [order.reference]
    type(buyer).objects.filter(pk=buyer.pk).update(erasing_at=timezone.now())
    assert found_by(door, evening, "bea buyer") == []


def test_people_of_other_dates_and_organisers_are_not_found(evening, door):
    other = make_evening()
    foreign = other.order(holders=[{"first_name": "Grace", "last_name": "Hopper"}])
    elsewhere = evening.order(offer=another_date(evening), holders=[{"last_name": "Hopper"}])
    for typed in ("hopper", foreign.reference, elsewhere.reference):
        assert found_by(door, evening, typed) == []
    token = door.open(evening.url).form("code").values
    for order in (foreign, elsewhere):
        assert door.client.post(f"{evening.url}orders/{order.pk}/", token).status_code == 404
    assert set(Ticket.objects.values_list("state", flat=True)) == {"valid"}


def test_many_orders_are_cut_off_with_a_sentence(evening, door, monkeypatch):
    monkeypatch.setattr("ticketshop.sales.door.people.MOST_ORDERS", 1)
    for _order in range(2):
        evening.sell()
    assert len(found_by(door, evening, "lovelace")) == 1
    assert "There are more. Type more of the name." in door.page.text


def test_queries_of_a_search_do_not_depend_on_what_is_found(evening, door):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            door.open(f"{evening.url}people/?q=lovelace")
        return len(captured)

    evening.sell()
    queries()
    with_one = queries()
    evening.sell(3)
    evening.sell(2)
    assert queries() == with_one


# --- groups -------------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-04")
def test_whole_group_enters_at_once(evening, door):
    order = evening.order(4)
    early = order.tickets.earliest("pk")
    scan(door, evening, early.code)
    found_by(door, evening, order.reference)
    assert "Let 3 people in" in door.page.text
    form = door.page.form("orders/")
    page = door.submit(form)
    assert "3 people let in. 1 ticket was not valid." in page.text
    assert page.text.count("✓ Welcome") == 3 and page.text.count("✕ Already in") == 1
    assert "4 of 4 in" in page.text
    assert CheckIn.objects.count() == 4
    # Sent again it is the same entry with the same answer.
    assert "3 people let in." in door.submit(form).text
    assert CheckIn.objects.count() == 4
    found_by(door, evening, order.reference)
    assert not [form for form in door.page.forms if "orders/" in form.action]


def test_group_of_a_cancelled_date_stays_outside(evening, door):
    order = evening.order(2)
    found_by(door, evening, order.reference)
    form = door.page.form("orders/")
    Session.objects.filter(pk=evening.session.pk).update(state="cancelled")
    assert "Nobody was let in" in door.submit(form).text
    assert not CheckIn.objects.exists()


def test_address_of_a_group_leads_to_the_search(evening, door):
    order = evening.order()
    assert order.reference in door.open(f"{evening.url}orders/{order.pk}/").text


# --- count --------------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-07")
def test_count_tells_in_and_sold_by_tariff(evening, door):
    adults = evening.sell(3)
    (child,) = evening.sell(offer=evening.child)
    evening.sell(paid=False)
    for ticket in (adults[0], child):
        scan(door, evening, ticket.code)
    text = door.open(f"{evening.url}count/").text
    assert "Adult 1 2 3" in text and "Child 1 0 1" in text and "All 2 2 4" in text


def test_entries_of_any_number_of_tickets_are_read_with_two_queries(evening, django_assert_num_queries):
    for number in (1, 4):
        evening.sell(number)
        with django_assert_num_queries(2):
            assert list(entry_sheet._rows(evening.session))


@pytest.mark.scenario("DOOR-07")
def test_entries_are_exported_afterwards(evening, door):
    came, _missing = evening.sell(2)
    scan(door, evening, came.code, gate="2")
    Ticket.objects.filter(pk=came.pk).update(
        holder_first_name="", holder_last_name="", holder_erased_at=timezone.now()
    )
    box = Staff(make_staff(evening.pos.organiser, "box office"))
    assert fetch(box, evening.session, "door-entries").startswith(b"PK")
    content = fetch(box, evening.session, "door-entries-csv").decode("utf-8-sig")
    lines = list(csv.DictReader(io.StringIO(content), delimiter=";"))
    assert next((line["Code"], line["Gate"], line["Times let in"]) for line in lines) == (came.code, "2", "1")
    assert lines[0]["Last name"] == str(HOLDER_ERASED)
    assert lines[0]["Let in"] and not lines[1]["Let in"]
    assert history.of(evening.session).filter(action="entries_list").count() == 2
