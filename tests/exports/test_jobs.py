"""The life of an export: a snapshot of the shop, interrupted, resumed, fetched, deleted; and permissions."""

import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from contacts.models import Contact
from tests.exports import steps
from tests.factories import registration_forms as made
from tests.factories.organisers import StaffMembershipFactory, make_staff
from tests.factories.sales import make_order
from tests.sales import jazz
from tests.staff import Staff, change, listing
from ticketshop.exports import expiry, jobs, kinds, writing
from ticketshop.exports.kinds import Column, Kind, Page, Table
from ticketshop.exports.models import Download, Job
from ticketshop.lib.spreadsheets.formats import FORMATS, Xlsx
from ticketshop.organisers.models import StaffMembership
from ticketshop.sales.exports import rows
from ticketshop.sales.models import Ticket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> jazz.Jazz:
    return jazz.Jazz()


def sell(shop: jazz.Jazz, number: int, name: str = "ada"):
    buyer = {"first_name": name.title(), "last_name": "Lovelace", "email": f"{name}@example.org"}
    return make_order({shop.offers[shop.adult.pk, shop.third.pk]: number}, buyer=buyer)


def folder() -> Path:
    return Path(settings.EXPORT_ROOT)


def files() -> list[str]:
    return sorted(os.listdir(folder())) if folder().exists() else []


class Paged(Kind):
    """A kind for tests: two pages of a row each, with something happening between them."""

    code, title, permissions = "paged", "Paged", ("sales.view_ticket",)

    def __init__(self, between=lambda: None):
        self.between = between

    def filters(self, job):
        return []

    def table(self, job):
        return Table([Column("a", "A"), Column("tickets", "Tickets")], 2, self.pages())

    def pages(self):
        yield Page([["first", Ticket.objects.count()]])
        self.between()
        yield Page([["second", Ticket.objects.count()]])


@pytest.fixture
def paged(monkeypatch):
    """Register a kind, and ask for it."""

    def ask(shop, between) -> Job:
        monkeypatch.setitem(kinds.KINDS, "paged", Paged(between))
        return steps.ask("paged", shop.event, "event")

    return ask


def elsewhere(work) -> None:
    """Do something in another transaction, as another process would."""
    failed = []

    def run():
        try:
            work()
        except Exception as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert not failed, failed


# --- one instant, one file -------------------------------------------------------------------------------


@pytest.mark.scenario("RF-44")
def test_sales_go_on_and_the_export_sees_one_instant(shop, paged):
    sell(shop, 1)
    job = paged(shop, lambda: elsewhere(lambda: sell(shop, 3, "bob")))
    read = steps.read(steps.done(job))
    assert read.column("tickets") == ["1", "1"]
    assert Ticket.objects.count() == 4
    assert steps.export("participants", shop.event, "event").lines[3:]  # the next one sees them


def test_without_the_snapshot_it_would_see_two(shop, paged, monkeypatch):
    """The twin: the same sale shows up between two pages."""
    monkeypatch.setattr(writing, "_snapshot", transaction.atomic)
    sell(shop, 1)
    job = paged(shop, lambda: elsewhere(lambda: sell(shop, 3, "bob")))
    assert steps.read(steps.done(job)).column("tickets") == ["1", "4"]


@pytest.mark.scenario("RF-44")
def test_pages_join_without_a_gap(shop, monkeypatch):
    monkeypatch.setattr(rows, "PAGE", 2)
    sell(shop, 5)
    found = steps.export("participants", shop.event, "event")
    assert found.column("ticket") == [
        str(pk) for pk in Ticket.objects.order_by("pk").values_list("pk", flat=True)
    ]
    assert Job.objects.get().rows_done == Job.objects.get().rows_total == 5


@pytest.mark.scenario("RF-44")
def test_the_file_is_private_and_named_by_chance(shop):
    sell(shop, 1)
    before = set(files())
    job = steps.done(steps.ask("participants", shop.event, "event"))
    path = steps.file_of(job)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.parent == folder()
    assert not path.is_relative_to(settings.MEDIA_ROOT)
    assert not path.is_relative_to(settings.STATIC_ROOT)
    assert len(path.stem) == 32
    assert job.size == path.stat().st_size
    assert job.expires_at - job.finished_at == timedelta(hours=24)
    assert set(files()) - before == {path.name}


@pytest.mark.scenario("RF-44")
def test_progress_is_seen_while_rows_are_still_read(shop, paged):
    seen = []

    def look():
        seen.append(Job.objects.values_list("state", "rows_done", "rows_total").get())

    steps.done(paged(shop, lambda: elsewhere(look)))
    assert seen == [("running", 1, 2)]


# --- stopped, lost, failed -------------------------------------------------------------------------------


