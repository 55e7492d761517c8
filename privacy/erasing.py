"""The engine: a person is forgotten step by step, each step one transaction, and again from where it stopped.

requested -> confirmed -> claimed -> emptied -> filed -> closed, or deferred while something waits.

A state names what is done; ``STEPS`` says what comes next. A process that dies between two steps, or within one,
leaves a request that the periodic job takes up again: every step may run twice without harm.
"""

import hashlib
import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.files.storage import storages
from django.db import DatabaseError, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy
from psycopg import errors

from contacts import links
from contacts.models import Contact
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib import references
from ticketshop.lib.personal import Author

from . import clock, emptying, last_mail, planning, registry, samples, subjects, traces
from .models import Erasure, ErasureStep, PendingDeletion

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
            _check_unchanged(locked, fingerprint, now, bearer)
            Erasure.objects.filter(pk=found.pk).update(
                # Whoever was merged since is the contact that stayed.
                bearer=bearer,
                by=by,
                reason=reason,
                subject_uuid=locked.subject_uuid,
            )
            found.refresh_from_db()
        return found
    _check_unchanged(locked, fingerprint, now, bearer)
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
        due_at=clock.due(contact.organiser, now) if channel in clock.ASKED_BY_PERSON else None,
    )


def _check_unchanged(contact: Contact, fingerprint: str | None, now: datetime, bearer: bool) -> None:
    if fingerprint is None:
        return
    if planning.plan(contact, now=now, bearer=bearer).fingerprint != fingerprint:
        raise CannotErase("changed")


def version() -> str:
    """Names the declarations an erasure followed: another one when any of them changes."""
    said = [
        (
            model._meta.label,
            sorted((name, repr(word)) for name, word in registry.declaration(model).columns.items()),
        )
        for model in registry.census()
    ]
    return hashlib.sha256(repr(sorted(said)).encode()).hexdigest()[:16]


# --- run --------------------------------------------------------------------------------------------------------
def run(erasure: Erasure, *, now: datetime) -> Erasure:
    """Take every step that is left; returns the request closed, deferred, or with the failure of a step.

    Whatever a step raises leaves the request where it was, for the periodic job, and goes on to the caller. A row
    that somebody else uses too long leaves it there too; the request is returned as far as it is.
    """
    again = PASSES
    while (step := STEPS.get(erasure.state)) is not None:
        try:
            step(erasure, now)
        except (NotClean, OSError, DatabaseError) as error:
            if isinstance(error, NotClean) and (again := again - 1):
                # Somebody wrote to the person meanwhile, such as a mail about an order that waits: it goes too.
                _turn(erasure, State.FILED, State.CLAIMED)
                erasure.refresh_from_db()
                continue
            busy = isinstance(error.__cause__, BUSY)
            _note_failure(erasure, error.__cause__ if busy else error)
            if not busy:
                raise
            # A row of the person's is in use, such as a mail on its way out: the periodic job goes on.
            break
        erasure.refresh_from_db()
    return erasure


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
    found = Erasure.objects.filter(pk=erasure.pk, state=before)
    turned = bool(found.update(state=after, failure="", **values))
    if turned:
        logger.info("erasure %s: %s", erasure.uuid, after)
    return turned


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
    # By itself, while nobody of them is held: the people are held by number everywhere.
    links.let_go(erasure.contact_id, now=now)
    with transaction.atomic():
        whole = Contact.objects.select_related("user", "organiser")
        _lock_rows(subjects.who(whole.get(pk=erasure.contact_id)), before=True)
        contact = whole.select_for_update(of=("self",)).get(pk=erasure.contact_id)
        if not _turn(erasure, State.CLAIMED, State.EMPTIED, emptied_at=now):
            return
        subject = subjects.who(contact)
        _lock_rows(subject)
        _lock_log_in(subject)
        waits, held = planning.waiting(contact, now=now, bearer=erasure.bearer)
        if not waits:
            last_mail.write(erasure, contact, last_mail.DONE, now=now)
        stays = planning.staying(subject)
        files = _note_files(erasure, subject)
        done = [*_empty_rows(subject, held, now), *_forget_author(subject)]
        _add_up(erasure, done)
        traces.forget(subject)
        ends = [one.until for one in waits]
        # Not the last of some where another has no date at all.
        Contact.objects.filter(pk=contact.pk).update(erasing_until=max(ends) if all(ends) and ends else None)
        _end_log_in(subject, now)
        Erasure.objects.filter(pk=erasure.pk).update(
            kept=_stays(stays), deferred=_waits(waits), deferred_until=_next_look(waits, now)
        )
        emptied = files | {model for model, _deleted, rows in done if rows}
        samples.analyse.defer(tables=sorted(model._meta.db_table for model in emptied))


def _lock_rows(subject: subjects.Subject, *, before: bool = False) -> None:
    """Hold the rows whose verbs write to the person: whoever has begun one ends it first.

    ``before`` the person is held: those whose verbs hold the row first, and then the person.
    """
    turns = [(turn, model) for model in registry.census() if (turn := registry.declaration(model).lock)]
    for _number, model in sorted((one for one in turns if (one[0] < 0) is before), key=lambda one: one[0]):
        list(subjects.rows(model, subject).select_for_update().order_by("pk").values_list("pk"))


