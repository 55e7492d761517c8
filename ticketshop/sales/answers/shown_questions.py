"""Which questions the pages of a checkout have shown, and in which question_wording.

Stored on the cart in ``details["shown"]``: block name -> {"form": id, "version": id, "drawn": [keys]}.
``drawn`` are the conditional questions that the page contained; the others are on every page. A question that
was not shown was not asked, and a consent counts only for the wording under which it was given.
"""

from registration_forms import definitions
from registration_forms.answers import question_wording
from registration_forms.models import FormVersion
from ticketshop.lib.values.text import number_in
from ticketshop.organisers.models import Organiser

from .form_blocks import FormBlock, prefix

# Largest length of the list that a page sends; a form has at most 80 questions.
MOST_DRAWN = 100


def posted(form_block: FormBlock, post) -> dict | None:
    """Return what the posted page had shown of this block; None if the block was not on it."""
    version = number_in(post.get(f"{prefix(form_block)}-version"), digits=17)
    if version is None:
        return None
    drawn = post.get(f"{prefix(form_block)}-drawn", "").split()[:MOST_DRAWN]
    return {
        "form": form_block.version.form_id,
        "version": version,
        "drawn": [key for key in drawn if key in form_block.definition.by_key],
    }


def seen(blocks: list[FormBlock], shown: dict, organiser: Organiser) -> dict[str, set[str]]:
    """Return block name -> keys of the questions that were shown in today's question_wording. One query if a version is older."""
    old = _older(blocks, shown, organiser)
    keys_by_block = {}
    for form_block in blocks:
        if not (record := shown.get(form_block.name)):
            continue
        if record["version"] == form_block.version.pk:
            keys_by_block[form_block.name] = question_wording.shown_on(form_block.definition, record["drawn"])
        elif definition := old.get(record["version"]):
            changed = question_wording.reworded(definition, form_block.definition)
            keys_by_block[form_block.name] = question_wording.shown_on(definition, record["drawn"]) - changed
    return keys_by_block


def _older(blocks: list[FormBlock], shown: dict, organiser: Organiser) -> dict[int, definitions.Definition]:
    """Return version id -> definition, for versions that are not the published ones."""
    wanted = {
        shown[form_block.name]["version"]
        for form_block in blocks
        if form_block.name in shown and shown[form_block.name]["version"] != form_block.version.pk
    }
    if not wanted:
        return {}
    rows = FormVersion.objects.filter(pk__in=wanted, form__organiser=organiser).defer("definition")
    return {version.pk: definitions.of_version(version) for version in rows}


def outdated(blocks: list[FormBlock], shown: dict, seen: dict[str, set[str]]) -> bool:
    """Return whether a question for all buyers was added or worded differently since its block was shown."""
    return any(
        form_block.name in shown
        and shown[form_block.name]["version"] != form_block.version.pk
        and not question_wording.shown_on(form_block.definition, ()) <= seen.get(form_block.name, set())
        for form_block in blocks
    )


def drop_outdated_consents(blocks: list[FormBlock], drafts: dict, seen: dict[str, set[str]]) -> None:
    """Remove consents that were given to another question_wording. Changes ``drafts``."""
    for form_block in blocks:
        if not (draft := drafts.get(form_block.name)):
            continue
        consents = {
            question.key for question in form_block.definition.questions if question.type == "consent"
        }
        gone = (draft.keys() & consents) - seen.get(form_block.name, set())
        if gone:
            drafts[form_block.name] = {key: texts for key, texts in draft.items() if key not in gone}
