"""The pages of entry control, by typing without scripts: choose a date, and the answer to each kind of code."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.accounts import PASSWORD
from tests.factories.catalogue import SeasonPassFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.sales.door.conftest import another_date, make_evening
from tests.sales.door.stored_answers import store
from tests.staff import Staff
from ticketshop.catalogue.models import Session
from ticketshop.office import staff_sessions
from ticketshop.sales.door import answers
from ticketshop.sales.models import CheckIn, Order, OrderResponse, Ticket
from ticketshop.sales.orders import single_tickets
from ticketshop.sales.orders.cancelled_lines import begin, units_of, write
from ticketshop.sales.tickets import codes

pytestmark = pytest.mark.django_db


def scan(door: Staff, evening, code: str, **values) -> str:
    """Type a code and return the text of the coloured field. The page of the date is opened once, as at a door."""
    if getattr(door, "page", None) is None or door.page.url != evening.url:
        door.open(evening.url)
    door.fill("code", {"code": code, **values})
    field = re.search(r'(?s)<div id="answer"(.*?)<(?:video|p id="net")', door.page.source)
    return " ".join(re.sub("^[^>]*>|<[^>]*>", " ", field[1]).split())


def with_token(door: Staff, evening, **values) -> dict:
    """Return the values with the token of a form of the date's page."""
    return {**door.open(evening.url).form("code").values, **values}


def state_of(ticket: Ticket) -> str:
    return Ticket.objects.get(pk=ticket.pk).state


# --- choose a date ------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-01")
def test_dates_of_today_and_later_are_listed_with_the_people_in(evening, door):
    first, _second = evening.sell(2)
    gone = another_date(evening, days=-3).session
    coming = another_date(evening, days=3).session
    make_evening()  # another organiser's
    scan(door, evening, first.code)
    page = door.open("/door/")
    assert re.findall(r'href="/door/(\d+)/"', page.source) == [str(evening.session.pk), str(coming.pk)]
    assert "1 of 2 in" in page.text
    with timezone.override(evening.pos.organiser.zone):
        assert f"{timezone.localtime(coming.starts_at):%H:%M}" in page.text
    assert str(gone.pk) not in re.findall(r'href="/door/(\d+)/"', page.source)


def test_number_of_queries_of_the_list_does_not_depend_on_the_dates(evening, door):
    evening.sell()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            door.open("/door/")
        return len(captured)

    queries()
    with_one = queries()
    for days in (1, 2):
        make_order({another_date(evening, days): 1}, paid=True)
    assert queries() == with_one


def test_late_show_that_ends_after_midnight_is_listed_that_day(evening, door):
    now = timezone.now()
    Session.objects.filter(pk=evening.session.pk).update(starts_at=now - timedelta(hours=9), ends_at=now)
    assert f'href="{evening.url}"' in door.open("/door/").source


@pytest.mark.scenario("DOOR-01")
def test_role_door_opens_these_pages_and_nothing_else(evening, door):
    page = door.open("/admin/")
    assert page.url == "/door/"
    for url in (
        "/admin/sales/ticket/",
        "/admin/sales/order/",
        f"/admin/catalogue/session/{evening.session.pk}/change/",
    ):
        assert door.client.get(url).headers["Location"] == f"/admin/login/?next={url}"
    assert "Back office" not in page.text


@pytest.mark.parametrize("role", ["owner", "back office", "box office"])
def test_other_staff_may_let_people_in_too(evening, role):
    staff = Staff(make_staff(evening.pos.organiser, role))
    assert "Door: let people in" in staff.open("/admin/").text
    assert staff.open(evening.url).status == 200


def test_accounting_may_not(evening):
    staff = Staff(make_staff(evening.pos.organiser, "accounting"))
    assert staff.client.get(evening.url).status_code == 403


# --- green --------------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-01")
def test_valid_code_is_welcome_with_tariff_and_printed_name(evening, door):
    (ticket,) = evening.sell()
    assert scan(door, evening, ticket.code) == "✓ Welcome Adult Ada Lovelace Undo the entry"
    assert (state_of(ticket), Ticket.objects.get().used_at is not None) == ("used", True)
    entry = CheckIn.objects.get()
    assert (entry.kind, entry.ticket, entry.session, entry.by) == ("in", ticket, evening.session, door.user)
    assert "1 of 1 in" in door.page.text


def test_code_may_be_typed_in_groups_and_small_letters(evening, door):
    (ticket,) = evening.sell()
    groups = " ".join(re.findall(".{1,5}", ticket.code.lower()))
    assert "Welcome" in scan(door, evening, f" {groups}\t")


def test_first_letters_of_the_list_for_the_door_are_enough(evening, door):
    (ticket,) = evening.sell()
    assert "Unknown code" in scan(door, evening, ticket.code[:7])
    assert "Welcome" in scan(door, evening, ticket.code[:8])


