"""Typed answers in form blocks: read from a post, checked, and prepared for the order.

A *draft* is what was typed in one block: question key -> texts.
"""

from datetime import datetime

from django.utils.datastructures import MultiValueDict

from contacts.models import Contact
from registration_forms import definitions
from registration_forms.answers import limited_choices, responses
from registration_forms.answers.blocks import Block
from registration_forms.field_types import TYPES, QuestionContext
from registration_forms.field_types.choices import NO_PLACE_LEFT
from ticketshop.lib.forms.fields import missing_parts

from ..models import Cart
from .form_blocks import NAMES, FormBlock, name_rules, prefix, with_questions

# A posted line break counts as two characters.
LONGEST = 8200


def typed(form_block: FormBlock, post) -> dict[str, list[str]]:
    """Return the posted texts of this block by question key, each cut to ``LONGEST`` characters. Other names are
    ignored.
    """
    by_key = {}
    for question in form_block.definition.questions:
        texts = TYPES[question.type].posted(post, f"{prefix(form_block)}-{question.key}")[:300]
        if texts:
            by_key[question.key] = [text.replace("\x00", "")[:LONGEST] for text in texts]
    return by_key


def posted_as(question: definitions.Question, texts: list[str]) -> MultiValueDict:
    """Return the texts of one question in the shape of a post, with the key as field name."""
    return MultiValueDict(TYPES[question.type].as_posted(question.key, texts))


def as_posted(definition: definitions.Definition, prefix: str, typed: dict[str, list[str]]) -> MultiValueDict:
    """Return question key -> texts in the shape of a post of this definition. Keys of other forms are left out."""
    data: dict[str, list[str]] = {}
    for key, texts in typed.items():
        if question := definition.question(key):
            data |= TYPES[question.type].as_posted(f"{prefix}-{key}", texts)
    return MultiValueDict(data)


def fill(
    blocks: list[FormBlock],
    drafts: dict,
    cart: Cart,
    *,
    now: datetime,
    bound: bool,
    seen: dict[str, set[str]],
    counts_places: bool = True,
    waives: bool = False,
) -> None:
    """Give each form block its Django form, filled with its draft. One query for limited choices.

    ``bound``: check the drafts. ``waives``: mandatory questions may be left blank. ``counts_places``: refuse choices that are sold out; without it no query, for a caller that
    reserves them. ``seen``: block name -> keys of the questions that a page has shown
    (``shown_questions.seen``); the others were not asked.
    """
    limits = _limits(blocks, cart) if counts_places else {}
    for form_block in blocks:
        draft, mine = drafts.get(form_block.name, {}), limits.get(form_block.version.form_id, [])
        form_block.limited = {choice.key: choice.pk for choice in mine}
        gone = frozenset(choice.key for choice in mine if choice.left <= 0)
        left = {choice.key: choice.left for choice in mine}
        country = cart.point_of_sale.organiser.country
        common = QuestionContext(day=form_block.day, now=now, sold_out=gone, left=left, country=country)
        form_block.block = Block(
            form_block.definition,
            as_posted(form_block.definition, prefix(form_block), draft) if bound or draft else None,
            prefix=prefix(form_block),
            question_context=common,
            seen=seen.get(form_block.name, ()) if bound else None,
            of_reader=form_block.of_order,
            waives=waives,
        )
        if draft and not bound:
            # Shown as typed, but without errors for what is still missing.
            form_block.block.full_clean()
            form_block.block._errors.clear()
        form_block.block.heading = form_block.heading


def forms_with_choices(blocks: list[FormBlock]) -> set[int]:
    """Return the ids of forms that offer choices. Staff may limit the places of a choice at any time, without
    publishing.
    """
    return {
        form_block.version.form_id
        for form_block in blocks
        if any(question.options for question in form_block.definition.questions)
    }


