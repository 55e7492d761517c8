"""Delivery reports: from the mail service to the states that staff see, and the end of these states."""

import base64
import hashlib
import hmac
import json
import logging
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from contacts import contacts
from privacy.erasure import erasing
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff, change, listing
from ticketshop import checks
from ticketshop.history import history
from ticketshop.mail import bounces, outbox, tasks
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Customer, Order

pytestmark = pytest.mark.django_db
SECRET = "reporter:a long random word"
POSTMARK = "/hooks/mail/postmark/tracking/"
NOW = timezone.now


@pytest.fixture(autouse=True)
def provider(settings):
    settings.ANYMAIL = {"WEBHOOK_SECRET": SECRET, "MAILGUN_WEBHOOK_SIGNING_KEY": "signing-key"}


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def sent(order: Order, number: str = "message-1") -> Mail:
    """The mail about the order, as a mail service has taken it."""
    mail = Mail.objects.filter(about__order=order.pk).latest("pk")
    Mail.objects.filter(pk=mail.pk).update(state=Mail.State.SENT, sent_at=NOW(), provider_id=number)
    return Mail.objects.get(pk=mail.pk)


def report(number="message-1", kind="HardBounce", at=None, secret=SECRET, url=POSTMARK, body=None):
    """A report of Postmark; returns the status of the answer."""
    at = (at or NOW()).isoformat()
    values = {
        "Delivery": {"RecordType": "Delivery", "DeliveredAt": at},
        "HardBounce": {"RecordType": "Bounce", "Type": "HardBounce", "TypeCode": 1, "BouncedAt": at},
        "SpamComplaint": {"RecordType": "SpamComplaint", "Type": "SpamComplaint", "BouncedAt": at},
    }[kind]
    whole = {
        "MessageID": number,
        "ID": 42,
        "Email": "grace@example.org",
        "Recipient": "grace@example.org",
        **values,
    }
    headers = {"authorization": f"Basic {base64.b64encode(secret.encode()).decode()}"} if secret else {}
    content = json.dumps(whole) if body is None else body
    return Client().post(url, content, content_type="application/json", headers=headers).status_code


def test_bounce_is_shown_at_the_mail_the_order_and_the_person(pos, staff):
    order = make_order(pos=pos)
    mail = sent(order)
    pages = [change(order), change(Customer(pk=order.buyer_id)), change(order.buyer)]
    assert not [page for page in pages if "come back" in staff.open(page).text.split("What is known")[0]]
    assert report() == 200
    mail.refresh_from_db()
    assert (mail.state, mail.error, bool(mail.returned_at)) == ("bounced", "bounced bounced", True)
    assert history.of(mail).get().action == "mail_returned"
    for page in pages:
        text = staff.open(page).text
        assert f"E-mails to {order.buyer.email} come back" in text
        assert "Ask this person for another address" in text and "Who can" not in text
    box_office = Staff(make_staff(pos.organiser, "box office"))
    assert "Who can: owner or back office." in box_office.open(pages[0]).text
    for page in (listing(Mail), f"{listing(Mail)}?trouble=1", change(mail)):
        assert "came back" in staff.open(page).source
    for rows in (listing(Order), listing(order.buyer.__class__), listing(Customer)):
        found = staff.open(f"{rows}?mails=returned").source
        assert order.reference in found or order.buyer.last_name in found
    assert "Send again" in staff.open(change(mail)).source


def test_start_page_counts_bounced_mails(pos, staff):
    def figure() -> str:
        source = staff.open("/admin/").source
        return source.split("E-mails that failed or came back")[1].split("</strong>")[0].rsplit(">", 1)[1]

    sent(make_order(pos=pos))
    assert figure() == "0"
    report()
    assert figure() == "1"


def test_staff_of_another_organiser_do_not_see_the_bounce(pos):
    order = make_order(pos=pos)
    sent(order)
    report()
    stranger = Staff(make_staff(PointOfSaleFactory().organiser, "owner"))
    for page in (listing(Mail), f"{listing(Order)}?mails=returned", f"{listing(Customer)}?mails=returned"):
        source = stranger.open(page).source
        assert order.reference not in source
        assert order.buyer.email not in source


def test_complaint_is_not_overwritten_by_other_reports(pos, staff):
    order = make_order(pos=pos)
    mail = sent(order)
    report(kind="SpamComplaint")
    report(kind="Delivery", at=NOW() + timedelta(minutes=1))
    report(kind="HardBounce", at=NOW() + timedelta(minutes=2))
    mail.refresh_from_db()
    assert mail.state == "complained"
    assert "was marked as spam" in staff.open(change(order.buyer)).text
    # A mail marked as spam can't be sent again.
    assert "Send again" not in staff.open(change(mail)).source


def test_repeated_and_outdated_reports_change_nothing(pos):
    mail = sent(make_order(pos=pos))
    later, earlier = NOW(), NOW() - timedelta(minutes=5)
    assert report(kind="Delivery", at=later) == 200
    assert report(kind="HardBounce", at=earlier) == 200
    mail.refresh_from_db()
    assert (mail.state, mail.returned_at) == ("sent", None)
    for _ in range(2):
        report(kind="HardBounce", at=later + timedelta(minutes=1))
    assert history.of(mail).count() == 1
    report(kind="Delivery", at=later + timedelta(minutes=2))
    mail.refresh_from_db()
    assert (mail.state, mail.returned_at, mail.error) == ("sent", None, "")


def told(order) -> Mail | None:
    buyer = order.buyer.__class__.objects.get(pk=order.buyer_id)
    return bounces.latest_bounce(buyer.organiser_id, buyer.email, buyer.subject_uuid)


