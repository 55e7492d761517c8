"""The answers of an order as a sheet that is filled in again: by the buyer until a deadline, by staff at any time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import transaction
from django.utils.datastructures import MultiValueDict
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts import locking
from contacts.models import Contact
from registration_forms import definitions
from registration_forms.answers import changing, limited_choices, question_wording, responses
from registration_forms.answers.blocks import Block
from registration_forms.conditions import BUYER
from registration_forms.definitions import Definition
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.field_types.choices import NO_PLACE_LEFT
from registration_forms.models import Answer, AnswerHistory, Choice, Field, FormVersion, Response
from ticketshop.history import history
from ticketshop.lib import days
from ticketshop.lib.text import number_in

from .. import notices
from ..models import Admission, IssuedPass, Order, Ticket
from . import display, form_blocks, profile
from .closed_answers import why_closed


@dataclass
class Entry:
    """One form of an order on the sheet. ``why``: the sentence that says why it can't be changed, if so."""

    part: display.Part
    response: Response
    given: dict[str, Answer]
    until: datetime | None
    why: str = ""
    block: Block | None = None
    posted: bool = False
    # Whether something that was asked reads otherwise since the page was made.
    outdated: bool = False
    revision: int = 0
    copies: tuple = field(default=(), init=False)

    def __post_init__(self):
        self.form = self.response.form
        self.version = self.form.published
        self.definition: Definition = changing.current_definition(self.response, self.form, self.given)
        self.stored = {key: responses.value_of(answer) for key, answer in self.given.items()}
        self.name = f"r{self.response.pk}"
        self.prefix = form_blocks.prefix(self)
        self.heading = self.part.heading

    @property
    def day(self) -> date | None:
        """What an age counts on: the ticket's own date, or the pass's first."""
        admission = self.part.admission
        if isinstance(admission, Ticket):
            return localtime(admission.session.starts_at).date()
        return admission.valid_from if admission else None

    @property
    def rows(self) -> display.Rows:
        """What the buyer reads: (label, text) for each answer."""
        return display.rows(self.response, self.given, display.for_buyer)

    @property
    def language(self) -> str:
        return display.language(self.response.language)

    @property
    def has_erased(self) -> bool:
        """Whether answers of this form were erased."""
        return self.response.erased_on is not None

    @property
    def missing(self) -> list[str]:
        """The labels of what the buyer owes and has not answered."""
        if self.why:
            return []
        return [
            question.label for question in changing.missing_questions(self.response, self.form, self.given)
        ]


class StaffBlock(Block):
    """A form as the back office draws it."""

    template_of_a_question = "admin/sales/answers_question.html"


