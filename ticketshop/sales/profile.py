"""What order forms ask that a profile holds too: phone, postal address, company, date of birth.

The answer stays with the order, under the words that were read. It is also written to the buyer's contact, where staff,
exports and the buyer's profile look for it.
"""

from collections.abc import Iterable
from datetime import datetime

from contacts import contacts, merging
from contacts.models import Contact
from registration_forms.definitions import Question
from registration_forms.field_types import TYPES, address

from .asking import Ask

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
            columns = (
                dict(zip(address.PARTS, address.parts_of(str(value)), strict=True))
                if question.system_ref == "address"
                else {question.system_ref: value}
            )
            if (
                over or not merging.group_of(buyer, question.system_ref)
            ) and not values.keys() & columns.keys():
                values |= columns
    return contacts.change(buyer, values, by=by, now=now) if values else []
