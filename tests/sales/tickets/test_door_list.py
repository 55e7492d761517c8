"""The list for the door, and tickets by event, date and tariff."""

import io
import re
import time
import zipfile
from xml.etree import ElementTree

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SessionFactory, TariffFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.qr import text_of_pdf
from tests.staff import Staff, change, listing
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db
NAMES = [("Ada", "Lovelace"), ("Åsa", "Ångström"), ("محمد", "علي"), ("ศรี", "สุข"), ("", "王小明")]


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos)


@pytest.fixture
def box(pos):
    return Staff(make_staff(pos.organiser, "box office"))


def sold(offer, count=1, *, names=(), buyer=None, paid=True) -> list[Ticket]:
    buyer = buyer or ContactFactory(
        organiser=offer.tariff.event.organiser, first_name="Bea", last_name="Buyer"
    )
    found = list(make_order({offer: count}, paid=paid, buyer=buyer).tickets.order_by("pk"))
    for ticket, (first, last) in zip(found, names, strict=False):
        ticket.holder_first_name, ticket.holder_last_name = first, last
        ticket.save(update_fields=["holder_first_name", "holder_last_name"])
    return found


def fetch(staff, session, kind):
    response = staff.client.get(f"{change(session).removesuffix('change/')}{kind}/")
    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    return response.content


def rows_of(content: bytes) -> list[tuple]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))
    name = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    found = []
    for row in sheet.iter(f"{name}row"):
        cells = {re.sub(r"\d", "", cell.get("r")): "".join(cell.itertext()) for cell in row.iter(f"{name}c")}
        assert all(cell.get("t") == "inlineStr" for cell in row.iter(f"{name}c")), "texts, no formulas"
        found.append(tuple(cells.get(letter, "") for letter in "ABCDEFG"))
    return found


def test_the_box_office_prints_the_list_of_a_date_by_name(box, offer):
    found = sold(offer, len(NAMES), names=NAMES)
    elsewhere = sold(
        OfferFactory(session=SessionFactory(event=offer.session.event), tariff=offer.tariff),
        names=[("Not", "Here")],
    )
    cancelled = sold(offer, names=[("Gone", "Away")])
    orders.cancel(cancelled[0].order, by=None, now=cancelled[0].order.placed_at)
    page = box.open(change(offer.session))
    assert "List for the door (PDF)" in page.text and "List for the door (XLSX)" in page.text
    text = " ".join(text_of_pdf(fetch(box, offer.session, "door-list")))
    for ticket in found:
        assert ticket.code[:8] in text
        assert ticket.order.reference in text
    assert "Lovelace" in text and "王小明" in text and "Bea Buyer" in text and "5 tickets" in text
    assert "Not Here" not in text and "Gone Away" not in text and elsewhere[0].code[:8] not in text
    assert text.index("Ada Lovelace") > text.index("Åsa Ångström")
    head, *rows = rows_of(fetch(box, offer.session, "door-sheet"))
    assert head == ("Last name", "First name", "Tariff", "State", "Buyer", "Order", "Code")
    assert {row[6] for row in rows} == {ticket.code for ticket in found}
    assert [row[0] for row in rows][:2] == ["Ångström", "Lovelace"]
    assert {row[3] for row in rows} == {"valid"}
    assert history.of(offer.session).filter(action="door_list").count() == 2


def test_door_list_shows_the_buyer_of_a_nameless_ticket_and_the_state_of_a_used_one(box, offer):
    (unpaid,) = sold(offer, paid=False)
    (used,) = sold(offer, names=[("Zoe", "Zebra")])
    Ticket.objects.filter(pk=used.pk).update(state="used", used_at=timezone.now())
    text = " ".join(text_of_pdf(fetch(box, offer.session, "door-list")))
    assert "reserved" in text and "used" in text
    assert text.index(unpaid.code[:8]) < text.index(used.code[:8])


