"""Season passes at the door: the code of the pass takes an entry, or the answer tells why it does not."""

import json
import re
import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.timezone import localdate

from tests.factories.catalogue import EventFactory, SeasonPassFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.sales.door.conftest import another_date, make_evening
from tests.sales.door.test_offline import entry, send
from tests.sales.door.test_scanning import scan, with_token
from tests.staff import Staff, change
from ticketshop.catalogue.models import SeasonPass, Session
from ticketshop.sales.door import answers, entry_sheet, offline
from ticketshop.sales.door import entries as door_entries
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import CheckIn, IssuedPass, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.passes import entries
from ticketshop.sales.tickets import codes

pytestmark = pytest.mark.django_db


def sell_pass(evening, *, paid: bool = True, **settings) -> IssuedPass:
    """Return a new pass of the evening's shop, whose code lets in."""
    season_pass = SeasonPassFactory(pos=evening.pos, **{"booking_needed": False, **settings})
    order = make_order({season_pass: 1}, paid=paid, holders=[{"first_name": "Ada", "last_name": "Lovelace"}])
    return order.passes.get()


def book(evening, issued: IssuedPass, count: int = 1) -> list[Ticket]:
    """Return tickets of the evening that count as booked with the pass."""
    tickets = evening.sell(count)
    Ticket.objects.filter(pk__in=[ticket.pk for ticket in tickets]).update(booked_with=issued)
    return tickets


def press(door, evening, issued: IssuedPass, action: str, note: str = ""):
    """Press a button on the page of a pass, also one that the page does not show any more. Return the response."""
    door.open(f"{evening.url}passes/{issued.pk}/")
    url, token = door.page.url, with_token(door, evening)["csrfmiddlewaretoken"]
    return door.client.post(url, {"csrfmiddlewaretoken": token, "action": action, "note": note})


def left(issued: IssuedPass) -> int | None:
    return IssuedPass.objects.get(pk=issued.pk).entries_left


# --- green --------------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAS-02")
def test_pass_is_let_in_and_its_entries_are_counted(evening, door):
    issued = sell_pass(evening, entries=2)
    text = scan(door, evening, issued.code)
    assert text == f"✓ Welcome 1 entry left. {issued.shown_name} Ada Lovelace Undo the entry"
    assert "1 of 1 in" in door.page.text
    row = CheckIn.objects.get()
    assert (row.kind, row.issued_pass, row.session, row.entries, row.by) == (
        "in", issued, evening.session, 1, door.user,
    )  # fmt: skip
    assert "Already in at" in scan(door, evening, issued.code)
    assert left(issued) == 1
    last = another_date(evening, days=1).session
    last_evening = type(evening)(evening.pos, last, evening.adult, evening.child)
    assert "Welcome This was the last entry of the pass." in scan(door, last_evening, issued.code)


@pytest.mark.scenario("PAS-02")
def test_pass_without_a_limit_is_let_in_at_every_date(evening, door):
    issued = sell_pass(evening)
    assert "✓ Welcome" in scan(door, evening, issued.code[:8])
    assert left(issued) is None


@pytest.mark.scenario("PAS-02")
def test_pass_for_two_lets_two_people_in(evening, door):
    issued = sell_pass(evening, entries=5, entries_per_date=2)
    for _person in range(2):
        assert "✓ Welcome" in scan(door, evening, issued.code)
    text = scan(door, evening, issued.code)
    assert "✕ Already in This pass gives at most 2 entries for a date." in text
    assert (left(issued), CheckIn.objects.count()) == (3, 2)


def test_pass_with_a_booked_place_lets_the_ticket_in_and_takes_no_other_entry(evening, door):
    issued = sell_pass(evening, entries=3, booking_needed=True)
    first, second = book(evening, issued, 2)
    assert "✓ Welcome Adult Ada Lovelace" in scan(door, evening, issued.code)
    assert "✓ Welcome Adult Ada Lovelace" in scan(door, evening, issued.code)
    assert {Ticket.objects.get(pk=pk).state for pk in (first.pk, second.pk)} == {"used"}
    assert "✕ Already in Already in at" in scan(door, evening, issued.code)
    assert left(issued) == 3


def test_same_scan_sent_again_takes_one_entry_and_one_booked_place(evening):
    for issued in (sell_pass(evening, entries_per_date=2), sell_pass(evening, booking_needed=True)):
        if issued.season_pass.booking_needed:
            book(evening, issued, 2)
        device = Device(uuid.uuid4())
        enter = partial(door_entries.enter, evening.session, issued.code, device, by=None, now=timezone.now())
        assert [enter().code, enter().code] == ["welcome", "welcome"]
        assert entries.at_door(issued, evening.session).counted == (not issued.season_pass.booking_needed)
    assert CheckIn.objects.count() == 2


