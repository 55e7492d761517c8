"""Buying for other people: the beneficiary, the printed name, who sees the ticket, who gets mails, what counts."""

import copy
import io
import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone
from pypdf import PdfReader

from contacts.linking import adding, links, staff_links
from contacts.models import Contact, ContactLink
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order, place
from tests.friends import BOB, add, friendly_pos, linked, make_visitor
from tests.migrated_database import once_per_file
from tests.qr import text_of_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.visitor import TestClientVisitor
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales import access
from ticketshop.sales.checkout import people
from ticketshop.sales.mails.order_mails import order_url
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
CHILD = adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, 1))


def make_theatre() -> SimpleNamespace:
    """A shop with an offer and a visitor."""
    pos = friendly_pos(slug="theatre", name="The Theatre")
    PaymentMethodFactory(point_of_sale=pos)
    offer = OfferFactory(pos=pos)
    return SimpleNamespace(pos=pos, offer=offer, alice=make_visitor(pos, email="alice@example.org"))


made_theatre = once_per_file(make_theatre)


@pytest.fixture
def theatre(made_theatre, db) -> SimpleNamespace:
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_theatre)


@pytest.fixture
def pos(theatre):
    return theatre.pos


@pytest.fixture
def alice(theatre):
    return theatre.alice


@pytest.fixture
def bob(pos):
    return make_visitor(pos, "Bob", "Miller", email=BOB[2])


@pytest.fixture
def offer(theatre):
    return theatre.offer


def for_whom(*links_or_names) -> list[dict]:
    """Return the holders of tickets: a link, "me", or a name alone."""
    typed = []
    for one in links_or_names:
        if isinstance(one, ContactLink):
            names = {"first_name": one.entered_first_name, "last_name": one.entered_last_name}
            typed.append({**names, "person": str(one.pk)})
        elif one == "me":
            typed.append({"first_name": "Alice", "last_name": "Martin", "person": "me"})
        else:
            typed.append({"first_name": one, "last_name": "", "person": ""})
    return typed


def order_for(buyer: Contact, wanted: dict, *whom, paid=True) -> Order:
    return make_order(wanted, user=buyer.user, holders=for_whom(*whom), paid=paid)


def refusal(buyer: Contact, wanted: dict, *whom) -> list[str]:
    """Why an order was refused."""
    cart = make_cart(wanted, user=buyer.user, holders=for_whom(*whom))
    with pytest.raises(orders.CannotPlace) as refused:
        place(cart, user=buyer.user)
    assert refused.value.code == "rules"
    return refused.value.problems


def titles(letters) -> list[tuple]:
    return sorted((letter.to[0], "has tickets for you" in letter.subject) for letter in letters)


# --- at the checkout --------------------------------------------------------------------------------------------


@pytest.fixture
def visitor(alice):
    visitor = TestClientVisitor()
    visitor.client.force_login(alice.user)
    return visitor


def to_checkout(visitor, offer, quantity: int) -> list[str]:
    """Put tickets into the cart and open the details; returns the names of the tickets' fields."""
    visitor.put_in_cart("theatre", **{f"offer_{offer.pk}": quantity})
    visitor.open("/theatre/checkout/")
    names = visitor.page.form("^buyer-first_name$").names
    return [name.removesuffix("-person") for name in sorted(names) if name.endswith("-person")]


def slots_in_order(visitor) -> list[str]:
    return list(dict.fromkeys(re.findall(r'name="(holder-[^"]*?)-first_name"', visitor.page.source)))