def test_an_erased_buyer_is_named_on_no_list(box, offer):
    buyer = ContactFactory(organiser=offer.tariff.event.organiser, first_name="Vera", last_name="Gone")
    sold(offer, buyer=buyer)
    assert "Vera" in " ".join(text_of_pdf(fetch(box, offer.session, "door-list")))
    type(buyer).objects.filter(pk=buyer.pk).update(erasing_at=offer.session.starts_at)
    for content in ("door-list", "door-sheet"):
        found = fetch(box, offer.session, content)
        said = " ".join(text_of_pdf(found)) if content == "door-list" else str(rows_of(found))
        assert "Vera" not in said


def test_door_list_states_that_a_date_is_cancelled_or_empty(box, offer):
    Session.objects.filter(pk=offer.session.pk).update(state="cancelled")
    text = " ".join(text_of_pdf(fetch(box, offer.session, "door-list")))
    assert "This date is cancelled." in text and "No tickets." in text
    assert len(rows_of(fetch(box, offer.session, "door-sheet"))) == 1


def test_a_formula_in_a_name_stays_text(box, offer):
    sold(offer, names=[("=1+1", "@SUM(1)")])
    assert rows_of(fetch(box, offer.session, "door-sheet"))[1][:2] == ("@SUM(1)", "=1+1")


def test_the_list_takes_two_queries_more_for_no_ticket(box, offer, django_assert_max_num_queries):
    sold(offer, 2)
    fetch(box, offer.session, "door-list")
    with django_assert_max_num_queries(20) as once:
        fetch(box, offer.session, "door-list")
    count = len(once)
    sold(offer, 9)
    with django_assert_max_num_queries(count):
        fetch(box, offer.session, "door-list")


def test_staff_of_others_and_those_without_the_right_get_nothing(offer):
    stranger = Staff(make_staff(PointOfSaleFactory().organiser))
    address = change(offer.session).removesuffix("change/")
    for kind in ("door-list", "door-sheet"):
        assert stranger.open(f"{address}{kind}/").status == 404


def test_a_long_list_is_made_fast_and_names_every_ticket_once(box, offer):
    tickets = [ticket for _round in range(10) for ticket in sold(offer, 10, names=NAMES * 2)]
    begun = time.process_time()
    pages = text_of_pdf(fetch(box, offer.session, "door-list"))
    assert time.process_time() - begun < 10
    assert len(pages) > 2
    text = " ".join(pages)
    assert [text.count(ticket.code[:8]) for ticket in tickets] == [1] * len(tickets)


# --- the list of tickets ------------------------------------------------------------------------------------------------
def test_tickets_are_found_by_event_date_and_tariff(box, pos, offer):
    event = offer.session.event
    other_date = OfferFactory(session=SessionFactory(event=event), tariff=offer.tariff)
    other_tariff = OfferFactory(session=offer.session, tariff=TariffFactory(event=event, name="Child"))
    other_event = OfferFactory(pos=pos)
    made = {one: sold(one)[0] for one in (offer, other_date, other_tariff, other_event)}

    def shown(query: str) -> set:
        source = box.open(f"{listing(Ticket)}?{query}").source
        return {one for one, ticket in made.items() if change(ticket) in source}

    assert shown("") == set(made)
    assert shown(f"event={event.pk}") == {offer, other_date, other_tariff}
    assert shown(f"event={event.pk}&date={offer.session.pk}") == {offer, other_tariff}
    assert shown(f"event={event.pk}&tariff={offer.tariff.pk}") == {offer, other_date}
    assert shown("event=nonsense&date=x&tariff=99999999999999999999") == set(made)
    page = box.open(f"{listing(Ticket)}?event={event.pk}")
    assert f"date={offer.session.pk}" in page.source and f"tariff={offer.tariff.pk}" in page.source
    page = box.open(change(offer.session))
    assert page.link("Tickets of this date") == f"{listing(Ticket)}?event={event.pk}&date={offer.session.pk}"
    assert box.open(change(event)).link("Tickets of this event") == f"{listing(Ticket)}?event={event.pk}"


def test_filters_offer_nothing_of_another_organiser(box, offer):
    foreign = OfferFactory(event=None)
    type(foreign.session.event).objects.filter(pk=foreign.session.event.pk).update(
        title="Foreign title", title_en="Foreign title"
    )
    source = box.open(f"{listing(Ticket)}?event={foreign.session.event.pk}&date={foreign.session.pk}").source
    assert "Foreign title" not in source
    assert offer.session.event.title in source
