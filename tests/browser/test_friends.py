"""Friends and family as a visitor meets it: in French and English, with and without scripts."""

import re
from datetime import date

import pytest
from playwright.sync_api import Page, expect

from contacts.linking.adding import Person
from contacts.models import Contact, ContactLink
from tests.browser import steps
from tests.browser.conftest import DESKTOP, PHONE
from tests.browser.test_every_page import look_at
from tests.factories.contacts import ContactFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.friends import linked, make_visitor
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale

WORDS = {
    "en": {"menu": "Friends and family", "new": "New", "add": "Add", "remove": "Remove", "undo": "Undo"},
    "fr": {
        "menu": "Amis et famille",
        "new": "Ajouter",
        "add": "Ajouter",
        "remove": "Retirer",
        "undo": "Rétablir",
    },
}


@pytest.fixture
def alice(shop):
    PointOfSale.objects.filter(pk=shop.pos.pk).update(friends_family_enabled=True)
    shop.pos.refresh_from_db()
    return make_visitor(shop.pos, email="alice@example.org").user


def log_in(page: Page, shop, user) -> None:
    steps.sign_in(page, user, f"{shop.home}account/")
    expect(page.get_by_text(user.email).first).to_be_visible()


def add(page: Page, words: dict, email: str, last_name: str, first_name: str) -> None:
    page.get_by_role("link", name=words["new"], exact=True).click()
    page.locator("[name=email]").fill(email)
    page.locator("[name=last_name]").fill(last_name)
    page.locator("[name=first_name]").fill(first_name)
    page.locator("main").get_by_role("button", name=words["add"], exact=True).click()


@pytest.mark.scenario("FF-10")
@pytest.mark.parametrize(
    ("language", "script", "viewport"),
    [("fr", False, PHONE), pytest.param("en", True, DESKTOP, marks=pytest.mark.soak)],
)
def test_the_base_in_a_browser(shop, browse, alice, language, script, viewport):
    """`make test` takes the harder of two ways: without scripts, in French, on a phone."""
    words = WORDS[language]
    ContactFactory(
        organiser=shop.pos.organiser, first_name="Zoë", last_name="Müller", email="zoe@example.org"
    )
    with browse(script=script, viewport=viewport) as page:
        log_in(page, shop, alice)
        if language == "fr":
            page.locator("button[name=language][value=fr]").first.click()
        page.get_by_role("link", name=words["menu"]).click()
        expect(page.get_by_role("heading", name=words["menu"])).to_be_visible()
        add(page, words, "new@example.org", "Newman", "Nora")
        expect(page.get_by_role("status").get_by_text("Nora Newman")).to_be_visible()
        add(page, words, "zoe@example.org", "mueller", "ZOE")
        expect(page.get_by_role("link", name="ZOE mueller", exact=True)).to_be_visible()
        add(page, words, "zoe@example.org", "Somebody", "Else")
        expect(page.locator("[name=email][aria-invalid=true]")).to_have_value("zoe@example.org")
        expect(page.locator("main")).not_to_contain_text("Müller")
        page.goto(f"{shop.home}account/friends-and-family/")
        page.get_by_role("link", name=re.compile(f"^{words['remove']}.*Nora")).click()
        page.locator("main").get_by_role("button", name=words["remove"]).click()
        expect(page.get_by_role("link", name="Nora Newman", exact=True)).to_have_count(0)
        page.get_by_role("button", name=words["undo"]).click()
        expect(page.get_by_role("link", name="Nora Newman", exact=True)).to_be_visible()
    assert {mail.kind for mail in Mail.objects.filter(kind__startswith="link")} == {"link_new", "link_known"}


@pytest.mark.scenario("FF-28")
def test_the_added_person_opens_the_mail_and_chooses_a_password(shop, browse, alice):
    linked(Contact.objects.get(user=alice), shop.pos, ("Nora", "Newman", "new@example.org"))
    letter = mime_messages.build(Mail.objects.get(kind="link_new"))
    path = re.search(r"/links/\S+/", letter.body)[0]
    with browse(script=False) as page:
        page.goto(path)
        expect(page.get_by_role("heading", name="Alice Martin has added you")).to_be_visible()
        assert look_at_without_scripts(page) == []
        page.get_by_role("button", name="Accept", exact=True).click()
        page.locator("[name=password1]").fill("correct horse battery")
        page.get_by_role("button", name="Open my account").click()
        page.goto(f"{shop.home}account/friends-and-family/")
        expect(page.get_by_role("heading", name="People who have added you")).to_be_visible()
        expect(page.get_by_text("Alice Martin", exact=True).first).to_be_visible()