class Sheet:
    """``entries``: the forms of an order, or some ``of`` them. Four queries however many.

    ``staff`` see what is for staff only and may change answers after the deadline; without ``sensitive`` they see
    no sensitive question.
    """

    def __init__(
        self,
        order: Order,
        tickets: list[Ticket],
        passes: list[IssuedPass],
        *,
        now: datetime,
        staff: bool = False,
        sensitive: bool = True,
        of: Iterable[int] | None = None,
    ):
        self.order, self.tickets, self.passes, self.now = order, tickets, passes, now
        self.staff, self.sensitive = staff, sensitive
        # What the profile of the buyer holds too, and followed an answer that was saved.
        self.in_profile: list[str] = []
        wanted = None if of is None else set(of)
        parts = [
            part
            for part in display.parts(order, tickets, passes)
            if wanted is None or part.response_id in wanted
        ]
        by_id, given = display.read(part.response_id for part in parts) if parts else ({}, {})
        self.entries = [
            self._entry(part, by_id[part.response_id], given[part.response_id])
            for part in parts
            if part.response_id in by_id
        ]

    def _entry(self, part: display.Part, response: Response, given: dict[str, Answer]) -> Entry:
        until = self._until(part, response)
        why = why_closed(
            self.order, part, response, self._used(part), None if self.staff else until, self.now, self.staff
        )
        return Entry(part, response, given, until, why, revision=response.revision)

    def _until(self, part: display.Part, response: Response) -> datetime | None:
        """The form's own deadline, else the beginning of the session, else the end of the pass's last day."""
        if response.form.editable_until:
            return response.form.editable_until
        admissions = [part.admission] if part.admission else [*self.tickets, *self.passes]
        alive = [one for one in admissions if one.state != Admission.State.CANCELLED]
        starts = [one.session.starts_at for one in alive if isinstance(one, Ticket)]
        zone = self.order.point_of_sale.organiser.zone
        ends = [days.end_of(one.valid_until, zone) for one in alive if isinstance(one, IssuedPass)]
        return min(starts or ends, default=None)

    def _used(self, part: display.Part) -> bool:
        admissions = [part.admission] if part.admission else [*self.tickets, *self.passes]
        return any(one.state == Admission.State.USED for one in admissions)

    # --- pages -----------------------------------------------------------------------------------------
    @property
    def open(self) -> list[Entry]:
        return [entry for entry in self.entries if not entry.why]

    @property
    def until(self) -> datetime | None:
        """The first deadline there is."""
        return min((entry.until for entry in self.open if entry.until), default=None)

    @property
    def whys(self) -> list[str]:
        """The sentences that say why some answers can't be changed, each once; those about erased ones stand with them."""
        return list(dict.fromkeys(entry.why for entry in self.entries if entry.why and not entry.has_erased))

    @property
    def missing(self) -> list[str]:
        """The labels of what the buyer owes and has not answered, each once."""
        return list(dict.fromkeys(label for entry in self.entries for label in entry.missing))

    def pages(self) -> list[list[Entry]]:
        """The entries in pages that a request can hold."""
        size = form_blocks.per_page(self.entries)
        return [self.entries[start : start + size] for start in range(0, len(self.entries), size)]

    def page(self, number: int) -> list[Entry]:
        """The entries of one page, counted from 1."""
        return self.pages()[number - 1] if self.entries else []

    # --- filling in ------------------------------------------------------------------------------------
    def fill(self, entries: list[Entry], post=None, kept: dict[int, set[str]] | None = None) -> None:
        """Give the open ones their blocks, filled with what is stored or with what was posted.

        ``kept``: response id -> questions whose stored answer stands, whatever was posted. Two queries at most.
        """
        left = _places_left(entries)
        shown = _posted_versions(entries, post) if post is not None else {}
        for entry in entries:
            if entry.why:
                continue
            entry.block = self._block(entry, left)
            entry.block.heading = entry.heading
            if entry.response.pk not in shown:
                continue
            entry.posted, entry.revision = (
                True,
                number_in(post.get(f"{entry.prefix}-revision"), digits=8) or 0,
            )
            seen = self._seen(entry, shown[entry.response.pk], post)
            asked = self._drawn(shown[entry.response.pk]) - (kept or {}).get(entry.response.pk, set())
            asked -= {key for key in _consents(entry) if key not in seen}
            entry.outdated = not question_wording.shown_on(entry.definition, (), entry.block.context) <= seen
            entry.block = self._block(entry, left, _data(entry, post, asked), seen)
            entry.block.heading = entry.heading

    def _seen(self, entry: Entry, definition: Definition, post) -> set[str]:
        """The questions that the page which was sent had, of the version it was made of, in the words of today.

        A consent that was given stands in the words it was given to, whatever is published.
        """
        drawn = post.get(entry.block.drawn_name, "").split()
        changed = question_wording.reworded(definition, definitions.of_version(entry.version))
        given = {key for key in _consents(entry) if key in entry.given}
        return question_wording.shown_on(definition, drawn, entry.block.context) - (changed - given)

    def _drawn(self, definition: Definition) -> set[str]:
        """The questions that a page of this version could ask."""
        return {
            question.key
            for question in definition.questions
            if question.visibility != Field.Visibility.HIDDEN and (self.staff or not question.staff_only)
        }

    def _block(self, entry: Entry, left: dict[str, int], data=None, seen: set[str] | None = None) -> Block:
        sensitive = [one.key for one in entry.definition.questions if one.sensitive]
        return (StaffBlock if self.staff else Block)(
            entry.definition,
            data,
            prefix=entry.prefix,
            question_context=QuestionContext(
                day=entry.day,
                now=self.now,
                sold_out=frozenset(key for key, places in left.items() if places <= 0),
                left=left,
                country=self.order.point_of_sale.organiser.country,
            ),
            context=changing.STAFF if self.staff else BUYER,
            stored=entry.stored,
            but=() if self.sensitive else sensitive,
            seen=seen,
            of_reader=not self.staff and entry.part.admission is None,
        )

    def fill_again(self, entries: list[Entry], post, conflict: changing.Conflict) -> None:
        """After a conflict, on a sheet read anew: others' changes stand, and what both changed is said at its field.

        What was typed stays there; saved once more, it counts.
        """
        only_theirs = {pk: keys - conflict.keys.get(pk, set()) for pk, keys in conflict.others.items()}
        self.fill(entries, post, kept=only_theirs)
        for entry in entries:
            if entry.block is None or not entry.posted:
                continue
            entry.revision = entry.response.revision
            entry.block.full_clean()
            for key in conflict.keys.get(entry.response.pk, ()):
                entry.block.add_late_error(key, _theirs(entry, key))

    # --- saving ----------------------------------------------------------------------------------------
    def is_valid(self, entries: list[Entry]) -> bool:
        """Whether all that was posted is in order; every block is checked, so that every mistake is said."""
        return not [entry for entry in entries if entry.posted and not entry.block.is_valid()]

    def save(self, entries: list[Entry], *, by, tell: bool = True) -> list[AnswerHistory]:
        """Store what was posted, and tell the buyer what changed; the lines of history that were written.

        What the buyer's profile holds too follows (``profile.follow``). Raises changing.Conflict, SoldOut or Closed;
        then nothing has changed.
        """
        posted = [entry for entry in entries if entry.posted]
        while True:
            try:
                with transaction.atomic():
                    return self._save(posted, by, tell)
            except _BuyerMoved:
                # Merged a moment ago: the order, read anew, names the contact that stays.
                continue

    def _save(self, posted: list[Entry], by, tell: bool) -> list[AnswerHistory]:
        buyer_id, buyer = self.order.buyer_id, self._hold_buyer(posted)
        self._lock(posted)
        if self.order.buyer_id != buyer_id:
            raise _BuyerMoved
        edits = [
            changing.Edit(
                entry.response,
                entry.block.answers,
                entry.revision,
                entry.version,
                frozenset(entry.block.fields),
            )
            for entry in posted
        ]
        source = AnswerHistory.Source.STAFF if self.staff else AnswerHistory.Source.BUYER
        lines = changing.change_all(edits, by=by, source=source, now=self.now)
        if lines:
            history.record(self.order, "answers_changed", by=by, now=self.now)
            changes = profile.changes(posted, lines) if buyer is not None else []
            self.in_profile = profile.follow(buyer, changes, by=by, now=self.now) if changes else []
            told = [line for line in lines if not line.field.staff_only]
            if told and tell:
                notices.answers_changed(self.order, told, self.now)
        return lines

    def _hold_buyer(self, posted: list[Entry]) -> Contact | None:
        """The buyer, locked, where an answer may belong into their profile. People come before their orders."""
        known = any(profile.is_asked_by(entry.definition) for entry in posted if not entry.part.admission)
        pk = self.order.buyer_id
        return locking.lock_all([pk]).get(pk) if known and pk else None

    def _lock(self, posted: list[Entry]) -> None:
        """Nobody is let in or erased and nothing is cancelled meanwhile. Raises changing.Closed where that happened before.

        The order, its tickets, then (by ``change_all``) the responses: as an erasure takes them.
        """
        orders = Order.objects.select_for_update(of=("self",), no_key=True).select_related("buyer")
        order = orders.get(pk=self.order.pk)
        # As it is now: the buyer may have been erased meanwhile.
        self.order.refresh_from_db(fields=["buyer"])
        used = False
        for model, rows in ((Ticket, self.tickets), (IssuedPass, self.passes)):
            if not rows:
                continue
            locked = model.objects.select_for_update(of=("self",), no_key=True).filter(order=order)
            states = dict(locked.order_by("pk").values_list("pk", "state"))
            for row in rows:
                row.state = states.get(row.pk, Admission.State.CANCELLED)
        for entry in posted:
            used, until = self._used(entry.part), None if self.staff else entry.until
            if why_closed(order, entry.part, entry.response, used, until, self.now, self.staff):
                raise changing.Closed