# --- red ----------------------------------------------------------------------------------------------------
def of_another_event(evening) -> IssuedPass:
    issued = sell_pass(evening, opens=SeasonPass.Opens.CHOSEN_EVENTS)
    issued.season_pass.events.add(EventFactory(pos=evening.pos))
    return issued


def used_up(evening) -> IssuedPass:
    issued = sell_pass(evening, entries=1)
    IssuedPass.objects.filter(pk=issued.pk).update(entries_left=0)
    return issued


def cancelled(evening) -> IssuedPass:
    issued = sell_pass(evening)
    orders.cancel(issued.order, by=None, now=timezone.now())
    return issued


def replaced(evening) -> IssuedPass:
    issued = sell_pass(evening)
    codes.renew(issued.order, [codes.key_of(issued)], by=None, now=timezone.now())
    return issued


NEXT_WEEK, LAST_WEEK = timedelta(days=7), timedelta(days=-7)
REFUSALS = {
    "Not booked With this pass a place must be booked": partial(sell_pass, booking_needed=True),
    "Not valid yet This pass is valid from": lambda evening: sell_pass(
        evening, valid_from=localdate() + NEXT_WEEK
    ),
    "Wrong date This pass does not open this date": of_another_event,
    "Used up The 1 entry of this pass is used": used_up,
    "Not paid This pass is not paid yet": partial(sell_pass, paid=False),
    "Cancelled This pass is cancelled": cancelled,
    "Replaced This ticket was replaced": replaced,
}


@pytest.mark.scenario("PAS-02", "PAS-03")
@pytest.mark.parametrize("text", REFUSALS)
def test_each_refusal_of_a_pass_has_its_own_red_answer(evening, door, text):
    issued = REFUSALS[text](evening)
    assert f"✕ {text}" in scan(door, evening, issued.code)
    assert 'class="answer bad"' in door.page.source
    assert not CheckIn.objects.exists()


@pytest.mark.scenario("PAS-03")
def test_expired_pass_is_refused_but_not_on_its_last_day(evening, door):
    issued = sell_pass(evening)
    with timezone.override(evening.pos.organiser.zone):
        day = timezone.localtime(evening.session.starts_at).date()
    IssuedPass.objects.filter(pk=issued.pk).update(valid_until=day - timedelta(days=1))
    assert "✕ Expired This pass was valid until" in scan(door, evening, issued.code)
    IssuedPass.objects.filter(pk=issued.pk).update(valid_until=day)
    assert "✓ Welcome" in scan(door, evening, issued.code)


def test_pass_at_a_cancelled_date_is_refused(evening, door):
    issued = sell_pass(evening)
    Session.objects.filter(pk=evening.session.pk).update(state="cancelled")
    assert "✕ Date cancelled" in scan(door, evening, issued.code)


def test_booked_place_of_a_cancelled_pass_is_refused(evening, door):
    issued = sell_pass(evening, booking_needed=True)
    (ticket,) = book(evening, issued)
    orders.cancel(issued.order, by=None, now=timezone.now())
    assert "✕ Cancelled" in scan(door, evening, ticket.code)


@pytest.mark.scenario("PAS-03")
def test_pass_opens_chosen_dates_chosen_events_or_all_of_its_shop(evening, door):
    dates = sell_pass(evening, opens=SeasonPass.Opens.CHOSEN_SESSIONS)
    events = sell_pass(evening, opens=SeasonPass.Opens.CHOSEN_EVENTS)
    everything = sell_pass(evening)
    elsewhere = sell_pass(make_evening())
    for issued in (dates, events):
        assert "does not open this date" in scan(door, evening, issued.code)
    dates.season_pass.sessions.add(evening.session)
    events.season_pass.events.add(evening.session.event)
    for issued in (dates, events, everything):
        assert "Welcome" in scan(door, evening, issued.code)
    assert "Unknown code" in scan(door, evening, elsewhere.code)


# --- undo ---------------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAS-02")
def test_undone_entry_is_given_back(evening, door):
    issued = sell_pass(evening, entries=2)
    scan(door, evening, issued.code)
    press(door, evening, issued, "undone", note="wrong pass")
    assert (left(issued), entries.at_door(issued, evening.session)) == (2, entries.AtDoor())
    assert "wrong pass" in door.open(f"{evening.url}passes/{issued.pk}/").text
    assert "✓ Welcome" in scan(door, evening, issued.code)


