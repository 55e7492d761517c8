"""Orders from before the account: found by the owner of the mailbox, and merged by name, never by the address alone."""

from datetime import date
from functools import partial

import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone

from accounts.links import earlier_orders
from contacts import contacts, locking, merging
from contacts.models import Contact
from tests.at_once import at_once, meet
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.friends import make_visitor
from tests.lock_waits import blocked_by
from tests.visitor import TestClientVisitor

from ..pages import browser_of

ACCOUNT = "/theatre/account/"
FOUND = "We found 3 earlier orders with this address."
ADA = {"first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.org"}
CHARLES = {"first_name": "Charles", "last_name": "Babbage", "email": "ada@example.org"}


@pytest.fixture
def orders(pos):
    """Three orders of guests with one address: two of Ada, one of Charles who shares her mailbox."""
    offer = OfferFactory(pos=pos)
    guests = [ADA | {"email": "Ada@example.org"}, ADA | {"email": "ada@EXAMPLE.org"}, CHARLES]
    return [make_order({offer: 1}, buyer=guest) for guest in guests]


def buyers_of(orders) -> list[str]:
    for order in orders:
        order.refresh_from_db()
    return [order.buyer.full_name for order in orders]


# --- one button, for the visitor's own name -----------------------------------------------------------------


@pytest.mark.django_db
def test_button_merges_orders_of_the_own_name_only(pos, orders, visitor):
    ada = make_visitor(pos, "Ada", "Lovelace", email="ada@example.org")
    visitor.client.force_login(ada.user)
    assert FOUND in visitor.open(ACCOUNT).text
    page = visitor.open(f"{ACCOUNT}orders/")
    assert FOUND in page.text
    assert "In the name of Ada Lovelace: 2 orders." in page.text
    assert not any(order.reference in page.text for order in orders), "nothing is joined unasked"
    page = visitor.submit(page.form("orders/join/$"))
    assert page.messages == ["2 earlier orders are now here."]
    assert [order.reference in page.text for order in orders] == [True, True, False]
    assert buyers_of(orders) == ["Ada Lovelace", "Ada Lovelace", "Charles Babbage"]
    assert "Charles Babbage" in page.text, "listed by name"
    assert "We found 1 earlier order with this address." in page.text
    assert Contact.objects.get(first_name="Charles").user is None


@pytest.mark.django_db
def test_visitor_without_a_name_gets_the_orders_if_they_have_one_name(pos, orders, visitor):
    orders[2].buyer.orders.update(buyer=orders[0].buyer)
    visitor.client.force_login(UserFactory(email="ada@example.org"))
    page = visitor.open(ACCOUNT)
    assert "In the name of Ada Lovelace: 3 orders." in page.text
    page = visitor.submit(page.form("orders/join/$"))
    assert page.messages == ["3 earlier orders are now here."]
    me = Contact.objects.get(user__email="ada@example.org")
    assert (me.full_name, me.orders.count()) == ("Ada Lovelace", 3)


@pytest.mark.django_db
def test_visitor_without_a_name_chooses_among_several_names(pos, orders, visitor):
    visitor.client.force_login(UserFactory(email="ada@example.org"))
    page = visitor.open(ACCOUNT)
    assert FOUND in page.text
    assert "Which of them are you?" in page.text
    assert not [form for form in page.forms if form.action.endswith("orders/join/")]
    charles = orders[2].buyer
    page = visitor.submit(page.form(rf"orders/join/{charles.pk}/$"))
    assert page.messages[0] == "1 earlier order is now here."
    assert Contact.objects.get(user__email="ada@example.org").full_name == "Charles Babbage"
    assert buyers_of(orders) == ["Ada Lovelace", "Ada Lovelace", "Charles Babbage"]
    assert Contact.objects.filter(first_name="Ada", user=None).exists()


@pytest.mark.django_db
def test_unproved_mailbox_finds_no_earlier_orders(pos, orders, visitor):
    user = UserFactory(email="ada@example.org")
    EmailAddress.objects.update(verified=False)
    visitor.client.force_login(user)
    assert "We found" not in visitor.open(ACCOUNT).text
    charles = orders[2].buyer
    token = visitor.page.form("logout").values["csrfmiddlewaretoken"]
    for name in ("", f"{charles.pk}/"):
        visitor.send("POST", f"{ACCOUNT}orders/join/{name}", {"csrfmiddlewaretoken": token, "shown": "x"})
    assert visitor.open(f"{ACCOUNT}orders/join/{charles.pk}/").status == 404
    assert Contact.objects.filter(user=None, orders__isnull=False).distinct().count() == 2
    EmailAddress.objects.update(verified=True)
    assert FOUND in visitor.open(ACCOUNT).text


