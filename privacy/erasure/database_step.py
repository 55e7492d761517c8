"""The database step of an erasure: lock the rows, empty or delete them, list the files, and count.

All functions run in the one transaction of ``erasing.empty_database``. "Done" is a list of (model, whether rows were deleted,
number of rows).
"""

from collections.abc import Callable
from datetime import datetime
from operator import itemgetter

from django.db import models
from django.db.models import F

from contacts.models import Contact
from ticketshop.lib.database.compiled import Compiled
from ticketshop.lib.personal import Author

from ..declarations import emptying, registry, statements
from ..declarations.subjects import Subject, models_with_people, rows, written_by
from ..models import Erasure, ErasureStep, PendingDeletion
from ..plan import planning

Models = set[type[models.Model]]
Done = list[tuple[type[models.Model], bool, int]]


# --- locks --------------------------------------------------------------------------------------------------------
def lock_before(subject: Subject) -> None:
    """Lock the rows that other transactions lock before the contact (``lock_order`` below zero), and rows that mention it."""
    _lock(subject, before=True)


def lock_rows(subject: Subject) -> None:
    """Lock the rows that other transactions lock after the contact, in the same order. Waits for those that have begun."""
    _lock(subject, before=False)


def _lock(subject: Subject, *, before: bool) -> None:
    for statement in _locking(statements.placeholders(subject), before):
        statement.rows(**statements.values(subject))


@statements.once_per_shape
def _locking(subject: Subject, before: bool) -> list[Compiled]:
    """Return the statements that lock rows before or after the contact, in their order."""
    mentioning = dict(registry.mentions()) if before else {}
    locking = []
    for model in _in_lock_order(lambda turn: turn < 0 if before else turn > 0):
        locked = rows(model, subject)
        if model in mentioning:
            both = locked.values("pk").union(mentioning[model].rows(subject.contact_id).values("pk"))
            locked = model._base_manager.filter(pk__in=both)
        locking.append(statements.of(locked.select_for_update(of=("self",)).order_by("pk").values_list("pk")))
    return locking


def _in_lock_order(condition: Callable[[int], bool]) -> list[type[models.Model]]:
    turns = [
        (turn, model)
        for model in registry.installed_models()
        if condition(turn := registry.declaration(model).lock_order)
    ]
    return [model for _turn, model in sorted(turns, key=itemgetter(0))]


def lock_log_in(subject: Subject) -> None:
    """Lock the log-in if it is to be deleted."""
    if subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        list(user._base_manager.select_for_update().filter(pk=subject.user_id).values_list("pk"))


# --- erasing ------------------------------------------------------------------------------------------------------
def forget_mentions(subject: Subject, mentioning: Models) -> Done:
    """Remove the person from rows of others in the models ``mentioning``."""
    return [
        (model, False, module.forget(subject.contact_id))
        for model, module in registry.mentions()
        if model in mentioning
    ]


def list_files(erasure: Erasure, subject: Subject, with_rows: Models) -> Models:
    """Create a PendingDeletion for each file of the person, and empty its column. Return the models with files."""
    with_files = set()
    for model in with_rows:
        for name, queryset in planning.file_columns(model, subject):
            storage = registry.declaration(model).columns[name].storage
            files = list(queryset.values_list(name, flat=True))
            if not files:
                continue
            PendingDeletion.objects.bulk_create(
                PendingDeletion(erasure=erasure, storage=storage, name=str(file)) for file in files
            )
            queryset.update(**{name: ""})
            with_files.add(model)
    return with_files


def empty_rows(subject: Subject, deferred: planning.DeferredRows, with_rows: Models, now: datetime) -> Done:
    """Empty or delete the subject's rows in the models ``with_rows``, except deferred rows and columns."""
    done = []
    for model in models_with_people():
        for step in planning.emptyings(model, subject, deferred) if model in with_rows else ():
            if step.deleted:
                number = _delete(model, step.rows)
            else:
                number = step.rows.update(**emptying.update_values(model, step.columns, now))
            done.append((model, step.deleted, number))
    return done


def _delete(model: type[models.Model], queryset: models.QuerySet) -> int:
    """Delete rows and what ``delete_with`` declares, such as the holds of a cart. Return the number of rows of ``model``."""
    delete_with = registry.declaration(model).delete_with
    # Read before the DELETE, which waits for transactions that are changing such a row; used after it.
    keys = {column: list(queryset.values_list(column, flat=True)) for column in delete_with}
    number = queryset.delete()[1].get(model._meta.label, 0)
    for column, others in delete_with.items():
        for other, name in others:
            other._base_manager.filter(**{f"{name}__in": keys[column]}).delete()
    return number


def end_log_in(subject: Subject, now: datetime) -> None:
    """Invalidate links to choose a new password of a log-in that stays.

    They are signed with the instant of the last log-in, which is set to ``now``.
    """
    if subject.user_id is not None and not subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        user._base_manager.filter(pk=subject.user_id).update(last_login=now)


def forget_author(subject: Subject) -> Done:
    """Set keys with the strategy ``Author`` to null if they name the subject's log-in and it stays; not of staff.

    Of a log-in that is deleted the database has done so.
    """
    if subject.user_id is None or subject.user_goes or subject.is_staff:
        return []
    return [
        (model, False, written_by(model, name, subject).update(**{name: None}))
        for model in registry.installed_models()
        for name, strategy in registry.declaration(model).columns.items()
        if isinstance(strategy, Author)
    ]


# --- counts -------------------------------------------------------------------------------------------------------
def add_up(erasure: Erasure, done: Done, *, first: bool) -> None:
    """Add the numbers to the erasure's steps. ``first``: there are none yet."""
    counts: dict[tuple[str, bool], int] = {}
    for model, deleted, number in done:
        if number:
            key = (model._meta.label, deleted)
            counts[key] = counts.get(key, 0) + number
    ErasureStep.objects.bulk_create(
        (
            ErasureStep(erasure=erasure, model=label, deleted=deleted, rows=number if first else 0)
            for (label, deleted), number in sorted(counts.items())
        ),
        ignore_conflicts=True,
    )
    if first or not counts:
        return
    whens = [
        models.When(model=label, deleted=deleted, then=F("rows") + number)
        for (label, deleted), number in counts.items()
    ]
    ErasureStep.objects.filter(erasure=erasure).update(
        rows=models.Case(*whens, default=F("rows"), output_field=models.PositiveIntegerField())
    )
