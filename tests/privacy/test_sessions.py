"""An erasure logs out all browsers of the person, invalidates all links, and releases the places of carts."""

from datetime import timedelta

import pytest
from allauth.account import app_settings
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tasks
from accounts.links import claiming
from accounts.log_in.adapter import AccountAdapter
from accounts.models import Session, User
from contacts import contacts
from contacts.linking import link_mail
from contacts.models import Contact, LinkRequest
from privacy.erasure import erasing
from registration_forms.answers import limited_choices
from registration_forms.models import ChoiceHold
from tests.accounts.pages import browser_of
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form
from tests.factories.sales import make_cart, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import stock
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Cart

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S23")]
PROFILE = "/theatre/account/profile/"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


@pytest.fixture
def elsewhere(zoe):
    """Zoe at another organiser, with the same log-in: it stays."""
    pos = PointOfSaleFactory(slug="elsewhere")
    return contacts.for_user(pos.organiser, zoe.user, language="en", now=timezone.now())


@pytest.fixture(params=["the log-in goes", "the log-in stays"])
def log_in_too(request):
    """Both cases."""
    if request.param == "the log-in stays":
        request.getfixturevalue("elsewhere")
    return request.param == "the log-in goes"


def erase(contact: Contact) -> None:
    assert erasing.erase(contact, by=None, now=timezone.now()).state == "closed"


def logged_in(email: str) -> TestClientVisitor:
    """A browser that logged in by its form, and stays so."""
    browser = TestClientVisitor()
    browser.log_in(email, PASSWORD)
    return browser


def test_next_request_of_each_browser_is_anonymous(zoe, log_in_too):
    browsers = [logged_in("zoe@example.org") for _ in range(3)]
    assert all("Zoe" in browser.open(PROFILE).source for browser in browsers)
    erase(zoe)
    for browser in browsers:
        page = browser.open(PROFILE)
        assert page.url.startswith("/accounts/login/") and "Zoe" not in page.source
    assert not Session.objects.exclude(user=None).exists()
    assert User.objects.filter(pk=zoe.user_id).exists() != log_in_too


@pytest.mark.scenario("S09", "S42")
def test_log_in_that_stays_is_a_new_contact_in_this_shop(zoe, elsewhere):
    erase(zoe)
    browser = logged_in("zoe@example.org")
    assert "zoe@example.org" in browser.open("/elsewhere/account/profile/").source
    page = browser.open(PROFILE)
    assert page.status == 200 and "Zoe" not in page.source and "Grey" not in page.source
    here = Contact.objects.get(organiser=zoe.organiser, user=zoe.user_id)
    assert here.subject_uuid != zoe.subject_uuid and here.number != zoe.number
    elsewhere.refresh_from_db()
    assert elsewhere.user_id == zoe.user_id


def reset_link(user: User) -> str:
    token = app_settings.PASSWORD_RESET_TOKEN_GENERATOR().make_token(user)
    return reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), token])


def may_choose_a_password(url: str) -> bool:
    return b'name="password1"' in Client().get(url, follow=True).content


def test_link_to_choose_a_password_is_invalid(zoe, log_in_too):
    url = reset_link(User.objects.get(pk=zoe.user_id))
    opened = Client()
    form = opened.get(url, follow=True)
    assert may_choose_a_password(url) and b"password1" in form.content
    erase(zoe)
    assert not may_choose_a_password(url)
    opened.post(form.request["PATH_INFO"], {"password1": "another-long-password"})
    survivor = User.objects.filter(pk=zoe.user_id).first()
    assert survivor is None or not survivor.check_password("another-long-password")


def test_link_that_proves_a_new_address_is_invalid(zoe, log_in_too):
    new = EmailAddress.objects.create(user=zoe.user, email="new@example.org")
    url = reverse("account_confirm_email", args=[EmailConfirmationHMAC(new).key])
    assert "new@example.org" in Client().get(url).content.decode()
    erase(zoe)
    page = Client().get(url)
    assert "new@example.org" not in page.content.decode()
    Client().post(url)
    assert not EmailAddress.objects.filter(email="new@example.org").exists()
    assert EmailAddress.objects.filter(email="zoe@example.org").exists() != log_in_too


