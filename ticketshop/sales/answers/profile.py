"""What order forms ask that a profile holds too: phone, postal address, company, date of birth.

The answer stays with the order, under the words that were read. It is also written to the buyer's contact, where staff,
exports and the buyer's profile look for it: when the order is placed, and when the answer is changed later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contacts import contacts, merging
from contacts.models import Contact
from registration_forms.definitions import Definition, Question
from registration_forms.field_types import TYPES, address
from registration_forms.models import AnswerHistory
from ticketshop.lib.text import normalise_line

from .form_blocks import Ask

KNOWN = frozenset({"phone", "address", "company", "birth_date"})


def is_known(question: Question) -> bool:
    """Whether the answer to a question of an order form belongs into the buyer's profile: never a sensitive one.

    A profile is seen by more staff than sensitive answers, and for longer.
    """
    return (
        question.system_ref in KNOWN
        and question.visibility != "hidden"
        and not question.sensitive
        and not question.staff_only
    )


def is_asked_by(definition: Definition) -> bool:
    """Whether an order form asks anything that belongs into the buyer's profile."""
    return any(map(is_known, definition.questions))


def labels(asks: Iterable[Ask]) -> list[str]:
    """Return what the order forms among these ask that a profile holds too, as the forms call it."""
    questions = [question for ask in asks if ask.of_order for question in ask.definition.questions]
    return list(dict.fromkeys(question.label for question in questions if is_known(question)))


def fill_in(asks: Iterable[Ask], known: dict[str, str], drafts: dict, shown: dict) -> None:
    """Let what is ``known`` of the buyer stand in the order forms that no page has shown yet. Changes ``drafts``."""
    for ask in asks:
        if not ask.of_order or ask.name in shown or ask.name in drafts:
            continue
        draft = {
            question.key: TYPES[question.type].texts(known[question.system_ref])
            for question in ask.definition.questions
            if is_known(question) and known.get(question.system_ref)
        }
        if draft:
            drafts[ask.name] = draft


def write(buyer: Contact, asks: Iterable[Ask], *, over: bool | None, by, now: datetime) -> list[str]:
    """Write what the order forms were answered to the buyer's contact; return the names of the columns that changed.

    ``over``: True where the buyer chose to have it in their profile, False where they did not: then nothing is written.
    None for a guest: only what the contact does not have yet; a postal address counts as one.
    Call it while the contact is locked.
    """
    values: dict[str, object] = {}
    for ask in asks if over is not False else ():
        for question in ask.definition.questions if ask.of_order else ():
            value = ask.block.answers.get(question.key) if is_known(question) else None
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
    """An answer that changed: the value it had and the one it has now, each None where there is no answer.

    ``in_profile``: what the buyer chose at the order; None for a guest, and where a form was added after the order.
    """

    question: Question
    before: object
    after: object
    in_profile: bool | None


def changes(entries: Iterable, lines: Iterable[AnswerHistory]) -> list[Change]:
    """Return what ``lines`` say was changed in the order forms among the entries of a sheet."""
    by_question = {(line.response_id, line.field.key): line for line in lines}
    found = []
    for entry in entries:
        for question in entry.definition.questions if entry.part.admission is None else ():
            if line := by_question.get((entry.response.pk, question.key)):
                kind = TYPES[question.type]
                values = (None if value is None else kind.from_json(value) for value in (line.old, line.new))
                found.append(Change(question, *values, entry.part.in_profile))
    return found


def follow(buyer: Contact, changes: Iterable[Change], *, by, now: datetime) -> list[str]:
    """Write changed answers to order forms to the buyer's contact; return the labels of those that were written.

    Only where the contact has nothing, or has what was answered before: what the person or staff wrote there meanwhile
    stays. Nothing is written where the buyer chose not to have it in their profile, and no answer takes nothing out.
    Call it with the contact as it is now, while it is locked.
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
        contacts.change(buyer, values, by=by if by is not None and by.is_authenticated else None, now=now)
    return labels


def _columns(question: Question, value: object) -> dict[str, object]:
    """Return the columns of a contact that an answer is written to, as they are stored there."""
    if question.system_ref == "address":
        parts = address.parts_of(str(value))
        return {
            name: normalise_line(part) for name, part in zip(merging.GROUPS["address"], parts, strict=True)
        }
    return {question.system_ref: normalise_line(value) if isinstance(value, str) else value}