class _BuyerMoved(Exception):
    """The order is another contact's since the buyer was held."""


def mark_sold_out(entries: list[Entry], sold: changing.SoldOut) -> None:
    """Say "just sold out" at the fields that wanted a choice whose last place is gone."""
    for entry in entries:
        for key in sold.keys.get(entry.response.pk, ()):
            if entry.block.is_valid() or key not in entry.block.errors:
                entry.block.add_late_error(key, NO_PLACE_LEFT)


def _places_left(entries: list[Entry]) -> dict[str, int]:
    """Choice key -> places left, of choices with a limited number of places; two queries at most."""
    forms = {
        entry.form.pk for entry in entries if any(question.options for question in entry.definition.questions)
    }
    if not forms:
        return {}
    ids = dict(Choice.objects.filter(field__form__in=forms, capacity__isnull=False).values_list("pk", "key"))
    return {ids[pk]: left for pk, left in limited_choices.left(ids).items()}


def _posted_versions(entries: list[Entry], post) -> dict[int, Definition]:
    """Response id -> the definition its page showed, for the blocks that were posted; one query at most."""
    seen = {
        entry.response.pk: (entry, number)
        for entry in entries
        if not entry.why and (number := number_in(post.get(f"{entry.prefix}-version"), digits=17)) is not None
    }
    stale = {pk for entry, pk in seen.values() if pk != entry.version.pk}
    forms = [entry.form.pk for entry, _pk in seen.values()]
    old = FormVersion.objects.filter(pk__in=stale, form__in=forms) if stale else ()
    known = {version.pk: version for version in old}
    found = {}
    for response_id, (entry, pk) in seen.items():
        version = entry.version if pk == entry.version.pk else known.get(pk)
        if version is not None:
            found[response_id] = definitions.of_version(version)
    return found


def _data(entry: Entry, post, asked: set[str]) -> MultiValueDict:
    """What was posted for the questions in ``asked``; the others come back as they are stored."""
    typed = form_blocks.typed(entry, post)
    values = {
        key: typed.get(key, []) if key in asked else entry.block.typed(key) for key in entry.block.fields
    }
    typed = {key: texts for key, texts in values.items() if texts}
    return form_blocks.as_posted(entry.definition, entry.prefix, typed)


def _consents(entry: Entry) -> list[str]:
    return [question.key for question in entry.definition.questions if question.type == "consent"]


def _theirs(entry: Entry, key: str) -> str:
    question = entry.definition.question(key)
    text = (
        TYPES[question.type].display(question, entry.stored[key]) if key in entry.stored else _("no answer")
    )
    return _("Changed by somebody else meanwhile, to: %(answer)s. Save again to keep what stands here.") % {
        "answer": text
    }