def test_each_ticket_is_for_the_buyer_a_linked_person_or_another_person(pos, alice, bob, offer, visitor):
    link = linked(alice, pos)
    to_checkout(visitor, offer, 3)
    mine, theirs, other = slots_in_order(visitor)
    form = visitor.page.form("^buyer-first_name$")
    assert form.choices[f"{mine}-person"] == ["", "me", str(link.pk)]
    chosen = {f"{mine}-person": "me", f"{theirs}-person": link.pk, f"{other}-first_name": "Carol"}
    visitor.submit(form, chosen)
    assert "Alice Martin" in visitor.page.text
    assert "Bob Miller" in visitor.page.text, (
        "the name one typed stands on the ticket without typing it again"
    )
    visitor.place()
    order = Order.objects.get()
    found = [(ticket.beneficiary, ticket.holder) for ticket in order.tickets.order_by("pk")]
    assert found == [(alice, "Alice Martin"), (bob, "Bob Miller"), (None, "Carol")]


def test_the_printed_name_is_apart_from_whom_it_is_for(pos, alice, bob, offer, visitor):
    link = linked(alice, pos)
    to_checkout(visitor, offer, 1)
    (slot,) = slots_in_order(visitor)
    typed = {f"{slot}-person": link.pk, f"{slot}-first_name": "Bobby", f"{slot}-last_name": "M."}
    visitor.submit(visitor.page.form("^buyer-first_name$"), typed)
    visitor.place()
    ticket = Ticket.objects.get()
    assert (ticket.beneficiary, ticket.holder, ticket.order.buyer) == (bob, "Bobby M.", alice)


def test_only_ones_own_people_can_be_chosen(pos, alice, offer, visitor):
    theirs = linked(make_visitor(pos, "Carol", "Ray"), pos)
    over = linked(alice, pos)
    links.remove(over, by=None, now=timezone.now())
    none = linked(alice, pos, ("Dan", "Ray", "dan@example.org"))
    ContactLink.objects.filter(pk=none.pk).update(permission_parent="none")
    to_checkout(visitor, offer, 1)
    (slot,) = slots_in_order(visitor)
    for number in (theirs.pk, over.pk, none.pk, 10**20, "x"):
        page = visitor.submit(visitor.page.form("^buyer-first_name$"), {f"{slot}-person": number})
        assert page.url == "/theatre/checkout/"
        assert "There is a problem" in page.text
    cart = make_cart({offer: 1}, user=alice.user, holders=for_whom(theirs))
    assert place(cart, user=alice.user).tickets.get().beneficiary is None, "nor past the page"


@pytest.mark.parametrize("why", ["a guest", "switched off"])
def test_without_friends_and_family_no_person_can_be_chosen(pos, alice, offer, visitor, why):
    linked(alice, pos)
    if why == "a guest":
        visitor = TestClientVisitor()
    else:
        PointOfSale.objects.update(friends_family_enabled=False)
    assert to_checkout(visitor, offer, 1) == []
    assert "Bob" not in visitor.page.text


@pytest.mark.scenario("FF-30")
def test_person_with_a_pending_link_can_be_chosen_for_a_ticket(pos, alice, offer):
    pos.organiser.link_consent_required = True
    link = linked(alice, pos)
    assert [person.label for person in people.of(alice, pos)][1:] == ["Bob Miller"]
    order = order_for(alice, {offer: 1}, link)
    assert (order.tickets.get().holder, order.tickets.get().beneficiary) == ("Bob Miller", link.child)


def test_the_buyer_is_offered_names_and_birth_dates_they_wrote_themselves(pos, alice, bob):
    """The proposal of a tariff must not reveal the age of a person who never told it to the buyer."""
    Contact.objects.filter(pk=bob.pk).update(birth_date=date(1950, 1, 1), first_name="Robert")
    Contact.objects.filter(pk=alice.pk).update(birth_date=date(1980, 1, 1))
    link = linked(alice, pos, ("Robert", "Miller", BOB[2]))
    links.change_permission(link, "manage", by=None, now=timezone.now())
    linked(alice, pos, CHILD)
    alice.refresh_from_db()
    known = {person.first_name: person.birth_date for person in people.of(alice, pos)}
    assert known == {"Alice": date(1980, 1, 1), "Robert": None, "Tim": date(2018, 5, 1)}


