"""Writes at the same time as an erasure: what has begun is completed first, and then erased.

Each race has a twin without the protection, in which something of the person is left.
"""

import contextlib
from functools import partial

import pytest
from allauth.account.adapter import get_adapter
from django.db import OperationalError
from django.utils import timezone

from accounts.log_in.adapter import AccountAdapter
from accounts.models import User
from contacts import contacts, locking
from contacts.linking import link_mail, links
from contacts.linking.adding import Requester
from contacts.models import AddressSuppression, Contact
from privacy.erasure import erasing
from registration_forms.answers import changing, responses
from registration_forms.models import Answer, Response
from tests.accounts.pages import browser_of
from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.privacy.mutations import declare
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import carts
from ticketshop.sales.models import Cart
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("S39")]
NOW = timezone.now


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


def slowly(monkeypatch, where, name: str, first: object = None) -> None:
    """Before ``name`` is done (with this ``first`` argument) an erasure runs, to its end or until it waits for a lock."""
    original = getattr(where, name)

    def later(*args, **values):
        if first is None or args[0] == first:
            meet()
        return original(*args, **values)

    monkeypatch.setattr(where, name, later)


@pytest.fixture
def nobody_is_held(monkeypatch):
    """The protection taken away, and the second look at the end."""
    monkeypatch.setattr(erasing, "PASSES", 1)
    monkeypatch.setattr(locking, "lock", lambda contact_id: Contact.objects.get(pk=contact_id))
    monkeypatch.setattr(locking, "lock_all", lambda ids, needed=(): Contact.objects.in_bulk(set(ids)))


def meanwhile(write, contact: Contact):
    """``write``, and an erasure that begins as soon as it has looked."""
    return at_once(write, second(lambda: erasing.erase(contact, by=None, now=NOW())))


@contextlib.contextmanager
def unprotected():
    """Something is left, as the test says; or each waits for the other, which the protection prevents too."""
    with contextlib.suppress(OperationalError):
        yield


def of_zoe() -> list[Mail]:
    return list(Mail.objects.filter(recipient="zoe@example.org"))


# --- the profile -------------------------------------------------------------------------------------------------


def edit(zoe):
    return partial(contacts.change, zoe, {"first_name": "Eve"}, by=None, now=NOW())


def test_edit_that_began_first_is_erased(zoe, monkeypatch):
    slowly(monkeypatch, contacts, "_normalise")
    changed, done = meanwhile(edit(zoe), zoe)
    assert (changed, done.state) == (["first_name"], "closed")
    assert Contact.objects.get(pk=zoe.pk).full_name == ""


def test_edit_without_the_lock_is_left(zoe, monkeypatch, nobody_is_held):
    slowly(monkeypatch, contacts, "_normalise")
    with unprotected():
        meanwhile(edit(zoe), zoe)
        assert Contact.objects.get(pk=zoe.pk).full_name == "Eve"


# --- links -------------------------------------------------------------------------------------------------------


@pytest.fixture
def from_ann(zoe, pos):
    """Zoe is on Ann's list."""
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    link = linked(ann, pos, ("Zoe", "Grey", "zoe@example.org"))
    link.refresh_from_db()
    return link


def resend(link, pos):
    pos.organiser.link_mails_per_day = pos.organiser.link_mails_per_week = 9
    requester = Requester(by=None, pos=pos, network="", language="en")
    return partial(links.resend, link, requester, now=NOW())


def test_link_request_sent_again_is_erased(zoe, from_ann, pos, monkeypatch):
    slowly(monkeypatch, link_mail, "may_send")
    sent, done = meanwhile(resend(from_ann, pos), zoe)
    assert (sent, done.state, of_zoe()) == (True, "closed", [])


def test_link_request_without_the_lock_is_left(zoe, from_ann, pos, monkeypatch, nobody_is_held):
    slowly(monkeypatch, link_mail, "may_send")
    with pytest.raises(erasing.NotClean, match=r"mail\.Mail"):
        meanwhile(resend(from_ann, pos), zoe)
    assert len(of_zoe()) == 1


def refuse(link):
    return partial(links.not_me, link, by=None, now=NOW())


def test_suppression_made_meanwhile_is_erased(zoe, pos, monkeypatch):
    slowly(monkeypatch, link_mail, "suppress")
    ended, done = meanwhile(refuse(linked(zoe, pos)), zoe)
    assert (ended, done.state) == (True, "closed")
    assert not AddressSuppression.objects.exists()


def test_suppression_without_the_lock_is_left(zoe, pos, monkeypatch, nobody_is_held):
    slowly(monkeypatch, link_mail, "suppress")
    with unprotected():
        meanwhile(refuse(linked(zoe, pos)), zoe)
        assert AddressSuppression.objects.get().parent == zoe


# --- another person's order ----------------------------------------------------------------------------------------


