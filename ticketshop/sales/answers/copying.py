"""Reuse of typed answers: copied from another block, or moved to the ticket that replaces one removed from the cart."""

from registration_forms import definitions
from registration_forms.field_types import TYPES

from ..cart.contents import Contents
from .form_blocks import OF_HOLDER, FormBlock, slots


def copy_draft(target: FormBlock, source: FormBlock, drafts: dict) -> list[str]:
    """Fill the empty copyable answers of ``target`` from ``source``. Return the labels of what was copied.

    Two questions match by key, or by the known value they ask for, such as the phone number of a person.
    Changes ``drafts``.
    """
    to, copied = dict(drafts.get(target.name, {})), []
    known = {question.system_ref: question for question in source.definition.questions if question.system_ref}
    for question in target.definition.questions:
        theirs = source.definition.question(question.key) or known.get(question.system_ref)
        if theirs is None or theirs.type != question.type or any(to.get(question.key, [])):
            continue
        texts = drafts.get(source.name, {}).get(theirs.key, [])
        if any(texts) and _may_be_copied(question) and _may_be_copied(theirs):
            to[question.key] = texts
            copied.append(question.label)
    drafts[target.name] = to
    return copied


def _may_be_copied(question: definitions.Question) -> bool:
    return (
        question.copyable
        and not question.sensitive
        and not question.staff_only
        and question.type != "consent"
        and question.visibility != "hidden"
        and question.system_ref not in definitions.STORED_ELSEWHERE
        and TYPES[question.type].answers
    )


def copy_names(target: FormBlock, source: FormBlock, names: dict, holder: dict) -> list[str]:
    """Fill the empty names on a ticket, if its form asks for them, from ``names``. Return their labels.

    ``names``: those of the buyer or of another ticket. Changes ``holder``. A ticket with a chosen person
    keeps that person's name.
    """
    copied = []
    for question in _names_asked(target):
        name = question.system_ref
        if not source.of_order and not question.copyable:
            continue
        if not holder.get("person") and not holder.get(name) and names.get(name):
            holder[name] = names[name]
            copied.append(question.label)
    return copied


def names_asked(target: FormBlock) -> list[str]:
    """Return the labels under which a form asks for the names on its ticket."""
    return [question.label for question in _names_asked(target)]


def _names_asked(target: FormBlock) -> list[definitions.Question]:
    return [
        question
        for question in target.definition.questions
        if question.system_ref in OF_HOLDER and question.visibility != "hidden"
    ]


def may_copy(target: FormBlock, source: FormBlock) -> bool:
    """Return whether the two blocks have a question in common; the names of the buyer are always known."""
    if source.of_order and _names_asked(target):
        return True
    if target.version.form_id == source.version.form_id:
        return any(
            _may_be_copied(question) or (question.copyable and question in _names_asked(target))
            for question in target.definition.questions
        )
    theirs = {
        name
        for question in source.definition.questions
        if _may_be_copied(question)
        for name in (question.key, question.system_ref)
        if name
    }
    return any(
        question.key in theirs or question.system_ref in theirs
        for question in target.definition.questions
        if _may_be_copied(question)
    )


def carry_over_drafts(
    forms: list[FormBlock], cart_contents: Contents, drafts: dict, holders: dict, shown: dict
) -> None:
    """Move what was typed for tickets that left the cart to the tickets that replaced them, in order.

    Changes ``drafts``, ``holders`` and ``shown``. Answers to questions that the new form does not ask are
    dropped; the others count for the wording under which they were typed.
    """
    _follow_order_forms(forms, drafts, shown)
    alive = slots(cart_contents)
    lost = [slot for slot in holders if slot not in set(alive)]
    by_name = {form_block.name: form_block for form_block in forms}
    for slot, old in zip([slot for slot in alive if slot not in holders], lost, strict=False):
        holders[slot] = holders.pop(old)
        for end in ("", "+"):
            draft, form_block = drafts.pop(f"{old}{end}", None), by_name.get(f"{slot}{end}")
            record = shown.pop(f"{old}{end}", None)
            kept = {
                key: texts
                for key, texts in (draft or {}).items()
                if form_block and form_block.definition.question(key)
            }
            if kept:
                drafts[f"{slot}{end}"] = kept
                if record:
                    shown[f"{slot}{end}"] = record


def _follow_order_forms(forms: list[FormBlock], drafts: dict, shown: dict) -> None:
    """Keep what was typed for an order form with that form if other order forms are added or removed. Changes
    ``drafts`` and ``shown``.
    """
    order_blocks = [form_block for form_block in forms if form_block.of_order]
    typed = {
        record["form"]: (drafts.get(name, {}), record)
        for name, record in shown.items()
        if record["form"] in {form_block.version.form_id for form_block in order_blocks}
    }
    for form_block in order_blocks:
        if shown.get(form_block.name, {}).get("form") == form_block.version.form_id:
            continue
        drafts.pop(form_block.name, None)
        shown.pop(form_block.name, None)
        if form_block.version.form_id in typed:
            drafts[form_block.name], shown[form_block.name] = typed[form_block.version.form_id]
