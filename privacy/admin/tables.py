"""Plans and records of erasures as tables of the back office: what is erased, retained and deferred, and why."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from uuid import UUID

from django.db import models
from django.utils.formats import date_format
from django.utils.text import capfirst, get_text_list
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ticketshop.exports import kinds
from ticketshop.lib.areas import LOG_IN
from ticketshop.lib.personal import SUPPRESSION, CloseState, StampDay
from ticketshop.office.sections import NONE, Section, link

from ..copies import copying
from ..declarations import registry
from ..erasure import downloaded_lists
from ..models import Erasure
from ..plan import outcome, planning


def kind(model: type[models.Model]) -> str:
    """Return the name of a kind of rows, such as “E-mails”; of a many-to-many table such as “Log-ins: groups”."""
    owner = model._meta.auto_created
    if not owner:
        return capfirst(str(model._meta.verbose_name_plural))
    names = [
        str(many.verbose_name)
        for many in owner._meta.local_many_to_many
        if many.remote_field.through is model
    ]
    return _("%(rows)s: %(part)s") % {"rows": kind(owner), "part": get_text_list(names, _("and"))}


def day(when: date | datetime | None) -> str:
    """Return a day in the active time zone, as text; a dash for None."""
    if when is None:
        return NONE
    return date_format(localtime(when) if isinstance(when, datetime) else when, "SHORT_DATE_FORMAT")


# --- a plan ---------------------------------------------------------------------------------------------------
def of_plan(plan: planning.Plan) -> list[Section]:
    """Return the tables of what is erased and what is retained. ``deferred`` makes the one of what is deferred."""
    return [_erased(plan.erased), _retained(plan.retained)]


def _erased(parts: Iterable[planning.ErasedRows]) -> Section:
    by_model: dict[type[models.Model], planning.ErasedRows] = {}
    for part in parts:
        if registry.declaration(part.model).area == LOG_IN:
            # Its rows would tell whether another organiser needs the log-in: the page has a sentence instead.
            continue
        known = by_model.get(part.model)
        # Columns with and without ``deferred_with`` are counted apart, but are in the same rows.
        by_model[part.model] = (
            replace(known, rows=max(known.rows, part.rows), columns=known.columns + part.columns)
            if known
            else part
        )
    columns = [_("kind of data"), _("records"), _("what is erased")]
    rows = [
        [
            kind(model),
            part.rows,
            _("the whole record")
            if part.deleted or model._meta.auto_created
            else _column_names(model, part.columns),
        ]
        for model, part in by_model.items()
    ]
    return Section(_("What is erased"), columns, sorted(rows))


def _retained(parts: Sequence[planning.RetainedRows]) -> Section:
    columns = [_("kind of data"), _("records"), _("what stays"), _("why"), _("at least until")]
    rows = [
        [
            kind(part.model),
            part.rows,
            _column_names(part.model, part.columns),
            str(part.basis.reason),
            day(part.until),
        ]
        for part in parts
    ]
    # With the installation's secret, the hash of an address in a suppression still leads to the address.
    is_anonymous = all(part.basis != SUPPRESSION for part in parts)
    note = _("None of it says any more who the person was.") if is_anonymous else ""
    return Section(_("What stays"), columns, sorted(rows), note)


def _column_names(model: type[models.Model], columns: Iterable[str]) -> str:
    strategies = registry.declaration(model).columns
    # A state and the day of the erasure are changed, not erased.
    shown = (name for name in columns if not isinstance(strategies.get(name), CloseState | StampDay))
    # Also those that are left out of the person's copy, such as a file with other people in it.
    names = [copying.label(model, name) for name in shown if copying.is_named(model, name)]
    return ", ".join(dict.fromkeys(names)) or NONE


def deferred(plan: planning.Plan) -> Section:
    """Return the table of what is unfinished, until when, and on which page staff can end it; a query per kind of page."""
    keys: dict[type[models.Model], set[int]] = {}
    for deferral in plan.deferrals:
        if deferral.settled_at:
            keys.setdefault(deferral.settled_at[0], set()).add(deferral.settled_at[1])
    settling_rows = {model: model._base_manager.in_bulk(ids) for model, ids in keys.items()}
    # One line for the tickets of one order and one date.
    counted = Counter(
        (
            capfirst(str(deferral.label)),
            str(deferral.basis.reason),
            day(deferral.until) if deferral.until else _("it is settled"),
            _settling_page(deferral, settling_rows),
        )
        for deferral in plan.deferrals
    )
    rows = [[what, count, *rest] for (what, *rest), count in counted.items()]
    note = _("Until then these stay where they are needed for it, in lists and exports too: %(what)s.") % {
        "what": _deferred_columns(plan.deferred_rows)
    }
    return Section(_("What waits"), [_("what"), _("records"), _("why"), _("until"), _("where")], rows, note)


def _deferred_columns(rows: planning.DeferredRows) -> str:
    """Return the columns that are deferred, by kind of data."""
    parts = []
    for model, columns in planning.deferred_columns(rows).items():
        names = _column_names(model, columns)
        if names != NONE:
            parts.append(_("%(rows)s (%(part)s)") % {"rows": kind(model), "part": names})
    return "; ".join(parts)


def _settling_page(deferral: planning.Deferral, settling_rows: dict) -> str:
    """Return a link to the page on which staff can end what is unfinished, or a dash."""
    model, pk = deferral.settled_at or (None, None)
    row = settling_rows.get(model, {}).get(pk)
    return link(row, row) if row is not None else NONE


# --- the record -----------------------------------------------------------------------------------------------
def of_record(erasure: Erasure) -> list[Section]:
    """Return the tables of what was erased in all runs, what is retained, and what is still deferred. They contain no name."""
    steps = erasure.steps.order_by("model", "deleted")
    erased = [
        [kind_of(step.model), step.rows, _("deleted") if step.deleted else _("emptied")]
        for step in steps
        if not _is_of_log_in(step.model)
    ]
    kept = [
        [kind_of(part["model"]), part["rows"], outcome.reason(part["basis"]), day(_date(part["until"]))]
        for part in erasure.kept
    ]
    still_deferred = (
        [
            [outcome.what(part["model"], part["basis"]), outcome.reason(part["basis"]), end(part["until"])]
            for part in erasure.deferred
        ]
        if erasure.state != Erasure.State.CLOSED
        else []
    )
    sections = [
        Section(_("Erased"), [_("kind of data"), _("records"), _("how")], sorted(erased)),
        Section(_("Kept"), [_("kind of data"), _("records"), _("why"), _("at least until")], sorted(kept)),
        Section(_("Waiting"), [_("what"), _("why"), _("until")], still_deferred),
    ]
    return [section for section in sections if section.rows]


def _is_of_log_in(label: str) -> bool:
    model = outcome.model_of(label)
    return model is not None and registry.declaration(model).area == LOG_IN


def of_companions(erasure: Erasure) -> Section:
    """Return the table of the people who were erased together with the person, by their receipts."""
    rows = [
        [link(companion, companion.receipt), companion.get_state_display(), day(companion.closed_at)]
        for companion in erasure.companions.order_by("pk")
    ]
    title = _("People who were known through this one alone")
    return Section(title, [_("receipt"), _("state"), _("done")], rows)


def of_later_companions(erasure: Erasure) -> Section:
    """Return the table of the people known through the person alone who were not erased yet: their number by day."""
    days = Counter(erasure.companions_later)
    rows = [
        [
            count,
            _("on %(day)s, when a ticket to come is over") % {"day": day(end_day)}
            if end_day
            else _("as soon as an open payment is settled"),
        ]
        for end_day, count in sorted(days.items(), key=lambda item: item[0] or date.max)
    ]
    note = _("Whoever has placed an order or taken over their account by then stays.")
    title = _("People who were known through this one alone and are erased later")
    return Section(title, [_("people"), _("when")], rows, note)


def kind_of(label: str) -> str:
    """Return the name of a kind of rows by the label of its model; the label itself if the model no longer exists."""
    model = outcome.model_of(label)
    return kind(model) if model else label


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def end(text: str | None) -> str:
    """Return the day of an ISO instant of a record; “it is settled” for None."""
    return day(datetime.fromisoformat(text)) if text else _("it is settled")


def latest(erasure: Erasure) -> str:
    """Return the day on which the last deferral ends; “it is settled” if one of them has no end."""
    ends = [deferral["until"] for deferral in erasure.deferred]
    return end(max(ends, key=datetime.fromisoformat) if ends and all(ends) else None)


# --- copies outside ---------------------------------------------------------------------------------------------
def downloads(subject_uuid: UUID, deleted_at: datetime | None = None) -> Section:
    """Return the table of downloaded files with the person in them. ``deleted_at``: when staff stated that they are deleted."""
    rows = [
        [
            kinds.title(download.job),
            download.by.email if download.by else NONE,
            date_format(localtime(download.at), "SHORT_DATETIME_FORMAT"),
        ]
        for download in downloaded_lists.of(subject_uuid)[:100]
    ]
    note = (
        _("Noted on %(day)s: these files are deleted.") % {"day": day(deleted_at)}
        if deleted_at
        else _(
            "These files are outside the system and name the person: please delete them wherever they lie."
        )
    )
    columns = [_("list"), _("downloaded by"), _("when")]
    return Section(_("Lists that were downloaded"), columns, rows, note if rows else "")