@pytest.mark.scenario("PAS-02")
def test_person_let_out_comes_back_with_the_same_entry(evening, door):
    issued = sell_pass(evening, entries=1)
    scan(door, evening, issued.code)
    press(door, evening, issued, "out")
    assert "0 of 1 in" in door.open(evening.url).text
    assert "✓ Welcome This was the last entry" in scan(door, evening, issued.code)
    press(
        door, evening, issued, "undone", note="still outside"
    )  # the person is out again, the entry stays taken
    assert (left(issued), entries.at_door(issued, evening.session).out) == (0, 1)
    assert "✓ Welcome" in scan(door, evening, issued.code)
    assert left(issued) == 0


def test_page_of_a_pass_lets_in_and_tells_a_refusal(evening, door):
    issued = sell_pass(evening, entries=1)
    assert press(door, evening, issued, "in").status_code == 302
    assert left(issued) == 0
    page = press(door, evening, issued, "in").content.decode()
    assert "Already in at" in page
    assert press(door, evening, issued, "out").status_code == 302
    assert "Nothing was changed" in press(door, evening, issued, "out").content.decode()


def test_pass_of_another_organiser_has_no_page_here(evening, door):
    other = make_evening()
    theirs = sell_pass(other)
    assert door.client.get(f"{evening.url}passes/{theirs.pk}/").status_code == 404
    assert door.client.get(f"{other.url}passes/{theirs.pk}/").status_code == 404
    assert door.client.get(f"{evening.url}passes/{'9' * 30}/").status_code == 404
    own = sell_pass(evening)
    assert door.client.get(f"{evening.url}passes/{own.pk}/").status_code == 200


# --- count and list -------------------------------------------------------------------------------------------
def test_entries_of_passes_are_counted_and_listed(evening, door):
    (ticket,) = evening.sell()
    issued = sell_pass(evening, name="Abonnement")
    for code in (ticket.code, issued.code):
        scan(door, evening, code)
    text = door.open(f"{evening.url}count/").text
    assert "Abonnement 1 0 1" in " ".join(text.split())
    assert "2 of 2 in" in door.open("/door/").text
    rows = list(entry_sheet._rows(evening.session))
    assert [(row[0], row[3], row[8]) for row in rows] == [
        ("Adult", ticket.order.reference, 1),
        ("Abonnement", issued.order.reference, 1),
    ]


# --- without network --------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAS-02")
def test_list_for_devices_contains_hashed_passes_with_their_state(evening, door):
    free = sell_pass(evening, name="Free", entries_per_date=2)
    unbooked, booked = (sell_pass(evening, booking_needed=True) for _pass in range(2))
    book(evening, booked)
    used, empty = sell_pass(evening, entries=4), used_up(evening)
    scan(door, evening, used.code)
    late, gone = sell_pass(evening, valid_from=localdate() + NEXT_WEEK), cancelled(evening)
    response = door.client.get(f"{evening.url}codes/")
    found = response.json()

    def listed(issued):
        return found["codes"].get(offline.hashed(found["salt"], issued.code))

    assert [listed(issued) and listed(issued)[::2] for issued in (free, unbooked, booked, used, empty, late, gone)] == [
        ["valid", 2], ["booking_needed", 0], ["valid", 1], ["used", 0], ["used_up", 0], None, ["cancelled", 1],
    ]  # fmt: skip
    assert found["tariffs"][listed(free)[1]] == {"name": "Free", "age": ""}
    assert found["refused"]["booking_needed"]["word"] == "Not booked"
    assert free.code not in response.content.decode()


@pytest.mark.scenario("PAS-02")
def test_entries_of_passes_made_without_network_are_counted_once_or_listed_as_conflicts(evening, door):
    issued, empty, lost = sell_pass(evening, entries=3), used_up(evening), replaced(evening)
    sent = [entry(issued.code), entry(empty.code), entry(lost.code)]
    for _time in range(2):
        assert send(door, evening, *sent)["conflicts"] == 2
    assert left(issued) == 2
    assert CheckIn.objects.filter(kind="conflict").count() == 2
    assert [answers.word_of(row.refusal) for row in offline.conflicts(evening.session)] == [
        "Replaced",
        "Used up",
    ]
    page = door.open(f"{evening.url}count/")
    assert re.findall(rf'href="({evening.url}passes/\d+/)"', page.source) == [
        f"{evening.url}passes/{row.pk}/" for row in (lost, empty)
    ]
    assert "Let in without network" in door.open(f"{evening.url}passes/{empty.pk}/").text.replace(
        "let in without", "Let in without"
    )


