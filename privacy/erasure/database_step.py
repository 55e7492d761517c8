"""The database step of an erasure: rows are held, emptied or deleted, files written down, and all of it counted.

Everything here is called within the one transaction of ``erasing.empty_database``.
"""

from collections.abc import Callable
from datetime import datetime
from operator import itemgetter

from django.db import models
from django.db.models import F

from contacts.models import Contact
from ticketshop.lib.personal import Author

from ..declarations import emptying, registry, subjects
from ..models import Erasure, ErasureStep, PendingDeletion
from ..plan import planning

Models = set[type[models.Model]]


def lock_before(subject: subjects.Subject) -> None:
    """Hold the rows whose verbs hold the row first, and then the person; those of others that name the person, too."""
    others = dict(registry.mentions())
    for model in _in_turn(lambda turn: turn < 0):
        _hold(subjects.rows(model, subject))
        if model in others:
            _hold(others[model].rows(subject.contact_id))


def lock_rows(subject: subjects.Subject) -> None:
    """Hold the rows whose verbs write to the person: whoever has begun one ends it first."""
    for model in _in_turn(lambda turn: turn > 0):
        _hold(subjects.rows(model, subject))


def _in_turn(which: Callable[[int], bool]) -> list[type[models.Model]]:
    turns = [
        (turn, model)
        for model in registry.installed_models()
        if which(turn := registry.declaration(model).lock_order)
    ]
    return [model for _turn, model in sorted(turns, key=itemgetter(0))]


def _hold(rows: models.QuerySet) -> None:
    list(rows.select_for_update(of=("self",)).order_by("pk").values_list("pk"))


def forget_mentions(subject: subjects.Subject, there: Models) -> list[tuple]:
    """(model, False, how many) for rows of others in which the person was named."""
    return [
        (model, False, module.forget(subject.contact_id))
        for model, module in registry.mentions()
        if model in there
    ]


def lock_log_in(subject: subjects.Subject) -> None:
    if subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        list(user._base_manager.select_for_update().filter(pk=subject.user_id).values_list("pk"))


def note_files(erasure: Erasure, subject: subjects.Subject, there: Models) -> Models:
    """Write down which files go, and take their names out of the rows; the models in which they stood."""
    found = set()
    for model in there:
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


def empty_rows(subject: subjects.Subject, held: planning.Held, there: Models, now: datetime) -> list[tuple]:
    """(model, whether rows were deleted, how many) for everything that went."""
    done = []
    for model in subjects.models_with_people():
        for one in planning.emptyings(model, subject, held) if model in there else ():
            if one.deleted:
                rows = _delete(model, one.rows)
            else:
                rows = one.rows.update(**emptying.update_values(model, one.columns, now))
            done.append((model, one.deleted, rows))
    return done


def _delete(model: type[models.Model], rows) -> int:
    """Delete rows, with what belongs to them by a random name: the places a cart holds are free again at once."""
    along = registry.declaration(model).delete_with
    # Read first, used last: whoever is changing such a row is waited for in between.
    names = {column: list(rows.values_list(column, flat=True)) for column in along}
    deleted = rows.delete()[1].get(model._meta.label, 0)
    for column, others in along.items():
        for other, name in others:
            other._base_manager.filter(**{f"{name}__in": names[column]}).delete()
    return deleted


def end_log_in(subject: subjects.Subject, now: datetime) -> None:
    """A log-in that stays for somebody else: links to choose a new password die.

    They are signed with the instant of the last log-in: another instant is another signature.
    """
    if subject.user_id is not None and not subject.user_goes:
        user = Contact._meta.get_field("user").related_model
        user._base_manager.filter(pk=subject.user_id).update(last_login=now)


def forget_author(subject: subjects.Subject) -> list[tuple]:
    """A customer's own name on what they did goes; that of staff stays."""
    done: list[tuple] = []
    if subject.user_id is None or subject.user_goes or subject.is_staff:
        # Of a log-in that went the database has dropped the keys.
        return done
    for model in registry.installed_models():
        for name, word in registry.declaration(model).columns.items():
            if isinstance(word, Author):
                done.append((model, False, subjects.written_by(model, name, subject).update(**{name: None})))
    return done


def add_up(erasure: Erasure, done: list[tuple], *, first: bool) -> None:
    """The counts are of all runs: what a deferred one erases later is added. ``first``: there was none before."""
    counts: dict[tuple[str, bool], int] = {}
    for model, deleted, rows in done:
        if rows:
            key = (model._meta.label, deleted)
            counts[key] = counts.get(key, 0) + rows
    ErasureStep.objects.bulk_create(
        (
            ErasureStep(erasure=erasure, model=label, deleted=deleted, rows=rows if first else 0)
            for (label, deleted), rows in sorted(counts.items())
        ),
        ignore_conflicts=True,
    )
    if first or not counts:
        return
    whens = [
        models.When(model=label, deleted=deleted, then=F("rows") + rows)
        for (label, deleted), rows in counts.items()
    ]
    ErasureStep.objects.filter(erasure=erasure).update(
        rows=models.Case(*whens, default=F("rows"), output_field=models.PositiveIntegerField())
    )
