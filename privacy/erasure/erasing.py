"""Erase a person: the request, its steps, and the job that continues an erasure that was interrupted or deferred.

States: requested -> confirmed -> begun -> emptied -> filed -> closed; or deferred, until an open deferral ends.

A state names what is done, ``STEPS`` contains the next step of each. Each step is one transaction and may run twice: a
process that dies leaves the erasure in its last state, and the periodic job continues from there.
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
from ticketshop.lib.values import references

from ..declarations import cached_traces, registry, subjects
from ..models import Erasure, PendingDeletion
from ..plan import companions, deferrals, planning
from . import database_step, downloaded_lists, due_dates, last_mail, statistics

logger = logging.getLogger("ticketshop.privacy")
State = Erasure.State
# How often one run empties the tables: another pass erases what was written between two steps.
PASSES = 3
# Another transaction held a lock for too long.
BUSY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.QueryCanceled)


class CannotErase(Exception):
    """Nothing has begun.

    ``code``: "gone" (no such contact, or erased already) or "changed" (the plan is no longer the one that was shown).
    """

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


class NotClean(Exception):
    """After a run there was still something to erase in rows of the models ``labels``."""

    def __init__(self, labels: list[str]):
        super().__init__(", ".join(labels))
        self.labels = labels


# --- request ------------------------------------------------------------------------------------------------------
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
    """Create a confirmed erasure of ``contact``, or return the one there is: there is one per person.

    bearer: the person renounces being reached about unused tickets.
    fingerprint: of the plan that was shown; the request is refused if the plan is a different one by now.
    number: ``Erasure.uuid`` of a new request, by which a form that is posted twice finds it again.
    Raises CannotErase.
    """
    locked = Contact.objects.select_for_update().filter(pk=contact.pk).first()
    if locked is None or locked.erased_at is not None:
        raise CannotErase("gone")
    existing = Erasure.objects.filter(contact=locked).exclude(state__in=[State.WITHDRAWN, State.REQUESTED])
    erasure = existing.order_by("pk").first()
    if erasure is not None and erasure.state != State.CONFIRMED:
        return erasure
    if fingerprint is not None:
        _check_unchanged(locked, fingerprint, now, bearer, unrequested=channel in Erasure.UNREQUESTED)
    if erasure is not None:
        # The contact may have been merged since: then its UUID is another one.
        changed = {"bearer": bearer, "by": by, "reason": reason, "subject_uuid": locked.subject_uuid}
        Erasure.objects.filter(pk=erasure.pk).update(**changed)
        erasure.refresh_from_db()
        return erasure
    if number is None or Erasure.objects.filter(uuid=number).exists():
        number = uuid.uuid4()
    choices = {"channel": channel, "reason": reason, "bearer": bearer, "by": by}
    return _create(locked, number, now, **choices)


def _create(contact: Contact, number: uuid.UUID, now: datetime, **choices) -> Erasure:
    by_person = choices["channel"] in due_dates.ASKED_BY_PERSON
    return Erasure.objects.create(
        uuid=number,
        organiser_id=contact.organiser_id,
        contact=contact,
        subject_uuid=contact.subject_uuid,
        receipt=references.readable(10),
        registry_version=version(),
        requested_at=now,
        confirmed_at=now,
        due_at=due_dates.due(contact.organiser, now) if by_person else None,
        **choices,
    )


def _check_unchanged(
    contact: Contact, fingerprint: str, now: datetime, bearer: bool, *, unrequested: bool
) -> None:
    if planning.plan(contact, now=now, bearer=bearer, unrequested=unrequested).fingerprint != fingerprint:
        raise CannotErase("changed")


def version() -> str:
    """Return a hash of all strategies: a different one means that an erasure followed other declarations."""
    strategies = [
        (
            model._meta.label,
            sorted((name, repr(strategy)) for name, strategy in registry.declaration(model).columns.items()),
        )
        for model in registry.installed_models()
    ]
    return hashlib.sha256(repr(sorted(strategies)).encode()).hexdigest()[:16]


def erase(contact: Contact, *, by, now: datetime, **options) -> Erasure:
    """Create the request and run it; ``options`` as for ``request``. Raises CannotErase."""
    options.setdefault("channel", Erasure.Channel.BACK_OFFICE)
    return run(request(contact, by=by, now=now, **options), now=now)


# --- run ----------------------------------------------------------------------------------------------------------
def run(erasure: Erasure, *, now: datetime) -> Erasure:
    """Take all steps that are left, for the person and then for the companions. Return the erasure, closed or deferred.

    What a step raises is noted in ``failure``, leaves the erasure in its state for the periodic job, and is raised on.
    Only a row that another transaction locks for too long raises nothing: the erasure is returned as far as it is.
    """
    _run_alone(erasure, now)
    for companion in Erasure.objects.filter(together_with=erasure, state=State.CONFIRMED).order_by("pk"):
        _run_alone(companion, now)
    return erasure


def _run_alone(erasure: Erasure, now: datetime) -> None:
    passes_left = PASSES
    while (step := STEPS.get(erasure.state)) is not None:
        try:
            step(erasure, now)
        except (NotClean, OSError, DatabaseError) as error:
            # The step's transaction was rolled back.
            erasure.refresh_from_db()
            if isinstance(error, NotClean) and (passes_left := passes_left - 1):
                # Something was written meanwhile, such as a mail about an unpaid order: erase it in another pass.
                _advance(erasure, State.FILED, State.BEGUN)
                continue
            busy = isinstance(error.__cause__, BUSY)
            _note_failure(erasure, error.__cause__ if busy else error)
            if not busy:
                raise
            # A row of the person is in use, such as a mail that is being sent: the periodic job continues.
            break


def _note_failure(erasure: Erasure, error: BaseException | None) -> None:
    """Note state and type of a failure; not its text, which may contain personal data."""
    failure = f"{erasure.state}: {type(error).__name__} {','.join(getattr(error, 'labels', []))}"
    logger.error("erasure failed uuid=%s state=%s", erasure.uuid, failure)
    Erasure.objects.filter(pk=erasure.pk).update(failure=failure[:80])


def _advance(
    erasure: Erasure, before: str, after: str, *, without: models.QuerySet | None = None, **values
) -> bool:
    """Move the erasure from one state to the next, in the step's transaction.

    Return False if it is not in the state ``before`` any more, because another process took the step, or if there are
    rows in ``without``.
    """
    values |= {"state": after, "failure": ""}
    ready = Erasure.objects.filter(pk=erasure.pk, state=before)
    if without is not None:
        ready = ready.filter(~models.Exists(without))
    if not ready.update(**values):
        erasure.refresh_from_db()
        return False
    for name, value in values.items():
        setattr(erasure, name, value)
    logger.info("erasure advanced uuid=%s state=%s", erasure.uuid, after)
    return True


# --- steps --------------------------------------------------------------------------------------------------------
def begin(erasure: Erasure, now: datetime) -> None:
    """Set ``erasing_at`` on the contact: orders, edits, merges and links lock the contact, and are refused from now on."""
    with transaction.atomic():
        contact = Contact.objects.select_for_update().get(pk=erasure.contact_id)
        if _advance(erasure, State.CONFIRMED, State.BEGUN, claimed_at=now):
            contact.erasing_at = now
            contact.save(update_fields=["erasing_at"])
            unconfirmed = Erasure.objects.filter(contact=contact, state=State.REQUESTED)
            unconfirmed.update(state=State.WITHDRAWN, contact=None, token_hash=None)
            history.record(contact, "erased", by=erasure.by, now=now, receipt=erasure.receipt)


def empty_database(erasure: Erasure, now: datetime) -> None:
    """Erase all rows of the person but the deferred ones, and list the files to delete; in one transaction."""
    # First, as long as the person's links exist; and without a lock, since people are locked in order of their keys.
    companions.request_companions(erasure, now)
    with transaction.atomic():
        contacts = Contact.objects.select_related("user", "organiser")
        database_step.lock_before(subjects.subject_of(contacts.get(pk=erasure.contact_id)))
        contact = contacts.select_for_update(of=("self",)).get(pk=erasure.contact_id)
        subject = subjects.subject_of(contact)
        database_step.lock_rows(subject)
        database_step.lock_log_in(subject)
        # From here on no other transaction can add rows of the person: each locks one of these rows first.
        parts, retained = planning.erased_and_retained_rows(subject, {})
        models_with_rows = {part.model for part in parts if not part.of_others}
        open_deferrals, deferred_rows = _open_deferrals(erasure, contact, now)
        # Staff may have erased the person's name in rows of others before: then there are counts already.
        is_first_run = erasure.emptied_at is None and not erasure.steps.exists()
        record = {
            "kept": _retained_as_json(retained),
            "deferred": _deferrals_as_json(open_deferrals),
            "deferred_until": _next_look(open_deferrals, now),
        }
        if not _advance(erasure, State.BEGUN, State.EMPTIED, emptied_at=now, **record):
            return
        if not open_deferrals:
            last_mail.write(erasure, contact, last_mail.DONE, now=now)
        models_with_files = database_step.list_files(erasure, subject, models_with_rows)
        # Mentions before rows: they are found by links, which are rows of the person.
        done = database_step.forget_mentions(subject, {part.model for part in parts if part.of_others})
        done += database_step.empty_rows(subject, deferred_rows, models_with_rows, now)
        done += database_step.forget_author(subject)
        database_step.add_up(erasure, done, first=is_first_run)
        downloaded_lists.tell(erasure, now)
        cached_traces.forget(subject)
        _note_end(contact, [deferral.until for deferral in open_deferrals])
        database_step.end_log_in(subject, now)
        changed = models_with_files | {model for model, _deleted, rows in done if rows}
        statistics.analyse.defer(tables=sorted(model._meta.db_table for model in changed))


def _open_deferrals(
    erasure: Erasure, contact: Contact, now: datetime
) -> tuple[list[deferrals.Deferral], deferrals.DeferredRows]:
    return deferrals.open_deferrals(
        contact, now=now, bearer=erasure.bearer, unrequested=erasure.is_unrequested
    )


def _note_end(contact: Contact, ends: list[datetime | None]) -> None:
    """Write on the contact when all deferrals are over at the latest; null if one of them has no end."""
    last = max(end for end in ends if end) if ends and all(ends) else None
    if contact.erasing_until != last:
        Contact.objects.filter(pk=contact.pk).update(erasing_until=last)


def _retained_as_json(retained: list[planning.RetainedRows]) -> list[dict]:
    return [
        {
            "model": part.model._meta.label,
            "basis": part.basis.code,
            "rows": part.rows,
            "until": part.until.isoformat() if part.until else None,
        }
        for part in retained
    ]


def _deferrals_as_json(open_deferrals: list[deferrals.Deferral]) -> list[dict]:
    return [
        {
            "model": deferral.model._meta.label,
            "pk": deferral.pk,
            "basis": deferral.basis.code,
            "until": deferral.until.isoformat() if deferral.until else None,
        }
        for deferral in open_deferrals
    ]


def _next_look(open_deferrals: list[deferrals.Deferral], now: datetime) -> datetime | None:
    """Return when the job looks at the erasure again: at the next end of a deferral, or after a day."""
    if not open_deferrals:
        return None
    ends = [deferral.until for deferral in open_deferrals if deferral.until]
    return min([*ends, now + timedelta(days=1)])


def delete_files(erasure: Erasure, now: datetime) -> None:
    """Delete the listed files, and each name once its file is deleted. A missing file counts as deleted."""
    listed = PendingDeletion.objects.filter(erasure=erasure, done_at=None)
    if _advance(erasure, State.EMPTIED, State.FILED, without=listed, filed_at=now):
        return
    for pending in listed.order_by("pk"):
        with suppress(FileNotFoundError):
            storages[pending.storage].delete(pending.name)
        PendingDeletion.objects.filter(pk=pending.pk).update(name="", done_at=now)
    _advance(erasure, State.EMPTIED, State.FILED, filed_at=now)


def verify(erasure: Erasure, now: datetime) -> None:
    """Check that nothing but deferred rows is left, then close or defer the erasure and send the last mail.

    Raises NotClean. If a deferral has ended since the rows were emptied, the erasure goes back to BEGUN.
    """
    with transaction.atomic():
        contact = (
            Contact.objects.select_for_update(of=("self",))
            .select_related("user", "organiser")
            .get(pk=erasure.contact_id)
        )
        open_deferrals, deferred_rows = _open_deferrals(erasure, contact, now)
        left = planning.erased_rows(subjects.subject_of(contact), deferred_rows)
        if left and not _has_ended_deferral(erasure, open_deferrals):
            raise NotClean(sorted({part.model._meta.label for part in left}))
        if left:
            _advance(erasure, State.FILED, State.BEGUN)
        elif open_deferrals:
            if _advance(erasure, State.FILED, State.DEFERRED, verified_at=now):
                last_mail.write(erasure, contact, last_mail.BEGUN, now=now)
                last_mail.send(erasure, last_mail.BEGUN)
        elif _advance(
            erasure, State.FILED, State.CLOSED, verified_at=now, closed_at=now, contact=None, spared=[]
        ):
            Contact.objects.filter(pk=contact.pk).update(erased_at=now, erasing_until=None)
            last_mail.send(erasure, last_mail.DONE)


def _has_ended_deferral(erasure: Erasure, open_deferrals: list[deferrals.Deferral]) -> bool:
    recorded = {(deferral["model"], deferral["pk"]) for deferral in erasure.deferred}
    return bool(recorded - {(deferral.model._meta.label, deferral.pk) for deferral in open_deferrals})


STEPS: dict[str, Callable[[Erasure, datetime], None]] = {
    State.CONFIRMED: begin,
    State.BEGUN: empty_database,
    State.EMPTIED: delete_files,
    State.FILED: verify,
}


# --- periodic job -------------------------------------------------------------------------------------------------
def _with_ended_deferral() -> list[int]:
    """Return the ids of deferred erasures of which an order was paid or cancelled, or a ticket used.

    One query per model with a ``Defer``, however many erasures there are.
    """
    recorded: dict[str, dict[int, list[int]]] = {}
    for pk, deferred in Erasure.objects.filter(state=State.DEFERRED).values_list("pk", "deferred"):
        for deferral in deferred:
            recorded.setdefault(deferral["model"], {}).setdefault(deferral["pk"], []).append(pk)
    ended: set[int] = set()
    for label, rows in recorded.items():
        for row in rows.keys() - deferrals.still_unfinished(label, rows):
            ended.update(rows[row])
    return sorted(ended)


def _to_go_on(now: datetime) -> models.QuerySet[Erasure]:
    due = Q(state__in=Erasure.RUNNING) | Q(state=State.DEFERRED, deferred_until__lte=now)
    due |= Q(state=State.CONFIRMED, together_with__isnull=False) | Q(pk__in=_with_ended_deferral())
    return Erasure.objects.filter(due).order_by("pk")


def _go_on(erasure: Erasure, now: datetime) -> None:
    if erasure.state == State.DEFERRED:
        _advance(erasure, State.DEFERRED, State.BEGUN)
        erasure.refresh_from_db()
    run(erasure, now=now)


GO_ON = RowJob(
    "privacy.go_on",
    gettext_lazy("Erase a person"),
    rows=_to_go_on,
    act=_go_on,
    atomic=False,  # each step has its own transaction
    most=200,
)


def go_on(now: datetime) -> int:
    """Continue interrupted erasures, and deferred ones whose deferral has ended. Return their number."""
    return GO_ON.run(now)
