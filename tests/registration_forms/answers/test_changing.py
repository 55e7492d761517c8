"""Changes of stored answers: merging, conflicts, and questions that became mandatory."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import OperationalError, transaction

from registration_forms import definitions
from registration_forms.answers import changing, limited_choices, responses
from registration_forms.answers.changing import Closed, Conflict, Edit, SoldOut
from registration_forms.models import Answer, AnswerHistory, Choice, Response
from tests.at_once import at_once, meet
from tests.factories.registration_forms import ask, make_form, make_given, only_if, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)


def make_party():
    form = make_form()
    form.nickname = ask(form, "Nickname")
    form.bus = ask(form, "Bus", "dropdown", choices=[("18:00", 2), ("19:00", 2)])
    form.seat = ask(form, "Seat", condition=only_if(form.bus, op="filled"))
    form.remark = ask(form, "Remark")
    form.version = publish(form)
    form.early, form.late = form.bus.choices.order_by("position")
    return form


@pytest.fixture
def party():
    return make_party()


@transaction.atomic
def store(form, answers: dict) -> Response:
    stored = make_given(form.version, answers)
    (response,) = responses.store([stored], organiser=form.organiser, language="en", now=NOW)
    limited_choices.reserve(None, responses.chosen([response]))
    return response


def change(response, answers, *, revision=1, minutes=1, **more):
    return changing.change(
        response,
        answers,
        revision=revision,
        by=None,
        source="buyer",
        now=NOW + timedelta(minutes=minutes),
        **more,
    )


def change_under(response, version, answers, keys, *, revision=1):
    edit = Edit(response, answers, revision, version, frozenset(keys))
    return changing.change_all([edit], by=None, source="staff", now=NOW + timedelta(minutes=1))


def states(response) -> dict[str, int]:
    return {answer.field.label: answer.state for answer in response.answers.select_related("field")}


def used(form) -> list[int]:
    return [one.used for one in form.bus.choices.order_by("position")]


def test_change_is_stored_with_the_old_answer(party):
    key = party.nickname.key
    response = store(party, {key: "Zoe"})
    assert change(response, {key: "Zoë"}) == [key]
    line = AnswerHistory.objects.get()
    assert (line.old, line.new, line.source, line.field) == ("Zoe", "Zoë", "buyer", party.nickname)
    assert (line.at, line.by, line.revision) == (NOW + timedelta(minutes=1), None, 2)
    response.refresh_from_db()
    assert (response.revision, responses.read(response)) == (2, {key: "Zoë"})
    assert change(response, {key: "Zoë"}, revision=2) == []
    assert AnswerHistory.objects.count() == 1


@pytest.mark.scenario("RF-23")
def test_changed_answer_moves_its_place(party):
    response = store(party, {party.bus.key: party.early.key})
    assert used(party) == [1, 0]
    change(response, {party.bus.key: party.late.key})
    assert used(party) == [0, 1]
    Choice.objects.filter(pk=party.early.pk).update(used=2)
    with pytest.raises(SoldOut) as sold, transaction.atomic():
        change(response, {party.bus.key: party.early.key}, revision=2)
    assert sold.value.keys == {response.pk: {party.bus.key}}
    assert used(party) == [2, 1]
    assert responses.read(response) == {party.bus.key: party.late.key}


@pytest.mark.scenario("RF-17")
def test_changed_answer_updates_the_state_of_dependent_questions(party):
    response = store(party, {})
    assert states(response)["Seat"] == Answer.State.NOT_ASKED
    change(response, {party.bus.key: party.late.key})
    assert states(response)["Seat"] == Answer.State.BLANK
    change(response, {}, revision=2, minutes=2)
    assert states(response)["Seat"] == Answer.State.NOT_ASKED


@pytest.mark.scenario("RF-18")
def test_answer_hidden_by_a_change_is_removed_and_recorded_in_the_history(party):
    response = store(party, {party.bus.key: party.late.key, party.seat.key: "window"})
    assert set(change(response, {party.seat.key: "window"})) == {party.bus.key, party.seat.key}
    assert responses.read(response) == {}
    assert AnswerHistory.objects.get(field=party.seat).old == "window"


# --- concurrent editors ------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-34")
def test_changes_of_different_answers_are_merged(party):
    nickname, remark = party.nickname.key, party.remark.key
    response = store(party, {nickname: "Zoe", remark: "none"})
    change(response, {nickname: "Zoë", remark: "none"})
    # The second page still shows the old nickname and posts it unchanged.
    assert change(response, {nickname: "Zoe", remark: "late"}, minutes=2) == [remark]
    assert responses.read(response) == {nickname: "Zoë", remark: "late"}


@pytest.mark.scenario("RF-34")
def test_different_changes_of_the_same_answer_conflict_and_store_nothing(party):
    nickname, remark = party.nickname.key, party.remark.key
    response = store(party, {nickname: "Zoe"})
    change(response, {nickname: "Anna"})
    with pytest.raises(Conflict) as met, transaction.atomic():
        change(response, {nickname: "Berta", remark: "late"}, minutes=2)
    assert met.value.keys == {response.pk: {nickname}}
    assert responses.read(response) == {nickname: "Anna"}
    # Both entered the same value: no conflict.
    assert change(response, {nickname: "Anna", remark: "late"}, minutes=3) == [remark]


@pytest.mark.scenario("RF-34")
def test_conflict_is_found_across_two_earlier_changes(party):
    """By revision, not by time: a change is found even if a later one changed another answer."""
    nickname, remark = party.nickname.key, party.remark.key
    response = store(party, {nickname: "Zoe"})
    change(response, {nickname: "Anna"}, revision=1, minutes=1)
    change(response, {nickname: "Anna", remark: "one"}, revision=2, minutes=2)
    for answers in ({nickname: "Berta"}, {nickname: "Zoe", remark: "two"}):
        with pytest.raises(Conflict), transaction.atomic():
            change(response, answers, revision=1, minutes=3)
    # Changed and changed back: the value is the one that was seen.
    change(response, {nickname: "Zoe", remark: "one"}, revision=3, minutes=4)
    with pytest.raises(Conflict) as met, transaction.atomic():
        change(response, {nickname: "Berta", remark: "one"}, revision=1, minutes=5)
    assert met.value.keys == {response.pk: {nickname}}
    # An editor who saw the first of the two changes conflicts with the second one only.
    with pytest.raises(Conflict) as met, transaction.atomic():
        change(response, {nickname: "Berta", remark: "two"}, revision=3, minutes=5)
    assert met.value.keys == {response.pk: {nickname}}


def test_several_responses_change_together_or_not_at_all(party):
    first, second = store(party, {}), store(party, {})
    change(second, {party.nickname.key: "Anna"})
    edits = [Edit(one, {party.nickname.key: "Berta"}, 1) for one in (first, second)]
    with pytest.raises(Conflict) as met:
        changing.change_all(edits, by=None, source="buyer", now=NOW)
    assert list(met.value.keys) == [second.pk]
    assert responses.read(first) == {}


@pytest.mark.scenario("RF-36")
def test_cancelled_response_cannot_be_changed(party):
    response = store(party, {})
    responses.cancel(Response.objects.filter(pk=response.pk))
    with pytest.raises(Closed):
        change(response, {party.nickname.key: "Anna"})


# --- a form that changed after the answers -------------------------------------------------------------------------------


def given(response) -> dict:
    return responses.answers_of([response.pk])[response.pk]


def to_change(response, form):
    form.refresh_from_db()
    return changing.current_definition(response, form, given(response))


@pytest.mark.scenario("RF-35")
def test_new_mandatory_question_is_owed_after_earlier_buyers_were_asked(party):
    response = store(party, {party.nickname.key: "Zoe"})
    new = ask(party, "N", visibility="mandatory", on_ticket=False)
    party.remark.visibility = "mandatory"
    party.remark.save()
    second = publish(party)
    asked = to_change(response, party)
    assert {
        one.label: one.mandatory for one in asked.questions if one.key in (new.key, party.remark.key)
    } == {
        "N": False,
        "Remark": False,
    }
    assert changing.missing_questions(response, party, given(response)) == []
    party.asked_again = second
    party.save()
    assert {one.label for one in to_change(response, party).questions if one.mandatory} == {"N", "Remark"}
    assert [one.label for one in changing.missing_questions(response, party, given(response))] == [
        "Remark",
        "N",
    ]
    later = store(party, {})
    later.version = second
    later.save()
    assert {one.label for one in changing.missing_questions(later, party, given(later))} == {"N", "Remark"}


@pytest.mark.scenario("RF-37")
def test_answer_keeps_the_version_of_its_wording(party):
    rules = ask(party, "The rules of 2026", "consent", visibility="mandatory")
    first = publish(party)
    response = store(party, {})
    Response.objects.filter(pk=response.pk).update(version=first)
    response.refresh_from_db()
    change_under(response, first, {rules.key: True}, [rules.key])
    rules.label = "The rules of 2027"
    rules.save()
    new = ask(party, "N")
    second = publish(party)
    # A consent keeps the wording to which it was given; the other question has its new wording.
    assert to_change(response, party).question(rules.key).label == "The rules of 2026"
    change_under(
        response,
        second,
        {rules.key: True, new.key: "x"},
        [rules.key, new.key, party.nickname.key],
        revision=2,
    )
    answers = given(Response.objects.get(pk=response.pk))
    response = Response.objects.select_related("version").get(pk=response.pk)
    assert response.version == first
    assert responses.question_of(answers[rules.key], response).label == "The rules of 2026"
    assert (answers[new.key].version, responses.question_of(answers[new.key], response).label) == (
        second,
        "N",
    )


def test_questions_missing_on_the_page_keep_their_answers(party):
    staff = ask(party, "Table", staff_only=True)
    ask(party, "Waiter", staff_only=True, condition=only_if(party.bus, op="filled"))
    version = publish(party)
    response = store(party, {party.nickname.key: "Zoe", party.remark.key: "old"})
    change_under(response, version, {staff.key: "7"}, [staff.key])
    assert responses.read(response) == {
        party.nickname.key: "Zoe",
        party.remark.key: "old",
        staff.key: "7",
    }
    party.remark.archived_at = NOW
    party.remark.save()
    third = publish(party)
    keys = [party.nickname.key, party.bus.key, party.seat.key]
    change_under(response, third, {party.nickname.key: "Anna"}, keys, revision=2)
    assert responses.read(response) == {
        party.nickname.key: "Anna",
        party.remark.key: "old",
        staff.key: "7",
    }
    assert definitions.of_version(third).question(party.remark.key) is None


@pytest.mark.scenario("RF-38")
def test_deactivated_choice_stays_in_stored_answers(party):
    response = store(party, {party.bus.key: party.late.key})
    Choice.objects.filter(pk=party.late.pk).update(active=False)
    second = publish(party)
    answers = {party.bus.key: party.late.key, party.nickname.key: "Zoë"}
    change_under(response, second, answers, [party.bus.key, party.nickname.key])
    assert responses.read(response) == answers
    assert used(party) == [0, 1]


# --- races --------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("RF-23")
def test_exchanging_limited_choices_causes_no_deadlock():
    party = make_party()
    one, two = (store(party, {party.bus.key: choice.key}) for choice in (party.early, party.late))
    for round_number in range(5):
        swapped = [party.late, party.early] if round_number % 2 == 0 else [party.early, party.late]
        at_once(
            *(
                partial(change, response, {party.bus.key: choice.key}, revision=round_number + 1)
                for response, choice in zip((one, two), swapped, strict=True)
            )
        )
        assert used(party) == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_without_ordered_locks_the_exchange_deadlocks(monkeypatch):
    """The counter-test: each takes the choice of the other first and then waits for its own."""
    party = make_party()
    one, two = (store(party, {party.bus.key: choice.key}) for choice in (party.early, party.late))

    def careless(had, wants):
        limited_choices.reserve(None, wants - had)
        meet()
        limited_choices.release(had - wants)

    monkeypatch.setattr(limited_choices, "move", careless)
    swap = [
        partial(change, one, {party.bus.key: party.late.key}),
        partial(change, two, {party.bus.key: party.early.key}),
    ]
    with pytest.raises(OperationalError, match="deadlock"):
        at_once(*swap)


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("RF-23")
def test_last_place_goes_to_one_of_two_concurrent_changes():
    party = make_party()
    Choice.objects.filter(pk=party.early.pk).update(capacity=1)
    rows = [store(party, {party.bus.key: party.late.key}) for _ in range(2)]

    def take(response):
        try:
            return change(response, {party.bus.key: party.early.key})
        except SoldOut:
            return []

    assert Counter(bool(changed) for changed in at_once(*(partial(take, row) for row in rows))) == {
        True: 1,
        False: 1,
    }
    assert used(party) == [1, 1]


@pytest.mark.django_db(transaction=True)
@pytest.mark.scenario("RF-34")
def test_concurrent_changes_of_the_same_answer_conflict():
    party = make_party()
    response = store(party, {party.nickname.key: "Zoe"})

    def rename(name):
        try:
            return change(response, {party.nickname.key: name})
        except Conflict:
            return []

    first, second = at_once(partial(rename, "Anna"), partial(rename, "Berta"))
    assert bool(first) != bool(second)
    assert responses.read(response) == {party.nickname.key: "Anna" if first else "Berta"}
    assert AnswerHistory.objects.count() == 1
