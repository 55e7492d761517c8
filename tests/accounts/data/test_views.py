"""*My data* in the account: shown, copied, and erased once the mailbox has confirmed it."""

import io
import json
import re
import zipfile
from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts
from privacy.models import Erasure
from privacy.requests import requests
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db
DATA, DELETE, COPY = "/theatre/account/data/", "/theatre/account/data/delete/", "/theatre/account/data/copy/"


@pytest.fixture
def zoe(pos):
    user = UserFactory(email="zoe@example.org")
    now = timezone.now()
    contact = contacts.for_user(pos.organiser, user, language="en", now=now)
    contacts.change(
        contact, {"first_name": "Zoé", "last_name": "d’Ōta", "street": "Rue Haute 3"}, by=user, now=now
    )
    make_order({OfferFactory(pos=pos): 1}, user=user, paid=True)
    Mail.objects.filter(state="queued").update(state="sent")
    return contact


@pytest.fixture
def browser(zoe) -> Client:
    client = Client()
    client.force_login(zoe.user)
    return client


def shown_at(browser) -> str:
    page = browser.get(DELETE)
    return re.search(r'name="shown" value="([^"]+)"', page.content.decode())[1]


def ask(browser, *, follow=False, **typed):
    typed = {"password": PASSWORD, "bearer": "wait", "shown": shown_at(browser)} | typed
    return browser.post(DELETE, typed, follow=follow)


def confirm_link(letters) -> str:
    return re.search(r"http://testserver(/theatre/data/confirm/\S+)", letters[-1].body)[1]


def test_page_tells_purpose_retention_and_readers_of_each_item(browser, zoe):
    page = browser.get(DATA).content.decode()
    assert "Rue Haute 3" in page and zoe.orders.get().reference in page
    for text in ("What for", "How long", "Who can see it", "box office", "ten years after"):
        assert text in page
    year = timezone.now().year + 10
    assert f"Until 31 December {year}" in page


def test_other_visitor_sees_only_the_own_data(browser, zoe, pos):
    own, reference = "Own street 1", zoe.orders.get().reference
    page = browser.get(DATA).content.decode()
    assert "Rue Haute 3" in page and reference in page and own not in page
    other = UserFactory()
    ContactFactory(organiser=pos.organiser, user=other, email=other.email, street=own)
    browser.force_login(other)
    page = browser.get(DATA).content.decode()
    assert own in page and "Rue Haute 3" not in page and reference not in page


@pytest.mark.scenario("S18")
def test_copy_needs_the_password_again(browser, zoe):
    asked = browser.get(COPY)
    assert asked["Location"].startswith("/accounts/reauthenticate/")
    wrong = browser.post(asked["Location"], {"password": "wrong"})
    assert wrong.status_code == 200
    given = browser.post(asked["Location"], {"password": PASSWORD})
    assert given["Location"] == COPY
    answer = browser.get(COPY)
    assert answer["Content-Type"] == "application/zip"
    assert "attachment" in answer["Content-Disposition"]
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        areas = {area["area"] for area in json.loads(archive.read("data.json"))["areas"]}
    assert areas >= {"profile", "log-in", "orders", "tickets", "e-mails"}

    session = browser.session
    for method in session["account_authentication_methods"]:
        method["at"] -= 15 * 60 + 1
    session.save()
    assert browser.get(COPY).status_code == 302, "fifteen minutes later it is asked once more"


@pytest.mark.scenario("S12")
def test_deletion_needs_password_and_confirmation_by_mail(browser, zoe, pos, post):
    owner, box = make_staff(pos.organiser, "owner"), make_staff(pos.organiser, "box office")
    preview = browser.get(DELETE).content.decode()
    assert "ten years after" in preview and "At the latest until" in preview
    assert not Erasure.objects.exists()

    assert "There is a problem" in ask(browser, password="wrong").content.decode()
    assert not Erasure.objects.exists()

    page = ask(browser, bearer="bearer", follow=True).content.decode()
    erasure = Erasure.objects.get()
    assert erasure.state == "requested" and erasure.bearer and erasure.channel == "account"
    staff = Client()
    staff.force_login(owner)
    assert erasure.receipt not in staff.get("/admin/privacy/erasure/").content.decode(), (
        "nobody has asked yet"
    )
    assert "Open the link in the e-mail" in page
    (letter,) = post()
    assert letter.to == ["zoe@example.org"]
    link = confirm_link([letter])
    assert link.split("/")[-2] not in str(Erasure.objects.values().get()), "only a hash of the token is kept"

    # A mail program that opens links in advance, and a log-in in another browser, see only a button.
    stranger = Client()
    assert stranger.get(link).status_code == 200
    assert Erasure.objects.get().state == "requested"
    done = stranger.post(link).content.decode()
    erasure.refresh_from_db()
    assert erasure.state == "confirmed" and erasure.confirmed_at and erasure.token_hash is None
    assert erasure.receipt in done

    (told,) = post()
    assert told.to == [owner.email] and box.email not in told.to
    for text in ("zoe", "Zoé", "Ōta", zoe.number, "example.org/zoe"):
        assert text not in told.body + told.subject + str(told.alternatives), text
    assert erasure.receipt in told.body
    page = re.search(r"http://testserver(/admin/\S+)", told.body)[1]
    assert erasure.receipt in staff.get(page).content.decode()
    assert erasure.receipt in staff.get("/admin/privacy/erasure/").content.decode(), (
        "listed for staff, who run it"
    )
    assert stranger.post(link).status_code == stranger.get(link).status_code == 410, "once"
    assert erasure.receipt in browser.get(DATA).content.decode()


