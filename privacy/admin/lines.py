"""A plan, and afterwards its record, as tables of the back office: what goes, what stays and why, what waits for what."""

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
from ..plan import outcome, planning, wording


def kind(model: type[models.Model]) -> str:
    """“E-mails”; of a table between two others what it says of the first: “Log-ins: groups”."""
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
    """A day in the organiser's time."""
    if when is None:
        return NONE
    return date_format(localtime(when) if isinstance(when, datetime) else when, "SHORT_DATE_FORMAT")


# --- a plan ---------------------------------------------------------------------------------------------------
def of_plan(plan: planning.Plan) -> list[Section]:
    """What goes and what stays; what waits asks for a choice and stands apart (``waiting``)."""
    return [_going(plan.goes), _staying(plan.stays)]


def _going(goes: Iterable[planning.Goes]) -> Section:
    found: dict[type[models.Model], planning.Goes] = {}
    for one in goes:
        if registry.declaration(one.model).area == LOG_IN:
            # A sentence says what becomes of the log-in: rows would tell whether another organiser needs it.
            continue
        known = found.get(one.model)
        # Columns with and without a wait are counted apart, and are the same rows.
        found[one.model] = (
            replace(known, rows=max(known.rows, one.rows), columns=known.columns + one.columns)
            if known
            else one
        )
    columns = [_("kind of data"), _("records"), _("what is erased")]
    rows = [
        [
            kind(model),
            one.rows,
            _("the whole record") if one.deleted or model._meta.auto_created else _called(model, one.columns),
        ]
        for model, one in found.items()
    ]
    return Section(_("What is erased"), columns, sorted(rows))


def _staying(stays: Sequence[planning.Stays]) -> Section:
    columns = [_("kind of data"), _("records"), _("what stays"), _("why"), _("at least until")]
    rows = [
        [kind(one.model), one.rows, _called(one.model, one.columns), str(one.basis.reason), day(one.until)]
        for one in stays
    ]
    # A hash of an address still is the address's, to whoever has the installation's secret.
    unnamed = all(one.basis != SUPPRESSION for one in stays)
    note = _("None of it says any more who the person was.") if unnamed else ""
    return Section(_("What stays"), columns, sorted(rows), note)


def _called(model: type[models.Model], columns: Iterable[str]) -> str:
    said = registry.declaration(model).columns
    # That a state ends, and the mark that a name was there, take nothing away.
    shown = (name for name in columns if not isinstance(said.get(name), CloseState | StampDay))
    names = [copying.label(model, name) for name in shown if wording.has_name(model, name)]
    return ", ".join(dict.fromkeys(names)) or NONE


def waiting(plan: planning.Plan) -> Section:
    """What is unfinished, until when it waits, and the page on which it may be ended now; a query per kind of page."""
    found = plan.waits
    places: dict[type[models.Model], set[int]] = {}
    for one in found:
        if one.settled_at:
            places.setdefault(one.settled_at[0], set()).add(one.settled_at[1])
    shown = {model: model._base_manager.in_bulk(ids) for model, ids in places.items()}
    # Tickets of one order and one date wait for the same: a row for all of them.
    alike = Counter(
        (
            capfirst(str(one.what)),
            str(one.basis.reason),
            day(one.until) if one.until else _("it is settled"),
            _place(one, shown),
        )
        for one in found
    )
    rows = [[what, count, *rest] for (what, *rest), count in alike.items()]
    note = _("Until then these stay where they are needed for it, in lists and exports too: %(what)s.") % {
        "what": _deferred(plan.held)
    }
    return Section(_("What waits"), [_("what"), _("records"), _("why"), _("until"), _("where")], rows, note)


def _deferred(held: planning.Held) -> str:
    """The columns that stay until what they wait for is over, by kind of data."""
    parts = []
    for model, columns in planning.deferred_columns(held).items():
        called = _called(model, columns)
        if called != NONE:
            parts.append(_("%(rows)s (%(part)s)") % {"rows": kind(model), "part": called})
    return "; ".join(parts)


def _place(one: planning.Waiting, shown: dict) -> str:
    """A link to the page on which it ends, if it is still there."""
    model, pk = one.settled_at or (None, None)
    row = shown.get(model, {}).get(pk)
    return link(row, row) if row is not None else NONE


# --- the record -----------------------------------------------------------------------------------------------
def of_record(erasure: Erasure) -> list[Section]:
    """What was erased in all runs, what was kept, what still waits; names nobody."""
    steps = erasure.steps.order_by("model", "deleted")
    went = [
        [kind_of(step.model), step.rows, _("deleted") if step.deleted else _("emptied")]
        for step in steps
        if not _is_of_log_in(step.model)
    ]
    kept = [
        [kind_of(one["model"]), one["rows"], outcome.reason(one["basis"]), day(_date(one["until"]))]
        for one in erasure.kept
    ]
    waits = (
        [
            [outcome.what(one["model"], one["basis"]), outcome.reason(one["basis"]), end(one["until"])]
            for one in erasure.deferred
        ]
        if erasure.state != Erasure.State.CLOSED
        else []
    )
    sections = [
        Section(_("Erased"), [_("kind of data"), _("records"), _("how")], sorted(went)),
        Section(_("Kept"), [_("kind of data"), _("records"), _("why"), _("at least until")], sorted(kept)),
        Section(_("Waiting"), [_("what"), _("why"), _("until")], waits),
    ]
    return [section for section in sections if section.rows]


def _is_of_log_in(label: str) -> bool:
    model = outcome.model_of(label)
    return model is not None and registry.declaration(model).area == LOG_IN


def of_companions(erasure: Erasure) -> Section:
    """Who went with the person, each by their own receipt."""
    rows = [
        [link(one, one.receipt), one.get_state_display(), day(one.closed_at)]
        for one in erasure.companions.order_by("pk")
    ]
    title = _("People who were known through this one alone")
    return Section(title, [_("receipt"), _("state"), _("done")], rows)


def kind_of(label: str) -> str:
    """Of a model that is no more its bare name."""
    model = outcome.model_of(label)
    return kind(model) if model else label


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def end(text: str | None) -> str:
    """The day of an instant in a record; without one it ends when it is settled."""
    return day(datetime.fromisoformat(text)) if text else _("it is settled")


def latest(erasure: Erasure) -> str:
    """The day of the last thing that waits; of some without a day, when they are settled."""
    texts = [one["until"] for one in erasure.deferred]
    return end(max(texts, key=datetime.fromisoformat) if texts and all(texts) else None)


# --- copies outside ---------------------------------------------------------------------------------------------
def downloads(subject_uuid: UUID, deleted_at: datetime | None = None) -> Section:
    """Files with the person in them that staff have fetched: nobody can take those back. ``deleted_at``: somebody
    has said since that they are deleted."""
    rows = [
        [
            kinds.title(one.job),
            one.by.email if one.by else NONE,
            date_format(localtime(one.at), "SHORT_DATETIME_FORMAT"),
        ]
        for one in downloaded_lists.of(subject_uuid)[:100]
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
