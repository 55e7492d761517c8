"""Changing the answers of an order: by the buyer until a deadline, by staff at any time."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.datastructures import MultiValueDict

from contacts import locking
from contacts.models import Contact
from registration_forms import definitions
from registration_forms.answers import changing, limited_choices, question_wording, responses
from registration_forms.answers.blocks import Block
from registration_forms.conditions import BUYER
from registration_forms.definitions import Definition
from registration_forms.field_types import QuestionContext
from registration_forms.field_types.choices import NO_PLACE_LEFT
from registration_forms.models import AnswerHistory, Choice, Field, FormVersion, Response
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.values.text import number_in

from .. import notices
from ..models import Admission, IssuedPass, Order, Ticket
from ..recipients import is_given, of_buyer
from . import block_answers, display, form_blocks, profile
from .answered_form import AnsweredForm
from .closed_answers import why_closed


class StaffBlock(Block):
    """The questions of a form in the design of the back office."""

    template_of_a_question = "admin/sales/answers_question.html"


_RESPONSE = Ticket._meta.get_field("response")


class EditableAnswers:
    """The forms of an order (``answered_forms``), or those with the ids ``of``, with their answers.

    ``staff``: include questions for staff only and allow changes after the deadline. Without ``sensitive``,
    sensitive questions are left out. ``holder``: for the holder of a given ticket. The buyer does not see the answers of
    given tickets. Four queries for any number.
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
        holder: bool = False,
    ):
        self.order, self.tickets, self.passes, self.now = order, tickets, passes, now
        self.staff, self.sensitive, self.holder = staff, sensitive, holder
        # Labels of the answers that the last ``save`` also wrote to the buyer's profile.
        self.in_profile: list[str] = []
        wanted = None if of is None else set(of)
        parts = [
            part
            for part in display.parts(order, tickets, passes)
            if (wanted is None or part.response_id in wanted) and self._may_see(part)
        ]
        known = [ticket.response for ticket in tickets if ticket.response_id and _RESPONSE.is_cached(ticket)]
        by_id, given = display.read((part.response_id for part in parts), known) if parts else ({}, {})
        self.answered_forms = [
            self._answered_form(part, by_id[part.response_id], given[part.response_id])
            for part in parts
            if part.response_id in by_id
        ]

    def _may_see(self, part: display.Part) -> bool:
        given = part.admission is not None and is_given(part.admission)
        return self.staff or given == self.holder

    def _answered_form(self, part: display.Part, response: Response, given: responses.Given) -> AnsweredForm:
        until = self._until(part, response)
        why = why_closed(
            self.order, part, response, self._used(part), None if self.staff else until, self.now, self.staff
        )
        return AnsweredForm(part, response, given, until, why, revision=response.revision)

    def _until(self, part: display.Part, response: Response) -> datetime | None:
        """Return the form's own deadline, else the start of the session, else the end of the pass's last day."""
        if response.form.editable_until:
            return response.form.editable_until
        admissions = [part.admission] if part.admission else [*self.tickets, *self.passes]
        alive = [admission for admission in admissions if admission.state != Admission.State.CANCELLED]
        starts = [admission.session.starts_at for admission in alive if isinstance(admission, Ticket)]
        zone = self.order.point_of_sale.organiser.zone
        ends = [
            days.end_of(admission.valid_until, zone)
            for admission in alive
            if isinstance(admission, IssuedPass)
        ]
        return min(starts or ends, default=None)

    def _used(self, part: display.Part) -> bool:
        # A given ticket does not close the buyer's order form, and the buyer does not learn whether it was used.
        admissions = [part.admission] if part.admission else [*of_buyer(self.tickets), *self.passes]
        return any(admission.state == Admission.State.USED for admission in admissions)

    # --- pages -----------------------------------------------------------------------------------------
    @property
    def open(self) -> list[AnsweredForm]:
        """Return the forms that can be changed."""
        return [answered_form for answered_form in self.answered_forms if not answered_form.why]

    @property
    def until(self) -> datetime | None:
        """Return the earliest deadline."""
        return min((answered_form.until for answered_form in self.open if answered_form.until), default=None)

    @property
    def whys(self) -> list[str]:
        """Return why some answers can't be changed, each sentence once. Sentences about erased answers are shown
        beside these.
        """
        return list(
            dict.fromkeys(
                answered_form.why
                for answered_form in self.answered_forms
                if answered_form.why and not answered_form.has_erased
            )
        )

    @property
    def missing(self) -> list[str]:
        """Return the labels of mandatory questions that the buyer has not answered, each once."""
        return list(
            dict.fromkeys(label for answered_form in self.answered_forms for label in answered_form.missing)
        )

    @property
    def waived(self) -> list[str]:
        """Return the labels of the questions that staff have skipped and that the buyer may still answer, each once."""
        return list(
            dict.fromkeys(label for answered_form in self.answered_forms for label in answered_form.waived)
        )

    def pages(self) -> list[list[AnsweredForm]]:
        """Return the forms in pages small enough for one request."""
        size = form_blocks.per_page(self.answered_forms)
        return [
            self.answered_forms[start : start + size] for start in range(0, len(self.answered_forms), size)
        ]

    def page(self, number: int) -> list[AnsweredForm]:
        """Return the forms of one page; pages are counted from 1."""
        return self.pages()[number - 1] if self.answered_forms else []

    # --- filling in ------------------------------------------------------------------------------------
    def fill(
        self, answered_forms: list[AnsweredForm], post=None, kept: dict[int, set[str]] | None = None
    ) -> None:
        """Give each form that can be changed its ``block``, with the stored or the posted answers.

        ``kept``: response id -> keys of questions that keep their stored answer and ignore the post. At most
        two queries.
        """
        left = _places_left(answered_forms)
        shown = _posted_versions(answered_forms, post) if post is not None else {}
        for answered_form in answered_forms:
            if answered_form.why:
                continue
            answered_form.block = self._block(answered_form, left)
            answered_form.block.heading = answered_form.heading
            if answered_form.response.pk not in shown:
                continue
            answered_form.posted, answered_form.revision = (
                True,
                number_in(post.get(f"{answered_form.prefix}-revision"), digits=8) or 0,
            )
            seen = self._seen(answered_form, shown[answered_form.response.pk], post)
            asked = self._drawn(shown[answered_form.response.pk]) - (kept or {}).get(
                answered_form.response.pk, set()
            )
            asked -= {key for key in answered_form.consents if key not in seen}
            answered_form.outdated = (
                not question_wording.shown_on(answered_form.definition, (), answered_form.block.context)
                <= seen
            )
            answered_form.block = self._block(answered_form, left, _data(answered_form, post, asked), seen)
            answered_form.block.heading = answered_form.heading

    def _seen(self, answered_form: AnsweredForm, definition: Definition, post) -> set[str]:
        """Return the keys of the questions that the posted page showed in today's question_wording.

        A consent that was given keeps its wording, even after a newer version is published.
        """
        drawn = post.get(answered_form.block.drawn_name, "").split()
        changed = question_wording.reworded(definition, definitions.of_version(answered_form.version))
        given = {key for key in answered_form.consents if key in answered_form.given}
        return question_wording.shown_on(definition, drawn, answered_form.block.context) - (changed - given)

    def _drawn(self, definition: Definition) -> set[str]:
        """Return the keys of the questions that a page of this version may contain."""
        return {
            question.key
            for question in definition.questions
            if question.visibility != Field.Visibility.HIDDEN and (self.staff or not question.staff_only)
        }

    def _block(
        self, answered_form: AnsweredForm, left: dict[str, int], data=None, seen: set[str] | None = None
    ) -> Block:
        sensitive = [question.key for question in answered_form.definition.questions if question.sensitive]
        return (StaffBlock if self.staff else Block)(
            answered_form.definition,
            data,
            prefix=answered_form.prefix,
            question_context=QuestionContext(
                day=answered_form.day,
                now=self.now,
                sold_out=frozenset(key for key, places in left.items() if places <= 0),
                left=left,
                country=self.order.point_of_sale.organiser.country,
            ),
            context=changing.STAFF if self.staff else BUYER,
            stored=answered_form.stored,
            but=() if self.sensitive else sensitive,
            seen=seen,
            of_reader=self.holder or (not self.staff and answered_form.part.admission is None),
        )

    def fill_again(self, answered_forms: list[AnsweredForm], post, conflict: changing.Conflict) -> None:
        """After a conflict, and on rows read again: keep the other person's changes, and show a message at each
        question that both changed.

        What was typed stays in the fields; saving again writes it.
        """
        only_theirs = {pk: keys - conflict.keys.get(pk, set()) for pk, keys in conflict.others.items()}
        self.fill(answered_forms, post, kept=only_theirs)
        for answered_form in answered_forms:
            if answered_form.block is None or not answered_form.posted:
                continue
            answered_form.revision = answered_form.response.revision
            answered_form.block.full_clean()
            for key in conflict.keys.get(answered_form.response.pk, ()):
                answered_form.block.add_late_error(key, answered_form.changed_meanwhile(key))

    # --- saving ----------------------------------------------------------------------------------------
    def is_valid(self, answered_forms: list[AnsweredForm]) -> bool:
        """Return whether everything posted is valid. Every block is validated, so that all errors are shown."""
        return not [
            answered_form
            for answered_form in answered_forms
            if answered_form.posted and not answered_form.block.is_valid()
        ]

    def save(self, answered_forms: list[AnsweredForm], *, by, tell: bool = True) -> list[AnswerHistory]:
        """Store what was posted and tell the buyer what changed. Return the history lines that were written.

        Writes to the buyer's profile too (``profile.follow``). Raise changing.Conflict, changing.SoldOut or
        changing.Closed; then nothing has changed.
        """
        posted = [answered_form for answered_form in answered_forms if answered_form.posted]
        while True:
            try:
                with transaction.atomic():
                    return self._save(posted, by, tell)
            except _BuyerMoved:
                # The buyer was merged meanwhile: read again, the order names the remaining contact.
                continue

    def _save(self, posted: list[AnsweredForm], by, tell: bool) -> list[AnswerHistory]:
        buyer_id, buyer = self.order.buyer_id, self._hold_buyer(posted)
        self._lock(posted)
        if self.order.buyer_id != buyer_id:
            raise _BuyerMoved
        edits = [
            changing.Edit(
                answered_form.response,
                answered_form.block.answers,
                answered_form.revision,
                answered_form.version,
                frozenset(answered_form.block.fields),
            )
            for answered_form in posted
        ]
        source = AnswerHistory.Source.STAFF if self.staff else AnswerHistory.Source.BUYER
        lines = changing.change_all(edits, by=by, source=source, now=self.now)
        if lines:
            history.record(self.order, "answers_changed", by=by, now=self.now)
            changes = profile.changes(posted, lines) if buyer is not None else []
            self.in_profile = profile.follow(buyer, changes, by=by, now=self.now) if changes else []
            told = [line for line in lines if not line.field.staff_only]
            if told and tell:
                self._tell(told)
        return lines

    def _tell(self, told: list[AnswerHistory]) -> None:
        """Tell the buyer which answers changed, but nothing about the answers of a given ticket."""
        given = {ticket.response_id for ticket in self.tickets if is_given(ticket)}
        if of_buyer := [line for line in told if line.response_id not in given]:
            notices.answers_changed(self.order, of_buyer, self.now)

    def _hold_buyer(self, posted: list[AnsweredForm]) -> Contact | None:
        """Return the buyer, locked, if an answer may be written to their profile. People are locked before their orders."""
        known = any(
            profile.is_asked_by(answered_form.definition)
            for answered_form in posted
            if not answered_form.part.admission
        )
        pk = self.order.buyer_id
        return locking.lock_all([pk]).get(pk) if known and pk else None

    def _lock(self, posted: list[AnsweredForm]) -> None:
        """Lock order, tickets and passes, so that no check-in, erasure or cancellation comes between.

        Raise changing.Closed if one came before. Locks follow the sequence of an erasure: order, tickets, then (in ``change_all``) responses.
        """
        orders = Order.objects.select_for_update(of=("self",), no_key=True).select_related("buyer")
        order = orders.get(pk=self.order.pk)
        # The buyer may have been erased since the order was read.
        self.order.refresh_from_db(fields=["buyer"])
        responses_now: dict[Ticket | IssuedPass, int | None] = {}
        for model, rows in ((Ticket, self.tickets), (IssuedPass, self.passes)):
            if not rows:
                continue
            locked = model.objects.select_for_update(of=("self",), no_key=True).filter(order=order)
            locked_rows = {row.pk: row for row in locked.order_by("pk")}
            for row in rows:
                locked_row = locked_rows.get(row.pk)
                row.state = locked_row.state if locked_row else Admission.State.CANCELLED
                if locked_row is not None and model is Ticket:
                    responses_now[row] = locked_row.response_id
        for answered_form in posted:
            response_id = answered_form.response.pk
            if responses_now.get(answered_form.part.admission, response_id) != response_id:
                # The ticket was given to another person meanwhile, who gives the answers.
                raise changing.Closed
            used, until = self._used(answered_form.part), None if self.staff else answered_form.until
            if why_closed(
                order, answered_form.part, answered_form.response, used, until, self.now, self.staff
            ):
                raise changing.Closed


