"""What the pages of a checkout have shown of its forms: which questions, and in which words.

It waits on the cart under ``details["shown"]``: block name -> {"form": id, "version": id, "drawn": [keys]}. ``drawn`` are the
questions under a condition that the page had; the others it had anyway. What was not shown was not asked, and a consent
counts for the words it was given under only.
"""

from registration_forms import definitions
from registration_forms.answers import question_wording
from registration_forms.models import FormVersion
from ticketshop.lib.text import number_in
from ticketshop.organisers.models import Organiser

from .form_blocks import Ask, prefix

# Of a page's own list; a form has at most 80 questions.
MOST_DRAWN = 100


def posted(ask: Ask, post) -> dict | None:
    """What the page that was sent had of this block; None where it was not on it."""
    version = number_in(post.get(f"{prefix(ask)}-version"), digits=17)
    if version is None:
        return None
    drawn = post.get(f"{prefix(ask)}-drawn", "").split()[:MOST_DRAWN]
    return {
        "form": ask.version.form_id,
        "version": version,
        "drawn": [key for key in drawn if key in ask.definition.by_key],
    }


def seen(asked: list[Ask], shown: dict, organiser: Organiser) -> dict[str, set[str]]:
    """Block name -> keys of the questions that were shown in the words of today. One query where a version is older."""
    old = _older(asked, shown, organiser)
    found = {}
    for ask in asked:
        if not (record := shown.get(ask.name)):
            continue
        if record["version"] == ask.version.pk:
            found[ask.name] = question_wording.shown_on(ask.definition, record["drawn"])
        elif definition := old.get(record["version"]):
            changed = question_wording.reworded(definition, ask.definition)
            found[ask.name] = question_wording.shown_on(definition, record["drawn"]) - changed
    return found


def _older(asked: list[Ask], shown: dict, organiser: Organiser) -> dict[int, definitions.Definition]:
    """Version id -> definition, of the versions that are not today's."""
    wanted = {
        shown[ask.name]["version"]
        for ask in asked
        if ask.name in shown and shown[ask.name]["version"] != ask.version.pk
    }
    if not wanted:
        return {}
    rows = FormVersion.objects.filter(pk__in=wanted, form__organiser=organiser).defer("definition")
    return {version.pk: definitions.of_version(version) for version in rows}


def outdated(asked: list[Ask], shown: dict, seen: dict[str, set[str]]) -> bool:
    """Whether something that these ask of everybody was worded anew, or added, since it was shown."""
    return any(
        ask.name in shown
        and shown[ask.name]["version"] != ask.version.pk
        and not question_wording.shown_on(ask.definition, ()) <= seen.get(ask.name, set())
        for ask in asked
    )


def untick(asked: list[Ask], drafts: dict, seen: dict[str, set[str]]) -> None:
    """Take back consents that were given to other words. Changes ``drafts``."""
    for ask in asked:
        if not (draft := drafts.get(ask.name)):
            continue
        consents = {one.key for one in ask.definition.questions if one.type == "consent"}
        gone = (draft.keys() & consents) - seen.get(ask.name, set())
        if gone:
            drafts[ask.name] = {key: texts for key, texts in draft.items() if key not in gone}
