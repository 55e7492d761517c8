"""The data of a managed child without an e-mail address: shown to the parent, copied, and erased on request."""

import io
import json
import zipfile
from datetime import date

import pytest
from django.test import Client
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, links, staff_links
from contacts.models import ContactLink, LinkType
from privacy.erasure import due_dates, erasing
from privacy.models import Erasure
from privacy.requests import requests
from registration_forms.answers import responses
from tests.factories.accounts import PASSWORD
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor, managing
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S35", "S18")]
DATA = "/theatre/account/data/"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def vera(pos):
    return make_visitor(pos, "Vera", "Zweig", email="vera@zweig.example")


@pytest.fixture
def link(vera, pos) -> ContactLink:
    return linked(vera, pos, adding.Person("Tim", "Zweig", no_email=True, birth_date=date(2018, 1, 2)))


def browser_of(contact) -> Client:
    client = Client()
    client.force_login(contact.user)
    return client


def ticket_by(buyer, link, pos):
    holders = [{"first_name": "Tim", "last_name": "Zweig", "person": str(link.pk)}]
    ticket = make_order({OfferFactory(pos=pos): 1}, user=buyer.user, holders=holders, paid=True).tickets.get()
    form = make_form(organiser=pos.organiser)
    question = ask(form, "Allergies")
    given = make_given(publish(form), {question.key: "hazelnuts"}, link.child_id)
    (ticket.response,) = responses.store([given], organiser=pos.organiser, language="en", now=timezone.now())
    ticket.save(update_fields=["response"])
    return ticket


def page_of(link) -> str:
    return f"{DATA}people/{link.pk}/"