class _BuyerMoved(Exception):
    """The order belongs to another contact since the buyer was locked."""


def mark_sold_out(answered_forms: list[AnsweredForm], sold: changing.SoldOut) -> None:
    """Show "just sold out" at the fields whose new choice has no place left."""
    for answered_form in answered_forms:
        for key in sold.keys.get(answered_form.response.pk, ()):
            if answered_form.block.is_valid() or key not in answered_form.block.errors:
                answered_form.block.add_late_error(key, NO_PLACE_LEFT)


def _places_left(answered_forms: list[AnsweredForm]) -> dict[str, int]:
    """Return choice key -> places left, for limited choices. At most two queries."""
    forms = {
        answered_form.form.pk
        for answered_form in answered_forms
        if any(question.options for question in answered_form.definition.questions)
    }
    if not forms:
        return {}
    ids = dict(Choice.objects.filter(field__form__in=forms, capacity__isnull=False).values_list("pk", "key"))
    return {ids[pk]: left for pk, left in limited_choices.left(ids).items()}


def _posted_versions(answered_forms: list[AnsweredForm], post) -> dict[int, Definition]:
    """Return response id -> definition that the posted page showed. At most one query."""
    seen = {
        answered_form.response.pk: (answered_form, number)
        for answered_form in answered_forms
        if not answered_form.why
        and (number := number_in(post.get(f"{answered_form.prefix}-version"), digits=17)) is not None
    }
    stale = {pk for answered_form, pk in seen.values() if pk != answered_form.version.pk}
    forms = [answered_form.form.pk for answered_form, _pk in seen.values()]
    old = FormVersion.objects.filter(pk__in=stale, form__in=forms) if stale else ()
    known = {version.pk: version for version in old}
    definitions_shown = {}
    for response_id, (answered_form, pk) in seen.items():
        version = answered_form.version if pk == answered_form.version.pk else known.get(pk)
        if version is not None:
            definitions_shown[response_id] = definitions.of_version(version)
    return definitions_shown


def _data(answered_form: AnsweredForm, post, asked: set[str]) -> MultiValueDict:
    """Return the posted texts of the questions in ``asked``, and the stored ones of the others."""
    typed = block_answers.typed(answered_form, post)
    values = {
        key: typed.get(key, []) if key in asked else answered_form.block.typed(key)
        for key in answered_form.block.fields
    }
    typed = {key: texts for key, texts in values.items() if texts}
    return block_answers.as_posted(answered_form.definition, answered_form.prefix, typed)
