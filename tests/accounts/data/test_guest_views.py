"""Personal data without a log-in: the owner of the mailbox sees everything, and other people don't learn which addresses have data."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure, MailboxProof
from privacy.requests import requests
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Ticket

pytestmark = pytest.mark.django_db
ASK, MINE, DELETE, COPY = (
    "/theatre/data/",
    "/theatre/data/mine/",
    "/theatre/data/mine/delete/",
    "/theatre/data/mine/copy/",
)
ADDRESS, ACCOUNT = "gus@mail.example", "/theatre/account/"


def guest_order(pos, name="Gus", email=ADDRESS):
    typed = {"first_name": name, "last_name": "Guest", "email": email}
    return make_order({OfferFactory(pos=pos): 1}, buyer=typed, paid=True)


@pytest.fixture
def three(pos):
    """Three orders with one address, by two names: two contacts."""
    orders = [guest_order(pos), guest_order(pos, "Gus", "GUS@mail.example"), guest_order(pos, "Gina")]
    Mail.objects.filter(state="queued").update(state="sent")
    return orders


@pytest.fixture
def client():
    return Client()


def link_for(client, post, address=ADDRESS) -> str:
    assert client.post(ASK, {"email": address}).status_code == 200
    (letter,) = post()
    assert letter.to == [address]
    return re.search(r"http://testserver(/theatre/data/open/\S+)", letter.body)[1]


def shown_at(client, people=()) -> str:
    page = client.get(DELETE, {"person": list(people)}).content.decode()
    return re.search(r'name="shown" value="([^"]+)"', page)[1]


@pytest.mark.scenario("S13")
def test_mailed_link_opens_the_orders_of_the_address_at_this_organiser_only(client, three, post):
    elsewhere = guest_order(PointOfSaleFactory(slug="festival"))
    Mail.objects.filter(state="queued").update(state="sent")
    assert client.get(MINE)["Location"] == ASK
    link = link_for(client, post)
    assert client.get(link).status_code == 200
    assert MailboxProof.objects.get().opened_at is None, "a look at the link changes nothing"
    assert client.post(link)["Location"] == MINE

    page = client.get(MINE).content.decode()
    for order in three:
        assert order.reference in page
    assert elsewhere.reference not in page
    assert client.get(COPY)["Content-Type"] == "application/zip"
    assert client.get("/festival/data/mine/")["Location"] == "/festival/data/"
    other = Client()
    assert other.get(link).status_code == other.post(link).status_code == 410, "it works once"
    assert other.get(MINE)["Location"] == other.get(COPY)["Location"] == other.get(DELETE)["Location"] == ASK


@pytest.mark.scenario("S13")
def test_deletion_is_requested_for_every_chosen_contact(client, three, post, pos):
    owner = make_staff(pos.organiser, "owner")
    client.post(link_for(client, post))
    people = {order.buyer_id for order in three}
    chosen = {"bearer": "wait", "person": list(people)}
    assert client.post(DELETE, chosen | {"shown": "old"}).status_code == 200
    assert not Erasure.objects.exists(), "what was shown is not what would happen"
    page = client.post(DELETE, chosen | {"shown": shown_at(client, people)}, follow=True).content.decode()
    made = Erasure.objects.filter(state="confirmed", channel="mailbox")
    assert {one.contact_id for one in made} == {order.buyer_id for order in three}
    assert len(made) == 2
    assert all(one.receipt in page for one in made)
    letters = post()
    assert [letter.to for letter in letters] == [[owner.email]] * 2
    assert all("gus" not in (letter.body + letter.subject).lower() for letter in letters)
    assert client.get(DELETE).status_code == 302
    client.post(DELETE, chosen | {"shown": "old"})
    assert Erasure.objects.count() == 2, "asked again it is the same request"

    for one in made:
        erasing.run(one, now=timezone.now())
    assert (
        not Contact.objects.exclude(email=None)
        .filter(pk__in=[o.buyer_id for o in three])
        .exclude(erasing_at=None)
        .filter(erased_at__isnull=False)
    )


@pytest.mark.scenario("S13")
def test_link_of_one_order_does_not_open_the_other_orders(client, three):
    order = three[0]
    page = client.get(f"/theatre/orders/{order.reference}/{order.secret}/").content.decode()
    assert order.reference in page
    assert three[2].reference not in page
    assert client.get(MINE)["Location"] == ASK
    assert not re.search(r"/theatre/data/(open|mine|confirm)/", page), "the page leads to the address alone"


@pytest.mark.scenario("S13")
def test_every_mail_about_an_order_has_a_link_to_the_data_page(pos, post):
    guest_order(pos)
    letters = post()
    assert letters
    for letter in letters:
        assert "http://testserver/theatre/data/\n" in letter.body + "\n"
        assert 'href="http://testserver/theatre/data/"' in letter.alternatives[0][0]
    assert "/theatre/data/about/" in Client().get("/theatre/").content.decode()


@pytest.mark.scenario("S13")
def test_contact_with_a_log_in_of_another_address_is_not_covered(client, three, pos, post):
    user = UserFactory(email="hidden@else.example")
    contact = contacts.for_user(pos.organiser, user, language="en", now=timezone.now())
    contacts.change(contact, {"email": ADDRESS, "first_name": "Hidden"}, by=user, now=timezone.now())
    client.post(link_for(client, post))
    page = client.get(MINE).content.decode()
    assert "Gina" in page
    assert "Hidden" not in page and "hidden@else.example" not in page


def asked(client, address):
    """Return the page without its variable parts (typed address, CSRF token), and the SQL statements."""
    with CaptureQueriesContext(connection) as seen:
        answer = client.post(ASK, {"email": address})
    body = answer.content.decode().replace(address, "ADDRESS")
    statements = [re.sub(r"s\d+_x\d+|'[^']*'|\b\d+\b", "?", query["sql"]) for query in seen]
    return answer.status_code, re.sub(r'value="[^"]{40,}"', "", body), statements


@pytest.mark.scenario("S14")
def test_unknown_erased_and_known_addresses_get_the_same_answer_and_statements(three, pos, post):
    gone = guest_order(pos, "Erna", "erna@mail.example").buyer
    Mail.objects.filter(state="queued").update(state="sent")
    erasing.erase(gone, by=None, now=timezone.now(), bearer=True)
    gone.refresh_from_db()
    assert gone.erased_at and gone.email is None
    answers = [asked(Client(), one) for one in (ADDRESS, "erna@mail.example", "nobody@mail.example")]
    assert answers[0][0] == 200 and len(answers[0][2]) > 3
    for other in answers[1:]:
        assert answers[0][:2] == other[:2]
        for one, two in zip(answers[0][2], other[2], strict=True):
            assert one == two
    bodies = {letter.to[0]: letter.body for letter in post()}
    assert "/data/open/" in bodies[ADDRESS]
    assert "/data/open/" not in bodies["erna@mail.example"]
    neutral = [bodies[one].replace(one, "") for one in ("erna@mail.example", "nobody@mail.example")]
    assert neutral[0] == neutral[1], "the mailbox of somebody erased learns what a stranger's does"


@pytest.mark.scenario("S14")
@pytest.mark.parametrize("address", [ADDRESS, "nobody@mail.example"])
def test_mailbox_gets_three_mails_an_hour_and_the_page_does_not_tell(three, address, post):
    variants = [address, address.upper(), address.replace("@", "+x@"), address, address]
    pages = {asked(Client(), one)[1].replace(one.lower(), "ADDRESS") for one in variants}
    assert len(post()) == 3
    assert len({re.sub(r"<bdi>.*?</bdi>", "", page) for page in pages}) == 1


def letter_to(client, post, address) -> str:
    client.post(ASK, {"email": address})
    (letter,) = post()
    return " ".join(letter.body.split())


def test_mail_to_an_address_corrected_by_staff_tells_what_is_kept(client, three, post):
    corrected = three[0].buyer
    for buyer in {order.buyer for order in three}:
        contacts.change(buyer, {"email": f"new{buyer.pk}@mail.example"}, by=None, now=timezone.now())
    assert Mail.objects.filter(recipient=ADDRESS, subject_uuid=corrected.subject_uuid).exists()
    body = letter_to(client, post, ADDRESS)
    assert "No customer has it now, but it is still kept in: e-mails." in body
    assert "http://testserver/theatre/data/about/" in body and "/data/open/" not in body
    assert not MailboxProof.objects.exists()


@pytest.mark.scenario("S35")
def test_mail_to_an_address_on_a_ticket_tells_where_to_write(client, three, pos, post):
    pos.organiser.privacy_contact = "privacy@theatre.example"
    pos.organiser.save()
    assert "still kept" not in letter_to(client, post, "zoe@mail.example")
    (ticket,) = three[0].tickets.all()[:1]
    Ticket.objects.filter(pk=ticket.pk).update(holder_email="zoe@mail.example")
    body = letter_to(client, post, "Zoe@mail.example")
    assert "it is still kept in: tickets." in body
    assert "erases your e-mail address there when you ask. Write to privacy@theatre.example." in body
    # No data of the buyer.
    for text in (ADDRESS, three[0].buyer.last_name, three[0].reference, ticket.code[:8]):
        assert text and text not in body
    elsewhere = PointOfSaleFactory(slug="festival")
    assert elsewhere.organiser != pos.organiser
    client.post("/festival/data/", {"email": "zoe@mail.example"})
    assert "still kept" not in post()[0].body


def test_mail_to_an_unproved_log_in_mentions_it(client, pos, post):
    UserFactory(email="never@mail.example")
    assert "still kept in: log-ins." in letter_to(client, post, "never@mail.example")


def test_address_known_to_another_organiser_is_unknown_here(client, pos, post):
    guest_order(PointOfSaleFactory(slug="festival"))
    Mail.objects.filter(state="queued").update(state="sent")
    for _again in range(2):
        body = letter_to(client, post, ADDRESS)
        assert "No customer and no log-in has it" in body and "still kept" not in body


@pytest.mark.scenario("S14")
def test_network_can_ask_thirty_times_an_hour(client, db, pos):
    statuses = [client.post(ASK, {"email": f"a{n}@mail.example"}).status_code for n in range(31)]
    assert set(statuses[:30]) == {200}
    assert statuses[30] == 429


def test_links_expire_after_a_day_and_are_deleted_after_a_week(client, three, post):
    link = link_for(client, post)
    now = timezone.now()
    MailboxProof.objects.update(expires_at=now)
    assert client.get(link).status_code == client.post(link).status_code == 410
    assert requests.expire(now + timedelta(days=8)) == 2
    assert not MailboxProof.objects.exists()
    assert not Mail.objects.filter(kind="data_link").exists()


@pytest.mark.scenario("S14")
def test_contact_with_deferred_columns_sees_what_is_left(client, three, post):
    for buyer in {order.buyer for order in three}:
        assert erasing.erase(buyer, by=None, now=timezone.now()).state == "deferred"
    client.post(link_for(client, post))
    page = client.get(MINE).content.decode()
    assert "You are forgotten but for what stands below" in page and "At the latest until" in page
    assert all(order.reference in page for order in three)
    assert "Delete my data" not in page
    assert client.get(DELETE).status_code == 302
    people = [order.buyer_id for order in three]
    assert client.post(DELETE, {"bearer": "wait", "shown": "any", "person": people}).status_code == 302
    assert set(Erasure.objects.values_list("state", flat=True)) == {"deferred"}


def test_proof_expires_after_half_an_hour(client, three, post):
    client.post(link_for(client, post))
    assert client.get(MINE).status_code == 200
    MailboxProof.objects.update(opened_at=timezone.now() - timedelta(minutes=31))
    assert client.get(MINE)["Location"] == ASK


def test_proof_is_erased_with_the_person(client, three, post):
    client.post(link_for(client, post))
    for order in three:
        if order.buyer.erased_at is None:
            erasing.erase(order.buyer, by=None, now=timezone.now(), bearer=True)
    assert not MailboxProof.objects.exists()
    assert client.get(MINE)["Location"] == ASK


@pytest.mark.parametrize(
    "address",
    ["", "no address", "a@b", "x\r\nBcc: all@mail.example", "\x00@mail.example", "a" * 300 + "@mail.example"],
)
def test_invalid_address_has_an_error_at_the_field(client, address, pos):
    answer = client.post(ASK, {"email": address})
    assert answer.status_code == 200
    assert "There is a problem" in answer.content.decode()
    assert not Mail.objects.exists()


@pytest.mark.scenario("S42")
def test_order_after_the_erasure_makes_a_new_contact(client, three, pos, post):
    """The new contact has another number, no earlier order and no block."""
    old = three[0].buyer
    contacts.block(old, by=None, now=timezone.now())
    for order in three:
        order.buyer.refresh_from_db()
        if order.buyer.erased_at is None:
            erasing.erase(order.buyer, by=None, now=timezone.now(), bearer=True)
    again = guest_order(pos)
    assert again.buyer_id != old.pk
    assert again.buyer.subject_uuid != old.subject_uuid and again.buyer.blocked_at is None
    assert again.buyer.orders.count() == 1
    post()
    client.post(link_for(client, post))
    page = client.get(MINE).content.decode()
    assert again.reference in page
    assert not any(order.reference in page for order in three)


@pytest.mark.scenario("S42")
def test_sign_up_after_the_erasure_finds_no_earlier_order(three, pos):
    for order in three:
        order.buyer.refresh_from_db()
        if order.buyer.erased_at is None:
            erasing.erase(order.buyer, by=None, now=timezone.now(), bearer=True)
    user = UserFactory(email=ADDRESS)
    browser = Client()
    browser.force_login(user)
    page = browser.get("/theatre/account/orders/").content.decode()
    assert "have not ordered anything" in page
    assert "orders/join" not in page
    browser.post("/theatre/account/orders/join/")
    assert user.contacts.get().orders.count() == 0


@pytest.mark.scenario("S42")
def test_sign_up_before_the_erasure_finds_the_earlier_orders(three, pos):
    user = UserFactory(email=ADDRESS)
    browser = Client()
    browser.force_login(user)
    assert "orders/join" in browser.get("/theatre/account/orders/").content.decode()


def test_public_page_names_every_area_and_the_books(client, pos):
    page = client.get("/theatre/data/about/").content.decode()
    for text in (
        "Your orders",
        "Your answers to questions",
        "First name",
        "Date of birth",
        "ten years",
        "24 hours",
    ):
        assert text in page
    words = re.sub(r"(?s)<[^>]*>", " ", page[page.index("<main") :]).lower()
    for jargon in ("token", "uuid", "hash", "v text", "column", "foreign key"):
        assert jargon not in words


@pytest.mark.scenario("S42")
def test_sign_up_after_the_log_in_was_erased_makes_a_new_one(pos, post):
    """A new log-in and a new contact with another number and no block: no data of before."""
    first = Client()

    def sign_up(client):
        typed = {"email": "again@mail.example", "password1": "correct horse battery"}
        client.post(f"/accounts/signup/?next={ACCOUNT}", typed)
        link = re.search(r"http://testserver(/accounts/confirm-email/\S+)", post()[-1].body)[1]
        client.post(link)
        assert client.get(ACCOUNT).status_code == 200
        return Contact.objects.get(organiser=pos.organiser, user__email="again@mail.example")

    old = sign_up(first)
    order = make_order({OfferFactory(pos=pos): 1}, user=old.user, paid=True)
    contacts.block(old, by=None, now=timezone.now())
    assert order.reference in first.get(f"{ACCOUNT}orders/").content.decode()
    erasing.erase(old, by=None, now=timezone.now(), bearer=True)
    assert first.get(ACCOUNT).status_code == 302, "logged out"

    second = Client()
    new = sign_up(second)
    assert new.pk != old.pk and new.subject_uuid != old.subject_uuid and new.blocked_at is None
    page = second.get(f"{ACCOUNT}orders/").content.decode()
    assert order.reference not in page and "orders/join" not in page
    assert order.reference not in second.get(f"{ACCOUNT}data/").content.decode()
    assert not Erasure.objects.exclude(state="closed").exists()
    assert Contact.objects.get(pk=new.pk).erasing_at is None


@pytest.mark.scenario("RF-45")
def test_public_page_tells_purpose_and_retention_of_each_question(client, pos):
    form = make_form(organiser=pos.organiser)
    ask(form, "Menu", retention_days=1)
    ask(form, "Allergies", sensitive=True, purpose="For the kitchen", retention_days=28)
    ask(form, "Not published")
    page = client.get("/theatre/data/about/").content.decode()
    assert "Allergies" not in page
    publish(form)
    other = make_form(organiser=PointOfSaleFactory(slug="festival").organiser)
    ask(other, "Somebody else’s")
    publish(other)
    page = client.get("/theatre/data/about/").content.decode()
    for text in ("Menu", "1 day after the event", "Allergies", "For the kitchen", "28 days after the event"):
        assert text in page
    assert "Somebody else" not in page
