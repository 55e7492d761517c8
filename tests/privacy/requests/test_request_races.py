"""Simultaneous requests of one person are one request with one mail to each staff member; a link opens once."""

import re
from functools import partial

import pytest
from django.utils import timezone

from contacts import locking
from contacts.models import Contact
from privacy.models import Erasure, MailboxProof
from privacy.requests import requests
from tests.at_once import at_once, meet
from tests.factories.organisers import make_staff
from tests.friends import friendly_pos, make_visitor
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.scenario("S12")]


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, email="zoe@example.org")


@pytest.fixture
def slowly(monkeypatch):
    """All who can meet between looking for a request and writing one."""
    original = requests.open_request

    def later(*args):
        found = original(*args)
        meet()
        return found

    monkeypatch.setattr(requests, "open_request", later)


def ask(zoe, pos):
    return requests.ask(zoe, pos=pos, language="en", now=timezone.now())


def test_a_double_click_is_one_request(zoe, pos, slowly):
    first, second = at_once(partial(ask, zoe, pos), partial(ask, zoe, pos))
    assert first.pk == second.pk == Erasure.objects.get().pk


def test_double_click_without_the_lock_is_two_requests(zoe, pos, slowly, monkeypatch):
    """The twin: the race is real. Both have created a request before one of them commits."""
    monkeypatch.setattr(locking, "lock", lambda pk: Contact.objects.get(pk=pk))
    mail_link = requests._mail_link

    def meet_before(*args):
        meet()
        mail_link(*args)

    monkeypatch.setattr(requests, "_mail_link", meet_before)
    at_once(partial(ask, zoe, pos), partial(ask, zoe, pos))
    assert Erasure.objects.count() == 2


def token(kind: str) -> str:
    body = mime_messages.build(Mail.objects.filter(kind=kind).latest("pk")).body
    return re.search(r"/data/(?:confirm|open)/([^/\s]+)/", body)[1]


def test_the_link_followed_twice_at_once_confirms_once_and_tells_each_member_of_staff_once(zoe, pos):
    owner = make_staff(pos.organiser, "owner")
    ask(zoe, pos)
    key = token("data_delete")
    confirm = partial(requests.confirm, key, pos=pos, now=timezone.now())
    answers = at_once(confirm, confirm)
    assert [one for one in answers if one is not None] == [Erasure.objects.get(state="confirmed")]
    assert list(Mail.objects.filter(kind="data_asked").values_list("recipient", flat=True)) == [owner.email]


@pytest.mark.scenario("S13")
def test_a_mailed_link_opens_for_one_of_two(zoe, pos):
    requests.send_link("zoe@example.org", pos=pos, language="en", now=timezone.now())
    key = token("data_link")
    look = partial(requests.open_proof, key, pos.organiser, timezone.now())
    answers = at_once(look, look)
    assert [one for one in answers if one is not None] == [MailboxProof.objects.get()]


@pytest.mark.scenario("S14")
def test_simultaneous_requests_send_at_most_three_mails(pos):
    send = partial(
        requests.send_link,
        "nobody@mail.example",
        pos=pos,
        language="en",
        now=timezone.now().replace(second=1),
    )
    at_once(*[send] * 6)
    assert Mail.objects.filter(kind="data_link").count() == 3