@pytest.mark.django_db
def test_orders_of_other_addresses_organisers_and_log_ins_are_not_merged(pos, orders):
    ada = make_visitor(pos, "Ada", "Lovelace", email="ada@example.org")
    offer = OfferFactory(pos=pos)
    other_address = make_order({offer: 1}, buyer=ADA | {"email": "ada+x@example.org"})
    elsewhere = make_order(buyer=dict(ADA))
    child = ContactFactory(organiser=pos.organiser, first_name="Byron", email="ada@example.org")
    claimed = ContactFactory(organiser=pos.organiser, user=UserFactory(), **ADA)
    theirs = make_order({offer: 1}, user=claimed.user)

    assert earlier_orders.join(ada.user, pos.organiser, language="en", now=timezone.now()) == 2
    for order in (other_address, elsewhere, theirs):
        before = order.buyer
        order.refresh_from_db()
        assert order.buyer == before
    assert Contact.objects.filter(pk=child.pk).exists()
    left = earlier_orders.find(ada.user, ada)
    assert [(one.contact.first_name, one.orders, one.mine) for one in left.contacts] == [
        ("Charles", 1, False),
        ("Byron", 0, False),
    ]


@pytest.mark.django_db
def test_child_entered_under_the_address_of_a_parent_is_not_merged_by_default(pos, visitor):
    """Also if the parent has no name here yet: a contact entered by staff does not count as the parent."""
    ContactFactory(
        organiser=pos.organiser, first_name="Tim", birth_date=date(2016, 5, 1), email="ada@example.org"
    )
    visitor.client.force_login(UserFactory(email="ada@example.org"))
    page = visitor.open(ACCOUNT)
    assert "Tim" in page.text
    assert not [form for form in page.forms if form.action.endswith("orders/join/")]


@pytest.mark.django_db
def test_get_request_merges_nothing(pos, orders, visitor):
    visitor.client.force_login(UserFactory(email="ada@example.org"))
    assert visitor.open(f"{ACCOUNT}orders/join/").status == 405
    assert visitor.open(f"{ACCOUNT}orders/join/{orders[2].buyer_id}/").status == 200
    assert FOUND in visitor.open(ACCOUNT).text
    assert TestClientVisitor().open(f"{ACCOUNT}orders/join/").url.startswith("/accounts/login/")


# --- this is me too ---------------------------------------------------------------------------------------------


@pytest.fixture
def ada(pos):
    ada = make_visitor(pos, "Ada", "Lovelace", email="ada@example.org")
    contacts.change(ada, {"street": "Rue A 1"}, by=ada.user, now=timezone.now())
    return ada


@pytest.fixture
def married(pos, ada):
    """Ada's contact from before her marriage, with another name and postal address, and one order."""
    order = make_order({OfferFactory(pos=pos): 1}, buyer=ADA | {"last_name": "Byron"})
    place = {"street": "Chemin B 2", "postcode": "1200", "city": "Genève", "phone": "+41791234567"}
    contacts.change(order.buyer, place, by=None, now=timezone.now())
    return order.buyer


@pytest.mark.django_db
def test_contact_of_another_name_is_merged_after_both_names_were_shown(pos, ada, married):
    hers = browser_of(ada)
    page = hers.open(f"{ACCOUNT}orders/")
    assert "Ada Byron" in page.text
    page = hers.open(page.link("This is me too"))
    assert "Are you Ada Byron too?" in page.text
    assert "Your account is in the name of Ada Lovelace." in page.text
    assert "1 order was placed under this name." in page.text
    for stays in ("Ada Lovelace", "Rue A 1", "+41 79 123 45 67"):
        assert stays in page.text
    assert "Chemin" not in page.text, "a postal address is one of the two, whole"
    assert "Genève" not in page.text
    page = hers.submit(page.form("^shown$"))
    assert page.messages == ["1 earlier order is now here."]
    ada.refresh_from_db()
    assert (ada.full_name, ada.phone) == ("Ada Lovelace", "+41791234567")
    assert (ada.street, ada.postcode, ada.city) == ("Rue A 1", "", "")
    assert not Contact.objects.filter(pk=married.pk).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"last_name": "Bernoulli"}, {"phone": "+41791112233"}])
