"""The names and answers that the shop fills in once a person is chosen for a ticket.

They change with the choice; what the visitor typed stays. The last values filled in are stored on the cart
beside the names: ``details["holders"][slot]["filled"]`` = {"person": value, "first_name": text, "phone": text
…}.
"""

from collections.abc import Iterable

from registration_forms.definitions import Question
from registration_forms.field_types import TYPES

from ..answers.form_blocks import NAMES, OF_HOLDER, FormBlock
from .people import Person


def follow(
    holder: dict, person: Person | None, blocks: Iterable[FormBlock], drafts: dict, *, with_email: bool
) -> None:
    """Fill in the names on a ticket, and the known answers of its forms, for the person chosen for it.

    ``with_email``: whether a form asks for the holder's e-mail address. Changes ``holder`` and ``drafts``,
    but nothing that was typed.
    """
    was = holder.get("filled", {})
    filled = {"person": person.value} if person else {}
    filled |= _names(holder, was, person)
    if with_email:
        filled |= _email(holder, was, person)
    for form_block in blocks:
        draft = dict(drafts.get(form_block.name, {}))
        for question in form_block.definition.questions:
            if may_be_filled_in(question):
                filled |= _answer(draft, question, was, person)
        if draft or form_block.name in drafts:
            drafts[form_block.name] = draft
    holder["filled"] = filled


def _names(holder: dict, was: dict, person: Person | None) -> dict[str, str]:
    """Fill in both names, or none if one of them was typed. Return what was filled in."""
    typed = {name: holder.get(name, "") for name in NAMES}
    known = {name: getattr(person, name) if person else "" for name in NAMES}
    of_the_shop = {name: was.get(name, "") for name in NAMES}
    if any(typed.values()) and typed not in (of_the_shop, known):
        return {}
    holder.update(known)
    return known


def _email(holder: dict, was: dict, person: Person | None) -> dict[str, str]:
    known = person.known.get("email", "") if person else ""
    typed = holder.get("email", "").strip()
    same_choice = was.get("person", "") == (person.value if person else "")
    if typed not in ("", was.get("email", ""), known) or (not typed and same_choice and "email" in was):
        # Typed, or taken out again.
        return {"email": was["email"]} if "email" in was and same_choice else {}
    holder["email"] = known
    return {"email": known} if known else {}


def _answer(draft: dict, question: Question, was: dict, person: Person | None) -> dict[str, str]:
    ref = question.system_ref
    known = person.known.get(ref, "") if person else ""
    kind = TYPES[question.type]
    typed = kind.text_of(draft.get(question.key, []))
    same_choice = was.get("person", "") == (person.value if person else "")
    if typed not in ("", was.get(ref, ""), known) or (not typed and same_choice and ref in was):
        # Typed, or taken out again.
        return {ref: was[ref]} if ref in was and same_choice else {}
    if known:
        draft[question.key] = kind.texts(known)
        return {ref: known}
    if typed and ref in was:
        del draft[question.key]
    return {}


def may_be_filled_in(question: Question) -> bool:
    """Return whether a known answer may be filled in; never for a sensitive question."""
    return (
        bool(question.system_ref)
        and question.system_ref not in OF_HOLDER
        and question.visibility != "hidden"
        and not question.sensitive
        and not question.staff_only
    )