@pytest.mark.scenario("S36")
@pytest.mark.parametrize("end", ["parent", "child"])
def test_links_of_friends_and_family_are_invalid(zoe, pos, end):
    other = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    if end == "parent":
        link = linked(zoe, pos)
    else:
        link = linked(other, pos, ("Zoe", "Grey", "zoe@example.org"))
        assert link.child == zoe
    url = reverse("links:show", args=[link_mail.new_token(link.request, days=3, now=timezone.now())])
    assert Client().get(url).status_code == 200
    erase(zoe)
    assert Client().get(url).status_code == 410
    assert not LinkRequest.objects.exists()


def test_mailbox_proved_before_the_erasure_claims_nothing(zoe, pos):
    link = linked(zoe, pos)
    browser = Client()
    browser.get("/theatre/")
    session = browser.session
    session[claiming.SESSION_KEY] = {
        "link": link.pk,
        "address": link_mail.mark(str(link.pk), link.child.email_key),
        "until": timezone.now().timestamp() + 600,
    }
    session.save()
    assert browser.get("/links/claim/").status_code == 200
    erase(zoe)
    assert browser.get("/links/claim/").status_code == 410


def test_link_of_an_order_is_invalid(zoe, pos):
    order = make_order(pos=pos, user=zoe.user)
    assert Client().get(order_path(order)).status_code == 200
    # Bearer, and cancelled: nothing waits.
    type(order).objects.filter(pk=order.pk).update(state="cancelled")
    order.tickets.update(state="cancelled")
    erase(zoe)
    assert Client().get(order_path(order)).status_code == 404


def test_carts_go_and_their_places_are_free_at_once(zoe, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    typed = {"first_name": "Zoe", "last_name": "Grey", "email": "Zoe@Example.org"}
    mine = make_cart({offer: 2}, pos=pos, user=zoe.user)
    as_guest = make_cart({offer: 3}, pos=pos, buyer=typed)
    others = make_cart({offer: 1}, pos=pos)
    form = make_form("order", organiser=pos.organiser)
    choice = ask(form, "Shirt", "single_choice", choices=["S"]).choices.get()
    type(choice).objects.filter(pk=choice.pk).update(capacity=5)
    for cart in (mine, others):
        limited_choices.hold(cart.key, {"order": [choice.pk]}, timedelta(minutes=5))
    assert stock.of_allotments([offer.allotment_id])[offer.allotment_id].held == 6
    assert ChoiceHold.objects.count() == 2
    erase(zoe)
    assert stock.of_allotments([offer.allotment_id])[offer.allotment_id].held == 1
    assert ChoiceHold.objects.get().key == others.key
    assert Cart.objects.get() == others
    assert not Cart.objects.filter(pk__in=[mine.pk, as_guest.pk]).exists()


def test_the_cart_of_another_organiser_stays_with_a_log_in_that_stays(zoe, elsewhere):
    cart = make_cart(pos=PointOfSale.objects.get(organiser=elsewhere.organiser), user=zoe.user)
    erase(zoe)
    assert Cart.objects.filter(pk=cart.pk).exists()


def test_password_reset_after_the_erasure_sends_no_mail(zoe, pos):
    user = User.objects.get(pk=zoe.user_id)
    erase(zoe)
    AccountAdapter().send_mail("account/email/password_reset_key", "zoe@example.org", {"user": user})
    assert not Mail.objects.filter(recipient="zoe@example.org").exists()
    other = UserFactory()
    AccountAdapter().send_mail("account/email/password_reset_key", other.email, {"user": other})
    assert Mail.objects.filter(recipient=other.email, about={"user": other.pk}).exists()


def test_expired_sessions_are_deleted(zoe):
    browser_of(zoe)
    browser_of(zoe)
    over, going_on = Session.objects.filter(user=zoe.user)
    Session.objects.filter(pk=over.pk).update(expire_date=timezone.now() - timedelta(seconds=1))
    tasks.tidy(0)
    assert Session.objects.get(user=zoe.user) == going_on
