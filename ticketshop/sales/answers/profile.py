"""Answers to order forms that a profile stores too: phone, postal address, company, date of birth.

The answer stays with the order, in the wording that was read. It is also written to the buyer's contact,
where staff, exports and the buyer's profile read it: when the order is placed, and when the answer is changed
later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contacts import contacts, merging
from contacts.models import Contact
from registration_forms.definitions import Definition, Question
from registration_forms.field_types import TYPES, address
from registration_forms.models import AnswerHistory
from ticketshop.history import history
from ticketshop.lib.values.text import normalise_line

from .form_blocks import FormBlock

KNOWN = frozenset({"phone", "address", "company", "birth_date"})


def is_known(question: Question) -> bool:
    """Return whether the answer to a question of an order form belongs into the buyer's profile; never for a
    sensitive one.

    More staff see a profile than sensitive answers, and for longer.
    """
    return (
        question.system_ref in KNOWN
        and question.visibility != "hidden"
        and not question.sensitive
        and not question.staff_only
    )


def is_asked_by(definition: Definition) -> bool:
    """Return whether an order form asks for anything that belongs into the buyer's profile."""
    return any(map(is_known, definition.questions))


def labels(blocks: Iterable[FormBlock]) -> list[str]:
    """Return the labels of questions of order forms whose answers a profile stores too."""
    questions = [
        question
        for form_block in blocks
        if form_block.of_order
        for question in form_block.definition.questions
    ]
    return list(dict.fromkeys(question.label for question in questions if is_known(question)))


def fill_in(blocks: Iterable[FormBlock], known: dict[str, str], drafts: dict, shown: dict) -> None:
    """Fill order forms that no page has shown yet with ``known`` values of the buyer. Changes ``drafts``."""
    for form_block in blocks:
        if not form_block.of_order or form_block.name in shown or form_block.name in drafts:
            continue
        draft = {
            question.key: TYPES[question.type].texts(known[question.system_ref])
            for question in form_block.definition.questions
            if is_known(question) and known.get(question.system_ref)
        }
        if draft:
            drafts[form_block.name] = draft


def write(buyer: Contact, blocks: Iterable[FormBlock], *, over: bool | None, by, now: datetime) -> list[str]:
    """Write answers to order forms to the buyer's contact. Return the names of the changed columns.

    ``over``: True if the buyer wants them in the profile; False if not: then nothing is written. None for a
    guest: only empty columns are written; a postal address counts as one column. The contact must be locked.
    """
    values: dict[str, object] = {}
    for form_block in blocks if over is not False else ():
        for question in form_block.definition.questions if form_block.of_order else ():
            value = form_block.block.answers.get(question.key) if is_known(question) else None
            if value is None:
                continue
            columns = _columns(question, value)
            if (
                over or not merging.group_of(buyer, question.system_ref)
            ) and not values.keys() & columns.keys():
                values |= columns
    return contacts.change(buyer, values, by=by, now=now) if values else []


@dataclass(frozen=True)
class Change:
    """A changed answer: the value before and after, None for no answer.

    ``in_profile``: the buyer's choice at the order; None for a guest, and if the form was added after the
    order.
    """

    question: Question
    before: object
    after: object
    in_profile: bool | None


def changes(answered_forms: Iterable, lines: Iterable[AnswerHistory]) -> list[Change]:
    """Return the changes to order forms that the history ``lines`` contain."""
    by_question = {(line.response_id, line.field.key): line for line in lines}
    changed_answers = []
    for answered_form in answered_forms:
        for question in answered_form.definition.questions if answered_form.part.admission is None else ():
            if line := by_question.get((answered_form.response.pk, question.key)):
                kind = TYPES[question.type]
                values = (None if value is None else kind.from_json(value) for value in (line.old, line.new))
                changed_answers.append(Change(question, *values, answered_form.part.in_profile))
    return changed_answers


def follow(buyer: Contact, changes: Iterable[Change], *, by, now: datetime) -> list[str]:
    """Write changed answers to order forms to the buyer's contact. Return the labels of those that were written.

    A column is written only if it is empty or still has the former answer: what the person or staff wrote
    there stays. Nothing is written if the buyer did not want it in the profile, and a removed answer removes
    nothing. The contact must be locked and just read.
    """
    values: dict[str, object] = {}
    labels = []
    for change in changes:
        ref = change.question.system_ref
        if change.in_profile is False or change.after is None or not is_known(change.question):
            continue
        columns, there = _columns(change.question, change.after), merging.group_of(buyer, ref)
        before = _columns(change.question, change.before) if change.before is not None else {}
        if there in ({}, before) and there != columns and not values.keys() & columns.keys():
            values |= columns
            labels.append(change.question.label)
    if values:
        contacts.change(buyer, values, by=history.author(by), now=now)
    return labels


def _columns(question: Question, value: object) -> dict[str, object]:
    """Return column -> value of the contact for an answer, as stored there."""
    if question.system_ref == "address":
        parts = address.parts_of(str(value))
        return {
            name: normalise_line(part) for name, part in zip(merging.GROUPS["address"], parts, strict=True)
        }
    return {question.system_ref: normalise_line(value) if isinstance(value, str) else value}