def test_answer_for_the_script_has_the_page_of_the_pass(evening, door):
    issued = sell_pass(evening)
    values = door.open(evening.url).form("code").values
    response = door.client.post(
        evening.url, {**values, "code": issued.code}, headers={"accept": "application/json"}
    )
    answer = json.loads(response.content)["answer"]
    assert (answer["code"], answer["url"]) == ("welcome", f"{evening.url}passes/{issued.pk}/")


# --- search and count ---------------------------------------------------------------------------------------
def found(door, evening, typed: str) -> list[str]:
    """Return the references of the orders of the passes that a search finds."""
    page = door.open(f"{evening.url}people/?q={typed}")
    return re.findall(r"</bdi></strong> · ([\w-]+)", page.source)


@pytest.mark.scenario("DOOR-04")
@pytest.mark.parametrize("opens", ["all", "events", "chosen"])
def test_a_pass_that_opens_the_date_is_found_without_a_booking(evening, door, opens):
    issued = sell_pass(evening, opens=opens)
    if opens == "events":
        issued.season_pass.events.add(evening.session.event)
    if opens == "chosen":
        issued.season_pass.sessions.add(evening.session)
    reference = issued.order.reference
    for typed in ("lovelace", "ada love", "hopper", reference, issued.code[:8]):
        assert found(door, evening, typed) == [reference], typed
    assert "1 person in" not in door.page.text
    scan(door, evening, issued.code)
    assert found(door, evening, "lovelace") == [reference]
    assert "1 person in" in door.page.text
    page = door.open(door.page.link(issued.shown_name))
    assert page.url.endswith(f"{evening.url}passes/{issued.pk}/")


@pytest.mark.scenario("DOOR-04")
def test_an_unpaid_pass_is_found_with_its_state(evening, door):
    issued = sell_pass(evening, paid=False)
    assert found(door, evening, "lovelace") == [issued.order.reference]
    assert "reserved" in door.page.text


@pytest.mark.scenario("DOOR-04")
def test_passes_that_do_not_open_the_date_are_not_found(evening, door):
    other_event = sell_pass(evening, opens="events")
    other_event.season_pass.events.add(EventFactory(pos=evening.pos))
    other_date = sell_pass(evening, opens="chosen")
    other_date.season_pass.sessions.add(another_date(evening).session)
    over = sell_pass(evening)
    IssuedPass.objects.filter(pk=over.pk).update(valid_until=localdate() - timedelta(days=1))
    early = sell_pass(evening)
    IssuedPass.objects.filter(pk=early.pk).update(valid_from=localdate() + timedelta(days=9))
    orders.cancel(sell_pass(evening).order, by=None, now=timezone.now())
    sell_pass(make_evening())
    assert found(door, evening, "lovelace") == []
    assert "Nobody of this date is called so" in door.page.text
    buyer = sell_pass(evening).order.buyer
    type(buyer).objects.filter(pk=buyer.pk).update(erasing_at=timezone.now())
    assert found(door, evening, buyer.last_name) == []


@pytest.mark.scenario("DOOR-04")
def test_many_passes_are_cut_off_with_a_sentence_and_cost_the_same_queries(evening, door, monkeypatch):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            found(door, evening, "lovelace")
        return len(captured)

    sell_pass(evening)
    queries()
    with_one = queries()
    sell_pass(evening)
    sell_pass(evening)
    assert queries() == with_one
    monkeypatch.setattr("ticketshop.sales.door.people.MOST_ORDERS", 2)
    assert len(found(door, evening, "lovelace")) == 2
    assert "There are more. Type more of the name." in door.page.text


@pytest.mark.scenario("DOOR-07")
def test_count_and_page_of_the_date_tell_how_many_came_in_with_a_pass(evening, door):
    box = Staff(make_staff(evening.pos.organiser, "box office"))
    (ticket, _other), issued = evening.sell(2), sell_pass(evening)
    assert "with the code of a season pass" not in door.open(f"{evening.url}count/").text
    assert "People in" not in box.open(change(evening.session)).text
    scan(door, evening, issued.code)
    scan(door, evening, ticket.code)
    text = door.open(f"{evening.url}count/").text
    assert "All 2 1 3" in text and f"{issued.shown_name} 1 0 1" in text
    assert "Of the people in, 1 came in with the code of a season pass" in text
    text = box.open(change(evening.session)).text
    assert "All 2 1 3" in text and f"{issued.shown_name} 1 0 1" in text
    assert "Of the people in, 1 came in with the code of a season pass" in text
    press(door, evening, issued, "undone", "by mistake")
    assert "season pass, without a booking" not in box.open(change(evening.session)).text