@pytest.fixture
def anns(zoe, from_ann, pos):
    """The payment of Ann's order of a ticket for Zoe."""
    links.accept(from_ann, by=zoe.user, now=NOW())
    holders = [{"first_name": "Zoe", "last_name": "Grey", "person": str(from_ann.pk)}]
    order = make_order({OfferFactory(pos=pos): 1}, user=from_ann.parent.user, holders=holders)
    return order.payments.get()


def pay(payment):
    return partial(payments.confirm, payment, by=None, now=NOW())


def test_ticket_mail_queued_meanwhile_is_erased_and_the_payment_is_kept(zoe, anns, monkeypatch):
    slowly(monkeypatch, outbox, "queue", "ticket_for_you")
    paid, done = meanwhile(pay(anns), zoe)
    assert (paid, done.state, of_zoe()) == (True, "closed", [])
    anns.order.refresh_from_db()
    ticket = anns.order.tickets.get()
    assert (anns.order.state, ticket.state, ticket.holder, ticket.beneficiary) == ("paid", "valid", "", None)


def test_ticket_mail_without_the_lock_is_left(zoe, anns, monkeypatch, nobody_is_held):
    slowly(monkeypatch, outbox, "queue", "ticket_for_you")
    with unprotected():
        meanwhile(pay(anns), zoe)
        assert [mail.kind for mail in of_zoe()] == ["ticket_for_you"]


# --- answers -------------------------------------------------------------------------------------------------------


@pytest.fixture
def answered(zoe, pos) -> Response:
    form = make_form("tariff", organiser=pos.organiser)
    question = ask(form, "Allergies", "text")
    given = responses.NewResponse(publish(form), {question.key: "nuts"}, about=zoe.pk)
    (response,) = responses.store([given], organiser=pos.organiser, language="en", now=NOW())
    response.key = question.key
    return response


def answer(response, text: str = "milk"):
    return partial(
        changing.change, response, {response.key: text}, revision=1, by=None, source="buyer", now=NOW()
    )


def test_answers_changed_meanwhile_are_erased(zoe, answered, monkeypatch):
    slowly(monkeypatch, changing, "_write_all")
    changed, done = meanwhile(answer(answered), zoe)
    assert (changed, done.state) == ([answered.key], "closed")
    assert not Answer.objects.get().v_text


def test_changed_answers_without_the_lock_are_left(zoe, answered, monkeypatch):
    declare(monkeypatch, Response, lock_order=0)
    slowly(monkeypatch, changing, "_write_all")
    with unprotected():
        meanwhile(answer(answered), zoe)
        assert Answer.objects.get().v_text == "milk"


@pytest.mark.scenario("RF-45")
def test_answers_read_before_an_erasure_can_not_be_saved_after_it(zoe, answered):
    stale = Response.objects.get(pk=answered.pk)
    stale.key = answered.key
    erasing.erase(zoe, by=None, now=NOW())
    with pytest.raises(changing.Closed):
        answer(stale)()
    assert not Answer.objects.get().v_text


# --- the log-in ------------------------------------------------------------------------------------------------------


def forgot(zoe, send):
    user = User.objects.get(pk=zoe.user_id)
    return partial(send, "account/email/password_reset_key", "zoe@example.org", {"user": user})


def test_password_reset_requested_meanwhile_is_erased(zoe, monkeypatch):
    slowly(monkeypatch, outbox, "queue")
    _asked, done = meanwhile(forgot(zoe, get_adapter().send_mail), zoe)
    assert (done.state, of_zoe()) == ("closed", [])


def test_password_reset_without_the_lock_is_left(zoe, monkeypatch):
    slowly(monkeypatch, outbox, "queue")
    unheld = forgot(zoe, lambda *mail: AccountAdapter()._queue(mail[0], mail[1], {"user": zoe.user_id}))
    with unprotected():
        meanwhile(unheld, zoe)
        assert [mail.kind for mail in of_zoe()] == ["account_reset"]


def test_page_in_progress_for_an_erased_log_in_explains_it(zoe, pos, monkeypatch):
    """The page would write a row with the deleted log-in: the database refuses, and the page explains it."""
    offer = OfferFactory(pos=pos)
    browser = browser_of(zoe)
    open_cart = carts.open_cart

    def erased_meanwhile(*args, **values):
        at_once(partial(erasing.erase, zoe, by=None, now=NOW()))
        return open_cart(*args, **values)

    monkeypatch.setattr(carts, "open_cart", erased_meanwhile)
    page = browser.add(f"/theatre/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    assert page.status == 409 and "Nothing was saved" in page.text
    assert not Cart.objects.exists() and not User.objects.filter(pk=zoe.user_id).exists()


def test_first_page_for_a_log_in_erased_meanwhile_explains_it(zoe, client, monkeypatch):
    friendly_pos(slug="elsewhere")
    client.force_login(zoe.user)
    create = contacts.create

    def erased_meanwhile(**values):
        at_once(partial(erasing.erase, zoe, by=None, now=NOW()))
        return create(**values)

    monkeypatch.setattr(contacts, "create", erased_meanwhile)
    answer = client.get("/elsewhere/account/profile/")
    assert answer.status_code == 409 and b"Nothing was saved" in answer.content
