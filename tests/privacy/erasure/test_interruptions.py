"""An erasure that is killed at any point is completed by the job, with the same counts and mails.

Where only the person's own steps matter, it is of the person ``alone``: with companions it takes three times as long.
"""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from unittest import mock

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import connection, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from privacy.erasure import erasing
from privacy.models import Erasure, ErasureStep, PendingDeletion
from privacy.plan import companions
from tests.privacy import scanner
from tests.privacy.changes import OWN, Change, between
from tests.privacy.scanner import Snapshot
from tests.privacy.state import State
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S40"), pytest.mark.timeout(1800)]


class Killed(BaseException):
    """Nothing catches it: as if the process had ended here."""


NOW = timezone.now()
# Those whom only V has connected: they go too.
TOGETHER = 3
# What is written there once more has another number; it is counted instead.
NUMBERED = ("privacy_", "history_event", "procrastinate_")


@dataclass
class End:
    """The result of an erasure."""

    state: str
    counts: list[tuple]
    kept: list
    files: list[tuple]
    told: int
    jobs: list[str]
    mails: list[tuple]
    whole: Snapshot

    def differs_from(self, other: "End") -> list:
        said = ("state", "counts", "kept", "files", "told", "jobs", "mails")
        found = [name for name in said if getattr(self, name) != getattr(other, name)]
        changes = between(self.whole, other.whole)
        return found + [change for change in changes if Change(change.table, "*", change.column) not in OWN]


def end_of(state: State) -> End:
    # ``planting`` made an earlier request of V; a staff member ended it long ago.
    erasure = Erasure.objects.get(subject_uuid=state.v.person.contact.subject_uuid)
    return End(
        erasure.state,
        sorted(ErasureStep.objects.filter(erasure=erasure).values_list("model", "deleted", "rows")),
        erasure.kept,
        sorted(PendingDeletion.objects.filter(erasure=erasure).values_list("storage", "name", "done_at")),
        Event.objects.filter(action="erased").count(),
        sorted(ProcrastinateJob.objects.values_list("task_name", flat=True)),
        sorted(Mail.objects.values_list("kind", "state").order_by("pk")),
        {table: rows for table, rows in scanner.snapshot().items() if not table.name.startswith(NUMBERED)},
    )


def erase(state: State) -> Erasure:
    return erasing.erase(state.v.person.contact, by=state.a.staff, now=NOW)


def start_again(state: State) -> None:
    """As the periodic job does; what had not even begun is begun again by staff."""
    erasing.go_on(NOW)
    erasure = Erasure.objects.filter(subject_uuid=state.v.person.contact.subject_uuid).first()
    if erasure is None or erasure.state == Erasure.State.CONFIRMED:
        erase(state)


@contextmanager
def taken_back(state: State) -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    state.v.put_files_back()


def interrupted(state: State, kill: Callable) -> tuple[bool, End]:
    """Erase while ``kill`` may strike, then start again; whether it struck, and the end."""
    with taken_back(state):
        try:
            with kill():
                erase(state)
        except Killed:
            struck = True
            start_again(state)
        else:
            struck = False
        return struck, end_of(state)


@contextmanager
def without_companions() -> Iterator[None]:
    with mock.patch.object(companions, "companions_of", return_value=[]):
        yield


def end_undisturbed(made_state: State, django_db_blocker, *, people: int) -> End:
    """Return the end of an erasure that nothing interrupts: each test has the same rows before its own."""
    state = copy.deepcopy(made_state)
    state.v.put_files_back()
    with (
        django_db_blocker.unblock(),
        taken_back(state),
        without_companions() if people == 1 else nullcontext(),
    ):
        assert erase(state).state == Erasure.State.CLOSED
        found = end_of(state)
    assert found.counts
    assert found.told == people
    assert found.files
    return found


@pytest.fixture(scope="module")
def undisturbed(made_state, django_db_blocker) -> End:
    """The end of V's erasure, with the companions."""
    return end_undisturbed(made_state, django_db_blocker, people=1 + TOGETHER)


@pytest.fixture(scope="module")
def end_alone(made_state, django_db_blocker) -> End:
    return end_undisturbed(made_state, django_db_blocker, people=1)


@pytest.fixture
def alone(end_alone) -> Iterator[End]:
    """V has no companions during the test; the value is the end of an undisturbed erasure."""
    with without_companions():
        yield end_alone


# --- where it is killed -----------------------------------------------------------------------------------------


def at_step(name: str, when: str):
    """Before a step, or after it and before the next one."""

    def step(erasure, now):
        if when == "before":
            raise Killed
        original(erasure, now)
        raise Killed

    original = erasing.STEPS[name]
    return lambda: mock.patch.dict(erasing.STEPS, {name: step})