@pytest.mark.scenario("RF-44")
def test_a_cancelled_export_stops_and_leaves_nothing(shop, paged):
    job = paged(shop, lambda: elsewhere(lambda: jobs.cancel(Job.objects.get(), now=timezone.now())))
    before = files()
    steps.done(job)
    assert (job.state, job.file.name) == ("cancelled", "")
    assert files() == before
    assert not jobs.cancel(job, now=timezone.now())  # over already
    steps.done(job)  # the worker comes once more
    assert job.state == "cancelled"


@pytest.mark.scenario("RF-44")
def test_a_killed_worker_s_export_is_begun_again(shop, paged):
    """A killed worker leaves a running job and a folder; the next worker writes the complete file."""

    class Killed(BaseException):
        pass

    def die():
        raise Killed

    job = paged(shop, die)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "_own_job", lambda job: Job.objects.none())  # the dead say nothing
        with pytest.raises(Killed):
            writing.run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("running", 1)
    kinds.KINDS["paged"].between = lambda: None
    assert steps.read(steps.done(job)).column("a") == ["first", "second"]
    assert job.attempt == 2


@pytest.mark.scenario("RF-44")
def test_a_worker_that_was_thought_dead_does_not_disturb_its_follower(shop, paged):
    """The second one finishes while the first is still reading: the first stops, and one file is there."""

    def second():
        kinds.KINDS["paged"].between = lambda: None
        writing.run(Job.objects.get().pk)

    job = paged(shop, lambda: elsewhere(second))
    before = files()
    steps.done(job)
    assert (job.state, job.attempt) == ("done", 2)
    assert len(files()) == len(before) + 1


@pytest.mark.scenario("RF-44")
def test_it_is_not_begun_for_ever(shop, paged):
    job = paged(shop, lambda: None)
    Job.objects.update(attempt=writing.ATTEMPTS, state="running")
    assert steps.done(job).state == "failed"
    assert job.error == "attempts"


@pytest.mark.scenario("RF-44")
def test_a_fault_ends_it_cleanly(shop, paged):
    def fault():
        raise ZeroDivisionError

    job = paged(shop, fault)
    before = files()
    owner = Staff(make_staff(shop.organiser))
    for attempt in range(1, writing.ATTEMPTS + 1):
        with pytest.raises(ZeroDivisionError):
            writing.run(job.pk)
        job.refresh_from_db()
        last = attempt == writing.ATTEMPTS
        assert (job.state, job.error, files()) == ("failed" if last else "queued", "fault", before)
        page = owner.open(change(job)).text
        assert "An unexpected error happened" in page
        assert ("It is tried again in a few minutes." in page) is not last


def test_while_the_database_is_away_it_waits_for_the_next_try(shop, paged):
    def away():
        raise OperationalError

    job = paged(shop, away)
    with pytest.raises(OperationalError):
        writing.run(job.pk)
    job.refresh_from_db()
    assert job.state == "running"
    kinds.KINDS["paged"].between = lambda: None
    assert steps.done(job).state == "done"


def test_what_takes_too_long_ends(shop, paged, monkeypatch):
    monkeypatch.setattr(writing, "LONGEST", -1.0)
    assert steps.done(paged(shop, lambda: None)).error == "too_long"


def test_the_job_is_queued_with_the_number_alone_and_only_if_committed(shop):
    queued = ProcrastinateJob.objects.filter(task_name="exports.write")
    before = queued.count()
    with transaction.atomic():
        steps.ask("participants", shop.event, "event")
        transaction.set_rollback(True)
    assert queued.count() == before
    job = steps.ask("participants", shop.event, "event")
    latest = queued.latest("id")
    assert latest.args == {"export_id": job.pk}
    assert latest.lock == "exports"


@pytest.mark.scenario("RF-45")
def test_person_erased_while_the_export_is_written_is_in_no_file(shop, monkeypatch):
    """The snapshot still holds them; the file goes as soon as it is whole. Who was erased before is no matter."""
    monkeypatch.setattr(rows, "PAGE", 1)
    ada, bob = sell(shop, 1).buyer, sell(shop, 1, "bob").buyer
    Contact.objects.filter(pk=bob.pk).update(erasing_at=timezone.now() - timedelta(days=1))
    before = set(files())
    assert steps.done(steps.ask("participants", shop.event, "event")).state == "done"
    read = rows.pages

    def meanwhile(*arguments):
        for page in read(*arguments):
            elsewhere(lambda: Contact.objects.filter(pk=ada.pk).update(erasing_at=timezone.now()))
            yield page

    monkeypatch.setattr(rows, "pages", meanwhile)
    job = steps.done(steps.ask("participants", shop.event, "event"))
    assert (job.state, job.error, job.file.name) == ("failed", "forgotten", "")
    assert len(set(files()) - before) == 1


