"""Connections made by staff: the parent sees the name once active, and nothing else the organiser knows of the child."""

from datetime import date
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import timezone

from contacts import migrations
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink, LinkType
from tests.connections import connect
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff
from tests.visitor import TestClientVisitor
from ticketshop.sales.checkout import people
from ticketshop.sales.orders import person_limits

from ..pages import ACCOUNT, LIST, answer, browser_of, mailed_link, rows

pytestmark = pytest.mark.django_db
NAME, SECRETS = "Zoé Vanderbilt", ("zoe@secret.example", "Secretgasse", "79 123 45 67", "2009")
NOBODY_YET = "a person our staff connected with you"


@pytest.fixture
def pos(db):
    return friendly_pos(slug="theatre", name="The Theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def zoe(pos):
    return ContactFactory(
        organiser=pos.organiser, first_name="Zoé", last_name="Vanderbilt", email=SECRETS[0],
        street="Secretgasse 1", phone="+41791234567", birth_date=date(2009, 4, 2),
    )  # fmt: skip


def make(pos, parent: Contact, child: Contact, *, consent=False, **values) -> ContactLink:
    """Make a link as staff do in the back office."""
    pos.organiser.link_consent_required = consent
    pos.organiser.save()
    staff = Staff(make_staff(pos.organiser, "back office"))
    connect(staff, parent, child, **values)
    return ContactLink.objects.get(parent=parent, child=child)


def parents_pages(pos, alice, link) -> list[tuple[str, str]]:
    """Return URL -> text of the pages the parent can open after the connection was made."""
    hers = browser_of(alice)
    found = [(url, hers.open(url).source) for url in (
        LIST, f"{LIST}{link.pk}/", f"{LIST}{link.pk}/remove/", ACCOUNT, f"{ACCOUNT}orders/", f"{ACCOUNT}data/",
    )]  # fmt: skip
    return [*found, ("removed", ask_removal(hers, link)), ("undone", hers.fill("undo/").source)]


def ask_removal(browser, link) -> str:
    browser.open(f"{LIST}{link.pk}/remove/")
    return browser.submit(next(form for form in browser.page.forms if not form.action)).source


@pytest.mark.scenario("FF-09")
@pytest.mark.parametrize("permission", ["none", "assign", "view"])
def test_parent_sees_no_name_while_a_staff_link_is_pending(pos, alice, zoe, permission):
    link = make(pos, alice, zoe, consent=True, permission=permission)
    assert link.status == "pending"
    for url, source in parents_pages(pos, alice, link):
        for unsaid in (*SECRETS, "Zoé", "Vanderbilt"):
            assert unsaid not in source, (url, unsaid)
    assert NOBODY_YET in browser_of(alice).open(LIST).text
    assert [person.label for person in people.of(alice, pos)][1:] == []
    assert person_limits.find_beneficiaries(alice, {"slot": {"person": str(link.pk)}}) == {}
    links.accept(link, by=None, now=timezone.now())
    assert NAME in rows(browser_of(alice).open(LIST))


@pytest.mark.scenario("FF-34")
@pytest.mark.parametrize("permission", ["none", "assign", "view", "manage"])
def test_parent_sees_only_the_name_once_a_staff_link_is_active(pos, alice, zoe, permission):
    link = make(pos, alice, zoe, permission=permission)
    assert link.status == "active"
    hers = browser_of(alice)
    for url in (LIST, f"{LIST}{link.pk}/"):
        page = hers.open(url)
        assert NAME in page.text
        for unsaid in SECRETS:
            assert unsaid not in page.source, (url, unsaid)
    chosen = [person.label for person in people.of(alice, pos)][1:]
    assert chosen == ([] if permission == "none" else [NAME])


@pytest.mark.scenario("FF-09")
def test_link_of_the_shop_shows_what_was_typed_while_pending(pos, alice, zoe):
    """Counterpart of the tests above: the name is hidden there because the parent did not type it."""
    pos.organiser.link_consent_required = True
    link = linked(alice, pos, ("Zoé", "Vanderbilt", SECRETS[0]))
    assert (link.status, link.child) == ("pending", zoe)
    text = rows(browser_of(alice).open(LIST))
    assert NAME in text
    assert SECRETS[0] in text


@pytest.mark.scenario("FF-28")
@pytest.mark.parametrize("consent", [True, False])
def test_mail_tells_that_staff_made_the_connection(pos, alice, zoe, post, consent):
    link = make(pos, alice, zoe, consent=consent)
    assert post() == [], "staff decide when the child is told"
    staff = Staff(make_staff(pos.organiser, "back office"))
    staff.press(link, "resend")
    (letter,) = post()
    assert letter.to == [SECRETS[0]]
    organiser = pos.organiser.name
    expected = (
        "May we connect you with Alice Martin?" if consent else "We have connected you with Alice Martin"
    )
    assert letter.subject == expected
    for text in (letter.body, letter.alternatives[0][0]):
        text = " ".join(text.split())
        assert f"We at {organiser} know your name ({NAME}) and this e-mail address already" in text
        assert "Alice Martin did not give them to us." in text
        assert "gave us" not in text
        assert ("Nothing is connected before you agree." in text) == consent
    page = TestClientVisitor().open(mailed_link(letter))
    assert "Alice Martin did not give us your name or your e-mail address" in page.text
    assert "Name they gave" not in page.text
    assert ("May we connect you" in page.text) == consent
    answer(TestClientVisitor(), mailed_link(letter), "accept")
    link.refresh_from_db()
    assert link.status == "active"


def test_person_connected_by_staff_is_in_the_list_already(pos, alice, zoe):
    make(pos, alice, zoe, type=LinkType.objects.get(code="friends_family").pk)
    requester = adding.Requester(by=alice.user, pos=pos, network="192.0.2.1", language="en")
    person = adding.Person("Zoé", "Vanderbilt", SECRETS[0])
    assert adding.add(alice, person, requester, now=timezone.now()).code == adding.ALREADY


def test_migration_erases_addresses_of_staff_links(pos, alice, zoe):
    made = make(pos, alice, zoe)
    typed = linked(alice, pos)
    ContactLink.objects.filter(pk=made.pk).update(entered_email=SECRETS[0])
    (migration,) = Path(migrations.__path__[0]).glob("*_staff_links_without_address.py")
    import_module(f"contacts.migrations.{migration.stem}").forget_addresses(apps, None)
    made.refresh_from_db()
    typed.refresh_from_db()
    assert (made.entered_email, typed.entered_email) == ("", "bob@example.org")