def in_list(order) -> bool:
    from contacts.admin.unreachable import UnreachableFilter  # noqa: PLC0415

    chosen = UnreachableFilter(None, {"mails": ["returned"]}, order.buyer.__class__, None)
    return chosen.queryset(None, order.buyer.__class__.objects.all()).exists()


def test_later_delivered_mail_ends_the_bounce(pos):
    order = make_order(pos=pos)
    mail = sent(order)
    report()
    assert (told(order), in_list(order)) == (mail, True)
    again = outbox.again(mail, now=NOW())
    Mail.objects.filter(pk=again.pk).update(state="sent", provider_id="message-2")
    assert (told(order), in_list(order)) == (mail, True), "taken by the service is not arrived"
    report("message-2", "Delivery")
    assert (told(order), in_list(order)) == (None, False)


def test_another_address_ends_the_bounce(pos, staff):
    order = make_order(pos=pos)
    sent(order)
    report()
    assert in_list(order)
    contacts.change(order.buyer, {"email": "grace.hopper@example.org"}, by=staff.user, now=NOW())
    assert (told(order), in_list(order)) == (None, False)
    assert "come back" not in staff.open(change(order.buyer)).text.split("What is known")[0].replace(
        "come back or", ""
    )


def test_report_after_an_erasure_stores_nothing_about_the_person(pos):
    order = make_order(pos=pos, paid=True)
    mail = sent(order)
    order.tickets.update(state="used", used_at=NOW())
    erasing.erase(order.buyer, by=None, now=NOW())
    before = Mail.objects.filter(pk=mail.pk).values().get()
    assert before["recipient"] == ""
    assert report() == 404
    assert Mail.objects.filter(pk=mail.pk).values().get() == before
    assert "grace" not in json.dumps(list(history.of(mail).values()), default=str)


# --- origin of reports ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({"secret": "reporter:wrong"}, 403),
        ({"secret": ""}, 401),
        ({"url": "/hooks/mail/nobody/tracking/"}, 404),
        ({"number": "not ours"}, 404),
        ({"number": ""}, 404),
        ({"body": "{"}, 400),
        ({"body": "[]"}, 400),
        ({"body": '{"RecordType": "Bounce"}'}, 404),
        ({"body": '{"RecordType": 7, "MessageID": []}'}, 404),
    ],
)
def test_unknown_or_forged_report_is_refused_and_logged(pos, how, status, caplog):
    mail = sent(make_order(pos=pos))
    with caplog.at_level(logging.WARNING, "ticketshop.mail"):
        assert report(**how) == status
    (line,) = [record.getMessage() for record in caplog.records if record.name == "ticketshop.mail"]
    assert line.startswith("mail webhook refused provider=")
    assert "example.org" not in line
    mail.refresh_from_db()
    assert mail.state == "sent"


def test_report_without_a_configured_secret_is_refused(pos, settings):
    settings.ANYMAIL = {}
    mail = sent(make_order(pos=pos))
    assert report() == 403
    assert report(secret="") == 403
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert Client().head(POSTMARK).status_code == 403


def mailgun(number: str, key: str) -> int:
    stamp, token = str(int(NOW().timestamp())), "0" * 50
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    body = {
        "signature": {"timestamp": stamp, "token": token, "signature": signature},
        "event-data": {
            "event": "failed", "severity": "permanent", "reason": "bounce", "recipient": "grace@example.org",
            "timestamp": NOW().timestamp(), "message": {"headers": {"message-id": number}},
        },
    }  # fmt: skip
    content = json.dumps(body)
    secret = {"authorization": f"Basic {base64.b64encode(SECRET.encode()).decode()}"}
    answer = Client().post(
        "/hooks/mail/mailgun/tracking/", content, content_type="application/json", headers=secret
    )
    return answer.status_code


def test_signed_report_is_accepted(pos):
    mail = sent(make_order(pos=pos), "<mailgun-1@example.org>")
    assert mailgun("mailgun-1@example.org", "another-key") == 403
    mail.refresh_from_db()
    assert mail.state == "sent"
    assert mailgun("mailgun-1@example.org", "signing-key") == 200
    mail.refresh_from_db()
    assert mail.state == "bounced"


# --- plain SMTP ----------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_recipient_refused_by_the_mail_server_is_marked_until_a_mail_is_accepted(pos, settings):
    from tests.smtp import Postbox  # noqa: PLC0415

    with Postbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        order = make_order(pos=pos)
        mail = Mail.objects.get()
        box.refuse[mail.recipient] = "550 no such person"
        tasks.send(mail.pk)
        mail.refresh_from_db()
        assert (mail.state, mail.error) == ("failed", "SMTPRecipientsRefused 550")
        assert (told(order), in_list(order)) == (mail, True)
        box.refuse.clear()
        again = outbox.again(mail, now=NOW())
        tasks.send(again.pk)
        assert (told(order), in_list(order)) == (None, False)


def test_deployment_check_warns_when_reports_would_be_refused(settings):
    assert checks.mail_reports_are_open(None) == []
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    assert checks.mail_reports_are_open(None) == []
    settings.ANYMAIL = {}
    assert [found.id for found in checks.mail_reports_are_open(None)] == ["ticketshop.W101"]


def test_bounced_request_to_an_added_person_is_shown_at_the_connection():
    pos = friendly_pos()
    link = linked(make_visitor(pos), pos)
    office = Staff(make_staff(pos.organiser, "owner"))
    mail = Mail.objects.get(kind="link_new")
    tasks.send(mail.pk)
    Mail.objects.filter(pk=mail.pk).update(provider_id="message-1")
    pages = [change(link), change(link.parent)]
    assert all("request sent on" in office.open(page).text for page in pages)
    assert report() == 200
    for page in pages:
        assert "the request came back: e-mails don’t reach this address" in office.open(page).text
