"""Tickets given to friends and family, on the pages of both people."""

import pytest
from django.utils import timezone

from contacts.models import Contact
from registration_forms.answers import responses
from tests.friends import make_visitor
from tests.qr import codes_in_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.visitor import TestClientVisitor
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, OrderLine, ReplacedCode
from ticketshop.sales.orders import books

from .shop import ALICES_MENU, BOBS_MENU, Giving, client_of, signed_in

pytestmark = pytest.mark.django_db
NOW = timezone.now


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


def test_an_offer_to_an_unclaimed_contact_leads_its_log_in_to_the_question_who_they_are():
    shop = Giving(now=NOW())
    gift, user = shop.offered(), shop.bob.user
    offer = f"/{shop.pos.slug}/account/orders/offers/{gift.pk}/"
    # As after a sign-up with the address that Alice entered: the log-in is Bob's, the contact is nobody's yet.
    Contact.objects.filter(pk=shop.bob.pk).update(user=None)
    stranger = make_visitor(shop.pos, "Eve", "Moss", email="eve@example.org")
    assert signed_in(stranger).client.get(offer).status_code == 404

    bob = TestClientVisitor()
    bob.client.force_login(user)
    page = bob.open(offer)
    assert page.url == f"/{shop.pos.slug}/account/"
    assert page.messages[0] == (
        "A ticket is offered to you. Tell us first who you are, then you can accept or decline it."
    )
    assert "We know these people with your e-mail address" in page.text
    page = bob.submit(page.form("orders/join/"))
    page = bob.open(page.link("Accept or decline"))
    assert page.url == offer and "Alice Martin would like to give you a ticket" in page.text


@pytest.mark.scenario("TIC-05")
def test_a_ticket_is_offered_answered_and_accepted_and_each_sees_their_own(mailoutbox):
    shop = Giving(quantity=2, form=True, now=NOW())
    order_page = order_mails.order_path(shop.order)
    alice, bob = signed_in(shop.alice), signed_in(shop.bob)
    mark_sent()

    page = alice.open(order_page)
    assert ALICES_MENU in page.text
    page = alice.open(page.link("Give this ticket"))
    page = alice.fill("person", {"person": shop.link.pk})
    assert "Offered to Bob Miller" in page.text
    (letter,) = deliver(mailoutbox)
    assert (letter.to, letter.attachments) == (["bob@example.org"], [])
    assert shop.ticket.code not in letter.body
    assert "Alice Martin would like to give you this ticket" in letter.body

    page = bob.open(f"/{shop.pos.slug}/account/")
    page = bob.open(page.link("Accept or decline"))
    assert ALICES_MENU not in page.source
    assert shop.ticket.code not in page.source
    page = bob.fill("name-first_name", {f"ask-gift-{shop.menu.key}": ""}, button=("do", "accept"))
    assert page.form("name-first_name")
    page = bob.fill("name-first_name", {f"ask-gift-{shop.menu.key}": BOBS_MENU}, button=("do", "accept"))
    ticket = shop.read()
    assert (ticket.beneficiary, ticket.holder, ticket.state) == (shop.bob, "Bob Miller", "valid")
    assert ticket.code != shop.ticket.code
    replaced = ReplacedCode.objects.get()
    assert (replaced.code, replaced.reason) == (shop.ticket.code, "given")
    assert list(responses.read(ticket.response).values()) == [BOBS_MENU]
    for text in ("Bob Miller", BOBS_MENU, ticket.code):
        assert text in page.source
    assert ALICES_MENU not in page.source

    assert broken() == set()


@pytest.mark.scenario("TIC-05")
def test_after_the_acceptance_both_get_a_mail_and_the_buyer_sees_that_it_is_given(mailoutbox):
    shop = Giving(quantity=2, form=True, now=NOW())
    lines = list(OrderLine.objects.filter(order=shop.order).values())
    mark_sent()
    ticket = shop.accepted(post=shop.answer)
    order_page, alice = order_mails.order_path(shop.order), signed_in(shop.alice)
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)[-2:]}
    assert codes_in_pdf(letters["bob@example.org"].attachments[0][1]) == [ticket.code]
    assert letters["alice@example.org"].attachments == []
    assert "Bob Miller has the ticket now" in letters["alice@example.org"].body

    page = alice.open(order_page)
    assert "given to Bob Miller on" in page.text
    assert page.text.count(ALICES_MENU) == 1  # of the other ticket
    for text in (BOBS_MENU, ticket.code):
        assert text not in page.source
    pdf = client_of(shop.alice).get(f"{order_page}tickets.pdf")
    assert pdf.status_code == 200
    assert list(OrderLine.objects.filter(order=shop.order).values()) == lines
    assert Order.objects.get().state == "paid"
    assert broken() == set()


@pytest.mark.scenario("TIC-05")
def test_a_given_ticket_comes_back_by_the_same_steps(mailoutbox):
    shop = Giving(now=NOW())
    given = shop.accepted()
    alice, bob = signed_in(shop.alice), signed_in(shop.bob)
    mark_sent()
    page = bob.open(f"/{shop.pos.slug}/account/orders/tickets/{given.pk}/")
    page = bob.open(page.link("Give this ticket back"))
    client_of(shop.bob).post(page.url, {"do": "offer"})
    assert (
        "Until that is accepted, it is yours"
        in bob.open(f"/{shop.pos.slug}/account/orders/tickets/{given.pk}/").text
    )
    page = alice.open(f"/{shop.pos.slug}/account/orders/")
    alice.open(page.link("Accept or decline"))
    page = alice.fill("name-first_name", {}, button=("do", "accept"))
    ticket = shop.read()
    assert (ticket.gift, ticket.beneficiary, ticket.holder) == (None, shop.alice, "Alice Martin")
    assert ticket.code not in {given.code, shop.ticket.code}
    assert ReplacedCode.objects.filter(reason="given").count() == 2
    assert client_of(shop.bob).get(f"/{shop.pos.slug}/account/orders/tickets/{given.pk}/").status_code == 404
    assert ticket.code in page.source
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert codes_in_pdf(letters["alice@example.org"].attachments[0][1]) == [ticket.code]
    assert ticket.code not in letters["bob@example.org"].body
    assert broken() == set()