def test_a_file_that_went_with_a_person_is_said_to_be_gone(shop):
    job = steps.done(steps.ask("participants", shop.event, "event"))
    job.file.delete()
    owner = Staff(make_staff(shop.organiser))
    assert "somebody in it was erased" in owner.open(change(job)).text
    assert "There is no file" in owner.open(f"/admin/exports/job/{job.pk}/download/").text


# --- the file goes ---------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-44")
def test_files_go_after_a_day_and_so_do_orphans(shop):
    sell(shop, 1)
    job = steps.done(steps.ask("participants", shop.event, "event"))
    path, now = steps.file_of(job), timezone.now()
    orphan, fresh = folder() / "orphan.csv", folder() / "being-written-now"
    orphan.write_text("x")
    os.utime(orphan, (0, 0))
    old = folder() / "being-written-long-ago"
    old.mkdir()
    (old / "x").write_text("x")
    os.utime(old, (0, 0))
    fresh.mkdir()
    expiry.tidy(now + timedelta(minutes=1))
    assert path.exists()
    assert (orphan.exists(), old.exists(), fresh.exists()) == (False, False, True)
    fresh.rmdir()
    expiry.tidy(now + timedelta(hours=24, minutes=1))
    job.refresh_from_db()
    assert (path.exists(), job.state, job.file.name) == (False, "expired", "")
    assert job.subjects  # who was in it is still known
    owner = Staff(make_staff(shop.organiser))
    assert "There is no file" in owner.open(f"/admin/exports/job/{job.pk}/download/").text
    expiry.tidy(now + timedelta(hours=24, minutes=1))


def test_export_jobs_without_a_worker_end(shop):
    job, now = steps.ask("participants", shop.event, "event"), timezone.now()
    Job.objects.update(state="running", started_at=now)
    expiry.tidy(now + timedelta(minutes=5))
    job.refresh_from_db()
    assert job.state == "running"
    expiry.tidy(now + timedelta(hours=2))
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "lost")


def test_a_file_that_is_past_its_day_is_not_handed_out_even_before_it_is_deleted(shop):
    job = steps.done(steps.ask("participants", shop.event, "event"))
    later = timezone.now() + timedelta(hours=25)
    assert jobs.fetch(job, by=None, now=later) is None
    assert not Download.objects.exists()
    assert jobs.fetch(job, by=None, now=timezone.now()) == steps.file_of(job)
    steps.file_of(job).unlink()
    assert jobs.fetch(job, by=None, now=timezone.now()) is None


# --- who may ---------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-44")
def test_the_permission_is_asked_again_at_the_download(shop):
    user = make_staff(shop.organiser)
    owner, job = Staff(user), steps.done(steps.ask("participants", shop.event, "event", by=user))
    answer, _body = steps.fetch(owner, job)
    assert answer.status_code == 200
    page = owner.open(f"/admin/exports/job/{job.pk}/download/")
    StaffMembership.objects.filter(user=user).delete()
    StaffMembershipFactory(user=user, organiser=shop.organiser, role="box office")
    token = next(form for form in page.forms if form.method == "post" and form.action == "").values
    answer = owner.client.post(page.url, {"csrfmiddlewaretoken": token["csrfmiddlewaretoken"]})
    assert answer.status_code in {403, 404}
    assert Download.objects.count() == 1


@pytest.mark.scenario("RF-44")
def test_staff_of_another_organiser_see_no_export(shop):
    job = steps.done(steps.ask("participants", shop.event, "event"))
    mine, foreign = Staff(make_staff(shop.organiser)), Staff(make_staff(jazz.Jazz().organiser))
    addresses = [change(job), f"/admin/exports/job/{job.pk}/download/", f"/admin/exports/job/{job.pk}/stop/"]
    addresses.append(f"/admin/catalogue/event/{shop.event.pk}/export/")
    addresses.append(f"/admin/sales/customer/export/?organiser={shop.organiser.pk}")
    for address in addresses:
        assert mine.open(address).status == 200, address
        assert foreign.open(address).status == 404, address
    assert f"/admin/exports/job/{job.pk}/" in mine.open(listing(Job)).source
    assert f"/admin/exports/job/{job.pk}/" not in foreign.open(listing(Job)).source


def test_who_may_not_export_is_offered_nothing(shop):
    for role, status in (("owner", 200), ("back office", 200), ("box office", 403), ("accounting", 404)):
        staff = Staff(make_staff(shop.organiser, role, email=f"{role.replace(' ', '')}@staff.example"))
        address = f"/admin/catalogue/event/{shop.event.pk}/export/"
        assert staff.open(address).status == status, role


