"""Tickets of a managed person in the parent's account: the code is shown only to the parent who bought them."""

from datetime import timedelta
from functools import cached_property

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import ContactLink
from privacy.erasure import erasing
from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor, managing
from tests.qr import codes_in_pdf
from tests.sales.mails.test_order_mails import deliver
from ticketshop.catalogue.models import Session
from ticketshop.mail.models import Mail
from ticketshop.sales.models import IssuedPass, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
NOW = timezone.now


@pytest.fixture
def pos():
    return friendly_pos()


class Family:
    """Zoé has no address; Anna, who buys, and Paul both manage her. The order is paid: a ticket for Anna, one for Zoé."""

    def __init__(self, pos, mailoutbox):
        self.pos, self.mailoutbox = pos, mailoutbox
        self.anna = make_visitor(pos, "Anna", "Meier", email="anna@example.org")
        self.paul = make_visitor(pos, "Paul", "Meier", email="paul@example.org")
        self.zoe = ContactFactory(organiser=pos.organiser, first_name="Zoé", last_name="Meier", email=None)
        self.links = {person: managing(person, self.zoe) for person in (self.anna, self.paul)}
        self.order = make_order({OfferFactory(pos=pos): 2}, buyer=self.anna)
        self.annas, self.zoes = self.order.tickets.order_by("pk")
        Ticket.objects.filter(pk=self.zoes.pk).update(beneficiary=self.zoe)
        Mail.objects.update(state="sent", sent_at=NOW())
        payments.confirm(self.order.payments.get(), by=None, now=NOW())

    @cached_property
    def letters(self) -> dict:
        """The mails by recipient, sent when they are first asked for."""
        return {letter.to[0]: letter for letter in deliver(self.mailoutbox)}

    def orders_of(self, person):
        return browser_of(person).open(f"/{self.pos.slug}/account/orders/")


@pytest.fixture
def family(pos, mailoutbox):
    return Family(pos, mailoutbox)


# --- mails ---------------------------------------------------------------------------------------------------
def test_code_of_a_child_goes_to_the_buyer_and_to_no_other_parent(family):
    assert set(family.letters) == {"anna@example.org", "paul@example.org"}
    (_name, pdf, _mime_type), *_more = family.letters["anna@example.org"].attachments
    assert set(codes_in_pdf(pdf)) == {family.annas.code, family.zoes.code}
    letter = family.letters["paul@example.org"]
    assert letter.attachments == []
    assert family.zoes.code not in letter.message().as_string()
    assert family.order.reference not in letter.message().as_string()


def test_mail_to_the_other_parent_names_the_child_and_the_page_of_the_ticket(family):
    letter = family.letters["paul@example.org"]
    assert letter.subject == f"Tickets for Zoé Meier – {family.pos.name}"
    assert "Anna Meier has ordered tickets for Zoé Meier." in letter.body
    assert "The tickets with their codes are with Anna Meier." in letter.body
    assert family.zoes.session.event.title in letter.body
    assert f"/{family.pos.slug}/account/orders/" in letter.body
    # The page that the mail names exists.
    assert family.zoes.session.event.title in family.orders_of(family.paul).text


def test_person_with_an_address_gets_the_code_by_mail(pos, mailoutbox):
    anna = make_visitor(pos, "Anna", "Meier", email="anna@example.org")
    bob = linked(anna, pos, ("Bob", "Miller", "bob@example.org")).child
    order = make_order({OfferFactory(pos=pos): 1}, buyer=anna)
    Ticket.objects.update(beneficiary=bob)
    payments.confirm(order.payments.get(), by=None, now=NOW())
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    ((_name, pdf, _mime_type),) = letters["bob@example.org"].attachments
    assert codes_in_pdf(pdf) == [order.tickets.get().code]


def test_parent_who_no_longer_manages_the_child_gets_no_mail(pos, mailoutbox):
    family = Family(pos, mailoutbox)
    mail = Mail.objects.get(kind="ticket_for_child")
    assert "paul@example.org" in family.letters
    Mail.objects.filter(pk=mail.pk).update(state="queued")
    ContactLink.objects.filter(pk=family.links[family.paul].pk).update(permission_parent="view")
    assert deliver(mailoutbox) == []
    mail.refresh_from_db()
    assert mail.state == "cancelled"


def test_mail_about_cancelled_tickets_contains_the_name_of_the_child(family, mailoutbox):
    assert family.letters
    family.anna.erasing_at = NOW()
    family.anna.save()
    orders.cancel(family.order, by=None, now=NOW())
    letters = [letter for letter in deliver(mailoutbox) if letter.to == ["paul@example.org"]]
    assert [letter.subject for letter in letters] == [
        f"The tickets for Zoé Meier are cancelled – {family.pos.name}"
    ]


