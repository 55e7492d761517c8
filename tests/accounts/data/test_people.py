"""Several people with one mailbox: page, copy and request are only about those chosen by name."""

import io
import json
import re
import zipfile

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.friends import make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db
MAILBOX = "weber@example.org"
ACCOUNT, GUEST = "/theatre/account/data/", "/theatre/data/mine/"


def guest_order(pos, first_name, last_name="Weber", email=MAILBOX):
    typed = {"first_name": first_name, "last_name": last_name, "email": email}
    order = make_order({OfferFactory(pos=pos): 1}, buyer=typed, paid=True)
    Mail.objects.update(state="sent")  # its mails, which take long, are not the point here
    return order


@pytest.fixture
def kurt(pos):
    return make_visitor(pos, "Kurt", "Weber", email=MAILBOX)


@pytest.fixture
def his(kurt):
    visitor = TestClientVisitor()
    visitor.client.force_login(kurt.user)
    return visitor


def by_link(pos, post, address=MAILBOX):
    """A browser without a log-in that has opened the mailed link."""
    visitor = TestClientVisitor()
    visitor.open("/theatre/data/")
    visitor.fill("^email$", {"email": address})
    visitor.open(re.search(r"http://testserver(/theatre/data/open/\S+)", post()[-1].body)[1])
    visitor.submit(next(form for form in visitor.page.forms if form.action == "" and form.method == "post"))
    assert visitor.page.url == GUEST
    return visitor


def copied(visitor, url) -> str:
    """Return the data in a copy."""
    page = visitor.send("GET", url)
    if page.status == 302:
        visitor.open(page.headers["Location"])
        page = visitor.fill("^password$", {"password": PASSWORD})
    assert page.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(page.body)) as archive:
        return json.dumps(json.loads(archive.read("data.json")))


def choose(visitor, *people):
    """Tick only these people in the list of names."""
    form = next(form for form in visitor.page.forms if form.method == "get" and "person" in form.names)
    return visitor.submit(form, {"person": [str(one.pk) for one in people]})


def ask(visitor):
    """Ask for the erasure, and open the page of the data."""
    page = request_erasure(visitor)
    return visitor.open(page.headers["Location"])


def request_erasure(visitor):
    """Ask for the erasure without opening the page of the data afterwards."""
    form = visitor.page.form("^shown$")
    typed = {"password": PASSWORD} if "password" in form.names else {}
    visitor.page = visitor.send("POST", visitor.page.url, form.filled(typed))
    return visitor.page


def requested() -> set[Contact]:
    return {one.contact for one in Erasure.objects.all()}


# --- with a log-in ----------------------------------------------------------------------------------------------


@pytest.mark.scenario("S12", "S13")
def test_guest_orders_of_the_same_name_are_in_page_copy_and_request(pos, kurt, his, post):
    order, later = guest_order(pos, "kurt"), guest_order(pos, "Kurt Emil")
    other_address = guest_order(pos, "Kurt", email="other@example.org")
    elsewhere = guest_order(PointOfSaleFactory(slug="festival"), "Kurt")
    make_staff(pos.organiser, "owner")
    page = his.open(ACCOUNT)
    delete = page.link("Delete my data")
    data = copied(his, page.link("Download a copy"))
    for shown in (page.source, data):
        assert order.reference in shown and later.reference in shown
        assert other_address.reference not in shown and elsewhere.reference not in shown

    his.open(delete)
    page = ask(his)
    assert "We have sent you an e-mail" in page.messages[0]
    expected = {kurt, order.buyer, later.buyer}
    assert requested() == expected
    letters = [letter for letter in post() if "/data/confirm/" in letter.body]
    assert len(letters) == 1, "one link confirms all"
    anybody = TestClientVisitor()
    anybody.open(re.search(r"http://testserver(/theatre/data/confirm/\S+)", letters[0].body)[1])
    page = anybody.submit(next(form for form in anybody.page.forms if form.action == ""))
    assert set(Erasure.objects.values_list("state", flat=True)) == {"confirmed"}
    for erasure in Erasure.objects.all():
        assert erasure.receipt in page.text
        erasing.run(erasure, now=timezone.now())
    assert not Contact.objects.known().filter(pk__in=[one.pk for one in expected]).exists()


@pytest.mark.scenario("S12", "S13")
def test_contact_of_another_name_is_listed_by_name_only_until_chosen(pos, kurt, his):
    rita, tim = (
        guest_order(pos, "Rita"),
        ContactFactory(organiser=pos.organiser, first_name="Tim", last_name="Weber", email=MAILBOX),
    )
    page = his.open(ACCOUNT)
    assert "Rita Weber" in page.text and "Tim Weber" in page.text
    assert rita.reference not in page.source
    assert rita.reference not in copied(his, page.link("Download a copy"))
    his.open(page.link("Delete my data"))
    assert "Rita" not in his.page.source.split("<h2")[1]
    request_erasure(his)
    assert requested() == {kurt}
    assert tim not in requested()


@pytest.mark.scenario("S12", "S13")
def test_chosen_contact_is_in_page_copy_and_request(pos, kurt, his, post):
    rita, tim = (
        guest_order(pos, "Rita"),
        ContactFactory(organiser=pos.organiser, first_name="Tim", last_name="Weber", email=MAILBOX),
    )
    his.open(ACCOUNT)
    page = choose(his, kurt, rita.buyer)
    assert rita.reference in page.source
    assert rita.reference in copied(his, page.link("Download a copy"))
    page = his.open(page.link("Delete my data"))
    assert re.search("Kurt Weber ?, Rita Weber", page.text)
    request_erasure(his)
    assert requested() == {kurt, rita.buyer}

    # The link confirms both requests, except for a contact that has another e-mail address meanwhile.
    contacts.change(rita.buyer, {"email": "rita@example.org"}, by=None, now=timezone.now())
    link = re.search(r"http://testserver(/theatre/data/confirm/\S+)", post()[-1].body)[1]
    his.open(link)
    his.submit(next(form for form in his.page.forms if form.action == "" and form.method == "post"))
    assert {(one.contact, one.state) for one in Erasure.objects.all()} == {(kurt, "confirmed")}
    assert tim not in requested()