@pytest.mark.scenario("FF-07")
def test_ending_a_link_changes_neither_whom_a_ticket_is_for_nor_its_name(pos, alice, bob, offer):
    link = linked(alice, pos)
    season_pass = SeasonPassFactory(pos=pos)
    order = order_for(alice, {offer: 1, season_pass: 1}, link, link)
    before = list(Ticket.objects.values()), list(IssuedPass.objects.values())
    assert [row["beneficiary_id"] for rows in before for row in rows] == [bob.pk, bob.pk]
    links.remove(link, by=None, now=timezone.now())
    linked(alice, pos)
    links.decline(links.of_parent(alice).get(), by=None, now=timezone.now())
    assert (list(Ticket.objects.values()), list(IssuedPass.objects.values())) == before
    assert order.buyer == alice


def test_a_link_that_ended_since_it_was_chosen_gives_a_ticket_with_the_name_alone(pos, alice, bob, offer):
    link = linked(alice, pos)
    cart = make_cart({offer: 1}, user=alice.user, holders=for_whom(link))
    links.decline(link, by=None, now=timezone.now())
    ticket = place(cart, user=alice.user).tickets.get()
    assert (ticket.beneficiary, ticket.holder) == (None, "Bob Miller")


# --- who sees it -------------------------------------------------------------------------------------------------


def account_of(contact: Contact, page="orders/") -> str:
    browser = TestClientVisitor()
    browser.client.force_login(contact.user)
    return browser.open(f"/theatre/account/{page}").source


def test_a_ticket_appears_in_the_account_of_whom_it_is_for_without_price_and_order(pos, alice, bob, offer):
    link = linked(alice, pos)
    order = order_for(alice, {offer: 2}, link, "Carol Stranger")
    title = order.lines.get().title
    assert title not in account_of(make_visitor(pos, "Dan", "Ray"))
    for page in ("orders/", ""):
        source = account_of(bob, page)
        assert title in source
        assert "Bob Miller" in source
        for unsaid in ("35.00", "70.00", order.reference, order.secret, "Carol", "Alice"):
            assert unsaid not in source, unsaid
    assert list(access.tickets_of(alice.user, pos)) == [order.tickets.get(beneficiary=None)]


@pytest.mark.scenario("FF-31")
@pytest.mark.parametrize("how", [links.decline, links.not_me])
def test_not_any_more_after_they_declined_and_the_order_stays_the_buyers(pos, alice, bob, offer, how):
    link = linked(alice, pos)
    season_pass = SeasonPassFactory(pos=pos)
    order = order_for(alice, {offer: 1, season_pass: 1}, link, link)
    assert access.tickets_of(bob.user, pos).exists()
    assert access.passes_of(bob.user, pos).exists()
    how(link, by=bob.user, now=timezone.now())
    assert not access.tickets_of(bob.user, pos).exists()
    assert not access.passes_of(bob.user, pos).exists()
    assert order.lines.first().title not in account_of(bob)
    assert order.reference in account_of(alice)
    order.refresh_from_db()
    assert (order.state, order.buyer) == ("paid", alice)


def test_a_removal_by_the_buyer_takes_no_ticket_away(pos, alice, bob, offer):
    link = linked(alice, pos)
    order_for(alice, {offer: 1}, link)
    links.remove(link, by=alice.user, now=timezone.now())
    assert access.tickets_of(bob.user, pos).exists()


@pytest.mark.scenario("FF-30")
def test_person_with_an_unanswered_link_sees_their_tickets(pos, alice, bob, offer):
    pos.organiser.link_consent_required = True
    order_for(alice, {offer: 1}, linked(alice, pos))
    assert access.tickets_of(bob.user, pos).exists()


# --- a person's maximum ------------------------------------------------------------------------------------------


@pytest.fixture
def one_each(offer):
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    return offer


