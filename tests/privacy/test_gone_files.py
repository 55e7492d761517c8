"""A missing file counts as deleted in all jobs; the reason of an export is erased with its file."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.mail import EmailMessage
from django.utils import timezone

from privacy.erasure import erasing
from privacy.models import PendingDeletion
from privacy.plan import planning
from tests.exports import steps
from tests.privacy.office import Office, bin_page
from ticketshop.exports import expiry
from ticketshop.exports.models import Job
from ticketshop.mail import mailbox

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S20")]
REASON = "for Vera Zweig, who has asked"


def made(office: Office, **values) -> Job:
    """A finished export with Vera in it."""
    now = timezone.now()
    job = steps.ask(
        "customers", office.pos.organiser, "customers", by=office.owner, sensitive=True, reason=REASON
    )
    job.file.save("customers.csv", ContentFile(b"Vera Zweig"), save=False)
    job.state, job.finished_at, job.expires_at = Job.State.DONE, now, now + timedelta(hours=24)
    job.subjects = [office.vera.subject_uuid]
    for name, value in values.items():
        setattr(job, name, value)
    job.save()
    return job


def test_an_erasure_whose_file_is_gone_is_done(office):
    job = made(office)
    Path(job.file.path).unlink()
    assert erasing.erase(office.vera, by=None, now=timezone.now()).state == "closed"
    assert PendingDeletion.objects.get().done_at is not None


def test_file_missing_in_the_storage_counts_as_deleted(office, monkeypatch):
    made(office)

    def gone(self, name):
        raise FileNotFoundError(name)

    monkeypatch.setattr(type(storages["exports"]), "delete", gone)
    assert erasing.erase(office.vera, by=None, now=timezone.now()).state == "closed"


def test_the_preview_counts_the_file(office):
    assert "Job" not in {
        part.model.__name__ for part in planning.plan(office.vera, now=timezone.now()).erased
    }
    made(office)
    parts = [part for part in planning.plan(office.vera, now=timezone.now()).erased if part.model is Job]
    assert {part.columns for part in parts} == {("file",), ("reason",)}
    assert "Exports" in office.staff().open(bin_page(office.vera)).text


def test_tidying_up_while_another_worker_does_the_same(office, monkeypatch):
    job = made(office, expires_at=timezone.now() - timedelta(minutes=1))
    folder = Path(storages["exports"].path(""))
    lost = folder / "lost.csv"
    lost.write_text("x")
    stat = Path.stat

    def vanishes(self, **how):
        if self == lost:
            lost.unlink(missing_ok=True)
        return stat(self, **how)

    monkeypatch.setattr(Path, "stat", vanishes)
    Path(job.file.path).unlink()
    expiry.tidy(timezone.now())
    job.refresh_from_db()
    assert (job.state, job.file.name, lost.exists()) == (Job.State.EXPIRED, "", False)


def test_the_demos_mailbox_forgets_while_its_oldest_mails_go(settings, tmp_path, monkeypatch):
    settings.MAILBOX_DIR = tmp_path
    for number in range(3):
        mailbox.Backend().send_messages(
            [EmailMessage("s", "text", "a@shop.example", [f"v{number}@zweig.example"])]
        )
    read, oldest = Path.read_bytes, min(tmp_path.glob("*.eml"))

    def read_late(self):
        oldest.unlink(missing_ok=True)
        return read(self)

    assert len(mailbox.read_mails()) == 3
    monkeypatch.setattr(Path, "read_bytes", read_late)
    mailbox.forget(["v1@zweig.example"])
    assert [letter.to for letter in mailbox.read_mails()] == ["v2@zweig.example"]


# --- what staff typed ------------------------------------------------------------------------------------------------


def test_export_reason_is_erased_with_the_expired_file(office):
    job = made(office)
    expiry.tidy(timezone.now())
    job.refresh_from_db()
    assert job.reason == REASON, "as long as there is a file"
    expiry.tidy(timezone.now() + timedelta(hours=25))
    job.refresh_from_db()
    assert (job.state, job.reason, job.sensitive) == (Job.State.EXPIRED, "", True)


@pytest.mark.parametrize("state", [Job.State.FAILED, Job.State.CANCELLED])
def test_reason_of_an_export_without_file_is_erased_after_a_day(office, state):
    job = made(office, state=state, file="")
    expiry.tidy(timezone.now() + timedelta(hours=23))
    job.refresh_from_db()
    assert job.reason == REASON
    expiry.tidy(timezone.now() + timedelta(hours=25))
    job.refresh_from_db()
    assert job.reason == ""


def test_export_reason_is_erased_with_a_person_in_the_file(office):
    job = made(office)
    erasing.erase(office.vera, by=None, now=timezone.now())
    job.refresh_from_db()
    assert (job.reason, job.file.name) == ("", "")
