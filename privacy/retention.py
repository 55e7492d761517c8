"""The retention job: erase rows and contacts at the end of their period, by the rules in ``expiry`` of their models.

The strategies of the columns state what is erased, as for a requested erasure. Rows go in batches, each one transaction: a
run that was killed is continued by the next one. ``ticketshop.jobs.rows`` handles what fails.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from contacts.linking import unclaimed
from contacts.models import Contact
from ticketshop.jobs.rows import RowJob, Tidying
from ticketshop.lib.personal import Expiry, LastUse, day_for
from ticketshop.organisers.models import Organiser

from .declarations import emptying, expiry, registry
from .erasure import erasing, statistics
from .models import Erasure, RetentionRecord
from .plan import planning
from .plan.deferrals import day_after

Model = type[models.Model]
# Of one rule and one organiser in one night; the next run continues.
MAX_ROWS, MAX_PEOPLE = 500_000, 20_000


def run(now: datetime) -> dict[str, int]:
    """Erase what is due at each organiser, on the day in its time zone. Return label of a model -> number of rows."""
    CLEAR_DATES.run(now)
    SET_DATES.run(now)
    total: dict[str, int] = {}
    for organiser in [*Organiser.objects.order_by("pk"), None]:
        with timezone.override(expiry.zone_of(organiser)):
            for model, rule in expiry.retention_rules_of(organiser):
                due = expiry.rows(model, rule, organiser, timezone.localdate(now)).order_by("pk")
                if registry.is_person(model):
                    due = due.select_related("organiser", "user")
                total[model._meta.label] = total.get(model._meta.label, 0) + _job(model, rule).run(now, due)
    return {label: rows for label, rows in total.items() if rows}


def _due(model: Model, rule: Expiry, now: datetime) -> QuerySet:
    """Return what is due at any organiser."""
    condition = Q(pk__in=[])
    for organiser in [*Organiser.objects.order_by("pk"), None]:
        today = timezone.localdate(now, expiry.zone_of(organiser))
        if (model, rule) in expiry.retention_rules_of(organiser):
            condition |= Q(pk__in=expiry.rows(model, rule, organiser, today).values("pk"))
    return model._base_manager.filter(condition).order_by("pk")


def _organiser_of(row: models.Model) -> Organiser | None:
    path = registry.organiser_path(type(row))
    key = type(row)._base_manager.filter(pk=row.pk).values_list(path, flat=True).first()
    return Organiser.objects.filter(pk=key).first()


def _organiser_id_of(row: models.Model) -> int | None:
    organiser = _organiser_of(row)
    return organiser.pk if organiser else None


# --- rows -------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class RowExpiry(Tidying):
    """Empty or delete rows of one model, by the strategies of their columns."""

    model: type[models.Model] = models.Model
    rule: Expiry | None = None
    most: int = MAX_ROWS
    at_once: int = 500

    def run(self, now: datetime, rows: QuerySet | None = None) -> int:
        done = super().run(now, rows)
        if done:
            statistics.analyse.defer(tables=[self.model._meta.db_table])
        return done

    def _delete(self, ids: list, now: datetime) -> int:
        """Erase a batch in one transaction; row by row if that fails. Return the number of rows."""
        rows = self.model._base_manager.filter(pk__in=ids).order_by("pk")
        try:
            with transaction.atomic():
                return _erase(self.rule, rows, now)
        except Exception:  # noqa: BLE001  the fault of one row must not stop the others
            return sum(self.do(row, now) for row in rows)


def _erase_row(rule: Expiry, row: models.Model, now: datetime) -> None:
    organiser = _organiser_of(row)
    with timezone.override(expiry.zone_of(organiser)):
        _erase(rule, type(row)._base_manager.filter(pk=row.pk), now)
    statistics.analyse.defer(tables=[row._meta.db_table])


def _erase(rule: Expiry, rows: QuerySet, now: datetime) -> int:
    """Erase these rows, all of one organiser. Return their number.

    Rows that are no longer due stay, such as answers for an event whose date was moved.
    """
    model = rows.model
    first = rows.first()
    if first is None:
        return 0
    organiser = _organiser_of(first)
    due = expiry.rows(model, rule, organiser, timezone.localdate(now)).filter(pk__in=rows.values("pk"))
    rows = model._base_manager.filter(pk__in=list(due.order_by("pk").values_list("pk", flat=True)))
    if rule.note_on:
        _write_day(model, rule.note_on, rows, now)
    counts = _counts(rows, rule.group_by)
    if registry.is_deleted_at_its_end(model):
        rows.delete()
    else:
        columns = emptying.emptied_columns(model)
        rows.update(**emptying.update_values(model, columns, now))
    if not model._meta.auto_created:
        _add_to_record(organiser, model, now, counts)
    return sum(counts.values())


def _write_day(model: Model, path: str, rows: QuerySet, now: datetime) -> None:
    """Write the day into the date column at ``path``, and lock its rows first, as all functions do that change ``rows``."""
    key, _separator, column = path.rpartition("__")
    noted = registry.row_at(model, key)
    ids = list(rows.values_list(f"{key}__pk", flat=True).distinct())
    locked = noted._base_manager.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    list(locked.values_list("pk"))
    day = day_for(noted._meta.get_field(column), now)
    noted._base_manager.filter(pk__in=ids, **{column: None}).update(**{column: day})


def _counts(rows: QuerySet, group_by: str) -> dict[int | None, int]:
    """Return the number of rows by the id of the row at ``group_by``; without it a single number under None."""
    if not group_by:
        return {None: rows.count()}
    grouped = rows.order_by().values_list(f"{group_by}__pk").annotate(count=models.Count("pk"))
    return dict(grouped)


def _add_to_record(
    organiser: Organiser | None, model: Model, now: datetime, counts: dict[int | None, int]
) -> None:
    """Add the numbers to the organiser's records of this day. Rows without an organiser have no record."""
    if organiser is None:
        return
    day = timezone.localdate(now)
    for group, rows in sorted(counts.items(), key=lambda item: item[0] or 0):
        record, _made = RetentionRecord.objects.get_or_create(
            organiser=organiser, day=day, model=model._meta.label, called=group or 0
        )
        RetentionRecord.objects.filter(pk=record.pk).update(rows=F("rows") + rows)


