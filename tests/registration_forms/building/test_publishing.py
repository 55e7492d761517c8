"""Publishing a draft."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from registration_forms.building import publishing
from registration_forms.definitions import build, of_version, parse
from registration_forms.models import Choice
from tests.factories.registration_forms import ask, make_form, only_if, publish

pytestmark = pytest.mark.django_db


def codes(form) -> list[tuple[str, str]]:
    old = of_version(form.published) if form.published else None
    return [(one.code, one.label) for one in publishing.diff(old, parse(build(form)))]


def test_first_version_adds_all_questions():
    form = make_form()
    ask(form, "Name")
    assert codes(form) == [("added", "Name")]
    assert publish(form).number == 1
    assert codes(form) == []


def test_unchanged_draft_gives_no_new_version():
    form = make_form()
    ask(form, "Name")
    assert publish(form) == publish(form)
    assert form.versions.count() == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda form, one, two: ask(form, "New", visibility="mandatory"), ("added", "New")),
        (lambda form, one, two: one.__class__.objects.filter(pk=one.pk).update(archived_at=timezone.now()),
         ("removed", "One")),
        (lambda form, one, two: form.fields.filter(pk=one.pk).update(visibility="mandatory"), ("mandatory", "One")),
        (lambda form, one, two: form.fields.filter(pk=one.pk).update(visibility="hidden"), ("hidden", "One")),
        (lambda form, one, two: form.fields.filter(pk=one.pk).update(rules={"max_length": 5}), ("settings", "One")),
        (lambda form, one, two: form.fields.filter(pk=two.pk).update(condition=only_if(one, op="filled")),
         ("condition", "Two")),
        (lambda form, one, two: form.fields.filter(pk=one.pk).update(label_en="Uno"), ("wording", "Uno")),
        (lambda form, one, two: form.fields.filter(pk=one.pk).update(position=9), ("moved", "")),
        (lambda form, one, two: two.choices.update(active=False), ("choice_removed", "Two")),
        (lambda form, one, two: Choice.objects.create(field=two, label="C"), ("choice_added", "Two")),
    ],
)  # fmt: skip
def test_difference_is_listed_once(change, expected):
    form = make_form()
    one, two = ask(form, "One"), ask(form, "Two", "dropdown", choices=["A"])
    publish(form)
    change(form, one, two)
    assert codes(form) == [expected]


@pytest.mark.scenario("RF-06")
def test_draft_with_an_impossible_condition_is_not_published():
    form = make_form()
    late = ask(form, "Late", position=9)
    ask(form, "Early", position=1, condition=only_if(late, op="filled"))
    with pytest.raises(publishing.CannotPublish) as refused:
        publish(form)
    assert [one.code for one in refused.value.problems] == ["later"]
    assert form.versions.count() == 0


def test_missing_translations_are_counted_per_language():
    form = make_form()
    form.organiser.languages = ["fr", "de", "en"]
    form.organiser.save()
    ask(form, "Name", label_fr="Nom", help_text_fr="Aide", choices=())
    assert publishing.missing_translations(form, parse(build(form))) == {"de": 2, "en": 1}


@pytest.mark.scenario("RF-37")
def test_published_version_keeps_its_wording_when_the_draft_changes():
    form = make_form()
    rules = ask(form, "I accept the rules of 2027", "consent", label_fr="J’accepte")
    first = publish(form)
    rules.label_en = "I accept the rules of 2028"
    rules.save()
    publish(form)
    first.refresh_from_db()
    assert of_version(first).questions[0].labels == {"en": "I accept the rules of 2027", "fr": "J’accepte"}
    first.definition["fields"][0]["label"]["en"] = "Something else"
    with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
        first.save()