def test_contact_changed_since_the_page_was_drawn_is_not_merged(pos, ada, married, change):
    hers = browser_of(ada)
    form = hers.open(f"{ACCOUNT}orders/join/{married.pk}/").form("^shown$")
    contacts.change(married, change, by=None, now=timezone.now())
    page = hers.submit(form)
    assert page.messages[0] == "Something has changed meanwhile. Please look again."
    assert Contact.objects.filter(pk=married.pk).exists()
    hers.open(f"{ACCOUNT}orders/join/{married.pk}/")
    assert hers.fill("^shown$").messages == ["1 earlier order is now here."]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "meanwhile", ["joined in another tab", "claimed", "another address", "merged", "erased"]
)
def test_missing_contact_leads_back_with_a_message(pos, ada, married, meanwhile):
    hers = browser_of(ada)
    form = hers.open(f"{ACCOUNT}orders/join/{married.pk}/").form("^shown$")
    now = timezone.now()
    if meanwhile == "joined in another tab":
        other_tab = browser_of(ada)
        other_tab.open(f"{ACCOUNT}orders/join/{married.pk}/")
        other_tab.fill("^shown$")
    elif meanwhile == "claimed":
        Contact.objects.filter(pk=married.pk).update(user=UserFactory())
    elif meanwhile == "another address":
        contacts.change(married, {"email": "byron@example.org"}, by=None, now=now)
    elif meanwhile == "merged":
        merging.merge(ContactFactory(organiser=pos.organiser), married, by=None, now=now)
    else:
        Contact.objects.filter(pk=married.pk).update(erasing_at=now)
    before = ada.orders.count()
    page = hers.submit(form)
    assert (page.url, page.messages[0]) == (
        f"{ACCOUNT}orders/",
        "Something has changed meanwhile. Please look again.",
    )
    assert ada.orders.count() == before


@pytest.mark.django_db
def test_only_contacts_of_the_own_mailbox_can_be_chosen(pos, ada):
    others = [
        ContactFactory(organiser=pos.organiser, email="other@example.org"),
        ContactFactory(email="ada@example.org"),
        ContactFactory(organiser=pos.organiser, email="ada@example.org", user=UserFactory()),
        ContactFactory(organiser=pos.organiser, email="ada@example.org", kind=Contact.Kind.STRUCTURE),
    ]
    hers = browser_of(ada)
    token = hers.open(ACCOUNT).form("logout").values["csrfmiddlewaretoken"]
    for other in others:
        url = f"{ACCOUNT}orders/join/{other.pk}/"
        assert hers.open(url).status == 404
        shown = merging.fingerprint(ada, other)
        hers.send("POST", url, {"csrfmiddlewaretoken": token, "shown": shown})
        assert Contact.objects.filter(pk=other.pk).exists()


@pytest.mark.django_db
def test_post_without_the_fingerprint_merges_nothing(ada, married):
    hers = browser_of(ada)
    token = hers.open(ACCOUNT).form("logout").values["csrfmiddlewaretoken"]
    hers.send("POST", f"{ACCOUNT}orders/join/{married.pk}/", {"csrfmiddlewaretoken": token})
    assert Contact.objects.filter(pk=married.pk).exists()


# --- at once ------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_button_pressed_three_times_at_once_merges_once(monkeypatch):
    find = earlier_orders.find

    def find_then_meet(user, me):
        found = find(user, me)
        meet()
        return found

    monkeypatch.setattr(earlier_orders, "find", find_then_meet)
    pos = PointOfSaleFactory()
    # With a contact: where each press had to create it, they would wait for each other there.
    user = make_visitor(pos, "Ada", "Lovelace", email=ADA["email"]).user
    make_order({OfferFactory(pos=pos): 1}, buyer=dict(ADA))
    press = partial(earlier_orders.join, user, pos.organiser, language="en", now=timezone.now())
    assert sorted(at_once(press, press, press)) == [0, 0, 1]
    assert Contact.objects.get().orders.count() == 1


def renamed_while_joining():
    """Let Ada press the button while staff correct the name of the guest to Charles."""
    pos = PointOfSaleFactory()
    ada = make_visitor(pos, "Ada", "Lovelace", email="ada@example.org")
    guest = make_order({OfferFactory(pos=pos): 1}, buyer=dict(ADA)).buyer
    press = partial(earlier_orders.join, ada.user, pos.organiser, language="en", now=timezone.now())
    names = {"first_name": "Charles", "last_name": "Babbage"}
    with blocked_by(partial(contacts.change, guest, names, by=None, now=timezone.now())) as start:
        pressed = start(press)
    return pressed.result(), Contact.objects.filter(pk=guest.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_names_are_compared_under_the_lock():
    assert renamed_while_joining() == (0, True)


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_a_contact_of_another_name_is_merged(monkeypatch):
    monkeypatch.setattr(locking, "lock_all", lambda ids, needed=(): Contact.objects.in_bulk(set(ids)))
    assert renamed_while_joining() == (1, False)