def _lock_log_in(subject: subjects.Subject) -> None:
    if subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        list(user._base_manager.select_for_update().filter(pk=subject.user_id).values_list("pk"))


def _note_files(erasure: Erasure, subject: subjects.Subject) -> set[type[models.Model]]:
    """Write down which files go, and take their names out of the rows; the models in which they stood."""
    found = set()
    for model in subjects.models_with_people():
        for name, rows in planning.files(model, subject):
            word = registry.declaration(model).columns[name]
            names = list(rows.values_list(name, flat=True))
            if not names:
                continue
            PendingDeletion.objects.bulk_create(
                PendingDeletion(erasure=erasure, storage=word.storage, name=str(one)) for one in names
            )
            rows.update(**{name: ""})
            found.add(model)
    return found


def _empty_rows(subject: subjects.Subject, held: planning.Held, now: datetime) -> list[tuple]:
    """(model, whether rows were deleted, how many) for everything that went."""
    done = []
    for model in subjects.models_with_people():
        for one in planning.emptyings(model, subject, held):
            if one.deleted:
                rows = _delete(model, one.rows)
            else:
                rows = one.rows.update(**_values(model, one.columns, now))
            done.append((model, one.deleted, rows))
    return done


def _delete(model: type[models.Model], rows) -> int:
    """Delete rows, with what belongs to them by a random name: the places a cart holds are free again at once."""
    along = registry.declaration(model).along
    # Read first, used last: whoever is changing such a row is waited for in between.
    names = {column: list(rows.values_list(column, flat=True)) for column in along}
    deleted = rows.delete()[1].get(model._meta.label, 0)
    for column, others in along.items():
        for other, name in others:
            other._base_manager.filter(**{f"{name}__in": names[column]}).delete()
    return deleted


def _end_log_in(subject: subjects.Subject, now: datetime) -> None:
    """A log-in that stays for somebody else: links to choose a new password die.

    They are signed with the instant of the last log-in: another instant is another signature.
    """
    if subject.user_id is not None and not subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        user._base_manager.filter(pk=subject.user_id).update(last_login=now)


def _values(model: type[models.Model], columns: dict, now: datetime) -> dict:
    return {name: emptying.value(model._meta.get_field(name), word, now) for name, word in columns.items()}


def _forget_author(subject: subjects.Subject) -> list[tuple]:
    """A customer's own name on what they did goes; that of staff stays."""
    done: list[tuple] = []
    if subject.user_id is None or subject.user_goes or subject.is_staff:
        # Of a log-in that went the database has dropped the keys.
        return done
    for model in registry.census():
        for name, word in registry.declaration(model).columns.items():
            if isinstance(word, Author):
                done.append((model, False, subjects.written_by(model, name, subject).update(**{name: None})))
    return done


def _add_up(erasure: Erasure, done: list[tuple]) -> None:
    """The counts are of all runs: what a deferred one erases later is added."""
    counts: dict[tuple[str, bool], int] = {}
    for model, deleted, rows in done:
        if rows:
            key = (model._meta.label, deleted)
            counts[key] = counts.get(key, 0) + rows
    ErasureStep.objects.bulk_create(
        (
            ErasureStep(erasure=erasure, model=label, deleted=deleted, rows=0)
            for label, deleted in sorted(counts)
        ),
        ignore_conflicts=True,
    )
    whens = [
        models.When(model=label, deleted=deleted, then=F("rows") + rows)
        for (label, deleted), rows in counts.items()
    ]
    if whens:
        ErasureStep.objects.filter(erasure=erasure).update(
            rows=models.Case(*whens, default=F("rows"), output_field=models.PositiveIntegerField())
        )


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
    """Every file that was written down goes; the name is dropped when the storage has done it."""
    for one in PendingDeletion.objects.filter(erasure=erasure, done_at=None).order_by("pk"):
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
        waits, held = planning.waiting(contact, now=now, bearer=erasure.bearer)
        left = planning.going(subjects.who(contact), held)
        if left and not _something_ended(erasure, waits):
            raise NotClean(sorted({one.model._meta.label for one in left}))
        if left:
            # A wait was over between two steps: what it held goes now.
            _turn(erasure, State.FILED, State.CLAIMED)
        elif waits:
            if _turn(erasure, State.FILED, State.DEFERRED, verified_at=now):
                last_mail.write(erasure, contact, last_mail.BEGUN, now=now)
                last_mail.send(erasure, last_mail.BEGUN)
        elif _turn(erasure, State.FILED, State.CLOSED, verified_at=now, closed_at=now, contact=None):
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
def _to_go_on(now: datetime) -> models.QuerySet[Erasure]:
    due = Q(state__in=Erasure.RUNNING) | Q(state=State.DEFERRED, deferred_until__lte=now)
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
