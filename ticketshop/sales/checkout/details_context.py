"""What the templates of the details and of the review show of what was typed."""

from django.utils.translation import gettext as _

from registration_forms.field_types import TYPES
from ticketshop.lib import translated
from ticketshop.lib.text import readable_email

from ..answers import copying, form_blocks
from .details_views import DetailsPage, buyer_email
from .forms import HolderForm


def of_page(page: DetailsPage) -> dict:
    """One page of the details, its forms in the order in which they stand there."""
    if page.posted is None:
        page.fill_in_buyer()
        page.follow_choices()
        page.fill(bound=False)
    forms, asks = page.forms(), page.asks_on(page.number)
    blocks: dict[str, list[form_blocks.Ask]] = {}
    for ask in asks:
        blocks.setdefault(ask.name.rstrip("+"), []).append(ask)
        ask.copies = copies_into(page, ask)
    order_asks = [ask for ask in asks if ask.of_order]
    drawn = [*([forms["buyer"]] if page.number == 1 else []), *(ask.block for ask in order_asks)]
    for slot in page.here:
        forms[slot].asks = blocks.get(slot, [])
        drawn += [forms[slot], *(ask.block for ask in forms[slot].asks)]
    posted = page.posted is not None
    return {
        "contents": page.whole,
        "cart": page.cart,
        "buyer": forms["buyer"] if page.number == 1 else None,
        "buyer_email": buyer_email(page.request, page.cart) if page.number == 1 else "",
        "order_asks": order_asks,
        "holders": [(slot, forms[slot].heading, forms[slot]) for slot in page.here],
        "names_may_stay_open": any(
            name in forms[slot].fields and not forms[slot].due
            for slot in page.here
            for name in form_blocks.NAMES
        ),
        # The id of the form that links of this page send along: what was typed is kept.
        "keeps_typed": "details",
        "removable": len(page.slots) > 1,
        "versions": [(form_blocks.prefix(ask), ask.version.pk) for ask in asks],
        "forms": drawn,
        "has_errors": posted and any(form.errors for form in drawn),
        "has_new": posted and any(getattr(form, "unseen", ()) for form in drawn),
        "currency": page.request.pos.organiser.currency,
        "page_number": page.number,
        "pages": page.pages,
    }


def copies_into(page: DetailsPage, ask: form_blocks.Ask) -> list[tuple[str, str]]:
    """What may be copied into a block: what the button posts, and what it says."""
    if ask.of_order:
        return []
    first = next(one for one in page.asked if one.version.form_id == ask.version.form_id)
    of_order = [one for one in page.asked if one.of_order]
    order = next((one for one in of_order if copying.may_copy(ask, one)), None)
    found = []
    if order:
        found.append((f"{ask.name}:{order.name}", _("Use my details")))
    if first.name != ask.name and copying.may_copy(ask, first):
        text = translated.compose(_("Copy from “%(heading)s”"), heading=first.heading)
        found.append((f"{ask.name}:{first.name}", text))
    return found


def groups(page: DetailsPage) -> list[dict]:
    """All that was typed, for the page that checks it: by order form, then by ticket, as people read it.

    Call ``page.why_not_ready`` before.
    """
    forms = page.forms()
    answers: dict[str, list[tuple[str, str]]] = {}
    for ask in page.asked:
        name = ask.name if ask.of_order else ask.name.rstrip("+")
        answers.setdefault(name, []).extend(_answers(ask))
    of_order = [
        {"heading": ask.heading, "rows": answers[ask.name]}
        for ask in page.asked
        if ask.of_order and answers[ask.name]
    ]
    return of_order + [_of_ticket(forms[slot], answers.get(slot, [])) for slot in page.slots]


def _answers(ask: form_blocks.Ask) -> list[tuple[str, str]]:
    """(label, text) of what was answered."""
    return [
        (question.label, TYPES[question.type].display(question, ask.block.answers[question.key]))
        for question in ask.definition.questions
        if question.key in ask.block.answers
    ]


def _of_ticket(form: HolderForm, answers: list[tuple[str, str]]) -> dict:
    """Whom a ticket is for, the name on it, and what its forms asked."""
    typed = form.initial or {}
    person = form.people.get(typed.get("person", ""))
    parts = [part for part in form_blocks.NAMES if part in form.fields]
    return {
        "heading": form.heading,
        "person": person.label if person else "",
        "has_name": bool(parts),
        "name": " ".join(typed[part] for part in parts if typed.get(part)),
        "rows": [(_("E-mail address"), readable_email(typed["email"])), *answers]
        if "email" in form.fields and typed.get("email")
        else answers,
    }