def at_file(when: str):
    """Before the storage deletes a file; or after it, before the deletion is noted."""
    original = FileSystemStorage.delete

    def delete(self, name):
        if when == "after":
            original(self, name)
        raise Killed

    return lambda: mock.patch.object(FileSystemStorage, "delete", delete)


def at_statement(number: int):
    """Before the statement with this number is sent."""

    @contextmanager
    def kill():
        count = 0

        def count_down(execute, sql, params, many, context):
            nonlocal count
            if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK")):
                count += 1
                if count == number:
                    raise Killed
            return execute(sql, params, many, context)

        with connection.execute_wrapper(count_down):
            yield

    return kill


@pytest.mark.parametrize("name", erasing.STEPS)
def test_erasure_killed_between_two_steps_is_completed_by_the_job(state, alone, name):
    """Between two steps is one place, whether it comes after the first or before the second."""
    struck, found = interrupted(state, at_step(name, "before"))
    assert struck
    assert found.differs_from(alone) == []


def test_erasure_killed_before_those_of_companions_is_completed_by_the_job(state, undisturbed):
    struck, found = interrupted(state, at_step(Erasure.State.FILED, "after"))
    assert struck
    assert found.differs_from(undisturbed) == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_erasure_killed_at_a_file_is_completed_by_the_job(state, alone, when):
    struck, found = interrupted(state, at_file(when))
    assert struck
    assert found.differs_from(alone) == []


def test_erasure_killed_at_a_statement_is_completed_by_the_job(state, undisturbed):
    """A few here, in each step that has more than one statement; all of them in ``make soak``."""
    assert killed_at_every(state, undisturbed, step=71) > 3


@pytest.mark.soak
def test_erasure_killed_at_each_statement_is_completed_by_the_job(state, undisturbed, capsys):
    count = killed_at_every(state, undisturbed, step=1)
    with capsys.disabled():
        print(f"\nKilled at {count} statements, the same end each time")


def killed_at_every(state: State, undisturbed: End, *, step: int) -> int:
    number, count = 1, 0
    while True:
        struck, found = interrupted(state, at_statement(number))
        assert found.differs_from(undisturbed) == [], f"killed at statement {number}"
        if not struck:
            return count
        number, count = number + step, count + 1


# --- again and again --------------------------------------------------------------------------------------------


def test_running_an_erasure_ten_times_changes_nothing_more(state, undisturbed):
    erasure = erase(state)
    for _time in range(10):
        with pytest.raises(erasing.CannotErase) as error:
            erase(state)
        assert error.value.code == "gone"
        erasing.run(erasure, now=NOW)
        erasing.go_on(NOW)
    assert end_of(state).differs_from(undisturbed) == []


def test_erasure_with_a_failing_storage_stays_open_and_is_tried_again(state, alone):
    def refuse(self, name):
        raise PermissionError(13, "not now")

    with mock.patch.object(FileSystemStorage, "delete", refuse), pytest.raises(PermissionError):
        erase(state)
    erasure = Erasure.objects.get(subject_uuid=state.v.person.contact.subject_uuid)
    assert (erasure.state, erasure.closed_at) == (Erasure.State.EMPTIED, None)
    assert "PermissionError" in erasure.failure
    assert PendingDeletion.objects.filter(erasure=erasure, done_at=None).exclude(name="").exists()
    erasing.go_on(NOW)
    assert end_of(state).differs_from(alone) == []


# --- written meanwhile ------------------------------------------------------------------------------------------


def writing(state: State, times: int):
    """Write to the person while files are deleted, ``times`` times."""
    original, contact, left = erasing.delete_files, state.v.person.contact, [None] * times

    def delete_files(erasure, now):
        original(erasure, now)
        if left:
            left.pop()
            Mail.objects.create(
                organiser=state.a.organiser, kind="order_paid", recipient=contact.email, language="en",
                subject_uuid=contact.subject_uuid, created_at=now,
            )  # fmt: skip

    return mock.patch.dict(erasing.STEPS, {Erasure.State.EMPTIED: delete_files})


def test_row_written_between_two_steps_is_erased(state, alone):
    with writing(state, 1):
        assert erase(state).state == Erasure.State.CLOSED
    assert list(Mail.objects.order_by("-pk").values_list("recipient", "state")[:1]) == [("", "cancelled")]


def test_erasure_with_ever_new_rows_is_never_closed(state, alone):
    with writing(state, 99), pytest.raises(erasing.NotClean):
        erase(state)
    erasure = Erasure.objects.get(subject_uuid=state.v.person.contact.subject_uuid)
    assert (erasure.state, erasure.closed_at) == (Erasure.State.FILED, None)
    # The periodic job goes on once they have stopped.
    erasing.go_on(NOW)
    erasure.refresh_from_db()
    assert erasure.state == Erasure.State.CLOSED
