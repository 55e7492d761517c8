"""The engine: a person is forgotten step by step, each step one transaction, and again from where it stopped.

requested -> confirmed -> claimed -> emptied -> filed -> closed, or deferred while something waits.

A state names what is done; ``STEPS`` says what comes next. A process that dies between two steps, or within one,
leaves a request that the periodic job takes up again: every step may run twice without harm.
"""

import hashlib
import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from django.core.files.storage import storages
from django.db import DatabaseError, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy
from psycopg import errors

from contacts.models import Contact
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib import references

from ..declarations import cached_traces, registry, subjects
from ..models import Erasure, PendingDeletion
from ..plan import companions, deferrals, planning
from . import database_step, downloaded_lists, due_dates, last_mail, statistics

logger = logging.getLogger("ticketshop.privacy")
State = Erasure.State
# How often one run empties the tables: what is written between two steps goes with the next pass.
PASSES = 3
# Somebody else held a row for too long.
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled)


class CannotErase(Exception):
    """Why nothing has begun. ``code``: gone (no such contact, or erased already), changed (what was shown is not
    what would happen any more)."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class NotClean(Exception):
    """After the run a row still said something; ``labels`` are the models."""

    def __init__(self, labels: list[str]):
        super().__init__(", ".join(labels))
        self.labels = labels


# --- ask --------------------------------------------------------------------------------------------------------
@transaction.atomic
def request(
    contact: Contact,
    *,
    channel: str,
    now: datetime,
    reason: str = Erasure.Reason.REQUEST,
    by=None,
    bearer: bool = False,
    fingerprint: str | None = None,
    number: uuid.UUID | None = None,
) -> Erasure:
    """Write down that ``contact`` is to be forgotten; one request per person whoever asks, and how often.

    With ``fingerprint`` (of the plan that was shown) only if the plan is still the same. A new request gets
    ``number``, by which whoever asks twice finds it again. Raises CannotErase.
    """
    locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
    if locked is None or locked.erased_at is not None:
        raise CannotErase("gone")
    open_one = Erasure.objects.filter(contact=locked).exclude(state__in=[State.WITHDRAWN, State.REQUESTED])
    if found := open_one.order_by("pk").first():
        if found.state == State.CONFIRMED:
            _check_unchanged(locked, fingerprint, now, bearer, channel)
            Erasure.objects.filter(pk=found.pk).update(
                # Whoever was merged since is the contact that stayed.
                bearer=bearer,
                by=by,
                reason=reason,
                subject_uuid=locked.subject_uuid,
            )
            found.refresh_from_db()
        return found
    _check_unchanged(locked, fingerprint, now, bearer, channel)
    if number is None or Erasure.objects.filter(uuid=number).exists():
        number = uuid.uuid4()
    return Erasure.objects.create(
        uuid=number,
        organiser_id=locked.organiser_id,
        contact=locked,
        subject_uuid=locked.subject_uuid,
        channel=channel,
        reason=reason,
        bearer=bearer,
        by=by,
        receipt=references.readable(10),
        registry_version=version(),
        requested_at=now,
        confirmed_at=now,
        due_at=due_dates.due(contact.organiser, now) if channel in due_dates.ASKED_BY_PERSON else None,
    )


def _check_unchanged(
    contact: Contact, fingerprint: str | None, now: datetime, bearer: bool, channel: str
) -> None:
    if fingerprint is None:
        return
    plan = planning.plan(contact, now=now, bearer=bearer, unasked=channel in Erasure.UNASKED)
    if plan.fingerprint != fingerprint:
        raise CannotErase("changed")


def version() -> str:
    """Names the declarations an erasure followed: another one when any of them changes."""
    said = [
        (
            model._meta.label,
            sorted((name, repr(word)) for name, word in registry.declaration(model).columns.items()),
        )
        for model in registry.installed_models()
    ]
    return hashlib.sha256(repr(sorted(said)).encode()).hexdigest()[:16]


# --- run --------------------------------------------------------------------------------------------------------
def run(erasure: Erasure, *, now: datetime) -> Erasure:
    """Take every step that is left, and then those of who goes with the person; returns the request closed, deferred,
    or with the failure of a step.

    Whatever a step raises leaves the request where it was, for the periodic job, and goes on to the caller. A row
    that somebody else uses too long leaves it there too; the request is returned as far as it is.
    """
    _run_alone(erasure, now)
    for companion in Erasure.objects.filter(together_with=erasure, state=State.CONFIRMED).order_by("pk"):
        _run_alone(companion, now)
    return erasure


def _run_alone(erasure: Erasure, now: datetime) -> None:
    again = PASSES
    while (step := STEPS.get(erasure.state)) is not None:
        try:
            step(erasure, now)
        except (NotClean, OSError, DatabaseError) as error:
            # What the step had written was taken back.
            erasure.refresh_from_db()
            if isinstance(error, NotClean) and (again := again - 1):
                # Somebody wrote to the person meanwhile, such as a mail about an order that waits: it goes too.
                _turn(erasure, State.FILED, State.CLAIMED)
                continue
            busy = isinstance(error.__cause__, BUSY)
            _note_failure(erasure, error.__cause__ if busy else error)
            if not busy:
                raise
            # A row of the person's is in use, such as a mail on its way out: the periodic job goes on.
            break


def _note_failure(erasure: Erasure, error: BaseException | None) -> None:
    """The step and the kind of failure; never its text, which may repeat what it met."""
    failure = f"{erasure.state}: {type(error).__name__} {','.join(getattr(error, 'labels', []))}"
    logger.error("erasure %s stopped at %s", erasure.uuid, failure)
    Erasure.objects.filter(pk=erasure.pk).update(failure=failure[:80])


def erase(contact: Contact, *, by, now: datetime, **asked) -> Erasure:
    """Ask and run at once; ``asked`` as for ``request``. Raises CannotErase."""
    asked.setdefault("channel", Erasure.Channel.BACK_OFFICE)
    return run(request(contact, by=by, now=now, **asked), now=now)


def _turn(erasure: Erasure, before: str, after: str, **values) -> bool:
    """From one state to the next, if nobody else did so meanwhile; with the step's effect in one transaction."""
    values |= {"state": after, "failure": ""}
    if not Erasure.objects.filter(pk=erasure.pk, state=before).update(**values):
        erasure.refresh_from_db()
        return False
    for name, value in values.items():
        setattr(erasure, name, value)
    logger.info("erasure %s: %s", erasure.uuid, after)
    return True