def _limits(blocks: list[FormBlock], cart: Cart) -> dict[int, list[limited_choices.Limited]]:
    """Return form id -> its limited choices with their free places. No query if no form offers choices."""
    by_form: dict[int, list[limited_choices.Limited]] = {}
    if forms := forms_with_choices(blocks):
        for choice in limited_choices.of_forms(forms, cart.key):
            by_form.setdefault(choice.form, []).append(choice)
    return by_form


def wanted_choices(blocks: list[FormBlock]) -> dict[str, list[int]]:
    """Return block name -> ids of the limited choices that its answers take. Call ``fill`` before."""
    by_block = {
        form_block.name: [pk for ids in _wanted(form_block).values() for pk in ids] for form_block in blocks
    }
    return {name: ids for name, ids in by_block.items() if ids}


def _wanted(form_block: FormBlock) -> dict[str, list[int]]:
    """Return question key -> ids of the limited choices that its answer takes."""
    by_question = {}
    for key, value in form_block.block.answers.items():
        if TYPES[form_block.definition.by_key[key].type].column not in ("v_choice", "choices"):
            continue
        keys = value if isinstance(value, list) else [value]
        ids = [form_block.limited[choice] for choice in keys if choice in form_block.limited]
        if ids:
            by_question[key] = ids
    return by_question


def drop_hidden_answers(blocks: list[FormBlock], drafts: dict) -> None:
    """Remove from the drafts what a condition hides. The blocks must be bound."""
    for form_block in blocks:
        keys = {question.key for question in form_block.block.shown()}
        drafts[form_block.name] = {
            key: texts for key, texts in drafts.get(form_block.name, {}).items() if key in keys
        }


def mark_sold_out(blocks: list[FormBlock], choices: set[int], cart: Cart) -> None:
    """Show "just sold out" at the fields that take more of these choices than are left, beginning with the last blocks."""
    left = limited_choices.left(choices, cart.key)
    for form_block in blocks:
        form_block.block.is_valid()  # gives the answers
        for key, ids in _wanted(form_block).items():
            for pk in ids:
                if pk not in choices:
                    continue
                left[pk] -= 1
                if left[pk] < 0 and key not in form_block.block.errors:
                    form_block.block.add_error(key, NO_PLACE_LEFT)


def has_sold_out_choice(blocks: list[FormBlock]) -> bool:
    """Return whether an answer takes a choice that is sold out by now."""
    return any(
        error.code == "sold_out"
        for form_block in blocks
        for errors in form_block.block.errors.as_data().values()
        for error in errors
    )


def given(
    blocks: list[FormBlock], about: dict[str, Contact | int], waived_by=None
) -> list[responses.NewResponse]:
    """Return the checked answers to store. ``about``: block name -> contact, or its id. ``waived_by``: the staff member who skips
    the mandatory questions that are left blank.
    """
    return [
        responses.NewResponse(
            form_block.version,
            form_block.block.answers,
            about[form_block.name],
            form_block.ends_at,
            waived=form_block.block.waived,
            waived_by=waived_by,
        )
        for form_block in blocks
    ]


def are_complete(forms: list[FormBlock], drafts: dict, holders: dict, *, single_names: bool) -> bool:
    """Return whether all blocks were shown and are valid, and all mandatory names are there.

    The blocks must be bound. ``single_names``: the organiser allows names of one part.
    """
    blocks = with_questions(forms)
    named = not any(
        missing_parts(
            holders.get(slot, {}),
            [name for name in NAMES if rules.get(name) == "mandatory"],
            single=single_names,
            first_asked=rules.get("first_name") != "hidden",
        )
        or (rules.get("email") == "mandatory" and not holders.get(slot, {}).get("email"))
        for slot, rules in name_rules(forms).items()
    )
    return named and all(form_block.name in drafts for form_block in blocks) and all_valid(blocks)


def all_valid(blocks: list[FormBlock]) -> bool:
    """Return whether every block is valid. The blocks must be bound."""
    return all(form_block.block.is_valid() for form_block in blocks)
