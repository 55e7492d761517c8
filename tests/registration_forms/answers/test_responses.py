"""Storing and reading answers."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from registration_forms.answers import responses
from registration_forms.models import Answer, Response
from tests.factories.contacts import ContactFactory
from tests.factories.registration_forms import ask, make_form, make_given, only_if, publish

pytestmark = pytest.mark.django_db
NOW = datetime(2027, 6, 1, 10, tzinfo=UTC)


@pytest.fixture
def party():
    form = make_form()
    form.name_asked = ask(form, "Nickname")
    form.bus = ask(form, "Bus", "dropdown", choices=[("18:00", 2), ("19:00", 2)])
    form.seat = ask(form, "Seat", condition=only_if(form.bus, op="filled"))
    form.version = publish(form)
    form.early, form.late = form.bus.choices.order_by("position")
    form.person = ContactFactory(organiser=form.organiser)
    return form


def store(form, *answers: dict):
    answered = [make_given(form.version, one, form.person.pk) for one in answers]
    return responses.store(answered, organiser=form.organiser, language="en", now=NOW)


def states(response) -> dict[str, int]:
    return {answer.field.label: answer.state for answer in response.answers.select_related("field")}


def test_each_question_has_a_row_with_the_state_of_its_answer(party):
    response = store(party, {party.name_asked.key: "Zoë"})[0]
    assert states(response) == {
        "Nickname": Answer.State.ANSWERED,
        "Bus": Answer.State.BLANK,
        "Seat": Answer.State.NOT_ASKED,
    }


def test_storing_a_hundred_responses_takes_one_query_more_than_one(party):
    counts = []
    store(party, {})  # the version is parsed once
    for number in (1, 100):
        with CaptureQueriesContext(connection) as queries:
            store(party, *[{party.name_asked.key: "x", party.bus.key: party.early.key}] * number)
        counts.append(len(queries))
    assert counts == [2, 3]


def test_places_of_answers_are_counted(party):
    early, late = {party.bus.key: party.early.key}, {party.bus.key: party.late.key}
    assert responses.chosen(store(party, early, early, late, {})) == {party.early.pk: 2, party.late.pk: 1}


def test_database_refuses_a_value_without_the_state_answered(party):
    response = store(party, {})[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        response.answers.filter(field=party.name_asked).update(v_text="smuggled")
    with pytest.raises(IntegrityError), transaction.atomic():
        Answer.objects.create(response=response, field=party.name_asked, state=Answer.State.BLANK)


@pytest.mark.scenario("RF-38")
def test_renamed_choice_is_the_same_answer(party):
    response = store(party, {party.bus.key: party.late.key})[0]
    party.late.label_en = "Nineteen"
    party.late.save()
    publish(party)
    assert responses.read(response) == {party.bus.key: party.late.key}
    assert Answer.objects.filter(v_choice=party.late).count() == 1


def test_database_refuses_a_response_without_a_person_unless_it_is_erased(party):
    response = store(party, {party.name_asked.key: "Zoë"})[0]
    with pytest.raises(IntegrityError, match="response_of_a_person"), transaction.atomic():
        Response.objects.filter(pk=response.pk).update(about=None)
    Response.objects.filter(pk=response.pk).update(about=None, erased_on=NOW.date())