def test_a_maximum_counts_whom_a_ticket_is_for(pos, alice, bob, one_each):
    link = linked(alice, pos)
    order_for(alice, {one_each: 2}, "me", link)
    assert refusal(alice, {one_each: 1}, "me")
    assert refusal(alice, {one_each: 1}, "Carol")
    assert refusal(alice, {one_each: 1}, link)
    assert refusal(bob, {one_each: 1})
    carol = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    order_for(alice, {one_each: 1}, carol)


def test_a_maximum_for_passes_counts_whom_they_are_for(pos, alice, bob):
    season_pass = SeasonPassFactory(pos=pos, max_per_person=1)
    link = linked(alice, pos)
    order_for(alice, {season_pass: 2}, "me", link)
    assert refusal(bob, {season_pass: 1})


def test_refusal_does_not_reveal_what_another_person_has(pos, alice, bob, one_each):
    link = linked(alice, pos)
    order_for(bob, {one_each: 1})
    (words,) = refusal(alice, {one_each: 1}, link)
    assert words == (
        "“Adult”: at most 1 per person, also for somebody you choose. Choose another person or lower the number to go on."
    )
    (words,) = refusal(alice, {one_each: 2}, link, link)
    assert "ordered before" not in words


@pytest.mark.scenario("FF-30")
@pytest.mark.scenario("FF-40")
@pytest.mark.parametrize("has_one", [True, False])
def test_refusal_reveals_nothing_about_a_person_with_a_pending_link(pos, alice, bob, one_each, has_one):
    """Else putting a stranger on a ticket would tell whether they have one."""
    pos.friends_family_mode = "discreet"
    if has_one:
        order_for(bob, {one_each: 1})
    link = linked(alice, pos)
    order_for(alice, {one_each: 1}, link)
    assert refusal(alice, {one_each: 1}, link), "what the buyer ordered for them counts"


# --- recipients of mails --------------------------------------------------------------------


def test_a_linked_person_is_mailed_their_tickets_and_nothing_else(pos, alice, bob, offer, mailoutbox):
    link = linked(alice, pos)
    carol = linked(alice, pos, ("Carol", "Ray", "carol@example.org"))
    season_pass = SeasonPassFactory(pos=pos)
    mark_sent()
    order = order_for(alice, {offer: 3, season_pass: 1}, "me", link, carol, link)
    letters = deliver(mailoutbox)
    assert titles(letters) == [
        ("alice@example.org", False), (BOB[2], True), ("carol@example.org", True),
    ]  # fmt: skip
    (letter,) = [one for one in letters if one.to == [BOB[2]]]
    assert letter.subject == "Alice Martin has tickets for you – The Theatre"
    ((name, pdf, _kind),) = letter.attachments
    theirs = [order.tickets.get(beneficiary=bob), order.passes.get()]
    others = order.tickets.exclude(beneficiary=bob)
    pages = text_of_pdf(pdf)
    assert len(pages) == 2
    printed = re.sub(r"\s", "", "".join(pages))
    texts = [
        letter.subject,
        letter.body,
        letter.alternatives[0][0],
        name,
        "".join(pages),
        str(PdfReader(io.BytesIO(pdf)).metadata),
    ]
    for ticket in theirs:
        assert ticket.code in printed
    for ticket in others:
        assert ticket.code not in printed
    secrets = [
        "35.00",
        "120.00",
        "225.00",
        order.reference,
        order.secret,
        order_url(order),
        "Carol",
        alice.email,
    ]
    for text in texts:
        for secret in secrets:
            assert secret not in text, secret
        assert not re.search(r"\bCHF\b", text)  # a ticket's code may contain these letters
    assert "Bob Miller" in letter.body
    everything = [one for one in letters if one.to == [alice.email]][-1]
    assert order.reference in everything.body, "the buyer has all of it"


