"""The last mail tells the outcome of a request, and its address is emptied after sending."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.requests import requests
from tests.privacy.office import coming_order, erase
from tests.smtp import Postbox
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S15")]
BACKEND = "django.core.mail.backends.smtp.EmailBackend"
VERA = "vera@zweig.example"


@pytest.fixture
def postbox(settings):
    with Postbox() as box:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = BACKEND, "127.0.0.1", box.port
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
        yield box


def asked_for(contact: Contact, **values) -> Erasure:
    """A request of the person's own, confirmed."""
    values = {"channel": Erasure.Channel.MAILBOX, "now": timezone.now()} | values
    return erasing.request(contact, **values)


def send_all() -> None:
    for pk in Mail.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True):
        try:
            tasks.send(pk)
        except tasks.TryAgain:
            continue


def rows_with_address() -> list[str]:
    return list(Mail.objects.filter(recipient__iexact=VERA).values_list("kind", flat=True))


def test_person_gets_one_mail_with_the_receipt_and_its_address_is_emptied(office, postbox):
    erasure, staff = asked_for(office.vera), office.staff()
    send_all()
    postbox.letters.clear()
    erase(staff, office.vera)
    erasure.refresh_from_db()
    assert erasure.state == "closed"
    assert rows_with_address() == ["data_done"], "the address waits for this one mail, and nowhere else"
    assert not Contact.objects.filter(email=VERA).exists()
    send_all()
    (letter,) = postbox.letters
    assert letter.recipients == [VERA]
    text = letter.message.get_body(("plain",)).get_content()
    assert erasure.receipt in text and "It is done" in text
    assert "ten years after the business year" in text and str(timezone.now().year + 10) in text
    assert "Your profile" in text and "Your orders" in text
    assert "Vera" not in text and "Zweig" not in text
    assert rows_with_address() == []
    assert Mail.objects.get(kind="data_done").state == "sent"
    erasing.run(erasure, now=timezone.now())
    send_all()
    assert len(postbox.letters) == 1


def test_last_mail_is_not_sent_before_the_erasure_is_closed(office, monkeypatch):
    erasure = asked_for(office.vera)

    def fail(*args):
        raise OSError

    monkeypatch.setitem(erasing.STEPS, "emptied", fail)
    with pytest.raises(OSError):
        erasing.run(erasure, now=timezone.now())
    mail = Mail.objects.get(kind="data_done")
    job = ProcrastinateJob.objects.filter(task_name="mail.send", args__mail_id=mail.pk)
    assert mail.recipient == VERA and not job.exists()
    monkeypatch.undo()
    erasure.refresh_from_db()
    erasing.run(erasure, now=timezone.now())
    assert Erasure.objects.get().state == "closed" and job.exists()


def test_unavailable_mail_server_delays_neither_erasure_nor_address(office, postbox):
    postbox.refuse[VERA] = "451 later"
    erasure = asked_for(office.vera)
    assert erasing.run(erasure, now=timezone.now()).state == "closed"
    send_all()
    assert rows_with_address() == ["data_done"]
    now = timezone.now()
    requests.expire(now + timedelta(days=2, hours=23))
    assert rows_with_address() == ["data_done"]
    requests.expire(now + timedelta(days=3, minutes=1))
    assert rows_with_address() == []
    assert Mail.objects.get(kind="data_done").state == "failed"
    send_all()
    assert [letter for letter in postbox.letters if letter.recipients == [VERA]] == []


def test_address_of_a_bounced_last_mail_is_emptied(office, postbox):
    postbox.refuse[VERA] = "550 no such person"
    erasing.run(asked_for(office.vera), now=timezone.now())
    assert rows_with_address() == ["data_done"]
    send_all()
    assert rows_with_address() == []
    assert Mail.objects.get(kind="data_done").state == "failed"


def test_deferred_erasure_sends_a_mail_when_deferred_and_another_when_closed(office, postbox):
    coming = coming_order(office.pos)
    erasure = erasing.run(asked_for(office.vera), now=timezone.now())
    assert erasure.state == "deferred"
    send_all()
    letters = [one for one in postbox.letters if one.recipients == [VERA]]
    text = letters[-1].message.get_body(("plain",)).get_content()
    assert "It has begun" in text and erasure.receipt in text
    assert "A ticket or season pass not yet used needs it until the event is over" in text
    assert re.search(r"At the latest until \w+ \d+ \w+ \d{4}", text)
    end = coming.tickets.get().session.ends_at + timedelta(days=3)
    assert erasing.go_on(end) == 1
    send_all()
    text = postbox.letters[-1].message.get_body(("plain",)).get_content()
    assert "It is done" in text and "At the latest until" not in text
    assert rows_with_address() == []


@pytest.mark.parametrize("channel", ["back_office", "retention"])
def test_person_without_a_request_gets_no_mail(office, postbox, channel):
    erasing.run(asked_for(office.vera, channel=channel), now=timezone.now())
    assert rows_with_address() == []
    send_all()
    assert [letter for letter in postbox.letters if letter.recipients == [VERA]] == []


def test_other_erasure_of_the_same_mailbox_keeps_the_last_mail(office, postbox):
    first = asked_for(office.vera)
    other = Contact.objects.get(pk=office.wilma.pk)
    Contact.objects.filter(pk=other.pk).update(email=VERA, email_key=VERA)
    other.refresh_from_db()
    erasing.run(first, now=timezone.now())
    erasing.run(asked_for(other), now=timezone.now())
    assert rows_with_address() == ["data_done"] * 2
    send_all()
    assert rows_with_address() == [] and len(postbox.letters) == 2


def test_request_by_mailed_link_is_erased_and_mailed(office, mailoutbox):
    """The whole way of a guest."""
    client, shop = Client(), f"/{office.pos.slug}"
    client.post(f"{shop}/data/", {"email": VERA})
    send_all()
    link = re.search(rf"http://testserver({shop}/data/open/\S+)", mailoutbox[-1].body)[1]
    client.post(link)
    page = client.get(f"{shop}/data/mine/delete/").content.decode()
    shown = re.search(r'name="shown" value="([^"]+)"', page)[1]
    client.post(f"{shop}/data/mine/delete/", {"shown": shown})
    erase(office.staff(), office.vera)
    mailoutbox.clear()
    send_all()
    assert [(letter.to, "erased" in letter.subject) for letter in mailoutbox if letter.to == [VERA]] == [
        ([VERA], True)
    ]
    assert rows_with_address() == []
