"""The page with the published versions of a form."""

import pytest

from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, only_if, publish
from tests.staff import Staff, change

pytestmark = pytest.mark.django_db


@pytest.fixture
def form():
    form = make_form("tariff")
    ask(
        form,
        "I accept the rules",
        "consent",
        label_fr="J’accepte le règlement",
        help_text_en="All **twelve** rules",
    )
    bus = ask(form, "Bus", "dropdown", choices=["18:00", "19:00"], label_fr="Car")
    ask(form, "Where to", condition=only_if(bus, bus.choices.first().key), visibility="mandatory")
    return form


def versions_of(form) -> str:
    return f"{change(form).removesuffix('change/')}versions/"


@pytest.mark.scenario("RF-37")
def test_versions_show_each_text_in_every_language(form):
    publish(form)
    consent = form.fields.get(type="consent")
    consent.label_en, consent.label_fr = "I accept the new rules", "J’accepte le nouveau règlement"
    consent.save()
    publish(form)
    staff = Staff(make_staff(form.organiser))
    assert staff.open(change(form)).link("Versions") == versions_of(form)
    page = staff.open(versions_of(form))
    assert "Version 2, published on" in page.text
    assert "“I accept the new rules” is worded differently." in page.text
    assert ("J’accepte le nouveau règlement" in page.text, "J’accepte le règlement" in page.text) == (
        True,
        False,
    )
    page = staff.open(f"{versions_of(form)}{page.link('1')}")
    for text in ("I accept the rules", "J’accepte le règlement", "All **twelve** rules", "19:00", "Car"):
        assert text in page.text
    assert "mandatory, only if “Bus” is 18:00" in page.text
    assert '<dd lang="fr">' in page.source
    assert "new rules" not in page.text


@pytest.mark.parametrize("query", ["?version=99", "?version=-1", "?version=x", "?version=" + "9" * 40])
def test_unknown_version_shows_the_newest(form, query):
    publish(form)
    page = Staff(make_staff(form.organiser)).open(f"{versions_of(form)}{query}")
    assert (page.status, "Version 1, published on" in page.text) == (200, True)


def test_form_that_was_never_published_has_no_versions(form):
    staff = Staff(make_staff(form.organiser))
    assert "Versions" not in staff.open(change(form)).text
    assert "The form was not published yet." in staff.open(versions_of(form)).text
