"""A buyer changes answers: until the deadline, with a history and a mail, and without losing what others changed."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registration_forms.answers import changing, responses
from registration_forms.models import Answer, AnswerHistory, Choice, Response
from tests.factories.registration_forms import ask, only_if, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill, in_every
from ticketshop.history import history
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
ZURICH = ZoneInfo("Europe/Zurich")
BEFORE = datetime(2027, 6, 1, 10, tzinfo=UTC)


@pytest.fixture
def clock(monkeypatch):
    """``clock.now`` is what the shop believes."""

    class Clock:
        now = BEFORE

    monkeypatch.setattr(timezone, "now", lambda: Clock.now)
    return Clock


@pytest.fixture
def shop(clock):
    made = Jazz()
    made.organiser.time_zone = "Europe/Zurich"
    made.organiser.save()
    return made


@pytest.fixture
def who(shop):
    return jazz.visitor()


def placed(shop, who, answers, number=1, *, paid=True) -> Order:
    """An order of adults; ``answers``: field -> what is typed in every block that asks it."""
    shop.add(who, shop.adult, number)
    page = shop.details(who)
    typed = {}
    for field, value in answers.items():
        typed |= in_every(page, field, value)
    fill(who, typed)
    who.order_page = who.place("on_site").url
    order = Order.objects.latest("pk")
    if paid:
        payments.confirm(order.payments.get(), by=None, now=timezone.now())
        order.refresh_from_db()
    return order


def open_answers(who):
    return who.open(f"{who.order_page}answers/")


def name(page, field, number=0) -> str:
    names = page.form("-revision$").names
    return sorted(one for one in names if one.endswith(f"-{field.key}"))[number]


def save(who, answers, *, number=0, page=None):
    """``answers``: field -> what is typed."""
    page = page or who.page
    form = page.form("-revision$")
    values = {}
    for field, value in answers.items():
        values[name(page, field, number)] = value
    return who.submit(form, values)


def read(order=None) -> dict:
    return responses.read(Response.objects.latest("pk"))


def letters_of(kind: str):
    return [mime_messages.build(row) for row in Mail.objects.filter(kind=kind).order_by("pk")]


# --- changing ---------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-33")
def test_a_change_is_saved_noted_and_told(shop, who, clock):
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", "dropdown", choices=["Meat", "Vegan"], visibility="mandatory")
    ill = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28)
    publish(form)
    meat, vegan = menu.choices.order_by("position")
    order = placed(shop, who, {menu: meat.key, ill: "nuts"})
    page = who.open(who.order_page)
    page = who.open(page.link("Change answers"))
    assert "You can change them until Saturday 3 July 2027, 20:00" in page.text
    typed = page.form("-revision$").values
    assert (typed[name(page, menu)], typed[name(page, ill)]) == (meat.key, "nuts")
    clock.now += timedelta(hours=1)
    page = save(who, {menu: vegan.key, ill: "celery"})
    assert page.url == who.order_page
    assert "Your answers are saved." in page.text
    assert "Vegan" in page.text
    assert read() == {menu.key: vegan.key, ill.key: "celery"}
    lines = {line.field: line for line in AnswerHistory.objects.all()}
    assert (lines[menu].old, lines[menu].new) == (meat.key, vegan.key)
    assert (lines[ill].old, lines[ill].new) == ("nuts", "celery")
    assert {(line.source, line.by, line.at) for line in lines.values()} == {("buyer", None, clock.now)}
    assert history.of(order).first().action == "answers_changed"
    (letter,) = letters_of("answers_changed")
    assert letter.to == ["ada@example.org"]
    for text in (letter.body, letter.alternatives[0].content):
        assert "Menu" in text
        assert "Allergies" in text
        for never in ("celery", "nuts", "Vegan", "Meat"):
            assert never not in text
    assert order.reference in letter.subject


def test_saving_without_a_change_writes_nothing(shop, who):
    form = shop.form("tariff", shop.adult)
    fields = {
        ask(form, "Born", "birth_date"): "1990-02-03",
        ask(form, "When", "date_time"): "2027-06-05T12:30",
        ask(form, "At", "time"): "12:30",
        ask(form, "How many", "number", rules={"decimals": 2}): "2.50",
        ask(form, "Sure", "yes_no"): "no",
        ask(form, "Agreed", "consent"): "on",
        ask(form, "Text", "long_text"): "two\nlines",
        ask(form, "Phone", "phone"): "+41 44 668 18 00",
        ask(form, "Land", "country"): "CH",
    }
    several = ask(form, "Some", "multiple_choice", choices=["A", "B", "C"])
    publish(form)
    fields[several] = several.choices.get(label="B").key
    placed(shop, who, fields)
    stored = read()
    assert len(stored) == len(fields)
    open_answers(who)
    assert "Nothing has changed." in save(who, {}).text
    assert read() == stored
    assert not AnswerHistory.objects.exists()
    assert not Mail.objects.filter(kind="answers_changed").exists()


@pytest.mark.scenario("RF-20")
def test_mistakes_are_found_and_nothing_is_stored(shop, who):
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", visibility="mandatory")
    remark = ask(form, "Remark", rules={"max_length": 5})
    publish(form)
    placed(shop, who, {menu: "vegan"}, 2)
    open_answers(who)
    page = save(who, {menu: "", remark: "much too long"}, number=1)
    assert page.status == 200
    links = jazz.summary_links(page)
    assert [target for target, _text in links] == [
        f"id_{name(page, menu, 1)}",
        f"id_{name(page, remark, 1)}",
    ]
    assert 'aria-invalid="true"' in jazz.tag(page, f"id_{name(page, remark, 1)}")
    assert page.form("-revision$").values[name(page, remark, 1)] == "much too long"
    assert not AnswerHistory.objects.exists()
    save(who, {menu: "fish", remark: "ok"}, number=1)
    assert [one["Menu"] for one in by_label()] == ["vegan", "fish"]


def by_label() -> list[dict]:
    found = []
    for response in Response.objects.order_by("pk"):
        answers = Answer.objects.filter(response=response, state=Answer.State.ANSWERED).select_related(
            "field"
        )
        found.append({answer.field.label: responses.value_of(answer) for answer in answers})
    return found


@pytest.mark.scenario("RF-17")
@pytest.mark.scenario("RF-18")
def test_what_a_change_shows_is_asked_and_what_it_hides_is_dropped(shop, who):
    form = shop.form("tariff", shop.adult)
    eats = ask(form, "Do you eat with us?", "yes_no", visibility="mandatory")
    menu = ask(form, "Menu", visibility="mandatory", condition=only_if(eats, "yes"))
    publish(form)
    placed(shop, who, {eats: "no"})
    page = open_answers(who)
    assert not [one for one in page.form("-revision$").names if one.endswith(menu.key)]
    page = save(who, {eats: "yes"})
    assert f'href="#id_{name(page, menu)}"' in page.source
    save(who, {menu: "vegan"})
    assert read() == {eats.key: True, menu.key: "vegan"}
    open_answers(who)
    save(who, {eats: "no"})
    assert read() == {eats.key: False}


@pytest.mark.scenario("RF-23")
def test_a_choice_without_a_place_is_said_at_its_field(shop, who, monkeypatch):
    form = shop.form("tariff", shop.adult)
    bus = ask(form, "Bus", "dropdown", choices=[("18:00", 1), ("19:00", 5)], visibility="mandatory")
    remark = ask(form, "Remark")
    publish(form)
    early, late = bus.choices.order_by("position")
    placed(shop, who, {bus: late.key})
    page = open_answers(who)
    Choice.objects.filter(pk=early.pk).update(used=1)
    page = save(who, {bus: early.key, remark: "kept"})
    assert "Just sold out" in page.text
    assert f'href="#id_{name(page, bus)}"' in page.source
    assert page.form("-revision$").values[name(page, remark)] == "kept"
    assert [one.used for one in bus.choices.order_by("position")] == [1, 1]
    # Sold out between the look and the save.
    Choice.objects.filter(pk=early.pk).update(used=0)
    page = open_answers(who)
    move = changing.limited_choices.move

    def too_late(had, wants):
        Choice.objects.filter(pk=early.pk).update(used=1)
        move(had, wants)

    monkeypatch.setattr(changing.limited_choices, "move", too_late)
    page = save(who, {bus: early.key, remark: "kept"})
    assert "Just sold out" in page.text
    assert page.form("-revision$").values[name(page, bus)] == early.key
    assert read() == {bus.key: late.key}
    monkeypatch.undo()


@pytest.mark.scenario("RF-38")
def test_choice_that_is_no_longer_offered_may_stay(shop, who):
    form = shop.form("tariff", shop.adult)
    size = ask(form, "Size", "dropdown", choices=["L", "XL"])
    remark = ask(form, "Remark")
    publish(form)
    large, huge = size.choices.order_by("position")
    placed(shop, who, {size: large.key})
    Choice.objects.filter(pk=large.pk).update(active=False)
    publish(form)
    page = open_answers(who)
    assert page.form("-revision$").choices[name(page, size)] == ["", large.key, huge.key]
    save(who, {remark: "thanks"})
    assert read() == {size.key: large.key, remark.key: "thanks"}
    open_answers(who)
    save(who, {size: huge.key})
    page = open_answers(who)
    assert page.form("-revision$").choices[name(page, size)] == ["", huge.key]


# --- until when --------------------------------------------------------------------------------------------


def zurich(*moment) -> datetime:
    return datetime(*moment, tzinfo=ZURICH)


@pytest.mark.scenario("RF-33")
def test_the_forms_own_deadline(shop, who, clock):
    form = shop.form("tariff", shop.adult, editable_until=zurich(2027, 7, 1, 12))
    menu = ask(form, "Menu")
    publish(form)
    placed(shop, who, {menu: "meat"})
    clock.now = zurich(2027, 7, 1, 11, 59)
    open_answers(who)
    save(who, {menu: "vegan"})
    assert read() == {menu.key: "vegan"}
    clock.now = zurich(2027, 7, 1, 11, 59, 30)
    late = open_answers(who)
    clock.now = zurich(2027, 7, 1, 12, 0, 1)
    page = save(who, {menu: "fish"}, page=late)
    assert read() == {menu.key: "vegan"}
    assert "These answers could be changed until Thursday 1 July 2027, 12:00." in page.text
    page = open_answers(who)
    assert not [form for form in page.forms if any(one.endswith("-revision") for one in form.names)]
    assert "vegan" in page.text
    page = who.open(who.order_page)
    assert "could be changed until Thursday 1 July 2027, 12:00" in page.text
    assert "Change answers" not in page.text


@pytest.mark.scenario("RF-33")
def test_without_one_the_beginning_of_the_event(shop, who, clock):
    menu = shop.asked("tariff", shop.adult).fields.get()
    placed(shop, who, {menu: "meat"})
    clock.now = shop.third.starts_at - timedelta(seconds=1)
    open_answers(who)
    save(who, {menu: "vegan"})
    assert read() == {menu.key: "vegan"}
    clock.now = shop.third.starts_at + timedelta(seconds=1)
    assert "could be changed until Saturday 3 July 2027, 20:00" in open_answers(who).text


@pytest.mark.scenario("RF-33")
def test_of_a_pass_its_last_day_in_the_organisers_zone(shop, who, clock):
    seat = shop.asked("pass", label="Seat").fields.get()
    shop.add_pass(who)
    page = shop.details(who)
    fill(who, in_every(page, seat, "aisle"))
    who.order_page = who.place("on_site").url
    IssuedPass.objects.update(valid_from=date(2027, 1, 1), valid_until=date(2027, 8, 31))
    clock.now = zurich(2027, 8, 31, 23, 59, 59)
    open_answers(who)
    save(who, {seat: "window"})
    assert read() == {seat.key: "window"}
    clock.now = zurich(2027, 9, 1, 0, 0, 1)
    assert "could be changed until Tuesday 31 August 2027" in open_answers(who).text


@pytest.mark.scenario("RF-33")
def test_after_the_entrance_and_after_a_cancellation(shop, who):
    asked = shop.asked("order", label="Parking").fields.get()
    menu = shop.asked("tariff", shop.adult).fields.get()
    order = placed(shop, who, {menu: "meat", asked: "no"}, 2)
    open_answers(who)
    first, second = order.tickets.order_by("pk")
    Ticket.objects.filter(pk=first.pk).update(state="used", used_at=timezone.now())
    page = save(who, {menu: "fish"}, number=0)
    assert responses.read(first.response) == {menu.key: "meat"}
    assert "the ticket was used at the entrance" in page.text
    # The other ticket of the order stays open; what was asked of the order as a whole does not.
    page = open_answers(who)
    assert len([one for one in page.form("-revision$").names if one.endswith(menu.key)]) == 1
    assert not [one for one in page.form("-revision$").names if one.endswith(asked.key)]
    save(who, {menu: "vegan"})
    assert responses.read(second.response) == {menu.key: "vegan"}
    open_answers(who)
    # An order with a used ticket is not cancelled as a whole.
    Ticket.objects.filter(pk=first.pk).update(state="valid", used_at=None)
    orders.cancel(Order.objects.get(pk=order.pk), by=None, now=timezone.now())
    page = save(who, {menu: "fish"})
    assert "the order is cancelled" in page.text
    assert responses.read(second.response) == {menu.key: "vegan"}
    assert "Change answers" not in who.open(who.order_page).text


@pytest.mark.scenario("RF-33")
def test_answers_of_an_order_that_was_cancelled_meanwhile_are_not_saved_and_that_is_said(shop, who):
    menu = shop.asked("tariff", shop.adult).fields.get()
    order = placed(shop, who, {menu: "meat"})
    open_answers(who)
    orders.cancel(order, by=None, now=timezone.now())
    page = save(who, {menu: "fish"})
    assert "Not saved, because it can’t be changed any more: " in page.text
    assert "Nothing has changed" not in page.text
    assert read() == {menu.key: "meat"}


def test_used_between_the_look_and_the_save(shop, who, monkeypatch):
    menu = shop.asked("tariff", shop.adult).fields.get()
    placed(shop, who, {menu: "meat"})
    open_answers(who)
    valid = changing.Edit

    def meanwhile(*args, **kwargs):
        raise AssertionError("the lock comes first")

    from ticketshop.sales.answers import editing  # noqa: PLC0415

    lock = editing.EditableAnswers._lock

    def let_in(editable, posted):
        Ticket.objects.update(state="used", used_at=timezone.now())
        lock(editable, posted)

    monkeypatch.setattr(editing.EditableAnswers, "_lock", let_in)
    monkeypatch.setattr(changing, "Edit", meanwhile)
    page = save(who, {menu: "fish"})
    monkeypatch.setattr(changing, "Edit", valid)
    assert "Nothing was saved" in page.text
    assert read() == {menu.key: "meat"}


# --- others meanwhile ----------------------------------------------------------------------------------------


def staff_changes(answers, revision=None):
    response = Response.objects.latest("pk")
    return changing.change(
        response,
        responses.read(response) | answers,
        revision=response.revision,
        by=None,
        source="staff",
        now=timezone.now(),
    )


@pytest.mark.scenario("RF-34")
def test_a_conflict_is_named_at_its_field_and_nothing_is_lost(shop, who):
    form = shop.form("tariff", shop.adult)
    menu, remark, table = ask(form, "Menu"), ask(form, "Remark"), ask(form, "Table")
    publish(form)
    placed(shop, who, {menu: "meat", table: "1"})
    open_answers(who)
    staff_changes({menu.key: "fish", table.key: "7"})
    page = save(who, {menu: "vegan", remark: "by the window"})
    assert read() == {menu.key: "fish", table.key: "7"}
    ((target, text),) = jazz.summary_links(page)
    assert target == f"id_{name(page, menu)}"
    assert "fish" in text
    typed = page.form("-revision$").values
    assert [typed[name(page, one)] for one in (menu, remark, table)] == ["vegan", "by the window", "7"]
    save(who, {})
    assert read() == {menu.key: "vegan", remark.key: "by the window", table.key: "7"}


@pytest.mark.scenario("RF-34")
def test_unrelated_changes_are_merged(shop, who):
    form = shop.form("tariff", shop.adult)
    menu, remark = ask(form, "Menu"), ask(form, "Remark")
    publish(form)
    placed(shop, who, {menu: "meat"})
    open_answers(who)
    staff_changes({menu.key: "fish"})
    assert "Your answers are saved." in save(who, {remark: "by the window"}).text
    assert read() == {menu.key: "fish", remark.key: "by the window"}


# --- a form that changed -------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-35")
def test_an_old_order_saves_without_the_new_answer_unless_it_was_asked_for(shop, who):
    form = shop.form("tariff", shop.adult)
    phone = ask(form, "Phone", "phone", visibility="mandatory")
    publish(form)
    placed(shop, who, {phone: "+41 44 668 18 00"})
    new = ask(form, "N", "dropdown", choices=["A", "B"], visibility="mandatory")
    second = publish(form)
    page = open_answers(who)
    assert page.form("-revision$").values[name(page, new)] == ""
    assert "N (optional)" in page.text
    page = save(who, {phone: "+41 44 668 18 01"})
    assert "Your answers are saved." in page.text
    assert read() == {phone.key: "+41446681801"}
    form.asked_again = second
    form.save()
    assert "asks you for more since you ordered: N" in who.open(who.order_page).text
    page = open_answers(who)
    assert "N (optional)" not in page.text
    page = save(who, {phone: "+41 44 668 18 02"})
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{name(page, new)}"]
    answer = new.choices.get(label="B").key
    save(who, {new: answer})
    assert read() == {phone.key: "+41446681802", new.key: answer}
    page = who.open(who.order_page)
    assert "asks you for more" not in page.text
    assert "N B" in page.text


@pytest.mark.scenario("RF-37")
def test_a_consent_keeps_the_words_it_was_given_to(shop, who):
    form = shop.form("tariff", shop.adult)
    rules = ask(form, "The rules of 2026", "consent", visibility="mandatory")
    phone = ask(form, "Phone", "phone")
    publish(form)
    placed(shop, who, {rules: "on"})
    rules.label = "The rules of 2027"
    rules.save()
    publish(form)
    page = open_answers(who)
    assert "The rules of 2026" in page.text
    assert "The rules of 2027" not in page.text
    save(who, {phone: "+41 44 668 18 00"})
    page = who.open(who.order_page)
    assert "The rules of 2026" in page.text
    assert "+41 44 668 18 00" in page.text


@pytest.mark.scenario("RF-40")
def test_published_while_the_page_is_open(shop, who):
    form = shop.form("tariff", shop.adult)
    menu, gone = ask(form, "Menu"), ask(form, "Gone")
    hidden = ask(form, "Back again", visibility="visible")
    publish(form)
    placed(shop, who, {menu: "meat", gone: "old", hidden: "stays"})
    hidden.visibility = "hidden"
    hidden.save()
    publish(form)
    page = open_answers(who)
    assert "Back again" not in page.text
    hidden.visibility = "visible"
    hidden.save()
    gone.archived_at = timezone.now()
    gone.save()
    ask(form, "New", visibility="mandatory")
    publish(form)
    page = save(who, {menu: "vegan", gone: "new"}, page=page)
    assert any("The questions have changed" in text for text in page.messages)
    assert ("Back again" in page.text, "New" in page.text) == (True, True)
    assert read() == {menu.key: "meat", gone.key: "old", hidden.key: "stays"}
    save(who, {}, page=page)
    assert read() == {menu.key: "vegan", gone.key: "old", hidden.key: "stays"}


# --- bad input -----------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-29")
def test_what_is_posted_for_others_is_not_read(shop, who):
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", "dropdown", choices=["Meat", "Vegan"])
    secret = ask(form, "Table", staff_only=True)
    other = ask(shop.form("tariff", shop.child), "School")
    publish(form)
    stranger = jazz.visitor()
    placed(shop, stranger, {menu: menu.choices.first().key})
    theirs = Response.objects.get()
    placed(shop, who, {menu: menu.choices.first().key})
    page = open_answers(who)
    form_on_page = page.form("-revision$")
    mine = name(page, menu).removesuffix(f"-{menu.key}")
    vegan = menu.choices.get(label="Vegan").key
    foreign = {
        f"ask-r{theirs.pk}-{menu.key}": vegan,
        f"ask-r{theirs.pk}-version": str(form.published_id),
        f"ask-r{theirs.pk}-revision": "1",
        f"{mine}-{secret.key}": "7",
        f"{mine}-{other.key}": "x",
        "ask-r-1-version": "1",
    }
    answer = who.send("POST", page.url, form_on_page.values | foreign)
    assert answer.status == 302
    assert not AnswerHistory.objects.exists()
    for wrong in ("nonsense", "9" * 30):
        answer = who.send("POST", page.url, form_on_page.values | {name(page, menu): wrong})
        assert answer.status == 200
        assert "What you chose is not offered any more. Choose again." in answer.source
    for marker in ("-version", "-revision"):
        for wrong in ("", "-1", "x", "9" * 30, "\x00"):
            answer = who.send("POST", page.url, form_on_page.values | {f"{mine}{marker}": wrong})
            assert answer.status == 302
    assert (
        who.send("POST", page.url, {"csrfmiddlewaretoken": form_on_page.values["csrfmiddlewaretoken"]}).status
        == 302
    )
    assert not AnswerHistory.objects.exists()


@pytest.mark.scenario("RF-30")
def test_hostile_text_is_stored_as_text(shop, who):
    menu = shop.asked("tariff", shop.adult).fields.get()
    placed(shop, who, {menu: "meat"})
    open_answers(who)
    save(who, {menu: "<img src=x onerror=alert(1)>{{7*7}}\x00\r\nx\u202e"})
    assert read() == {menu.key: "<img src=x onerror=alert(1)>{{7*7}} x"}
    page = who.open(who.order_page)
    assert "&lt;img src=x" in page.source
    assert "<img src=x" not in page.source
    open_answers(who)
    page = save(who, {menu: "x" * 10_000})
    assert "at most 200 characters" in page.text


def test_an_order_without_forms_has_no_such_page(shop, who):
    placed(shop, who, {})
    assert open_answers(who).status == 404
    assert "Your answers" not in who.open(who.order_page).text


@pytest.mark.scenario("RF-32")
def test_saving_over_and_over_is_throttled(shop, who, monkeypatch):
    from ticketshop.limits import limits  # noqa: PLC0415

    menu = shop.asked("tariff", shop.adult).fields.get()
    placed(shop, who, {menu: "meat"})
    monkeypatch.setitem(limits.LIMITS, "answers_change", limits.Limit(2, limits.HOUR))
    statuses = []
    for number in range(3):
        open_answers(who)
        statuses.append(save(who, {menu: f"dish {number}"}).status)
    assert statuses == [200, 200, 429]
    assert read() == {menu.key: "dish 1"}


# --- many ----------------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-24")
def test_a_group_is_changed_page_by_page(shop, who):
    menu = shop.asked("tariff", shop.adult).fields.get()
    shop.add(who, shop.adult, 25)
    page = shop.details(who)
    fill(who, in_every(page, menu, "meat"))
    fill(who, in_every(who.page, menu, "meat"))
    who.order_page = who.place("on_site").url
    page = open_answers(who)
    assert "Page 1 of 2" in page.text
    save(who, {menu: "vegan"})
    assert who.page.url.endswith("?page=2")
    page = save(who, {menu: "fish"})
    assert page.url == who.order_page
    found = [next(iter(one.values())) for one in by_label()]
    assert found.count("vegan") == found.count("fish") == 1
    assert len(found) == 25


def test_the_page_asks_the_same_for_three_as_for_one(shop):
    menu = shop.asked("tariff", shop.adult, type="dropdown", choices=[("A", 90), "B"]).fields.get()
    counts = []
    for number in (1, 3):
        who = jazz.visitor()
        placed(shop, who, {menu: menu.choices.first().key}, number)
        open_answers(who)
        for url in (who.order_page, f"{who.order_page}answers/"):
            with CaptureQueriesContext(connection) as queries:
                who.open(url)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
