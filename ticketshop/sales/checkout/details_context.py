"""Template contexts of the details and of the review."""

from django.utils.translation import gettext as _

from registration_forms.field_types import TYPES
from ticketshop.lib import translated
from ticketshop.lib.values.text import readable_email

from ..answers import copying, form_blocks
from .details_views import DetailsPage, buyer_email
from .forms import HolderForm


def of_page(page: DetailsPage) -> dict:
    """Return the context of one page of the details, with its forms in the order of the page."""
    if page.posted is None:
        page.fill_in_buyer()
        page.follow_choices()
        page.fill(bound=False)
    forms, page_blocks = page.forms(), page.blocks_on(page.number)
    order_blocks = [form_block for form_block in page_blocks if form_block.of_order]
    drawn = _in_order(page, forms, page_blocks)
    posted = page.posted is not None
    return {
        "contents": page.cart_contents,
        "cart": page.cart,
        "buyer": forms["buyer"] if page.number == 1 else None,
        "buyer_email": buyer_email(page.request, page.cart) if page.number == 1 else "",
        "order_blocks": order_blocks,
        "holders": [(slot, forms[slot].heading, forms[slot]) for slot in page.here],
        "names_may_stay_open": any(
            name in forms[slot].fields and not forms[slot].due
            for slot in page.here
            for name in form_blocks.NAMES
        ),
        # Id of the form that links of this page submit, so that what was typed is stored.
        "keeps_typed": "details",
        "removable": len(page.slots) > 1,
        "versions": [(form_blocks.prefix(form_block), form_block.version.pk) for form_block in page_blocks],
        "forms": drawn,
        "has_errors": posted and any(form.errors for form in drawn),
        "has_new": posted and any(getattr(form, "unseen", ()) for form in drawn),
        "currency": page.request.pos.organiser.currency,
        "page_number": page.number,
        "pages": page.pages,
    }


def _in_order(page: DetailsPage, forms: dict, page_blocks: list[form_blocks.FormBlock]) -> list:
    """Return the forms and blocks in the order in which the page shows them: the buyer, the order's, each ticket's.

    Give each block its copy buttons, and each ticket's form its blocks.
    """
    blocks_by_slot: dict[str, list[form_blocks.FormBlock]] = {}
    for form_block in page_blocks:
        blocks_by_slot.setdefault(form_block.name.rstrip("+"), []).append(form_block)
        form_block.copies = copies_into(page, form_block)
    drawn = [
        *([forms["buyer"]] if page.number == 1 else []),
        *(form_block.block for form_block in page_blocks if form_block.of_order),
    ]
    for slot in page.here:
        forms[slot].blocks = blocks_by_slot.get(slot, [])
        drawn += [forms[slot], *(form_block.block for form_block in forms[slot].blocks)]
    return drawn


def copies_into(page: DetailsPage, form_block: form_blocks.FormBlock) -> list[tuple[str, str]]:
    """Return the copy buttons of a block, as (posted value, text)."""
    if form_block.of_order:
        return []
    first = next(block for block in page.blocks if block.version.form_id == form_block.version.form_id)
    of_order = [block for block in page.blocks if block.of_order]
    order = next((block for block in of_order if copying.may_copy(form_block, block)), None)
    buttons = []
    if order:
        buttons.append((f"{form_block.name}:{order.name}", _("Use my details")))
    if first.name != form_block.name and copying.may_copy(form_block, first):
        text = translated.compose(_("Copy from “%(heading)s”"), heading=first.heading)
        buttons.append((f"{form_block.name}:{first.name}", text))
    return buttons


def groups(page: DetailsPage) -> list[dict]:
    """Return everything that was typed, for the review: order forms first, then each ticket.

    Call ``page.why_not_ready`` before.
    """
    forms = page.forms()
    answers: dict[str, list[tuple[str, str]]] = {}
    for form_block in page.blocks:
        name = form_block.name if form_block.of_order else form_block.name.rstrip("+")
        answers.setdefault(name, []).extend(_answers(form_block))
    of_order = [
        {"heading": form_block.heading, "rows": answers[form_block.name]}
        for form_block in page.blocks
        if form_block.of_order and answers[form_block.name]
    ]
    return of_order + [_of_ticket(forms[slot], answers.get(slot, [])) for slot in page.slots]


def _answers(form_block: form_blocks.FormBlock) -> list[tuple[str, str]]:
    """Return (label, text) for each answer."""
    return [
        (question.label, TYPES[question.type].display(question, form_block.block.answers[question.key]))
        for question in form_block.definition.questions
        if question.key in form_block.block.answers
    ]


def _of_ticket(form: HolderForm, answers: list[tuple[str, str]]) -> dict:
    """Return the beneficiary of a ticket, the name on it, and the answers to its forms."""
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