# --- people -----------------------------------------------------------------------------------------------------
def _erase_person(rule: Expiry, contact: Contact, now: datetime) -> bool:
    """Erase a contact whose day has come, unless something still needs it. Return whether it was erased."""
    organiser = contact.organiser
    with timezone.override(expiry.zone_of(organiser)):
        try:
            erased = _erase_unless_needed(contact, rule, now)
        except erasing.CannotErase:
            # They ordered, or were erased, since the rows were read.
            return False
        if erased:
            _add_to_record(organiser, Contact, now, {None: 1})
        return erased


def _erase_unless_needed(contact: Contact, rule: Expiry, now: datetime) -> bool:
    """Erase the contact unless a deferral is open, or a contact that was only added has ordered meanwhile."""
    plan = planning.plan(contact, now=now, unrequested=True)
    if isinstance(rule.since, str) and Contact.objects.filter(expiry.has_acted(), pk=contact.pk).exists():
        # From now on the rule for customers counts.
        Contact.objects.filter(pk=contact.pk).update(purge_after=None)
        return False
    if plan.deferrals:
        if isinstance(rule.since, str) and plan.until is not None:
            Contact.objects.filter(pk=contact.pk).update(purge_after=day_after(plan.until))
        return False
    channel, reason = Erasure.Channel.RETENTION, Erasure.Reason.NOT_NEEDED
    # With the fingerprint: a contact who orders at this moment is not erased.
    erasing.erase(contact, by=None, now=now, channel=channel, reason=reason, fingerprint=plan.fingerprint)
    return True


SET_DATES = RowJob(
    "privacy.give_days",
    gettext_lazy("Set the day on which a person without a connection is erased"),
    rows=lambda now: unclaimed.without_purge_date(expiry.has_acted()).order_by("pk"),
    act=unclaimed.set_purge_date,
    most=MAX_PEOPLE,
)
CLEAR_DATES = RowJob(
    "privacy.take_days",
    gettext_lazy("Keep a person who is connected again"),
    rows=lambda now: unclaimed.connected_with_purge_date().order_by("pk"),
    act=unclaimed.clear_purge_date,
    most=MAX_PEOPLE,
)


def _name(model: Model, rule: Expiry) -> str:
    name = f"privacy.retention.{model._meta.label_lower}"
    if isinstance(rule.since, LastUse):
        return f"{name}.unused"
    # The first rule of a model has the name of the model alone.
    first = next(rule for of_model, rule in expiry.retention_rules() if of_model is model)
    return name if rule is first else f"{name}.{rule.since}"


def _make(model: Model, rule: Expiry) -> RowJob:
    titled = model._meta.auto_created or model
    title = format_lazy(
        "{}: {}", gettext_lazy("Erase data whose time is over"), titled._meta.verbose_name_plural
    )
    values = {"rows": partial(_due, model, rule), "organiser": _organiser_id_of}
    if registry.is_person(model):
        act = partial(_erase_person, rule)
        # Not atomic: each step of an erasure has its own transaction.
        return RowJob(_name(model, rule), title, act=act, atomic=False, most=MAX_PEOPLE, **values)
    act = partial(_erase_row, rule)
    return RowExpiry(_name(model, rule), title, act=act, model=model, rule=rule, **values)


def _job(model: Model, rule: Expiry) -> RowJob:
    return JOBS[_name(model, rule)]


JOBS = {job.name: job for job in (_make(model, rule) for model, rule in expiry.retention_rules())}
