"""What has had its time goes without anybody asking: answers, and people nobody needs any more.

The words of the columns say how, as for an erasure; ``Ends`` says when. Rows go in batches, each one transaction: a run that
is killed goes on from there, and a second one does nothing. What fails is seen to as with every job over rows.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from contacts import unclaimed
from contacts.models import Contact
from ticketshop.jobs.rows import RowJob, Tidying
from ticketshop.lib.personal import Expiry, LastUse, day_for
from ticketshop.organisers.models import Organiser

from .declarations import emptying, expiry, registry
from .erasure import erasing, statistics
from .models import Erasure, RetentionRecord
from .plan import planning
from .plan.deferrals import day_after

# Of one kind and one organiser in one night; the next goes on.
MOST, MOST_PEOPLE = 500_000, 20_000


def run(now: datetime) -> dict[str, int]:
    """Erase what is due at every organiser, on the day of its time zone; label of a model -> how many rows."""
    TAKE_DAYS.run(now)
    GIVE_DAYS.run(now)
    total: dict[str, int] = {}
    for organiser in [*Organiser.objects.order_by("pk"), None]:
        with timezone.override(expiry.zone_of(organiser)):
            for model, ends in expiry.retention_rules_of(organiser):
                due = expiry.rows(model, ends, organiser, timezone.localdate(now)).order_by("pk")
                if registry.is_person(model):
                    due = due.select_related("organiser", "user")
                total[model._meta.label] = total.get(model._meta.label, 0) + _job(model, ends).run(now, due)
    return {label: rows for label, rows in total.items() if rows}


def _due(model: type[models.Model], ends: Expiry, now: datetime) -> QuerySet:
    """What is due at any organiser."""
    found = Q(pk__in=[])
    for organiser in [*Organiser.objects.order_by("pk"), None]:
        today = timezone.localdate(now, expiry.zone_of(organiser))
        if (model, ends) in expiry.retention_rules_of(organiser):
            found |= Q(pk__in=expiry.rows(model, ends, organiser, today).values("pk"))
    return model._base_manager.filter(found).order_by("pk")


def _organiser_of(row: models.Model) -> Organiser | None:
    path = registry.organiser_path(type(row))
    key = type(row)._base_manager.filter(pk=row.pk).values_list(path, flat=True).first()
    return Organiser.objects.filter(pk=key).first()


def _organiser_id_of(row: models.Model) -> int | None:
    organiser = _organiser_of(row)
    return organiser.pk if organiser else None


# --- rows -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class OfRows(Tidying):
    """Rows of one model are emptied or deleted, as their columns say."""

    model: type[models.Model] = models.Model
    ends: Expiry | None = None
    most: int = MOST
    at_once: int = 500

    def run(self, now: datetime, rows: QuerySet | None = None) -> int:
        done = super().run(now, rows)
        if done:
            statistics.analyse.defer(tables=[self.model._meta.db_table])
        return done

    def _delete(self, ids: list, now: datetime) -> int:
        """All at once, or each by itself where one of them fails."""
        rows = self.model._base_manager.filter(pk__in=ids).order_by("pk")
        try:
            with transaction.atomic():
                return _erase(self.ends, rows, now)
        except Exception:  # noqa: BLE001  one of them: each by itself
            return sum(self.do(row, now) for row in rows)


def _erase_row(ends: Expiry, row: models.Model, now: datetime) -> None:
    organiser = _organiser_of(row)
    with timezone.override(expiry.zone_of(organiser)):
        _erase(ends, type(row)._base_manager.filter(pk=row.pk), now)
    statistics.analyse.defer(tables=[row._meta.db_table])


def _erase(ends: Expiry, rows: QuerySet, now: datetime) -> int:
    """Erase these rows, all of one organiser; how many went. What is not due any more, for a date was moved, stays."""
    model = rows.model
    first = rows.first()
    if first is None:
        return 0
    organiser = _organiser_of(first)
    due = expiry.rows(model, ends, organiser, timezone.localdate(now)).filter(pk__in=rows.values("pk"))
    rows = model._base_manager.filter(pk__in=list(due.order_by("pk").values_list("pk", flat=True)))
    if ends.note_on:
        _mark(model, ends.note_on, rows, now)
    counts = _counted(rows, ends.group_by)
    if registry.is_deleted(model):
        rows.delete()
    else:
        columns = emptying.emptied_columns(model)
        rows.update(**emptying.update_values(model, columns, now))
    if not model._meta.auto_created:
        _note(organiser, model, now, counts)
    return sum(counts.values())


def _mark(model, path: str, rows, now: datetime) -> None:
    """Hold the rows at ``path`` first, as the verbs that change ``rows`` do, and write the day on them."""
    key, _separator, column = path.rpartition("__")
    marked = registry.row_at(model, key)
    ids = list(rows.values_list(f"{key}__pk", flat=True).distinct())
    held = marked._base_manager.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    list(held.values_list("pk"))
    day = day_for(marked._meta.get_field(column), now)
    marked._base_manager.filter(pk__in=ids, **{column: None}).update(**{column: day})


def _counted(rows, called: str) -> dict[int | None, int]:
    """How many rows there are, by the id of what tells them apart."""
    if not called:
        return {None: rows.count()}
    grouped = rows.order_by().values_list(f"{called}__pk").annotate(count=models.Count("pk"))
    return dict(grouped)


def _note(organiser: Organiser | None, model, now: datetime, counts: dict[int | None, int]) -> None:
    """Add to what the organiser reads of this day; rows of the installation itself are nobody's to read about."""
    if organiser is None:
        return
    day = timezone.localdate(now)
    for called, rows in sorted(counts.items(), key=lambda item: item[0] or 0):
        record, _made = RetentionRecord.objects.get_or_create(
            organiser=organiser, day=day, model=model._meta.label, called=called or 0
        )
        RetentionRecord.objects.filter(pk=record.pk).update(rows=F("rows") + rows)


