"""Links and merging in the back office in a real Chromium: no errors, accessible, without JavaScript too."""

import pytest
from playwright.sync_api import expect

from contacts.linking import links
from contacts.models import Contact, ContactLink
from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.connections import BUTTONS, adding_page, button_page
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.friends import linked, make_visitor
from tests.staff import change, listing
from ticketshop.organisers.models import Organiser

FRENCH = {"add": "Ajouter une relation", "merge": "Fusionner avec"}
ENGLISH = {"add": "Add connection", "merge": "Merge with"}


def two_people(shop) -> tuple[Contact, Contact]:
    """Return Alice, who linked two people and removed one of them, and another person."""
    alice = make_visitor(shop.pos)
    linked(alice, shop.pos)
    gone = linked(alice, shop.pos, ("Dan", "Old", "dan@example.org"))
    links.remove(gone, by=alice.user, now=gone.started_at)
    return alice, ContactFactory(organiser=shop.pos.organiser, first_name="Cleo", last_name="Dupont")


def test_connection_pages_have_no_browser_errors_and_are_accessible(shop, browse):
    owner = make_staff(shop.pos.organiser)
    Organiser.objects.update(link_consent_required=True)
    shop.pos.organiser.refresh_from_db()
    alice, cleo = two_people(shop)
    link = ContactLink.objects.get(status=ContactLink.Status.PENDING)
    pages = [change(alice), f"{adding_page(alice)}?q=cleo"]
    pages += [f"{button_page(alice, 'merge')}?with={other.pk}" for other in (cleo, alice)]
    pages += [change(link), listing(ContactLink), *(button_page(link, button) for button in BUTTONS)]
    wrong = []
    with browse() as page:
        sign_in(page, owner, pages[0])
        for address in pages:
            assert page.goto(address).status == 200, address
            wrong += faults(page)
        page.goto(adding_page(alice, cleo))
        page.locator("#content-main [type=submit]").click()
        expect(page.locator(".errorlist")).to_have_count(2)
        wrong += faults(page)
    assert wrong == [], "\n".join(wrong)


@pytest.mark.scenario("FF-35")
@pytest.mark.parametrize(
    ("language", "words", "script"),
    [pytest.param("en", ENGLISH, True, marks=pytest.mark.soak), ("fr", FRENCH, False)],
)
def test_staff_connect_and_merge(shop, browse, language, words, script):
    """`make test` takes the harder of two ways: without scripts, in French."""
    owner = make_staff(shop.pos.organiser)
    alice, cleo = two_people(shop)
    with browse(script=script) as page:
        sign_in(page, owner, "/admin/")
        if language != "en":
            page.locator(f"#user-tools button[value={language}]").click()
        page.goto(change(alice))
        expect(page.locator("#connections details")).to_be_visible()
        expect(page.get_by_role("link", name="Dan Old", exact=True)).to_be_hidden()
        page.get_by_role("link", name=words["add"]).click()
        page.locator("#searchbar").fill("dup")
        page.locator("#searchbar").press("Enter")
        page.get_by_role("link", name="Cleo Dupont").click()
        page.locator("[name=direction]").first.check()
        page.locator("[name=type]").last.check()
        page.locator("#content-main [type=submit]").click()
        page.wait_for_url(f"**{change(alice)}#connections")
        expect(page.locator("#connections-children ~ .table-scroll").first).to_contain_text("Cleo Dupont")
        assert ContactLink.objects.get(child=cleo).parent == alice

        page.get_by_role("link", name=words["merge"]).click()
        page.locator("#searchbar").fill("cleo")
        page.locator("#searchbar").press("Enter")
        page.get_by_role("link", name="Cleo Dupont").click()
        page.locator("#content-main [type=submit]").click()
        page.wait_for_url(f"**{change(alice)}")
    assert not Contact.objects.filter(pk=cleo.pk).exists()