def test_erasure_of_another_contact_can_be_requested_later(pos, kurt, his, post):
    rita = guest_order(pos, "Rita").buyer
    his.open(f"{ACCOUNT}delete/")
    ask(his)
    choose(his, kurt, rita)
    assert "Open the link in the e-mail" in his.page.text
    his.open(his.page.link("Delete my data"))
    choose(his, rita)
    request_erasure(his)
    assert requested() == {kurt, rita}
    links = [re.search(r"(/theatre/data/confirm/\S+)", letter.body) for letter in post()]
    for link in filter(None, links):
        his.open(link[1])
        his.submit(next(form for form in his.page.forms if form.action == "" and form.method == "post"))
    assert Erasure.objects.filter(state="confirmed").count() == 2


def test_contact_renamed_after_the_preview_is_shown_again(pos, kurt, his):
    rita = guest_order(pos, "Rita").buyer
    his.open(f"{ACCOUNT}delete/")
    choose(his, rita)
    contacts.change(rita, {"first_name": "Tim"}, by=None, now=timezone.now())
    assert "Something has changed meanwhile" in request_erasure(his).text
    assert requested() == set()
    assert "Tim Weber" in his.page.text
    request_erasure(his)
    assert requested() == {rita}


def test_unproved_address_covers_no_other_contact(pos, kurt):
    order = guest_order(pos, "Kurt", email="new@example.org")
    user = UserFactory(email="new@example.org")
    user.emailaddress_set.update(verified=False)
    visitor = TestClientVisitor()
    visitor.client.force_login(user)
    page = visitor.open(ACCOUNT)
    assert order.reference not in page.source and "Kurt Weber" not in page.text
    user.emailaddress_set.update(verified=True)
    page = visitor.open(ACCOUNT)
    assert order.reference in page.source and "Kurt Weber" in page.text


def test_account_without_a_name_covers_guest_orders_of_one_name(pos):
    order = guest_order(pos, "Gus")
    visitor = TestClientVisitor()
    visitor.client.force_login(UserFactory(email=MAILBOX))
    assert order.reference in visitor.open(ACCOUNT).source
    other = guest_order(pos, "Gina")
    page = visitor.open(ACCOUNT)
    assert order.reference not in page.source and other.reference not in page.source
    assert "Gus Weber" in page.text and "Gina Weber" in page.text


@pytest.mark.parametrize("typed", ["0", "x", "\x00", "9" * 40, "other"])
def test_contact_outside_the_mailbox_can_not_be_chosen(pos, kurt, his, typed):
    other = guest_order(pos, "Kurt", email="other@example.org")
    number = str(other.buyer_id) if typed == "other" else typed
    if typed in {"other", "\x00"}:
        page = his.open(f"{ACCOUNT}?person={number}")
        assert page.status == 200 and other.reference not in page.source
    assert his.open(f"{ACCOUNT}delete/?person={number}").status == 200
    request_erasure(his)
    assert requested() == {kurt}


# --- by the mailed link -----------------------------------------------------------------------------------------


@pytest.mark.scenario("S13")
def test_mailed_link_requests_no_erasure_before_a_choice_by_name(pos, post):
    gus, gina = guest_order(pos, "Gus"), guest_order(pos, "Gina")
    visitor = by_link(pos, post)
    assert gus.reference in visitor.page.source and gina.reference in visitor.page.source
    page = visitor.open(visitor.page.link("Delete my data"))
    assert "Gus Weber" in page.text and "Gina Weber" in page.text
    assert "Ask to be forgotten" not in page.text
    visitor.fill("^person$", {"person": []})
    assert "Ask to be forgotten" not in visitor.page.text
    page = choose(visitor, gus.buyer)
    page = ask(visitor)
    assert "We have your request" in page.messages[0]
    assert requested() == {gus.buyer}
    copy = copied(visitor, page.link("Download a copy"))
    assert gus.reference in copy and gina.reference not in copy


@pytest.mark.scenario("S13")
def test_mailed_link_needs_no_choice_for_orders_of_one_name(pos, post):
    guest_order(pos, "Gus"), guest_order(pos, "GUS")
    visitor = by_link(pos, post)
    assert "Whose data?" not in visitor.page.text
    visitor.open(visitor.page.link("Delete my data"))
    request_erasure(visitor)
    assert len(requested()) == 1


@pytest.mark.scenario("S13")
def test_contact_is_covered_by_the_address_of_its_log_in(pos, kurt, post):
    contacts.change(kurt, {"email": "office@example.org"}, by=kurt.user, now=timezone.now())
    order = make_order({OfferFactory(pos=pos): 1}, user=kurt.user, paid=True)
    Mail.objects.update(state="sent")
    visitor = by_link(pos, post)
    assert order.reference in visitor.page.source


def test_page_takes_the_same_queries_for_two_and_three_people(pos, kurt, his):
    def queries() -> int:
        his.open(ACCOUNT)
        with CaptureQueriesContext(connection) as seen:
            his.open(ACCOUNT)
        return len(seen)

    guest_order(pos, "Rita")
    few = queries()
    guest_order(pos, "Tim")
    assert queries() == few