@pytest.mark.scenario("S12")
def test_second_request_is_the_same_request(browser, zoe, post):
    ask(browser)
    first = Erasure.objects.get()
    post()
    assert browser.get(DELETE).status_code == 302, "the page with the request"
    requests.ask(zoe, pos=zoe.organiser.points_of_sale.get(), language="en", now=timezone.now())
    assert Erasure.objects.get() == first
    (letter,) = post()
    browser.post(confirm_link([letter]))
    assert Erasure.objects.get().state == "confirmed"
    requests.ask(zoe, pos=zoe.organiser.points_of_sale.get(), language="en", now=timezone.now())
    assert Erasure.objects.count() == 1


@pytest.mark.scenario("S12")
def test_unconfirmed_request_is_deleted_after_seven_days(browser, zoe, post):
    before = Mail.objects.count()
    ask(browser)
    (letter,) = post()
    now = timezone.now()
    assert requests.expire(now + timedelta(days=6)) == 0
    assert Erasure.objects.count() == 1 and Mail.objects.count() == before + 1
    assert requests.expire(now + timedelta(days=8)) == 1
    assert Erasure.objects.count() == 0 and Mail.objects.count() == before
    assert browser.post(confirm_link([letter])).status_code == 410
    assert "Delete my data" in browser.get(DATA).content.decode()


def test_order_placed_meanwhile_is_shown_before_the_request(browser, zoe, pos):
    shown = shown_at(browser)
    make_order({OfferFactory(pos=pos): 1}, user=zoe.user, paid=True)
    page = ask(browser, shown=shown).content.decode()
    assert "Something has changed meanwhile" in page
    assert not Erasure.objects.exists()


def test_link_sent_to_a_former_address_confirms_nothing(browser, zoe, post):
    ask(browser)
    (letter,) = post()
    now = timezone.now()
    contacts.change(zoe, {"email": "other@example.org"}, by=None, now=now)
    assert browser.post(confirm_link([letter])).status_code == 410
    assert Erasure.objects.get().state == "requested"


@pytest.mark.parametrize(
    "typed", [{"password": ""}, {"password": "x" * 5000}, {"bearer": "neither"}, {"shown": "\x00"}]
)
def test_invalid_posts_request_nothing(browser, typed):
    answer = ask(browser, **typed)
    assert answer.status_code == 200
    assert not Erasure.objects.exists()


def queries(browser) -> int:
    with CaptureQueriesContext(connection) as seen:
        assert browser.get(DATA).status_code == 200
    return len(seen)


def test_page_takes_the_same_queries_for_one_and_three_orders(browser, zoe, pos):
    browser.get(DATA)
    once = queries(browser)
    for _number in range(2):
        make_order({OfferFactory(pos=pos): 1}, user=zoe.user, paid=True)
    assert queries(browser) == once
    assert once <= 55


def press(browser, action, **options):
    """Press a button of the only request."""
    typed = {"receipt": Erasure.objects.get().receipt, "action": action}
    return browser.post(f"{DATA}request/", typed, **options)


def notices(answer) -> str:
    """Return the last message for the next page, which is that of one's data."""
    assert answer["Location"] == DATA
    return [str(message) for message in get_messages(answer.wsgi_request)][-1]


@pytest.mark.scenario("S12")
def test_resent_mail_confirms_the_request(browser, zoe, post):
    ask(browser)
    (lost,) = post()
    page = browser.get(DATA).content.decode()
    assert "Send the e-mail again" in page
    assert f'name="receipt" value="{Erasure.objects.get().receipt}"' in page
    assert "We have sent you an e-mail" in notices(press(browser, "again"))
    (letter,) = post()
    assert browser.get(confirm_link([lost])).status_code == 410
    browser.post(confirm_link([letter]))
    assert Erasure.objects.get().state == "confirmed"
    page = browser.get(DATA).content.decode()
    assert "Send the e-mail again" not in page and "You get an answer by" in page
    press(browser, "again")
    assert post() == []


@pytest.mark.scenario("S12")
def test_fourth_mail_within_an_hour_is_refused(browser, zoe, post):
    ask(browser)
    press(browser, "again"), press(browser, "again")
    assert "Please try again in an hour" in notices(press(browser, "again"))
    assert len(post()) == 3


@pytest.mark.scenario("S17")
@pytest.mark.parametrize("confirmed", [False, True])
def test_request_can_be_withdrawn_before_erasing_begins(browser, zoe, post, confirmed):
    ask(browser)
    if confirmed:
        browser.post(confirm_link(post()))
    page = press(browser, "withdraw", follow=True).content.decode()
    assert "Your request is withdrawn" in page
    assert "Delete my data" in page
    assert list(Erasure.objects.values_list("state", "contact")) == (
        [("withdrawn", None)] if confirmed else []
    )
    zoe.refresh_from_db()
    assert zoe.erasing_at is None and zoe.first_name == "Zoé"


@pytest.mark.scenario("S17")
def test_begun_request_and_request_of_another_visitor_can_not_be_withdrawn(browser, zoe, pos, post):
    ask(browser)
    browser.post(confirm_link(post()))
    other = Client()
    other.force_login(UserFactory())
    assert "Something has changed" in notices(press(other, "withdraw"))
    Erasure.objects.update(state="claimed")
    assert "It is too late" in notices(press(browser, "withdraw"))
    assert Erasure.objects.get().state == "claimed"