def look_at_without_scripts(page: Page) -> list[str]:
    """Every field has a label and every button a name, as the page was sent."""
    return [
        one.get_attribute("name") or "?"
        for one in page.locator("main input:not([type=hidden])").all()
        if not one.get_attribute("id")
    ]


def test_every_page_of_it_holds_the_thresholds(shop, browse, alice):
    wrong = []
    with browse() as page:
        log_in(page, shop, alice)
        page.goto(f"{shop.home}account/friends-and-family/")
        wrong += look_at(page, "empty list")
        add(page, WORDS["en"], "new@example.org", "Newman", "Nora")
        wrong += look_at(page, "list")
        page.goto(f"{shop.home}account/friends-and-family/new/")
        page.locator("main").get_by_role("button", name="Add", exact=True).click()
        wrong += look_at(page, "new with errors")
        link = ContactLink.objects.get()
        for address in ("", "edit/", "remove/"):
            page.goto(f"{shop.home}account/friends-and-family/{link.pk}/{address}")
            wrong += look_at(page, address or "person")
        path = re.search(r"/links/\S+/", mime_messages.build(Mail.objects.get(kind="link_new")).body)[0]
        page.goto(path)
        wrong += look_at(page, "token")
        child = linked(link.parent, shop.pos, Person("Zoé", "Martin", no_email=True))
        page.goto(f"{shop.home}account/friends-and-family/{child.pk}/edit/")
        wrong += look_at(page, "edit a child")
        page.locator("[name=email]").fill("zoe@example.org")
        page.get_by_role("button", name="Invite", exact=True).click()
        wrong += look_at(page, "invited")
        page.goto(
            re.search(r"/links/\S+/", mime_messages.build(Mail.objects.get(kind="link_invited")).body)[0]
        )
        wrong += look_at(page, "invitation")
        page.goto("/links/nothing/")
        wrong += look_at(page, "token that has ended")
    assert wrong == []


def test_the_name_on_a_ticket_follows_the_person_at_once(shop, browse, alice):
    contact = Contact.objects.get(user=alice)
    bob, zoe = linked(contact, shop.pos), linked(contact, shop.pos, ("Zoé", "Grey", "zoe@example.org"))
    form = make_form(organiser=shop.pos.organiser)
    ask(form, "Date of birth", "birth_date", system_ref="birth_date")
    publish(form)
    shop.adult.tariff.form = form
    shop.adult.tariff.save()
    Contact.objects.filter(pk=contact.pk).update(birth_date=date(1980, 1, 2))
    with browse(viewport=PHONE) as page:
        log_in(page, shop, alice)
        steps.open_details(page, shop)
        person, first, last = (
            page.locator(f"[name$='-{name}'][name^='holder']")
            for name in ("person", "first_name", "last_name")
        )
        born = page.get_by_label("Date of birth")
        person.select_option(str(bob.pk))
        # Chosen perhaps before the script was there.
        expect(first).to_have_value("Bob")
        expect(last).to_have_value("Miller")
        person.select_option(str(zoe.pk))
        assert (first.input_value(), last.input_value(), born.input_value()) == ("Zoé", "Grey", "")
        page.locator("#id_buyer-first_name").fill("Alicia")
        person.select_option("me")
        assert (first.input_value(), last.input_value(), born.input_value()) == (
            "Alicia",
            "Martin",
            "1980-01-02",
        )
        page.locator("#id_buyer-first_name").fill("Alice")
        page.locator("#id_buyer-first_name").blur()
        assert first.input_value() == "Alice"
        last.fill("M.")
        person.select_option(str(bob.pk))
        assert (first.input_value(), last.input_value(), born.input_value()) == ("Alice", "M.", "")
        page.get_by_role("button", name="Check your order").click()
        expect(page.get_by_text("Alice M.")).to_be_visible()
        expect(page.get_by_text("Bob Miller")).to_be_visible()


def test_name_is_filled_in_for_a_person_chosen_before_the_script_loaded(shop, browse, alice):
    bob = linked(Contact.objects.get(user=alice), shop.pos)
    with browse() as page:
        log_in(page, shop, alice)
        steps.choose(page, shop, adults=1, children=0, passes=0)
        late = []
        page.route("**/people*.js", lambda route: late.append(route))
        steps.to_details(page)
        person, first = (
            page.locator(f"[name^='holder'][name$='-{name}']") for name in ("person", "first_name")
        )
        person.select_option(str(bob.pk))
        assert first.input_value() == ""
        late[0].continue_()
        expect(first).to_have_value("Bob")
