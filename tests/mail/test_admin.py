"""E-mails in the back office: their states, and sending a failed one again."""

import pytest
from django.utils import timezone

from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.staff import Staff, change, listing
from ticketshop.history import history
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office"))


def failed(pos, recipient="grace@example.org") -> Mail:
    mail = outbox.queue(
        "order_paid", to=recipient, language="en", now=timezone.now(), about={"order": 1}, pos=pos
    )
    Mail.objects.filter(pk=mail.pk).update(state=Mail.State.FAILED, error="SMTPConnectError")
    return mail


def test_failed_mail_is_sent_again_and_recorded(staff, pos):
    mail = failed(pos)
    assert "Tickets" in staff.open(listing(Mail)).source
    page = staff.press(mail, "send-again")
    assert "goes out in a moment" in page.text
    assert (
        Mail.objects.filter(state=Mail.State.QUEUED, recipient="grace@example.org", kind="order_paid").count()
        == 1
    )
    assert history.of(mail).get().by == staff.user


def test_mail_is_sent_again_at_most_three_times_an_hour(staff, pos):
    mail = failed(pos)
    for _ in range(4):
        staff.press(mail, "send-again")
    assert "several times" in staff.page.text
    assert Mail.objects.count() == 4


def test_mail_that_did_not_fail_or_lost_its_address_is_not_sent_again(staff, pos):
    sent, spam, forgotten = failed(pos), failed(pos), failed(pos)
    Mail.objects.filter(pk=sent.pk).update(state=Mail.State.SENT)
    Mail.objects.filter(pk=spam.pk).update(state=Mail.State.COMPLAINED)
    Mail.objects.filter(pk=forgotten.pk).update(recipient="")
    reasons = {
        sent: "This e-mail did not fail.",
        spam: "This e-mail arrived and was marked as spam.",
        forgotten: "The address of this e-mail is erased.",
    }
    for mail, reason in reasons.items():
        assert "Send again" not in staff.open(change(mail)).source
        page = staff.press(mail, "send-again")
        assert f"“Send again” is not possible now. {reason} Nothing was sent." in page.text
    assert Mail.objects.count() == 3


def test_box_office_sees_no_mails(pos):
    mail = failed(pos)
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert staff.open(listing(Mail)).status == 403
    assert staff.open(f"{change(mail).removesuffix('change/')}send-again/").status == 404


def test_search_finds_mails_by_the_beginning_of_the_address(staff, pos):
    failed(pos), failed(pos, "ada@example.org")
    source = staff.open(f"{listing(Mail)}?q=Ada").source
    assert "ada@example.org" in source
    assert "grace@example.org" not in source