def test_first_letters_that_two_tickets_share_are_no_code(evening, door):
    first, second = evening.sell(2)
    other = "Y" if first.code[8] == "X" else "X"
    Ticket.objects.filter(pk=second.pk).update(code=first.code[:8] + other * 21)
    assert "Unknown code" in scan(door, evening, first.code[:8])
    assert "Welcome" in scan(door, evening, first.code[:9])


@pytest.mark.scenario("DOOR-01")
def test_tariff_with_an_age_asks_for_a_look(evening, door):
    evening.child.tariff.only_with = None
    (ticket,) = evening.sell(offer=evening.child)
    assert "Child: check the age (up to 15)" in scan(door, evening, ticket.code)


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (None, None, ""),
        (4, 15, "Child: check the age (4 to 15)"),
        (65, None, "Check the age: from 65"),
        (None, 25, "Check the age: 0 to 25"),
    ],
)
def test_text_about_the_age_of_a_tariff(evening, lower, upper, text):
    tariff = evening.adult.tariff
    tariff.age_from, tariff.age_until = lower, upper
    assert answers.age_text(tariff) == text


# --- questions ----------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-01")
def test_only_answers_marked_for_the_door_are_shown(evening, door):
    form = make_form("tariff", organiser=evening.pos.organiser)
    wheelchair = ask(form, "Wheelchair", at_door=True)
    meal = ask(form, "Meal")
    allergies = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=3)
    publish(form)
    order_form = make_form("order", organiser=evening.pos.organiser)
    bus = ask(order_form, "Bus", at_door=True)
    publish(order_form)
    (ticket,) = evening.sell()
    ticket.response = store(form, ticket, {wheelchair: "yes please", meal: "fish", allergies: "nuts"})
    ticket.save(update_fields=["response"])
    OrderResponse.objects.create(order=ticket.order, response=store(order_form, ticket, {bus: "at ten"}))
    text = scan(door, evening, ticket.code)
    assert "Wheelchair: yes please" in text
    assert "Bus: at ten" in text
    for absent in ("fish", "Meal", "nuts", "Allergies"):
        assert absent not in door.page.source
    # Marked after the sale: it counts at once.
    (other,) = evening.sell()
    other.response = store(form, other, {wheelchair: "no", meal: "vegan"})
    other.save(update_fields=["response"])
    meal.at_door = True
    meal.save()
    assert "Meal: vegan" in scan(door, evening, other.code)


def test_sensitive_question_is_refused_at_the_door(evening):
    staff = Staff(make_staff(evening.pos.organiser, "owner"))
    form = make_form("tariff", organiser=evening.pos.organiser)
    question = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=3)
    staff.open(f"/admin/registration_forms/field/{question.pk}/change/")
    staff.save(at_door="on")
    assert "A sensitive answer is never shown at the door." in staff.errors
    question.refresh_from_db()
    assert not question.at_door


# --- red ----------------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-02")
def test_second_scan_tells_when_and_where_the_first_one_was(evening, door):
    (ticket,) = evening.sell()
    scan(door, evening, ticket.code, gate="2")
    with timezone.override(evening.pos.organiser.zone):
        at = timezone.localtime(CheckIn.objects.get().at).strftime("%H:%M")
    assert f"✕ Already in Already in at {at}, gate 2 Adult Ada Lovelace" in scan(door, evening, ticket.code)
    assert CheckIn.objects.count() == 1


def test_gate_stays_for_the_next_scan(evening, door):
    (ticket,) = evening.sell()
    scan(door, evening, ticket.code, gate=" Balcony ")
    assert CheckIn.objects.get().gate == "Balcony"
    assert 'value="Balcony"' in door.open(evening.url).source


def cancelled(evening) -> Ticket:
    order = evening.order(2)
    key = units_of(order)[0].key
    single_tickets.cancel(order, [key], by=None, now=timezone.now())
    return order.tickets.get(state="cancelled")


REFUSALS = {
    "Wrong date This ticket is for": lambda evening: make_order(
        {another_date(evening): 1}, paid=True
    ).tickets.get(),
    "Not paid Send the person to the box office": lambda evening: evening.sell(paid=False)[0],
    "Cancelled This ticket was cancelled": cancelled,
    "Not booked With this pass a place must be booked": lambda evening: make_order(
        {SeasonPassFactory(pos=evening.pos): 1}, paid=True
    ).passes.get(),
}


