"""Rows of others that mention a person: a cart with a ticket for them, a mail to a parent about a child."""

import pytest
from django.utils import timezone

from contacts.linking import adding
from contacts.models import ContactLink
from privacy.erasure import erasing
from privacy.plan import planning
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import make_cart, make_order, place
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.scanner import Needles, Token, scan_database
from ticketshop.lib.values.money import ZERO
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import contents, mentions
from ticketshop.sales.models import Cart, Ticket

pytestmark = pytest.mark.django_db
TYPED = {"first_name": "Zqvera", "last_name": "Zqtyped"}
SOUGHT = Needles([Token("first", "Zqvera"), Token("last", "Zqtyped"), Token("answer", "zqhazelnuts")])


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def alice(pos):
    return make_visitor(pos, "Alice", "Martin", email="alice@example.org")


def cart_for(alice, link, pos, offer=None) -> Cart:
    """Alice's cart: a ticket for the person of ``link``, with a draft of an answer, and one for Bob, whom she typed."""
    bob = {"first_name": "Bob", "last_name": "Typed"}
    holders = [{**TYPED, "person": str(link.pk)}, bob]
    cart = make_cart({offer or OfferFactory(pos=pos): 2}, user=alice.user, holders=holders)
    theirs, his = cart.details["holders"]
    cart.details["answers"] = {
        theirs: {"k": ["zqhazelnuts"]},
        f"{theirs}+": {"k": ["zqhazelnuts"]},
        his: {"k": ["nuts"]},
    }
    cart.save(update_fields=["details"])
    return cart


@pytest.mark.scenario("S35")
def test_cart_of_another_person_does_not_mention_the_erased_one(alice, pos):
    vera = linked(alice, pos, ("Vera", "Zweig", "vera@zweig.example"))
    cart = cart_for(alice, vera, pos)
    other = cart_for(alice, linked(alice, pos, ("Carl", "Other", "carl@other.example")), pos)
    assert {hit.row for hit in scan_database(SOUGHT)} == {str(cart.pk), str(other.pk)}
    assert [
        part.rows for part in planning.plan(vera.child, now=timezone.now()).erased if part.model is Cart
    ] == [1]
    assert erasing.erase(vera.child, by=None, now=timezone.now()).state == "closed"
    assert {hit.row for hit in scan_database(SOUGHT)} == {str(other.pk)}, (
        "only the one in which she was chosen"
    )
    cart.refresh_from_db()
    (his,) = cart.details["holders"]
    assert cart.details["holders"][his]["first_name"] == "Bob" and list(cart.details["answers"]) == [his]
    assert not cart.details_complete, "whom the ticket is for is asked anew"
    assert contents.read(cart).admissions == 2


@pytest.mark.scenario("S35")
def test_new_ticket_of_another_person_has_no_name_of_the_erased_one(alice, pos):
    vera = linked(alice, pos, ("Vera", "Zweig", "vera@zweig.example"))
    offer = OfferFactory(pos=pos, tariff__price=ZERO)
    cart = cart_for(alice, vera, pos, offer)
    erasing.erase(vera.child, by=None, now=timezone.now())
    cart.refresh_from_db()
    cart.details_complete = True
    cart.save(update_fields=["details_complete"])
    place(cart, user=alice.user)
    assert sorted(Ticket.objects.values_list("holder_first_name", flat=True)) == ["", "Bob"]


def test_search_for_mentions_reads_no_cart_for_a_person_without_links(alice, pos, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert not mentions.rows(alice.pk).exists()


@pytest.mark.scenario("S22")
def test_no_mail_to_a_parent_tells_two_orders_of_a_child_from_those_of_others(alice, pos):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    link = linked(alice, pos, adding.Person("Tim", "Martin", no_email=True))
    manages = ContactLink.objects.get(pk=link.pk)
    ContactLink.objects.create(
        **{
            name: getattr(manages, name)
            for name in ("organiser", "child", "type", "status", "permission_parent", "origin", "started_at")
        },
        parent=ann,
    )
    for _number in range(2):
        holders = [{"first_name": "Tim", "last_name": "Martin", "person": str(link.pk)}]
        make_order({OfferFactory(pos=pos): 1}, user=alice.user, holders=holders, paid=True)
    told = Mail.objects.filter(kind="ticket_for_child")
    assert [mail.subject_uuid for mail in told] == [ann.subject_uuid] * 2
    assert {mail.about["contact"] for mail in told} == {link.child_id}
    orders = {mail.about["order"] for mail in told}
    told.filter(pk=told.first().pk).update(state="sent")
    erasing.erase(link.child, by=None, now=timezone.now())
    told = told.all()
    assert {mail.about.get("contact") for mail in told} == {None} and {mail.once for mail in told} == {None}
    assert {mail.about["order"] for mail in told} == orders and {mail.recipient for mail in told} == {
        "ann@example.org"
    }
    assert sorted(told.values_list("state", flat=True)) == ["cancelled", "sent"], (
        "nothing is told of who is gone"
    )
