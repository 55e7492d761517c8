"""What was typed into a cart, in words: for a copy of one's own data. The cart itself keeps names of fields and codes."""

from collections.abc import Iterator

from django.core.exceptions import ValidationError
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from registration_forms.definitions import Question
from registration_forms.field_types import TYPES, QuestionContext

from ..answers import form_blocks
from ..cart import contents
from ..models import Cart
from .forms import IN_PROFILE
from .people import ME

# Which questions a page has shown: nothing that anybody typed.
OF_THE_PAGES = "shown"
NAMES = ("first_name", "last_name", "email")


def of_cart(cart: Cart) -> dict[str, str]:
    """Return the text for the column ``details``: a line for the buyer, for each ticket, and for each answer."""
    whole, typed = contents.read(cart), cart.details
    known = {"buyer": _buyer, "holders": _holders, "answers": _answers, "language": _language}
    lines = [line for name, read in known.items() if name in typed for line in read(typed[name], whole)]
    lines += [
        text for name, value in typed.items() if name not in {*known, OF_THE_PAGES} for text in _leaves(value)
    ]
    return {"details": "\n".join(lines)}


def _buyer(buyer: dict, _whole: contents.Contents) -> Iterator[str]:
    yield _("Buyer: %(text)s") % {"text": _person(buyer)}
    if buyer.get(IN_PROFILE):
        yield _("The answers are also to stand in the profile.")


def _person(typed: dict) -> str:
    """Name and e-mail address, and whatever else was typed for a person."""
    name = " ".join(str(typed[part]) for part in NAMES[:2] if typed.get(part))
    others = [value for part, value in typed.items() if part not in {*NAMES, IN_PROFILE, "person", "filled"}]
    parts = [name, typed.get("email", ""), *_leaves(others)]
    if typed.get("person") == ME:
        parts.append(_("for the buyer"))
    return ", ".join(part for part in parts if part)


def _headings(whole: contents.Contents) -> dict[str, str]:
    """Slot -> what its ticket or pass is called at the checkout."""
    return {
        slot: form_blocks.heading_of(line, number)
        for line in whole.lines
        for number, slot in enumerate(line.slots, start=1)
    }


def _holders(holders: dict, whole: contents.Contents) -> Iterator[str]:
    headings = _headings(whole)
    # In the order of the cart: JSON in the database has none.
    for slot in [*(slot for slot in headings if slot in holders), *(holders.keys() - headings.keys())]:
        if text := _person(holders[slot]):
            heading = headings.get(slot, _("A ticket that is not in the cart any more"))
            yield _("%(label)s: %(text)s") % {"label": heading, "text": text}


def _answers(answers: dict, whole: contents.Contents) -> Iterator[str]:
    blocks = {ask.name: ask for ask in form_blocks.all_forms(whole)}
    for name, ask in blocks.items():
        drafts = answers.get(name, {})
        for question in ask.definition.questions:
            if text := _answer(question, drafts[question.key]) if question.key in drafts else "":
                yield _("%(label)s: %(text)s") % {"label": f"{ask.heading} – {question.label}", "text": text}
    for name, drafts in answers.items():
        # Of questions that are not asked any more: the text alone.
        asked = blocks[name].definition.by_key if name in blocks else {}
        yield from _leaves([texts for key, texts in drafts.items() if key not in asked])


def _answer(question: Question, texts: list[str]) -> str:
    """The answer as it would be shown once ordered; as it was typed where the question does not accept it."""
    kind = TYPES[question.type]
    field = kind.form_field(question, QuestionContext())
    try:
        value = field.clean(
            field.widget.value_from_datadict(form_blocks.posted_as(question, texts), {}, question.key)
        )
        return kind.display(question, value)
    except ValidationError:
        return ", ".join(_leaves(texts))


def _language(code: str, _whole: contents.Contents) -> Iterator[str]:
    yield _("Language: %(text)s") % {"text": get_language_info(code)["name_local"].capitalize()}


def _leaves(value: object) -> Iterator[str]:
    """Every text in a nested value, without the keys it stands under."""
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    elif value not in (None, "", False, True):
        yield str(value)
