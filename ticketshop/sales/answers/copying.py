"""What was typed once and is wanted elsewhere: copied from another block, or moved with a ticket that is exchanged."""

from registration_forms import definitions
from registration_forms.field_types import TYPES

from ..cart.contents import Contents
from .form_blocks import OF_HOLDER, Ask, slots


def copy_draft(target: Ask, source: Ask, drafts: dict) -> list[str]:
    """Fill the empty copyable answers of ``target`` from ``source``; returns the labels of what was copied.

    Questions are the same by their key, or by what is known of a person: the phone of the buyer, for one.
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


def copy_names(target: Ask, source: Ask, names: dict, holder: dict) -> list[str]:
    """Fill the empty names on a ticket, where its form asks for them, with the buyer's or another ticket's; returns their
    labels.

    Changes ``holder``. Where somebody was chosen for the ticket it has that person's name.
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


def names_asked(target: Ask) -> list[str]:
    """The labels under which a form asks for the names on its ticket."""
    return [question.label for question in _names_asked(target)]


def _names_asked(target: Ask) -> list[definitions.Question]:
    return [
        question
        for question in target.definition.questions
        if question.system_ref in OF_HOLDER and question.visibility != "hidden"
    ]


def may_copy(target: Ask, source: Ask) -> bool:
    """Whether the two ask anything alike; the names of whoever orders are known too."""
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


def adopt(forms: list[Ask], whole: Contents, drafts: dict, holders: dict, shown: dict) -> None:
    """What was typed for tickets that left the cart goes to the tickets chosen in their place, in order.

    Changes ``drafts``, ``holders`` and ``shown``. Answers to questions that the new form does not ask are dropped; the
    others count in the words they were given under.
    """
    _follow_order_forms(forms, drafts, shown)
    alive = slots(whole)
    lost = [slot for slot in holders if slot not in set(alive)]
    by_name = {ask.name: ask for ask in forms}
    for slot, old in zip([slot for slot in alive if slot not in holders], lost, strict=False):
        holders[slot] = holders.pop(old)
        for end in ("", "+"):
            draft, ask = drafts.pop(f"{old}{end}", None), by_name.get(f"{slot}{end}")
            record = shown.pop(f"{old}{end}", None)
            kept = {
                key: texts for key, texts in (draft or {}).items() if ask and ask.definition.question(key)
            }
            if kept:
                drafts[f"{slot}{end}"] = kept
                if record:
                    shown[f"{slot}{end}"] = record


def _follow_order_forms(forms: list[Ask], drafts: dict, shown: dict) -> None:
    """What was typed for an order form stays with that form when others join it or go. Changes ``drafts`` and ``shown``."""
    order_asks = [ask for ask in forms if ask.of_order]
    typed = {
        record["form"]: (drafts.get(name, {}), record)
        for name, record in shown.items()
        if record["form"] in {ask.version.form_id for ask in order_asks}
    }
    for ask in order_asks:
        if shown.get(ask.name, {}).get("form") == ask.version.form_id:
            continue
        drafts.pop(ask.name, None)
        shown.pop(ask.name, None)
        if ask.version.form_id in typed:
            drafts[ask.name], shown[ask.name] = typed[ask.version.form_id]