def claim(erasure: Erasure, now: datetime) -> None:
    """From here on nobody orders, edits, merges or adds this person: they hold the contact, and see it is being erased."""
    with transaction.atomic():
        contact = Contact.objects.select_for_update().get(pk=erasure.contact_id)
        if _turn(erasure, State.CONFIRMED, State.CLAIMED, claimed_at=now):
            contact.erasing_at = now
            contact.save(update_fields=["erasing_at"])
            asked = Erasure.objects.filter(contact=contact, state=State.REQUESTED)
            asked.update(state=State.WITHDRAWN, contact=None, token_hash=None)
            history.record(contact, "erased", by=erasure.by, now=now, receipt=erasure.receipt)


def empty_database(erasure: Erasure, now: datetime) -> None:
    """Everything in tables goes, in one transaction; files are written down in the same one."""
    # Before the person's links go, and while nobody is held: people are held by number everywhere.
    companions.ask(erasure, now)
    with transaction.atomic():
        whole = Contact.objects.select_related("user", "organiser")
        database_step.lock_before(subjects.subject_of(whole.get(pk=erasure.contact_id)))
        contact = whole.select_for_update(of=("self",)).get(pk=erasure.contact_id)
        subject = subjects.subject_of(contact)
        database_step.lock_rows(subject)
        database_step.lock_log_in(subject)
        # From here on nothing new is the person's: whoever writes holds one of these.
        goes = planning.going(subject, {})
        there = {one.model for one in goes if not one.of_others}
        waits, held = planning.waiting(contact, now=now, bearer=erasure.bearer, unasked=erasure.unasked)
        stays = planning.staying(subject)
        # Staff may have erased the person's name in rows of others before.
        first = erasure.emptied_at is None and not erasure.steps.exists()
        noted = {"kept": _stays(stays), "deferred": _waits(waits), "deferred_until": _next_look(waits, now)}
        if not _turn(erasure, State.CLAIMED, State.EMPTIED, emptied_at=now, **noted):
            return
        if not waits:
            last_mail.write(erasure, contact, last_mail.DONE, now=now)
        files = database_step.note_files(erasure, subject, there)
        # First: the links by which others name the person go with their rows.
        done = database_step.forget_mentions(subject, {one.model for one in goes if one.of_others})
        done += database_step.empty_rows(subject, held, there, now)
        done += database_step.forget_author(subject)
        database_step.add_up(erasure, done, first=first)
        downloaded_lists.tell(erasure, now)
        cached_traces.forget(subject)
        _note_end(contact, [one.until for one in waits])
        database_step.end_log_in(subject, now)
        emptied = files | {model for model, _deleted, rows in done if rows}
        statistics.analyse.defer(tables=sorted(model._meta.db_table for model in emptied))


def _note_end(contact: Contact, ends: list[datetime | None]) -> None:
    """Until when something waits at the latest: not the last of some where another has no date at all."""
    last = max(one for one in ends if one) if ends and all(ends) else None
    if contact.erasing_until != last:
        Contact.objects.filter(pk=contact.pk).update(erasing_until=last)