def test_accounting_exports_customers_and_no_answers(shop):
    staff = Staff(make_staff(shop.organiser, "accounting"))
    page = staff.open("/admin/sales/customer/export/")
    assert 'value="customers"' in page.source
    assert 'value="orders"' not in page.source
    form = next(form for form in page.forms if form.method == "post" and form.action == "")
    assert staff.submit(form, {"kind": "orders", "file_format": "csv"}).status == 200
    assert not Job.objects.exists()


def test_staff_of_two_organisers_say_whose_customers(shop):
    other, user = jazz.Jazz(), make_staff(shop.organiser)
    StaffMembershipFactory(user=user, organiser=other.organiser)
    staff = Staff(user)
    assert "Whose customers?" in staff.open("/admin/sales/customer/export/").text
    staff.open(f"/admin/sales/customer/export/?organiser={other.organiser.pk}")
    form = next(form for form in staff.page.forms if form.method == "post" and form.action == "")
    staff.submit(form, {"kind": "customers", "file_format": "csv"})
    assert Job.objects.get().organiser == other.organiser


# --- sensitive answers, and what the log keeps -----------------------------------------------------------


@pytest.fixture
def allergies(shop):
    """A form with a sensitive question, and an answer."""
    form = shop.form("tariff")
    plain = made.ask(form, "Size")
    hidden = made.ask(form, "Allergies", sensitive=True, purpose="The kitchen", retention_days=28)
    order = sell(shop, 1)
    steps.answer(order.tickets.get(), made.publish(form), {plain.key: "M", hidden.key: "Peanuts"})
    return hidden


@pytest.mark.scenario("RF-44")
def test_sensitive_answers_need_a_permission_and_a_reason(shop, allergies):
    assert allergies.key not in steps.export("participants", shop.event, "event").keys
    assert "Peanuts" not in str(steps.export("answers", shop.event, "event").lines)
    clerk = Staff(make_staff(shop.organiser, "back office"))
    address = f"/admin/catalogue/event/{shop.event.pk}/export/"
    assert 'name="sensitive"' not in clerk.open(address).source
    owner_user = make_staff(shop.organiser, email="owner@jazz.example")
    owner = Staff(owner_user)
    page = owner.open(address)
    form = next(form for form in page.forms if form.method == "post" and form.action == "")
    asked = {"kind": "participants", "file_format": "csv", "sensitive": "on"}
    assert "what you need" in owner.submit(form, asked).text
    owner.submit(form, {**asked, "reason": "The caterer’s list"})
    job = steps.done(Job.objects.latest("pk"))
    assert steps.read(job).column(allergies.key) == ["Peanuts"]
    assert job.reason == "The caterer’s list"
    # Another user with the permission to export gave no reason, so may not fetch the file.
    other = Staff(make_staff(shop.organiser, email="second@jazz.example"))
    assert other.open(f"/admin/exports/job/{job.pk}/download/").status == 403
    assert steps.fetch(owner, job)[0].status_code == 200
    with pytest.raises(IntegrityError):
        steps.ask("participants", shop.event, "event", sensitive=True)


@pytest.mark.scenario("RF-44")
def test_the_log_keeps_who_filter_columns_and_rows_and_no_values(shop, allergies):
    user = make_staff(shop.organiser, email="owner@jazz.example")
    asked = {"order_state": "pending", "states": True}
    job = steps.done(steps.ask("participants", shop.event, "event", by=user, **asked))
    jobs.fetch(job, by=user, now=timezone.now())
    job.refresh_from_db()
    assert job.parameters == {"source": "event", "number": shop.event.pk, **asked}
    assert job.rows_done == 1
    assert "order.buyer_email" in job.columns
    page = Staff(user).open(change(job)).text
    assert "Order: buyer’s e-mail address" in job.column_labels
    for shown in (
        "owner@jazz.example",
        "Jazz 2027",
        "waiting for payment",
        "1 of 1",
        "Order: buyer’s e-mail address",
    ):
        assert shown in page, shown
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(j)::text FROM exports_job j")
        kept = str(cursor.fetchall())
    assert "order.buyer_email" in kept
    for value in ("Lovelace", "ada@example.org", "Peanuts"):
        assert value in str(sell(shop, 1).buyer.__dict__) + "Peanuts"
        assert value not in kept


def test_export_too_wide_for_a_spreadsheet_shows_an_error(shop, monkeypatch):
    sell(shop, 1)
    assert FORMATS["xlsx"].most_columns == 16_384
    monkeypatch.setattr(Xlsx, "most_columns", 5)
    job = steps.done(steps.ask("participants", shop.event, "event", file_format="xlsx"))
    assert (job.state, job.error) == ("failed", "too_wide")
    owner = Staff(make_staff(shop.organiser))
    assert "more columns than a spreadsheet holds" in owner.open(change(job)).text
    assert steps.done(steps.ask("participants", shop.event, "event")).state == "done"
