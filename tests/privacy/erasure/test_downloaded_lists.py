"""After an erasure users with downloaded lists of the person get a mail to delete them."""

from datetime import timedelta

import pytest
from django.core import mail as sent
from django.utils import timezone

from privacy.erasure import downloaded_lists, erasing
from privacy.models import Erasure
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from ticketshop.exports.models import Download, Job
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S26")]


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def vera(pos):
    return ContactFactory(organiser=pos.organiser, first_name="Zqvera", last_name="Zqzweig")


def downloaded(organiser, by, *people, kind="customers") -> Download:
    subjects = [person.subject_uuid for person in people]
    now = timezone.now()
    job = Job.objects.create(
        organiser=organiser, kind=kind, subjects=subjects, created_at=now, state="expired"
    )
    return Download.objects.create(job=job, by=by, at=now)


def told() -> list[str]:
    return sorted(Mail.objects.filter(kind="data_copies").values_list("recipient", flat=True))


def test_each_user_with_a_downloaded_list_gets_one_mail(pos, vera):
    owner, office, other = (make_staff(pos.organiser, role) for role in ("owner", "back office", "owner"))
    downloaded(pos.organiser, owner, vera)
    downloaded(pos.organiser, owner, vera, kind="participants")
    downloaded(pos.organiser, office, vera, ContactFactory(organiser=pos.organiser))
    downloaded(pos.organiser, other, ContactFactory(organiser=pos.organiser))
    erasure = erasing.erase(vera, by=owner, now=timezone.now())
    assert told() == sorted([owner.email, office.email])
    assert downloaded_lists.tell(erasure, timezone.now()) == 0 and len(told()) == 2, (
        "a step that runs again tells nobody twice"
    )


def test_the_mail_names_the_lists_and_not_the_person(pos, vera):
    owner, cashier = make_staff(pos.organiser, "owner"), make_staff(pos.organiser, "box office")
    for by in (owner, cashier):
        downloaded(pos.organiser, by, vera)
    downloaded(pos.organiser, owner, vera, kind="participants")
    erasure = erasing.erase(vera, by=owner, now=timezone.now())
    texts = {}
    for row in Mail.objects.filter(kind="data_copies"):
        tasks.send(row.pk)
        texts[row.recipient] = sent.outbox[-1].subject + sent.outbox[-1].body
    assert all(erasure.receipt in text and "Zq" not in text for text in texts.values())
    assert "- Customers: a row for everybody who ordered (" in texts[owner.email]
    assert "- Participants: a row for every ticket (" in texts[owner.email]
    assert "Participants" not in texts[cashier.email], "what others downloaded is theirs"
    assert "Open the receipt" in texts[owner.email] and "Open the receipt" not in texts[cashier.email]
    assert "tell a colleague" in texts[cashier.email]


def test_no_mail_is_sent_after_the_files_are_noted_as_deleted(pos, vera):
    owner = make_staff(pos.organiser)
    downloaded(pos.organiser, owner, vera)
    erasure = erasing.erase(vera, by=owner, now=timezone.now())
    Erasure.objects.filter(pk=erasure.pk).update(copies_deleted_at=timezone.now())
    row = Mail.objects.get(kind="data_copies")
    tasks.send(row.pk)
    row.refresh_from_db()
    assert sent.outbox == [] and row.state == "cancelled"


def test_retention_sends_no_mail_about_downloaded_lists(pos, vera):
    downloaded(pos.organiser, make_staff(pos.organiser), vera)
    erasing.erase(
        vera,
        by=None,
        now=timezone.now() + timedelta(days=1),
        channel=Erasure.Channel.RETENTION,
        reason=Erasure.Reason.NOT_NEEDED,
    )
    assert Erasure.objects.get().state == "closed" and told() == []


def test_staff_of_another_organiser_get_no_mail(pos, vera):
    downloaded(pos.organiser, make_staff(pos.organiser), vera)
    stranger = OrganiserFactory()
    theirs = ContactFactory(organiser=stranger, email=vera.email)
    downloaded(stranger, make_staff(stranger), theirs)
    erasing.erase(vera, by=None, now=timezone.now())
    assert Mail.objects.get(kind="data_copies").organiser == pos.organiser