# --- the account ------------------------------------------------------------------------------------------------
def test_buyer_sees_the_ticket_of_the_child_with_name_and_code(family):
    page = family.orders_of(family.anna)
    mine, zoes = page.source.split('id="managed-')
    assert "Tickets for Zoé Meier" in page.text
    assert family.annas.code in mine
    assert family.zoes.code not in mine
    assert family.zoes.code in zoes
    assert f"order {family.order.reference}" in page.text
    assert page.link(f"order {family.order.reference}")


def test_other_parent_sees_date_and_event_without_the_code(family):
    page = family.orders_of(family.paul)
    assert "Tickets for Zoé Meier" in page.text
    assert "Another person bought it and has the code." in page.text
    assert family.zoes.code not in page.source
    assert family.order.reference not in page.source
    assert "35.00" not in page.text


@pytest.mark.scenario("S37")
def test_page_names_no_owner_of_the_code_once_the_buyer_is_erased(family):
    assert "Another person bought it and has the code" in family.orders_of(family.paul).text
    erasing.erase(family.anna, by=None, now=NOW(), bearer=True)
    page = family.orders_of(family.paul)
    assert "Tickets for Zoé Meier" in page.text
    assert "Another person bought it and has the code" not in page.text
    assert (
        "The person who bought it can no longer give you the code. At the entrance, say the name on it."
        in page.text
    )
    assert family.zoes.code not in page.source


@pytest.mark.parametrize("permission", ["none", "assign", "view"])
def test_without_permission_to_manage_no_ticket_of_the_child_is_shown(family, permission):
    assert "Tickets for Zoé Meier" in family.orders_of(family.paul).text
    ContactLink.objects.filter(pk=family.links[family.paul].pk).update(permission_parent=permission)
    assert "Zoé" not in family.orders_of(family.paul).text


def test_ended_link_shows_no_tickets(family):
    assert "Tickets for Zoé Meier" in family.orders_of(family.paul).text
    ContactLink.objects.filter(pk=family.links[family.paul].pk).update(status="ended", ended_at=NOW())
    assert "Zoé" not in family.orders_of(family.paul).text


def test_passes_of_a_child_are_shown_until_the_end_of_their_last_day(family, pos):
    order = make_order({SeasonPassFactory(pos=pos, name="Season"): 1}, buyer=family.anna, paid=True)
    IssuedPass.objects.filter(order=order).update(beneficiary=family.zoe)
    assert "Season" in family.orders_of(family.paul).text
    IssuedPass.objects.update(valid_until=timezone.localdate() - timedelta(days=2))
    assert "Season" not in family.orders_of(family.paul).text


def test_page_takes_the_same_queries_for_one_child_and_for_three(family, pos):
    browser = browser_of(family.anna)
    address = f"/{pos.slug}/account/orders/"
    browser.open(address)
    with CaptureQueriesContext(connection) as one:
        browser.open(address)
    for name in ("Tim", "Tom"):
        child = ContactFactory(organiser=pos.organiser, first_name=name, last_name="Meier", email=None)
        managing(family.anna, child)
        order = make_order({OfferFactory(pos=pos): 1}, buyer=family.anna, paid=True)
        order.tickets.update(beneficiary=child)
    with CaptureQueriesContext(connection) as three:
        page = browser.open(address)
    assert page.text.count("Tickets for") == 3
    # The list of orders takes one query for all rows.
    assert len(three) == len(one)


# --- the names -----------------------------------------------------------------------------------------------------
@pytest.mark.scenario("TIC-01")
def test_parent_corrects_the_name_on_a_ticket_another_person_bought(family, mailoutbox):
    assert family.letters
    browser = browser_of(family.paul)
    browser.open(f"/{family.pos.slug}/account/orders/")
    page = browser.open(browser.page.link("Correct a name on a ticket"))
    assert "Names on the tickets for Zoé Meier" in page.text
    field = f"ticket-{family.zoes.pk}-first_name"
    assert f"ticket-{family.annas.pk}-first_name" not in page.source
    page = browser.fill("-seen$", {field: "Zoe"})
    assert "The names are saved." in page.text
    assert Ticket.objects.get(pk=family.zoes.pk).holder_first_name == "Zoe"
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["anna@example.org"]  # the code stays where it was
    Session.objects.update(starts_at=NOW() - timedelta(minutes=1), ends_at=NOW() + timedelta(hours=1))
    page = browser.open(f"/{family.pos.slug}/account/orders/names/{family.links[family.paul].pk}/")
    assert "This name could be changed until" in page.text


@pytest.mark.parametrize("permission", ["none", "assign", "view"])
def test_without_permission_to_manage_the_page_of_names_is_not_found(family, permission):
    link = family.links[family.paul]
    address = f"/{family.pos.slug}/account/orders/names/{link.pk}/"
    assert browser_of(family.paul).open(address).status == 200
    assert browser_of(family.anna).open(address).status == 404
    ContactLink.objects.filter(pk=link.pk).update(permission_parent=permission)
    assert browser_of(family.paul).open(address).status == 404
