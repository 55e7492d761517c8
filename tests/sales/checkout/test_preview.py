"""The preview of a form in the back office looks like the form in the checkout."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registration_forms.field_types import TYPES
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, only_if, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz
from tests.staff import Staff, change

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    found = Jazz()
    found.organiser.languages = ["en", "fr", "de"]
    found.organiser.save()
    return found


@pytest.fixture
def form(shop):
    """Every type of question, what a condition hides, what is sensitive, and a limited choice."""
    form = shop.form("tariff", shop.adult)
    for number, (code, kind) in enumerate(sorted(TYPES.items())):
        ask(
            form,
            f"A question of type {code}",
            code,
            label_fr=f"Une question {code}",
            label_de=f"Eine Frage {code}",
            help_text_en="Some *help*",
            choices=["One", ("None left", 0)] if kind.has_choices else (),
            visibility="mandatory" if number % 2 else "visible",
        )
    eats = form.fields.get(type="yes_no")
    ask(form, "Menu", condition=only_if(eats, "yes"), visibility="mandatory")
    ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28, label_fr="Allergies FR")
    publish(form)
    return form


def blocks(source: str, language: str = "") -> list[str]:
    """The drawn forms of a page, without what names the place of each."""
    found = re.findall(r'(?s)<div class="fields" id="ask-.*?(?=<div class="fields" id="ask-|</form>)', source)
    found = [
        re.sub(r"(ask-)?block\d+|ask-(ask-)?[0-9a-f]{12}|ask-(ask-)?order", "BLOCK", one) for one in found
    ]
    found = [re.sub(r"(?s)<h3.*?</h3>", "", one) for one in found]
    # How a script draws what a condition hides is the same; a reader does not see it.
    found = [re.sub(r"(?s)<script.*?</script>", "", one) for one in found]
    # Buttons that copy and remove, and the end of the page, are the checkout's own.
    found = [re.sub(r"(?s)<p>\s*<button.*?</button>\s*</p>", "", one) for one in found]
    found = [re.split(r'</fieldset>\s*<fieldset class="holder"|<p class="actions"', one)[0] for one in found]
    return [" ".join(one.split()).removesuffix("</fieldset>").strip() for one in found]


def previewed(staff, form, language: str, tickets: int):
    return staff.open(
        f"{change(form).removesuffix('change/')}preview/?language={language}&tickets={tickets}"
    ).source


@pytest.mark.scenario("RF-07")
@pytest.mark.parametrize(("language", "tickets"), [("en", 3), ("fr", 1)])
def test_the_preview_is_what_the_checkout_draws(shop, form, language, tickets):
    visitor = jazz.visitor(**{"accept-language": language})
    shop.add(visitor, shop.adult, tickets)
    drawn = blocks(shop.details(visitor).source)
    staff = Staff(make_staff(shop.organiser), language="fr" if language == "en" else "en")
    shown = blocks(previewed(staff, form, language, tickets))
    assert len(shown) == tickets
    # The preview counts no places: what is sold out today is not what a form looks like.
    gone = {"en": " (sold out)", "fr": " (complet)"}[language]
    # Nor is its text marked as one of another language where the shop's own words stand behind it.
    marked = ' lang="en"'
    drawn = [re.sub(rf"<span{marked}>(.*?)</span>", r"\1", one.replace(gone, "")) for one in drawn]
    assert [one.replace(marked, "") for one in drawn] == [one.replace(marked, "") for one in shown]
    assert all(
        f'name="BLOCK-{field.key}"' in shown[-1] for field in form.fields.filter(type="text", condition={})
    )
    assert "Menu" not in shown[0]


@pytest.mark.scenario("RF-07")
def test_any_language_of_the_organiser_and_any_number_may_be_asked_for(shop):
    form = shop.form("tariff", shop.adult)
    ask(form, "A question", label_fr="Une question", label_de="Eine Frage")
    staff = Staff(make_staff(shop.organiser))
    for query, tickets, language, text in (
        ("", 1, "en", "A question"),
        ("?tickets=7&language=de", 7, "de", "Eine Frage"),
        ("?tickets=99999&language=xx", 1, "en", "A question"),
        ("?tickets=500&language=fr", 20, "fr", "Une question"),
        ("?tickets=-1&language=%00", 1, "en", "A question"),
        ("?tickets=0", 1, "en", "A question"),
    ):
        page = staff.open(f"{change(form).removesuffix('change/')}preview/{query}")
        drawn = blocks(page.source)
        assert len(drawn) == tickets, query
        assert all(text in block for block in drawn), query
        assert f'<div class="stack" lang="{language}">' in page.source
        look = page.form("^tickets$")
        assert (look.method, look.values["tickets"], look.values["language"]) == (
            "get",
            str(tickets),
            language,
        )


@pytest.mark.scenario("RF-07")
def test_mistakes_are_said_as_in_the_checkout_and_nothing_is_stored(shop, form):
    staff = Staff(make_staff(shop.organiser))
    eats = form.fields.get(type="yes_no")
    previewed(staff, form, "en", 2)
    with CaptureQueriesContext(connection) as queries:
        page = staff.fill("^block1", {f"block2-{eats.key}": "yes"})
    written = [one["sql"] for one in queries if re.match("(INSERT|UPDATE|DELETE)", one["sql"])]
    assert written == []
    links = jazz.summary_links(page)
    menu = form.fields.get(label_en="Menu")
    assert ("Menu" in str(links), f'href="#id_block2-{menu.key}"' in page.source) == (False, True)
    again = staff.fill("^block1", {f"block2-{menu.key}": ""})
    assert (f"id_block2-{menu.key}", "Ticket 2 of 2: Menu: This field is required.") in jazz.summary_links(
        again
    )
    assert "<title>Error:" in " ".join(page.source.split()).replace("<title> ", "<title>")
    assert f'id="id_block2-{menu.key}"' in page.source
    assert f'id="id_block1-{menu.key}"' not in page.source