# --- people -----------------------------------------------------------------------------------------------------
def _erase_person(ends: Expiry, contact: Contact, now: datetime) -> bool:
    """Erase somebody whose day has come, by the engine; whoever is still needed stays, and is looked at again later."""
    organiser = contact.organiser
    with timezone.override(expiry.zone_of(organiser)):
        try:
            erased = _erase_unless_needed(contact, ends, now)
        except erasing.CannotErase:
            # An order came, or it was erased, a moment ago.
            return False
        if erased:
            _note(organiser, Contact, now, {None: 1})
        return erased


def _erase_unless_needed(contact: Contact, ends: Expiry, now: datetime) -> bool:
    """An order to come, or money, still needs the person; one who was only added is kept by an order of their own too."""
    plan = planning.plan(contact, now=now, unasked=True)
    if isinstance(ends.since, str) and Contact.objects.filter(expiry.has_acted(), pk=contact.pk).exists():
        # A customer like others: no day of their own any more.
        Contact.objects.filter(pk=contact.pk).update(purge_after=None)
        return False
    if plan.waits:
        if isinstance(ends.since, str) and plan.until is not None:
            Contact.objects.filter(pk=contact.pk).update(purge_after=day_after(plan.until))
        return False
    channel, reason = Erasure.Channel.RETENTION, Erasure.Reason.NOT_NEEDED
    # Only what was looked at: who orders at this moment is kept.
    erasing.erase(contact, by=None, now=now, channel=channel, reason=reason, fingerprint=plan.fingerprint)
    return True


GIVE_DAYS = RowJob(
    "privacy.give_days",
    gettext_lazy("Set the day on which a person without a connection is erased"),
    rows=lambda now: unclaimed.without_purge_date(expiry.has_acted()).order_by("pk"),
    act=unclaimed.set_purge_date,
    most=MOST_PEOPLE,
)
TAKE_DAYS = RowJob(
    "privacy.take_days",
    gettext_lazy("Keep a person who is connected again"),
    rows=lambda now: unclaimed.connected_with_purge_date().order_by("pk"),
    act=unclaimed.clear_purge_date,
    most=MOST_PEOPLE,
)


def _name(model: type[models.Model], ends: Expiry) -> str:
    unused = ".unused" if isinstance(ends.since, LastUse) else ""
    return f"privacy.retention.{model._meta.label_lower}{unused}"


def _make(model: type[models.Model], ends: Expiry) -> RowJob:
    of = model._meta.auto_created or model
    title = format_lazy("{}: {}", gettext_lazy("Erase data whose time is over"), of._meta.verbose_name_plural)
    values = {"rows": partial(_due, model, ends), "organiser": _organiser_id_of}
    if registry.is_person(model):
        # Every step of an erasure is a transaction of its own.
        act = partial(_erase_person, ends)
        return RowJob(_name(model, ends), title, act=act, atomic=False, most=MOST_PEOPLE, **values)
    act = partial(_erase_row, ends)
    return OfRows(_name(model, ends), title, act=act, model=model, ends=ends, **values)


def _job(model: type[models.Model], ends: Expiry) -> RowJob:
    return JOBS[_name(model, ends)]


JOBS = {job.name: job for job in (_make(model, ends) for model, ends in expiry.retention_rules())}
