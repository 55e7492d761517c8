"""Each period on the page *Your data here* comes from a declaration, and a job keeps it."""

import re
from html import unescape

import pytest
from django.utils import translation
from procrastinate.contrib.django import app

from privacy.copies import copying
from privacy.declarations import promises, registry
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.visitor import TestClientVisitor
from ticketshop.lib.areas import ALL, LOG_IN, MAILS, ORDERS
from ticketshop.lib.personal import BASES, RETENTION
from ticketshop.roles import ROLES

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S45")]
# A length of time in words or figures, in English or French.
TIME = re.compile(
    r"\b(?:\d+|ten|some|several|a few|dix|quelques)\s+(?:hours?|days?|weeks?|months?|years?|heures?|jours?|semaines?|mois|ans?)\b"
)


@pytest.fixture
def pos():
    made = PointOfSaleFactory(slug="theatre")
    form = make_form(organiser=made.organiser)
    ask(form, "Menu", retention_days=1)
    ask(form, "Allergies", sensitive=True, purpose="For the kitchen", retention_days=28)
    ask(form, "Club")
    publish(form)
    return made


def periodic_jobs() -> set[str]:
    return {name for name, _id in app.periodic_registry.periodic_tasks}


def plain(html: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def how_long(page) -> list[str]:
    """The sentences below “How long”, those of questions too."""
    found = []
    for cell in re.findall(r"(?s)<dt>\s*(?:How long|Combien de temps)\s*</dt>\s*<dd>(.*?)</dd>", page.source):
        found += [plain(one) for one in re.findall(r"(?s)<li>(.*?)</li>", cell)] or [plain(cell)]
    return found


def promised(pos) -> dict[str, str | None]:
    """Sentence -> the job that carries it out."""
    found = [one for area in ALL for one in promises.of_area(area, pos.organiser)]
    found += [promises.of_question(days) for days in (1, 28, None)]
    return {plain(one.text): one.job for one in found}


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_promise_has_a_periodic_job(pos, language):
    page = TestClientVisitor(**{"accept-language": language}).open("/theatre/data/about/")
    with translation.override(language):
        known, more = promised(pos), [plain(str(area.more)) for area in ALL if area.more]
    sentences = how_long(page)
    assert len(sentences) > 12
    for sentence in sentences:
        for extra in more:
            sentence = sentence.removesuffix(extra).strip()
        assert sentence in known, "nobody carries this out"
        job = known[sentence]
        assert job is None or job in periodic_jobs(), sentence
    # Nothing else on the page names a time.
    rest = plain(page.source[page.source.index("<main") : page.source.index("</main>")])
    for sentence in sorted(known, key=len, reverse=True):
        rest = rest.replace(sentence, "")
    for basis in BASES.values():
        with translation.override(language):
            rest = rest.replace(plain(str(basis.reason)), "")
    assert TIME.findall(rest) == []
    assert TIME.search(plain(page.source)), "the page does name times"


def test_promise_without_a_job_is_a_minimum_only(pos):
    without = [text for text, job in promised(pos).items() if job is None]
    assert without and all("at least" in text for text in without)


@pytest.mark.parametrize("days", [1, 28])
def test_promise_of_a_question_is_kept_by_the_retention_job(pos, days):
    page = TestClientVisitor().open("/theatre/data/about/").text
    promise = promises.of_question(days)
    assert promise.text in page and promise.job == RETENTION
    assert "Club" in page and promises.until_requested().text in page


def test_promise_contains_the_organisers_setting(pos):
    assert "you never came yourself: 30 days" in TestClientVisitor().open("/theatre/data/about/").text
    pos.organiser.unclaimed_purge_days = 12
    pos.organiser.save()
    assert "you never came yourself: 12 days" in TestClientVisitor().open("/theatre/data/about/").text


def test_every_area_has_a_promise_with_a_periodic_job(pos):
    for area in ALL:
        assert promises.of_area(area, pos.organiser), area.code
    for model in registry.installed_models():
        for ends in registry.declaration(model).expiry:
            assert ends.job in periodic_jobs(), model


def test_pages_of_ones_own_data_have_the_same_promises(pos):
    contact = ContactFactory(organiser=pos.organiser)
    chapters = {chapter.area.code: chapter for chapter in copying.read([contact])}
    assert chapters["profile"].until == [
        one.text for one in promises.of_area(chapters["profile"].area, pos.organiser)
    ]


@pytest.mark.parametrize(
    ("area", "permission"),
    [(LOG_IN, "contacts.view_contact"), (MAILS, "mail.view_mail"), (ORDERS, "sales.view_order")],
)
def test_who_can_see_an_area_names_exactly_the_roles_that_may(area, permission):
    named = {role for role in ROLES if role in str(area.seen_by)}
    assert named == {role for role, permissions in ROLES.items() if permission in permissions}
