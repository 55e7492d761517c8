"""The questions that collect personal data, as the pages about privacy read them through the declarations."""

import pytest
from django.apps import apps
from django.utils import timezone, translation
from django.utils.module_loading import import_string

from registration_forms.answers.responses import store
from registration_forms.models import Field
from tests.factories.organisers import OrganiserFactory
from tests.factories.registration_forms import ask, make_form, make_given, publish
from ticketshop.lib.personal import CollectedQuestion

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("RF-09", "RF-45")]

SENSITIVE = {"sensitive": True, "purpose": "the kitchen", "purpose_fr": "la cuisine", "retention_days": 28}


def collected(organiser) -> list[CollectedQuestion]:
    """As ``privacy`` would: of every model that says it collects."""
    found = []
    for model in apps.get_models():
        said = model.__dict__.get("Personal")
        if said is not None and (path := getattr(said, "collects", "")):
            found += import_string(path)(organiser)
    return found


@pytest.fixture
def organiser():
    return OrganiserFactory(languages=["en", "fr"])


def test_asked_questions_are_listed_with_purpose_and_retention(organiser):
    form = make_form(organiser=organiser)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Welcome", "static_text")
    ask(form, "Menu", retention_days=365)
    ask(form, "Allergies", label_fr="Allergies FR", **SENSITIVE)
    ask(form, "Company", system_ref="company", visibility="hidden")
    assert collected(organiser) == []  # a draft is not asked
    publish(form)
    ask(make_form(), "Another’s")
    assert collected(organiser) == [
        CollectedQuestion("Menu", "", 365, False),
        CollectedQuestion("Allergies", "the kitchen", 28, True),
    ]
    with translation.override("fr"):
        assert collected(organiser)[1] == CollectedQuestion("Allergies FR", "la cuisine", 28, True)


def test_question_no_longer_asked_is_listed_while_answers_are_stored(organiser):
    form = make_form(organiser=organiser)
    answered, blank = ask(form, "Shoe size", retention_days=10), ask(form, "Hat size")
    version = publish(form)
    store([make_given(version, {answered.key: "38"})], organiser=organiser, language="en", now=timezone.now())
    Field.objects.filter(pk__in=[answered.pk, blank.pk]).update(archived_at=timezone.now())
    publish(form)
    assert collected(organiser) == [CollectedQuestion("Shoe size", "", 10, False)]
    answered.answers.update(state=9, v_text=None)
    assert collected(organiser) == []


def test_questions_of_a_copied_form_are_listed_once_with_the_same_number_of_queries(
    organiser, django_assert_num_queries
):
    for _number in range(3):
        form = make_form(organiser=organiser)
        ask(form, "Allergies", **SENSITIVE)
        publish(form)
    with django_assert_num_queries(2):
        assert collected(organiser) == [CollectedQuestion("Allergies", "the kitchen", 28, True)]
