"""A mandatory question that is skipped at the very moment at which its answer comes."""

import pytest
from django.db import IntegrityError
from django.db.models import QuerySet
from django.utils import timezone

from registration_forms.answers import changing, responses, waiving
from registration_forms.models import Answer, AnswerHistory
from tests.factories.contacts import ContactFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.lock_waits import blocked_by

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("BOX-03")]


def skipped_while_answered() -> tuple[int, Answer]:
    """Skip a question while its answer is written and not committed. Return the number of skipped questions, and the answer."""
    form, now = make_form(), timezone.now()
    diet = ask(form, "Diet", visibility="mandatory")
    about = ContactFactory(organiser=form.organiser)
    new = responses.NewResponse(publish(form), {}, about)
    (response,) = responses.store([new], organiser=form.organiser, language="en", now=now)
    source = AnswerHistory.Source.BUYER

    def write():
        changing.change(response, {diet.key: "vegan"}, revision=1, by=None, source=source, now=now)

    with blocked_by(write) as start:
        skipped = start(lambda: waiving.waive([response.pk], by=None, now=now))
    return skipped.result(), response.answers.get()


def test_answer_that_comes_as_the_question_is_skipped_stays():
    number, answer = skipped_while_answered()
    assert (number, answer.state, answer.v_text) == (0, Answer.State.ANSWERED, "vegan")


def test_without_the_lock_the_answer_and_the_skipping_collide(monkeypatch):
    monkeypatch.setattr(QuerySet, "select_for_update", lambda rows, *_args, **_kwargs: rows)
    with pytest.raises(IntegrityError, match="answer_value_only_if_answered"):
        skipped_while_answered()
