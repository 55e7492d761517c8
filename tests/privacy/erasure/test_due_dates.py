"""Due dates of requests: display, reminders, one extension, and refusal with a reason."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django.utils.formats import date_format

from contacts.models import Contact
from privacy import tasks
from privacy.erasure import due_dates, erasing
from privacy.models import Erasure
from privacy.requests import requests
from tests.privacy.office import bin_page, erase
from tests.staff import change, listing
from ticketshop.mail import tasks as mail_tasks
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S15")]
ZURICH = ZoneInfo("Europe/Zurich")


def asked_for(contact: Contact, days_ago: int = 0) -> Erasure:
    """A request that the person confirmed some days ago."""
    now = timezone.now() - timedelta(days=days_ago)
    return erasing.request(contact, channel=Erasure.Channel.MAILBOX, now=now)


def reminders() -> int:
    return Mail.objects.filter(kind="data_due").count()


@pytest.mark.parametrize(
    ("asked", "months", "due"),
    [
        ((2026, 1, 31, 12), 1, "2026-02-28"),
        ((2028, 1, 30, 12), 1, "2028-02-29"),
        ((2026, 11, 30, 23, 30), 1, "2027-01-01"),  # the first of December in Zurich
        ((2026, 12, 15, 12), 3, "2027-03-15"),
    ],
)
def test_due_date_is_the_end_of_the_day_a_month_later_in_the_organisers_zone(office, asked, months, due):
    office.pos.organiser.time_zone = "Europe/Zurich"
    end = due_dates.due(office.pos.organiser, datetime(*asked, tzinfo=ZoneInfo("UTC")), months)
    assert end.astimezone(ZURICH).isoformat()[:19] == f"{due}T23:59:59"


def test_staff_and_person_see_the_due_date_and_overdue_is_marked(office, client):
    erasure, staff = asked_for(office.vera, 5), office.staff()
    day = erasure.due_at.astimezone(ZURICH)
    page = staff.open(listing(Erasure))
    assert date_format(day.date(), "SHORT_DATE_FORMAT") in page.text
    assert 'class="overdue"' not in page.source
    assert "overdue" not in staff.open("/admin/").text
    Erasure.objects.update(due_at=timezone.now() - timedelta(days=1))
    page = staff.open(f"{listing(Erasure)}?due=overdue")
    assert erasure.receipt in page.text and 'class="overdue"' in page.source
    assert "it is overdue" in staff.open(change(erasure)).text
    page = staff.open("/admin/")
    assert "1 answer is overdue." in page.text
    assert erasure.receipt in staff.open(page.link("1 answer is overdue")).text


def test_staff_get_one_reminder_ten_and_three_days_before_and_when_overdue(office):
    erasure = asked_for(office.vera)
    for days, expected in [(11, 0), (9.9, 1), (5, 1), (2.9, 2), (1, 2), (-0.1, 3), (-5, 3)]:
        for _twice in range(2):
            due_dates.REMINDERS.run(erasure.due_at - timedelta(days=days))
        assert reminders() == expected, days
    mail = Mail.objects.filter(kind="data_due").latest("pk")
    assert mail.recipient == office.owner.email


def test_reminder_contains_no_name_and_is_not_sent_after_the_erasure(office, mailoutbox):
    erasure = asked_for(office.vera)
    Erasure.objects.update(due_at=timezone.now() + timedelta(days=2))
    tasks.remind(0)
    mail = Mail.objects.get(kind="data_due")
    erase(office.staff(), office.vera)
    mail_tasks.send(mail.pk)
    assert [one for one in mailoutbox if one.to == [office.owner.email]] == []
    other = asked_for(office.wilma)
    Erasure.objects.filter(pk=other.pk).update(due_at=timezone.now() - timedelta(days=2))
    tasks.remind(0)
    mail_tasks.send(Mail.objects.filter(kind="data_due").latest("pk").pk)
    (letter,) = [one for one in mailoutbox if one.to == [office.owner.email]]
    assert "overdue" in letter.subject and other.receipt in letter.body
    assert "Wilma" not in letter.body and "zweig" not in letter.body.lower()
    assert erasure.receipt not in letter.body


def test_extension_needs_a_reason_is_possible_once_and_is_mailed(office, mailoutbox):
    erasure, staff = asked_for(office.vera, 10), office.staff()
    page = staff.open(change(erasure).replace("change/", "extend/"))
    page = staff.fill("^reason$", {})
    assert "This field is required" in page.text
    assert not Mail.objects.filter(kind="data_extended").exists()
    page = staff.fill("^reason$", {"reason": "complex"})
    assert "There is more time" in page.text and "Take more time" not in page.text
    before, erasure.due_at = erasure.due_at, None
    erasure.refresh_from_db()
    assert timedelta(days=58) < erasure.due_at - before < timedelta(days=63)
    mail_tasks.send(Mail.objects.get(kind="data_extended").pk)
    (letter,) = [one for one in mailoutbox if one.to == [office.vera.email]]
    assert "the request is complex" in letter.body and erasure.receipt in letter.body
    assert due_dates.extend(erasure, "many", now=timezone.now()) is False


def test_extension_is_not_possible_after_the_first_month(office):
    erasure, staff = asked_for(office.vera), office.staff()
    assert "Take more time" in staff.open(change(erasure)).text
    Erasure.objects.update(due_at=timezone.now() - timedelta(hours=1))
    assert "Take more time" not in staff.open(change(erasure)).text
    assert due_dates.extend(erasure, "many", now=timezone.now()) is False


@pytest.mark.scenario("S16")
def test_refusal_needs_a_reason_is_mailed_and_allows_a_new_request(office, mailoutbox):
    erasure, staff = asked_for(office.vera), office.staff()
    staff.open(change(erasure).replace("change/", "refuse/"))
    assert "This field is required" in staff.fill("^reason$", {}).text
    page = staff.fill("^reason$", {"reason": "not_proved"})
    assert "The request is refused" in page.text
    erasure.refresh_from_db()
    assert (erasure.state, erasure.contact, erasure.by) == ("refused", None, office.owner)
    mail_tasks.send(Mail.objects.get(kind="data_refused").pk)
    (letter,) = [one for one in mailoutbox if one.to == [office.vera.email]]
    assert "we could not make sure" in letter.body and "data protection authority" in letter.body
    assert requests.open_request(office.vera, timezone.now()) is None
    assert due_dates.refuse(erasure, "legal", by=office.owner, now=timezone.now()) is False
    again = asked_for(office.vera)
    assert again.pk != erasure.pk
    erase(staff, office.vera)
    again.refresh_from_db()
    assert again.state == "closed"


def test_role_without_the_right_has_no_buttons(office):
    erasure = asked_for(office.vera)
    for button in ("extend", "refuse"):
        url = change(erasure).replace("change/", f"{button}/")
        assert office.staff().open(url).status == 200
        assert office.staff("box office").open(url).status in {403, 404}


def test_the_second_of_two_members_of_staff_gets_the_receipt(office):
    first, second = office.staff(), office.staff("owner")
    second.open(bin_page(office.vera))
    form = second.page.form("^seen$")
    erase(first, office.vera)
    done = Erasure.objects.get()
    page = second.submit(form)
    assert page.url == change(done) and "is erased. Nothing has changed." in page.text
    assert second.open(bin_page(office.vera)).status == 404


@pytest.mark.scenario("S10")
def test_a_sole_owner_runs_the_request_they_confirmed_from_their_mailbox(office):
    Contact.objects.filter(pk=office.vera.pk).update(email=office.owner.email, email_key=office.owner.email)
    office.vera.refresh_from_db()
    staff = office.staff()
    assert "This is you" in staff.open(bin_page(office.vera)).text
    asked_for(office.vera)
    page = erase(staff, office.vera)
    assert Erasure.objects.get().state == "closed" and "Erased" in page.text


def test_outside_mail_service_is_named(office, client, settings):
    about, nobody = f"/{office.pos.slug}/data/about/", "Nobody else is told"
    assert "Your data go to nobody else" in client.get(about).content.decode()
    assert nobody in office.staff().open(bin_page(office.vera)).text
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    assert "Postmark delivers our e-mails" in client.get(about).content.decode()
    page = office.staff().open(bin_page(office.vera)).text
    assert "Postmark delivers our e-mails" in page and nobody not in page