def copy_of(browser) -> dict[str, str]:
    asked = browser.get(f"{DATA}copy/")
    browser.post(asked["Location"], {"password": PASSWORD})
    with zipfile.ZipFile(io.BytesIO(browser.get(f"{DATA}copy/").content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_page_shows_everything_known_about_the_child(vera, link, pos):
    ticket = ticket_by(vera, link, pos)
    browser = browser_of(vera)
    assert page_of(link) in browser.get(DATA).content.decode()
    page = browser.get(page_of(link)).content.decode()
    for text in ("Tim", "2 January 2018", "hazelnuts", ticket.code, "How long", "Delete these data"):
        assert text in page, text


def test_copy_contains_the_managed_child(vera, link, pos):
    ticket_by(vera, link, pos)
    files = copy_of(browser_of(vera))
    assert "people/1/profile.html" in files["index.html"]
    assert (
        "2 January 2018" in files["people/1/profile.html"] and "hazelnuts" in files["people/1/answers.html"]
    )
    assert "Vera" in files["profile.html"] and "2018" not in files["profile.html"]
    (child,) = json.loads(files["data.json"])["people"]
    assert child["name"] == "Tim Zweig" and {area["area"] for area in child["areas"]} == {
        "profile", "tickets", "answers"
    }  # fmt: skip


def test_other_parent_sees_neither_codes_nor_what_the_first_parent_typed(vera, link, pos):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    ContactLink.objects.filter(pk=link.pk).update(entered_first_name="Timmy-as-Vera-calls-him")
    hers = staff_links.add(
        parent=ann, child=link.child, link_type=LinkType.objects.get(code="friends_family"), by=None,
        now=timezone.now(), permission="manage", consent_reason="the other parent",
    )  # fmt: skip
    ticket = ticket_by(vera, link, pos)
    page = browser_of(ann).get(page_of(hers)).content.decode()
    assert "hazelnuts" in page and "the person who ordered it has it" in page
    files = "".join(copy_of(browser_of(ann)).values())
    for never in (ticket.code, "Timmy-as-Vera", "vera@zweig.example", ticket.order.reference):
        assert never not in page + files, never


def test_parent_requests_and_staff_erase_the_child(vera, link, pos):
    ticket, owner = ticket_by(vera, link, pos), make_staff(pos.organiser, "owner")
    browser = browser_of(vera)
    shown = browser.get(f"{page_of(link)}delete/")
    typed = {"password": PASSWORD, "shown": shown.context["shown"]}
    assert (
        "There is a problem"
        in browser.post(f"{page_of(link)}delete/", {**typed, "password": "no"}).content.decode()
    )
    assert not Erasure.objects.exists()
    page = browser.post(f"{page_of(link)}delete/", typed, follow=True).content.decode()
    asked = Erasure.objects.get()
    assert (asked.state, asked.contact, asked.channel) == ("confirmed", link.child, "account")
    assert asked.receipt in page and "Delete these data" not in page
    told = Mail.objects.get(kind="data_asked")
    assert told.recipient == owner.email and "Tim" not in str(told.about)
    erasing.run(asked, now=timezone.now())
    asked.refresh_from_db()
    ticket.refresh_from_db()
    assert asked.state == "closed" and (ticket.holder, ticket.state) == ("", "valid")
    assert browser.get(page_of(link)).status_code == 404
    assert "Tim" not in browser.get(DATA).content.decode()
    assert vera.erasing_at is None and browser.get(DATA).status_code == 200


def test_changed_preview_is_shown_again(vera, link, pos):
    browser = browser_of(vera)
    shown = browser.get(f"{page_of(link)}delete/").context["shown"]
    ticket_by(vera, link, pos)
    page = browser.post(f"{page_of(link)}delete/", {"password": PASSWORD, "shown": shown}).content.decode()
    assert "Something has changed meanwhile" in page and not Erasure.objects.exists()


@pytest.mark.parametrize("end", ["", "delete/"])
def test_only_a_parent_who_manages_the_child_can_open_the_pages(vera, link, pos, end):
    friend = linked(vera, pos, ("Bob", "Friend", "bob@example.org"))
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    assert browser_of(vera).get(page_of(link) + end).status_code == 200
    assert browser_of(ann).get(page_of(link) + end).status_code == 404
    assert browser_of(vera).get(page_of(friend) + end).status_code == 404, "with an address of their own"
    contacts.change(link.child, {"email": "tim@example.org"}, by=None, now=timezone.now())
    assert browser_of(vera).get(page_of(link) + end).status_code == 404
    contacts.change(link.child, {"email": ""}, by=None, now=timezone.now())
    links.remove(link, by=vera.user, now=timezone.now())
    assert browser_of(vera).get(page_of(link) + end).status_code == 404


def test_parents_get_a_mail_when_the_child_is_erased(vera, link, pos, mailoutbox):
    other = make_visitor(pos, "Otto", "Zweig", email="otto@zweig.example")
    managing(other, link.child)
    contacts.change(other, {"language": "fr"}, by=None, now=timezone.now())
    seeing = make_visitor(pos, "Rita", "Zweig", email="rita@zweig.example")
    ContactLink.objects.filter(pk=managing(seeing, link.child).pk).update(permission_parent="view")
    asked = requests.ask_for_child(link, pos=pos, now=timezone.now())
    links.remove(link, by=vera.user, now=timezone.now())
    assert due_dates.extend(asked, Erasure.Extension.values[0], now=timezone.now())
    assert set(Mail.objects.filter(kind="data_extended").values_list("recipient", flat=True)) == {
        vera.email,
        other.email,
    }
    erasing.run(asked, now=timezone.now())
    for pk in Mail.objects.filter(kind="data_done").values_list("pk", flat=True):
        tasks.send(pk)
    (to_vera, to_otto) = mailoutbox
    assert (to_vera.to, to_otto.to) == ([vera.email], [other.email])
    assert asked.receipt in to_vera.subject and asked.receipt in to_otto.subject
    assert "a person without an e-mail address, whose tickets you look after" in to_vera.body
    assert "You asked" not in to_vera.body and "identified you" not in to_vera.body
    assert "sans adresse e-mail" in to_otto.body
    rows = Mail.objects.filter(kind="data_done")
    assert {row.recipient for row in rows} == {""}, "the address goes with the mail"
    assert "Tim" not in str(list(rows.values()))


def test_parents_get_a_mail_when_the_request_is_refused(vera, link, pos, mailoutbox):
    asked = requests.ask_for_child(link, pos=pos, now=timezone.now())
    assert due_dates.refuse(asked, Erasure.Refusal.values[0], by=None, now=timezone.now())
    tasks.send(Mail.objects.get(kind="data_refused", recipient=vera.email).pk)
    (letter,) = mailoutbox
    assert (
        "We do not do so, and nothing was erased." in letter.body and "/theatre/account/data/" in letter.body
    )