def _stays(stays: list[planning.Stays]) -> list[dict]:
    return [
        {
            "model": one.model._meta.label,
            "basis": one.basis.code,
            "rows": one.rows,
            "until": one.until.isoformat() if one.until else None,
        }
        for one in stays
    ]


def _waits(waits: list[planning.Waiting]) -> list[dict]:
    return [
        {
            "model": one.model._meta.label,
            "pk": one.pk,
            "basis": one.basis.code,
            "until": one.until.isoformat() if one.until else None,
        }
        for one in waits
    ]


def _next_look(waits: list[planning.Waiting], now: datetime) -> datetime | None:
    """When something may be over: at the next date, and each day, as orders are paid or cancelled meanwhile."""
    if not waits:
        return None
    return min([one.until for one in waits if one.until] + [now + timedelta(days=1)])


def delete_files(erasure: Erasure, now: datetime) -> None:
    """Every file that was written down goes; the name is dropped when the storage has done it.

    A file that is gone already, such as one whose time was over, counts as deleted.
    """
    for one in PendingDeletion.objects.filter(erasure=erasure, done_at=None).order_by("pk"):
        with suppress(FileNotFoundError):
            storages[one.storage].delete(one.name)
        PendingDeletion.objects.filter(pk=one.pk).update(name="", done_at=now)
    _turn(erasure, State.EMPTIED, State.FILED, filed_at=now)


def verify(erasure: Erasure, now: datetime) -> None:
    """Nothing is left but what waits: only then it is done. Raises NotClean."""
    with transaction.atomic():
        contact = (
            Contact.objects.select_for_update(of=("self",))
            .select_related("user", "organiser")
            .get(pk=erasure.contact_id)
        )
        waits, held = planning.waiting(contact, now=now, bearer=erasure.bearer, unasked=erasure.unasked)
        left = planning.going(subjects.subject_of(contact), held)
        if left and not _something_ended(erasure, waits):
            raise NotClean(sorted({one.model._meta.label for one in left}))
        if left:
            # A wait was over between two steps: what it held goes now.
            _turn(erasure, State.FILED, State.CLAIMED)
        elif waits:
            if _turn(erasure, State.FILED, State.DEFERRED, verified_at=now):
                last_mail.write(erasure, contact, last_mail.BEGUN, now=now)
                last_mail.send(erasure, last_mail.BEGUN)
        elif _turn(
            erasure, State.FILED, State.CLOSED, verified_at=now, closed_at=now, contact=None, spared=[]
        ):
            Contact.objects.filter(pk=contact.pk).update(erased_at=now, erasing_until=None)
            last_mail.send(erasure, last_mail.DONE)


def _something_ended(erasure: Erasure, waits: list[planning.Waiting]) -> bool:
    waited = {(one["model"], one["pk"]) for one in erasure.deferred}
    return bool(waited - {(one.model._meta.label, one.pk) for one in waits})


STEPS: dict[str, Callable[[Erasure, datetime], None]] = {
    State.CONFIRMED: claim,
    State.CLAIMED: empty_database,
    State.EMPTIED: delete_files,
    State.FILED: verify,
}


# --- by itself --------------------------------------------------------------------------------------------------
def _whose_wait_ended() -> list[int]:
    """Ids of the erasures for which something waits no more: an order was paid or cancelled, a ticket used.

    A query per model that waits, however many erasures there are.
    """
    recorded: dict[str, dict[int, list[int]]] = {}
    deferred = Erasure.objects.filter(state=State.DEFERRED).values_list("pk", "deferred")
    for pk, waits in deferred:
        for wait in waits:
            recorded.setdefault(wait["model"], {}).setdefault(wait["pk"], []).append(pk)
    ended: set[int] = set()
    for label, rows in recorded.items():
        for row in rows.keys() - deferrals.still_waiting(label, rows):
            ended.update(rows[row])
    return sorted(ended)


def _to_go_on(now: datetime) -> models.QuerySet[Erasure]:
    due = Q(state__in=Erasure.RUNNING) | Q(state=State.DEFERRED, deferred_until__lte=now)
    due |= Q(state=State.CONFIRMED, together_with__isnull=False) | Q(pk__in=_whose_wait_ended())
    return Erasure.objects.filter(due).order_by("pk")


def _go_on(erasure: Erasure, now: datetime) -> None:
    if erasure.state == State.DEFERRED:
        _turn(erasure, State.DEFERRED, State.CLAIMED)
        erasure.refresh_from_db()
    run(erasure, now=now)


# Every step is a transaction of its own.
GO_ON = RowJob(
    "privacy.go_on", gettext_lazy("Erase a person"), rows=_to_go_on, act=_go_on, atomic=False, most=200
)


def go_on(now: datetime) -> int:
    """What a killed process left, and what waited until now; returns how many requests went on."""
    return GO_ON.run(now)
