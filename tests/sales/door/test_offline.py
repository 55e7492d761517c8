"""Entries without network: the list for a device, and what the server decides when they arrive."""

import json
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.sales.door.conftest import another_date, make_evening
from tests.sales.door.test_scanning import press, scan, with_token
from tests.staff import Staff
from ticketshop.sales.door import answers, offline
from ticketshop.sales.models import CheckIn, Ticket
from ticketshop.sales.tickets import codes
from ticketshop.submissions.models import KeptSubmission

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("DOOR-06")]


def entry(code: str, *, minutes_ago: float = 5, gate: str = "") -> dict:
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return {"key": str(uuid.uuid4()), "code": code, "gate": gate, "at": int(at.timestamp() * 1000)}


def send(door: Staff, evening, *entries) -> dict:
    values = with_token(door, evening, **{"entries-code": json.dumps(entries)})
    return door.client.post(f"{evening.url}queue/", values).json()


# --- the list -----------------------------------------------------------------------------------------------
def test_list_has_a_hash_of_each_code_and_neither_codes_nor_names(evening, door):
    valid, used = evening.sell(2)
    scan(door, evening, used.code)
    (unpaid,) = evening.sell(paid=False)
    (lost,) = evening.sell()
    codes.renew(lost.order, [codes.key_of(lost)], by=None, now=timezone.now())
    (child,) = evening.sell(offer=evening.child)
    response = door.client.get(f"{evening.url}codes/")
    content, found = response.content.decode(), response.json()
    states = {
        ticket: found["codes"][offline.hashed(found["salt"], ticket.code)]
        for ticket in (valid, used, unpaid, lost, child)
    }
    assert [states[ticket][0] for ticket in (valid, used, unpaid, lost, child)] == [
        "valid", "used", "reserved", "replaced", "valid",
    ]  # fmt: skip
    assert found["tariffs"][states[child][1]] == {"name": "Child", "age": "Child: check the age (up to 15)"}
    for secret in ("Lovelace", valid.code, valid.code[:8], door.user.email):
        assert secret not in content


def test_salt_differs_by_date(evening):
    assert offline.salt(evening.session) != offline.salt(another_date(evening).session)


# --- what arrives ---------------------------------------------------------------------------------------------
def test_entries_arrive_with_the_time_of_the_device(evening, door):
    (ticket,) = evening.sell()
    sent = entry(ticket.code, minutes_ago=42, gate="2")
    answer = send(door, evening, sent)
    assert answer == {"seen": [sent["key"]], "conflicts": 0, "count": {"in": 1, "sold": 1}}
    found = CheckIn.objects.get()
    assert (found.kind, found.gate, found.by) == ("in", "2", door.user)
    assert found.at - found.device_at > timedelta(minutes=41)
    assert Ticket.objects.get().used_at == found.device_at


def test_entries_sent_twice_are_recorded_once(evening, door):
    ticket, other = evening.sell(2)
    scan(door, evening, other.code)
    sent = [entry(ticket.code), entry(other.code)]
    for _time in range(2):
        assert send(door, evening, *sent)["conflicts"] == 1
    assert CheckIn.objects.filter(kind="conflict").count() == 1
    assert CheckIn.objects.filter(ticket=ticket).count() == 1


def test_entry_sent_again_after_the_person_went_out_and_in_is_no_conflict(evening, door):
    (ticket,) = evening.sell()
    sent = entry(ticket.code)
    send(door, evening, sent)
    press(door, evening, ticket, "out")
    assert send(door, evening, sent)["conflicts"] == 0
    scan(door, evening, ticket.code)
    assert send(door, evening, sent)["conflicts"] == 0


def test_refused_entries_are_listed_as_conflicts_with_their_reason(evening, door):
    twice, lost, unknown = *evening.sell(2), "3" * 29
    elsewhere = evening.sell(offer=another_date(evening))[0]
    scan(door, evening, twice.code)
    codes.renew(lost.order, [codes.key_of(lost)], by=None, now=timezone.now())
    answer = send(door, evening, *(entry(code) for code in (twice.code, lost.code, elsewhere.code, unknown)))
    assert (len(answer["seen"]), answer["conflicts"]) == (4, 4)
    reasons = [answers.word_of(conflict.refusal) for conflict in offline.conflicts(evening.session)]
    assert reasons == ["Wrong date", "Replaced", "Already in"]
    text = door.open(f"{evening.url}count/").text
    assert "Let in without network, against the rules" in text
    assert all(reason in text for reason in reasons)
    assert Ticket.objects.get(pk=elsewhere.pk).state == "valid"


def test_entries_for_another_organisers_date_are_refused(evening, door):
    other = make_evening()
    (foreign,) = other.sell()
    values = with_token(door, evening, **{"entries-code": json.dumps([entry(foreign.code)])})
    assert door.client.post(f"{other.url}queue/", values).status_code == 404
    assert door.client.get(f"{other.url}codes/").status_code == 404
    assert send(door, evening, entry(foreign.code))["conflicts"] == 1
    assert Ticket.objects.get(pk=foreign.pk).state == "valid"
    assert not CheckIn.objects.exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        "[1, null, {}]",
        '[{"key": "x", "code": "y", "at": 1}]',
        '[{"key": [], "code": 1, "at": 1e400}]',
        "[" * 2000,
    ],
)
def test_unreadable_entries_are_left_on_the_device(evening, door, text):
    values = with_token(door, evening, **{"entries-code": text})
    assert door.client.post(f"{evening.url}queue/", values).json()["seen"] == []


def test_gate_with_half_an_emoji_is_recorded_without_it(evening, door):
    (ticket,) = evening.sell()
    row = {"key": str(uuid.uuid4()), "code": ticket.code, "gate": "North \ud83c", "at": 1}
    values = with_token(door, evening, **{"entries-code": json.dumps([row])})
    assert len(door.client.post(f"{evening.url}queue/", values).json()["seen"]) == 1
    assert CheckIn.objects.get().gate == "North"


@pytest.mark.parametrize("minutes", [-60, 60 * 24 * 30])
def test_implausible_time_of_a_device_is_not_believed(evening, door, minutes):
    (ticket,) = evening.sell()
    send(door, evening, entry(ticket.code, minutes_ago=minutes))
    found = CheckIn.objects.get()
    assert found.device_at is None
    assert abs(Ticket.objects.get().used_at - timezone.now()) < timedelta(minutes=1)


# --- the log-in session -----------------------------------------------------------------------------------------
def test_log_out_keeps_the_storage_of_the_browser_while_entries_wait_in_it(evening, door):
    token = door.open("/door/").form("logout").values
    door.client.cookies["door_waits"] = "1"
    response = door.client.post("/accounts/logout/", token)
    assert response.headers["Clear-Site-Data"] == '"cache"'


def test_entries_that_come_after_the_log_in_session_ended_are_stored_nowhere(evening, door):
    (ticket,) = evening.sell()
    token = with_token(door, evening)["csrfmiddlewaretoken"]
    values = {"csrfmiddlewaretoken": token, "entries-code": json.dumps([entry(ticket.code)])}
    door.client.cookies.pop("sessionid")
    response = door.client.post(f"{evening.url}queue/", values, headers={"sec-fetch-site": "same-origin"})
    assert response.status_code == 302
    assert not KeptSubmission.objects.exists()