@pytest.mark.scenario("DOOR-03")
@pytest.mark.parametrize("text", REFUSALS)
def test_each_refusal_has_its_own_red_answer(evening, door, text):
    admission = REFUSALS[text](evening)
    before = admission.state
    assert f"✕ {text}" in scan(door, evening, admission.code)
    assert 'class="answer bad"' in door.page.source
    admission.refresh_from_db()
    assert admission.state == before
    assert not CheckIn.objects.exists()


@pytest.mark.scenario("DOOR-03")
def test_ticket_of_a_cancelled_date_is_refused(evening, door):
    (ticket,) = evening.sell()
    Session.objects.filter(pk=evening.session.pk).update(state="cancelled")
    assert "✕ Date cancelled This date does not take place." in scan(door, evening, ticket.code)
    assert state_of(ticket) == "valid"


@pytest.mark.scenario("DOOR-03")
def test_replaced_code_is_refused_and_the_new_one_lets_in(evening, door):
    (ticket,) = evening.sell()
    codes.renew(ticket.order, [codes.key_of(ticket)], by=None, now=timezone.now())
    assert scan(door, evening, ticket.code).startswith("✕ Replaced This ticket was replaced")
    assert "Replaced" in scan(door, evening, ticket.code[:8])
    # After an exchange the cancelled ticket keeps its code.
    gone = cancelled(evening)
    codes.keep_replaced(gone, gone.code, "exchanged", by=None, now=timezone.now())
    assert "Replaced" in scan(door, evening, gone.code)
    new_code = Ticket.objects.get(pk=ticket.pk).code
    assert "Welcome" in scan(door, evening, new_code)


@pytest.mark.scenario("DOOR-03")
def test_code_of_another_organiser_gets_the_same_answer_as_nonsense(evening, door):
    other = make_evening()
    (foreign,) = other.sell()
    (lost,) = other.sell()
    codes.renew(lost.order, [codes.key_of(lost)], by=None, now=timezone.now())
    theirs = make_order({SeasonPassFactory(pos=other.pos): 1}, paid=True).passes.get()
    nonsense = scan(door, evening, "3" * 29)
    assert nonsense.startswith("✕ Unknown code")
    assert scan(door, evening, foreign.code) == nonsense
    assert scan(door, evening, foreign.code[:8]) == nonsense
    assert scan(door, evening, theirs.code) == nonsense
    assert scan(door, evening, lost.code) == nonsense
    assert state_of(foreign) == "valid"


def test_date_of_another_organiser_is_as_unknown_as_a_missing_one(evening, door):
    other = make_evening()
    (foreign,) = other.sell()
    (own,) = evening.sell()
    for url in (
        other.url,
        "/door/987654321/",
        f"/door/{'9' * 30}/",
        f"{evening.url}tickets/{'9' * 30}/",
        f"{evening.url}tickets/{foreign.pk}/",
        f"{other.url}tickets/{own.pk}/",
    ):
        assert door.client.get(url).status_code == 404
        assert door.client.post(url, with_token(door, evening, code=foreign.code)).status_code == 404


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("", "Scan a code, or type it."),
        ("x" * 300, "This is no code of a ticket."),
        ("%00'--", "Unknown code"),
        ("\N{SNOWMAN}", "Unknown code"),
    ],
)
def test_bad_input_gets_a_sentence(evening, door, code, text):
    assert text in scan(door, evening, code)


def test_altered_key_and_long_gate_are_no_error(evening, door):
    (ticket,) = evening.sell()
    assert "Welcome" in scan(door, evening, ticket.code, key="nonsense")
    assert (
        scan(door, evening, ticket.code, gate="g" * 41)
        == "Ensure this value has at most 40 characters (it has 41)."
    )


# --- the same page sent again ---------------------------------------------------------------------------------
@pytest.mark.scenario("DOOR-02")
def test_page_sent_twice_is_one_entry_with_the_same_answer(evening, door):
    (ticket,) = evening.sell()
    door.open(evening.url)
    form = next(form for form in door.page.forms if "code" in form.names)
    for _time in range(2):
        assert (
            "Welcome" in door.client.post(evening.url, {**form.values, "code": ticket.code}).content.decode()
        )
    assert CheckIn.objects.count() == 1
    # The key belongs to the ticket: another code on the same page is another entry.
    (other,) = evening.sell()
    assert "Welcome" in door.client.post(evening.url, {**form.values, "code": other.code}).content.decode()
    assert CheckIn.objects.count() == 2


# --- for the page's script --------------------------------------------------------------------------------------
def test_script_gets_the_texts_of_the_page_and_the_count(evening, door):
    (ticket,) = evening.sell()
    values = with_token(door, evening, code=ticket.code)
    headers = {"accept": "application/json"}
    given = door.client.post(evening.url, values, headers=headers).json()
    assert given == {
        "answer": {
            "code": "welcome", "welcome": True, "word": "Welcome", "detail": "", "tariff": "Adult", "name": "Ada Lovelace", "age": "",
            "questions": [], "url": f"{evening.url}tickets/{ticket.pk}/", "link": "Undo the entry",
        },
        "count": {"in": 1, "sold": 1},
    }  # fmt: skip
    empty = door.client.post(evening.url, {**values, "code": ""}, headers=headers).json()
    assert empty["answer"] == {"code": "input", "welcome": False, "word": "Scan a code, or type it."}