@pytest.mark.parametrize("status", ["pending", "declined", "ended"])
def test_person_without_an_active_link_gets_no_mail(pos, alice, bob, offer, mailoutbox, status):
    link = linked(alice, pos)
    mark_sent()
    order = order_for(alice, {offer: 1}, link, paid=False)
    ContactLink.objects.filter(pk=link.pk).update(status=status, ended_at=timezone.now())
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    assert {letter.to[0] for letter in deliver(mailoutbox)} == {alice.email}


def test_who_leaves_before_the_mail_does_is_not_mailed(pos, alice, bob, offer, mailoutbox):
    link = linked(alice, pos)
    mark_sent()
    order_for(alice, {offer: 1}, link)
    assert Mail.objects.filter(kind="ticket_for_you", recipient=BOB[2]).exists()
    links.decline(link, by=bob.user, now=timezone.now())
    assert {letter.to[0] for letter in deliver(mailoutbox)} == {alice.email}


def test_the_mail_goes_once_when_money_has_come_and_in_the_persons_language(
    pos, alice, bob, offer, mailoutbox
):
    Contact.objects.filter(pk=bob.pk).update(language="fr")
    link = linked(alice, pos)
    mark_sent()
    order = order_for(alice, {offer: 1}, link, paid=False)
    assert {letter.to[0] for letter in deliver(mailoutbox)} == {alice.email}
    payment = order.payments.get()
    for _time in range(2):
        payments.confirm(payment, by=None, now=timezone.now())
    (letter,) = [one for one in deliver(mailoutbox) if one.to == [BOB[2]]]
    assert '<html lang="fr"' in letter.alternatives[0][0]
    assert "has tickets for you" not in letter.subject


@pytest.mark.scenario("FF-25")
def test_a_child_without_an_address_the_managing_parent_is_mailed(pos, alice, offer, mailoutbox):
    child = linked(alice, pos, CHILD)
    order_for(alice, {offer: 1}, child)
    assert titles(deliver(mailoutbox)) == [("alice@example.org", False)], "the buyer has the tickets anyway"
    aunt = make_visitor(pos, "Ann", "Ray", email="ann@example.org")
    hers = staff_links.add(parent=aunt, child=child.child, link_type=child.type, by=None, now=timezone.now())
    order = order_for(aunt, {offer: 2}, hers, "me")
    letters = deliver(mailoutbox)
    (letter,) = [one for one in letters if one.to == [alice.email]]
    # For whom and when; the codes are the buyer's.
    assert letter.subject == "Tickets for Tim Martin – The Theatre"
    assert letter.attachments == []
    assert child.child.full_name in letter.body
    assert order.tickets.get(beneficiary=child.child).session.event.title in letter.body
    assert not [ticket.code for ticket in order.tickets.all() if ticket.code in letter.body]
    assert order.reference not in letter.body


@pytest.mark.scenario("FF-25")
def test_no_mail_is_sent_for_a_child_without_a_managing_parent(pos, alice, offer, mailoutbox):
    child = ContactFactory(organiser=pos.organiser, email=None)
    kind = linked(alice, pos).type
    link = staff_links.add(parent=alice, child=child, link_type=kind, by=None, now=timezone.now())
    mark_sent()
    order_for(alice, {offer: 1}, link)
    assert {letter.to[0] for letter in deliver(mailoutbox)} == {alice.email}


@pytest.mark.scenario("FF-32")
def test_an_address_that_said_this_is_not_me_gets_no_ticket_either(pos, alice, offer, mailoutbox):
    links.not_me(linked(alice, pos), by=None, now=timezone.now())
    mark_sent()
    again = linked(alice, pos, now=timezone.now() + timedelta(days=2))
    assert again.status == "pending"
    order_for(alice, {offer: 1}, again)
    assert {letter.to[0] for letter in deliver(mailoutbox)} == {alice.email}
    assert add(alice, pos).code == adding.ALREADY
