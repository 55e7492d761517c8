"""Readable text of everything typed into a cart, for a copy of personal data. The cart itself stores field names
and codes.
"""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from registration_forms.definitions import Question
from registration_forms.field_types import TYPES, QuestionContext

from ..answers import block_answers, form_blocks
from ..cart import contents
from ..models import Cart
from .forms import IN_PROFILE
from .people import ME

# Which questions a page has shown, and what staff chose at the counter: not typed by a person.
OF_THE_PAGES = {"shown", "payment"}
NAMES = ("first_name", "last_name", "email")


def of_cart(cart: Cart) -> dict[str, str]:
    """Return {"details": text}, with a line for the buyer, for each ticket, and for each answer."""
    cart_contents, typed = contents.read(cart), cart.details
    known = {"buyer": _buyer, "holders": _holders, "answers": _answers, "language": _language}
    lines = [
        line for name, read in known.items() if name in typed for line in read(typed[name], cart_contents)
    ]
    lines += [
        text
        for name, value in typed.items()
        if name not in known.keys() | OF_THE_PAGES
        for text in _leaves(value)
    ]
    return {"details": "\n".join(lines)}


def _buyer(buyer: dict, _whole: contents.Contents) -> Iterator[str]:
    yield _("Buyer: %(text)s") % {"text": _person(buyer)}
    if buyer.get(IN_PROFILE):
        yield _("The answers are also to stand in the profile.")


def _person(typed: dict) -> str:
    """Return name, e-mail address, and everything else that was typed for a person."""
    name = " ".join(str(typed[part]) for part in NAMES[:2] if typed.get(part))
    others = [value for part, value in typed.items() if part not in {*NAMES, IN_PROFILE, "person", "filled"}]
    parts = [name, typed.get("email", ""), *_leaves(others)]
    if typed.get("person") == ME:
        parts.append(_("for the buyer"))
    return ", ".join(part for part in parts if part)


def _headings(cart_contents: contents.Contents) -> dict[str, str]:
    """Return slot -> heading of its ticket or pass at the checkout."""
    return {
        slot: form_blocks.heading_of(line, number)
        for line in cart_contents.lines
        for number, slot in enumerate(line.slots, start=1)
    }


def _holders(holders: dict, cart_contents: contents.Contents) -> Iterator[str]:
    headings = _headings(cart_contents)
    # In the order of the cart: JSON in the database does not keep the order of keys.
    for slot in [*(slot for slot in headings if slot in holders), *(holders.keys() - headings.keys())]:
        if text := _person(holders[slot]):
            heading = headings.get(slot, _("A ticket that is not in the cart any more"))
            yield _("%(label)s: %(text)s") % {"label": heading, "text": text}


def _answers(answers: dict, cart_contents: contents.Contents) -> Iterator[str]:
    blocks = {form_block.name: form_block for form_block in form_blocks.all_blocks(cart_contents)}
    for name, form_block in blocks.items():
        drafts = answers.get(name, {})
        for question in form_block.definition.questions:
            if text := _answer(question, drafts[question.key]) if question.key in drafts else "":
                yield _("%(label)s: %(text)s") % {
                    "label": f"{form_block.heading} – {question.label}",
                    "text": text,
                }
    for name, drafts in answers.items():
        # For questions that are not asked any more: the text without a label.
        questions = blocks[name].definition.by_key if name in blocks else {}
        yield from _leaves([texts for key, texts in drafts.items() if key not in questions])


def _answer(question: Question, texts: list[str]) -> str:
    """Return the answer as the order would show it; as typed if the question does not accept it."""
    kind = TYPES[question.type]
    field = kind.form_field(question, QuestionContext())
    try:
        value = field.clean(
            field.widget.value_from_datadict(block_answers.posted_as(question, texts), {}, question.key)
        )
        return kind.display(question, value)
    except ValidationError:
        return ", ".join(_leaves(texts))


def _language(code: str, _whole: contents.Contents) -> Iterator[str]:
    yield _("Language: %(text)s") % {"text": get_language_info(code)["name_local"].capitalize()}


def _leaves(value: object) -> Iterator[str]:
    """Yield every text in a nested value, without the keys."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    elif value not in (None, "", False, True):
        yield str(value)
