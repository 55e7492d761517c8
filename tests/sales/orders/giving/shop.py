"""A shop in which Alice can give her tickets to Bob, and the pages both use."""

from urllib.parse import urlencode

from django.http import QueryDict
from django.test import Client

from contacts.linking import links
from contacts.models import ContactLink
from registration_forms.models import Answer
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders.giving import acceptance, offers
from ticketshop.sales.orders.giving.receiving import Receiving

ALICES_MENU, BOBS_MENU = "fish for Alice", "soup for Bob"


class Giving:
    """Alice has ordered and paid ``quantity`` tickets whose tariff may be given. Bob has accepted her connection."""

    def __init__(self, *, quantity: int = 1, form: bool = False, now):
        self.now = now
        self.pos = friendly_pos()
        self.alice = make_visitor(self.pos, email="alice@example.org")
        self.bob = make_visitor(self.pos, "Bob", "Miller", email="bob@example.org")
        self.link = linked(self.alice, self.pos)
        assert self.link.child == self.bob
        links.accept(self.link, by=self.bob.user, now=now)
        self.offer = OfferFactory(pos=self.pos)
        self.tariff = self.offer.tariff
        self.tariff.may_be_given = True
        self.tariff.save()
        self.order = self.new_order(quantity)
        self.ticket = self.order.tickets.order_by("pk").first()
        if form:
            self._ask()

    def _ask(self) -> None:
        """Ask “Menu” of each participant; Alice has answered for her tickets."""
        self.form = make_form("tariff", organiser=self.pos.organiser)
        self.menu = ask(self.form, "Menu", visibility="mandatory")
        publish(self.form)
        self.tariff.form = self.form
        self.tariff.save()
        missing_answers.add(self.order, now=self.now)
        Answer.objects.filter(response__ticket__order=self.order).update(state=1, v_text=ALICES_MENU)

    @property
    def answer(self) -> dict[str, str]:
        """Return what Bob's page posts for the form."""
        return {
            "ask-gift-version": str(self.form.published_id),
            "ask-gift-drawn": "",
            f"ask-gift-{self.menu.key}": BOBS_MENU,
        }

    def new_order(self, quantity: int = 1):
        holders = [{"first_name": "Alice", "last_name": "Martin"}] * quantity
        return make_order(
            {self.offer: quantity}, pos=self.pos, buyer=self.alice, holders=holders, paid=True, now=self.now
        )

    def read(self) -> Ticket:
        """Return the ticket as it is now."""
        return Ticket.objects.select_related("gift", "order", "beneficiary", "response").get(
            pk=self.ticket.pk
        )

    def offered(self):
        """Return the gift after Alice has offered the ticket to Bob."""
        link = ContactLink.objects.get(pk=self.link.pk)
        return offers.offer(self.read(), link, by=self.alice.user, now=self.now)

    def accepted(self, gift=None, *, post=None) -> Ticket:
        """Return the ticket after the person asked has accepted it."""
        gift = offers.open_offers(self.now).get(pk=(gift or self.offered()).pk)
        person = self.alice if gift.is_return else self.bob
        typed = {"name-first_name": person.first_name, "name-last_name": person.last_name, **(post or {})}
        posted = QueryDict(urlencode(typed))
        receiving = Receiving(gift, person, now=self.now, post=posted)
        assert receiving.is_valid(), [form.errors for form in receiving.forms]
        acceptance.accept(
            gift, receiving.holder, receiving.answers, language="en", by=person.user, now=self.now
        )
        return self.read()


def signed_in(contact) -> TestClientVisitor:
    """Return a browser in which the person of a contact is signed in."""
    visitor = TestClientVisitor()
    visitor.client.force_login(contact.user)
    return visitor


def client_of(contact) -> Client:
    """Return a client in which the person of a contact is signed in, and which posts without a page."""
    client = Client()
    client.force_login(contact.user)
    return client