@pytest.mark.scenario("DOOR-05")
def test_camera_and_wasm_are_allowed_on_the_page_that_scans_alone(evening, door):
    for url, allowed in (
        (evening.url, True),
        ("/door/", False),
        (f"{evening.url}people/", False),
        ("/", False),
    ):
        headers = door.client.get(url).headers
        assert ("camera=(self)" in headers["Permissions-Policy"]) == allowed, url
        assert ("camera=()" in headers["Permissions-Policy"]) != allowed, url
        assert ("'wasm-unsafe-eval'" in headers["Content-Security-Policy"]) == allowed, url


# --- out and undo -----------------------------------------------------------------------------------------------
def press(door: Staff, evening, ticket: Ticket, action: str, **values) -> str:
    door.open(f"{evening.url}tickets/{ticket.pk}/")
    form = next(form for form in door.page.forms if "action" in form.names)
    door.submit(form, {"action": action, **values})
    return door.page.text


@pytest.mark.scenario("DOOR-02")
def test_person_let_out_comes_back_with_the_same_code(evening, door):
    (ticket,) = evening.sell()
    scan(door, evening, ticket.code)
    press(door, evening, ticket, "out")
    assert (state_of(ticket), Ticket.objects.get().used_at) == ("valid", None)
    assert "Welcome" in scan(door, evening, ticket.code)
    assert list(CheckIn.objects.order_by("pk").values_list("kind", flat=True)) == ["in", "out", "in"]


@pytest.mark.scenario("DOOR-02")
def test_entry_is_undone_with_a_note(evening, door):
    (ticket,) = evening.sell()
    scan(door, evening, ticket.code)
    assert "Say in a few words why the entry is undone." in press(door, evening, ticket, "undone")
    assert state_of(ticket) == "used"
    assert "Wrong ticket" in press(door, evening, ticket, "undone", note="Wrong ticket")
    assert state_of(ticket) == "valid"
    assert CheckIn.objects.latest("pk").note == "Wrong ticket"


def test_scan_sent_again_after_the_person_was_let_out_does_not_let_in_twice(evening, door):
    (ticket,) = evening.sell()
    door.open(evening.url)
    form = next(form for form in door.page.forms if "code" in form.names)
    values = {**form.values, "code": ticket.code}
    door.client.post(evening.url, values)
    press(door, evening, ticket, "out")
    assert door.client.post(evening.url, values).status_code == 200
    assert state_of(ticket) == "valid"


def test_ticket_used_before_its_order_was_cancelled_is_not_valid_again(evening, door):
    (ticket,) = evening.sell()
    scan(door, evening, ticket.code)
    # As earlier versions cancelled it: today such an order stays.
    write(begin(ticket.order, by=None, now=timezone.now()), units_of(ticket.order))
    Order.objects.filter(pk=ticket.order_id).update(state="cancelled", cancelled_at=timezone.now())
    ticket.refresh_from_db()
    assert (ticket.state, ticket.cancellation_id is not None) == ("used", True)
    door.open(f"{evening.url}tickets/{ticket.pk}/")
    assert not [form for form in door.page.forms if "action" in form.names]
    door.client.post(f"{evening.url}tickets/{ticket.pk}/", with_token(door, evening, action="out"))
    assert state_of(ticket) == "used"


def test_button_pressed_twice_tells_that_nothing_changed(evening, door):
    (ticket,) = evening.sell()
    url = f"{evening.url}tickets/{ticket.pk}/"
    page = door.client.post(url, with_token(door, evening, action="out"))
    assert "Nothing was changed" in page.content.decode()
    assert not CheckIn.objects.exists()


# --- the log-in session ---------------------------------------------------------------------------------------
def test_code_typed_after_the_log_in_session_ended_is_to_be_scanned_again(evening, door):
    (ticket,) = evening.sell()
    form = door.open(evening.url).form("code")
    session = door.client.session
    session[staff_sessions.SEEN] = 0
    session.save()
    page = door.submit(form, {"code": ticket.code})
    assert page.url.startswith("/accounts/login/")
    assert state_of(ticket) == "valid"
    door.fill("^login$", {"login": door.user.email, "password": PASSWORD})
    assert "Scan it again." in door.page.text
    assert "Welcome" in scan(door, evening, ticket.code)
    assert "Scan it again." not in door.open(evening.url).text
