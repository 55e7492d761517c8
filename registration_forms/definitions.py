"""A published definition as code reads it: parsed once from the frozen JSON, in every language.

``build`` makes the JSON from the draft's rows; ``parse`` reads it. Old versions carry a ``schema`` number:
whatever was published once still renders.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.utils.safestring import SafeString

from ticketshop.lib import markdown
from ticketshop.lib.translated import as_language_of, text_of

from .models import Field, FormVersion, RegistrationForm

# Known fields whose answers are columns of the ticket or the contact; a form only places them.
STORED_ELSEWHERE = frozenset({"first_name", "last_name", "email"})
SCHEMA = 2  # 1: names were printed whatever their question said
# Of a page with forms; the rest of what a request may hold is for the page's own fields.
MOST_VALUES = 800
# Types with several inputs, and how many.
INPUTS = {"address": 4}
LANGUAGES = [code for code, _name in settings.CONTENT_LANGUAGES]


@dataclass(frozen=True)
class Option:
    """A choice of a question; ``active`` ones are offered to new buyers."""

    key: str
    labels: dict[str, str]
    active: bool
    limited: bool


@dataclass(frozen=True)
class Question:
    """One field of a definition."""

    key: str
    type: str
    labels: dict[str, str]
    helps: dict[str, str]
    purposes: dict[str, str]
    visibility: str
    system_ref: str
    rules: dict
    condition: dict
    sensitive: bool
    copyable: bool
    on_ticket: bool
    staff_only: bool
    options: tuple[Option, ...] = ()

    @property
    def label(self) -> str:
        """Its words: a label may hold a link, which only ``label_html`` shows."""
        text = text_in(self.labels)
        return as_language_of(text, markdown.plain(text))

    @property
    def label_html(self) -> SafeString:
        return markdown.inline_html(text_in(self.labels))

    @property
    def help_text(self) -> str:
        return text_in(self.helps)

    @property
    def help_html(self) -> SafeString:
        """Its headings stand below that of the form."""
        return markdown.to_html(self.help_text, 4, new_tab=True)

    @property
    def purpose(self) -> str:
        return text_in(self.purposes)

    @property
    def mandatory(self) -> bool:
        return self.visibility == Field.Visibility.MANDATORY

    def option(self, key: str) -> Option | None:
        return next((option for option in self.options if option.key == key), None)


@dataclass(frozen=True)
class Definition:
    """A form as it was published, or as its draft would be."""

    first_language: str
    group_asks: str
    questions: tuple[Question, ...]
    by_key: dict[str, Question] = field(default_factory=dict, compare=False)

    def question(self, key: str) -> Question | None:
        return self.by_key.get(key)

    @property
    def weight(self) -> int:
        """How many values the form may post when it is asked once."""
        return sum(
            len(question.options) if question.type == "multiple_choice" else INPUTS.get(question.type, 1)
            for question in self.questions
        )

    @property
    def fits(self) -> int:
        """How often a page may ask the form: what is posted stays below DATA_UPLOAD_MAX_NUMBER_FIELDS."""
        return max(1, MOST_VALUES // max(1, self.weight))


def text_in(texts: dict[str, str]) -> str:
    """The text in the active language, else in the organiser's first one, else in any that has it."""
    return text_of(texts)


def build(form: RegistrationForm, fields: Iterable[Field] | None = None) -> dict:
    """The definition of the draft as JSON; three queries, none where ``fields`` come with their choices, in order."""
    order = [*form.organiser.languages, *(code for code in LANGUAGES if code not in form.organiser.languages)]
    if fields is None:
        fields = form.fields.filter(archived_at=None).prefetch_related("choices").order_by("position", "pk")
    return {
        "schema": SCHEMA,
        "first_language": order[0],
        "group_asks": form.group_asks,
        "fields": [_field_json(one, order) for one in fields],
    }


def _texts(row, name: str, order: list[str]) -> dict[str, str]:
    found = {code: getattr(row, f"{name}_{code}") for code in order}
    return {code: text for code, text in found.items() if text}


def _field_json(row: Field, order: list[str]) -> dict:
    return {
        "key": row.key,
        "type": row.type,
        "label": _texts(row, "label", order),
        "help": _texts(row, "help_text", order),
        "purpose": _texts(row, "purpose", order),
        "visibility": row.visibility,
        "system_ref": row.system_ref,
        "rules": row.rules,
        "condition": row.condition,
        "sensitive": row.sensitive,
        "copyable": row.copyable,
        "on_ticket": row.on_ticket,
        "staff_only": row.staff_only,
        "choices": [
            {
                "key": choice.key,
                "label": _texts(choice, "label", order),
                "active": choice.active,
                "limited": choice.capacity is not None,
            }
            for choice in sorted(row.choices.all(), key=lambda choice: (choice.position, choice.pk))
        ],
    }


def parse(definition: dict) -> Definition:
    """The definition as objects. Keys an older schema does not know get what they meant then."""
    first = definition.get("first_language", "en")
    names_on_ticket = definition.get("schema", 1) < 2
    questions = tuple(_question(one, first, names_on_ticket) for one in definition["fields"])
    return Definition(
        first_language=first,
        group_asks=definition.get("group_asks", "each"),
        questions=questions,
        by_key={question.key: question for question in questions},
    )


def _from(first: str, texts: dict[str, str]) -> dict[str, str]:
    """Texts with the organiser's first language first: the database's JSON keeps no order."""
    return {first: texts[first], **texts} if texts.get(first) else texts


def _question(one: dict, first: str, names_on_ticket: bool) -> Question:
    is_name = one.get("system_ref") in {"first_name", "last_name"}
    return Question(
        key=one["key"],
        type=one["type"],
        labels=_from(first, one.get("label", {})),
        helps=_from(first, one.get("help", {})),
        purposes=_from(first, one.get("purpose", {})),
        visibility=one.get("visibility", "visible"),
        system_ref=one.get("system_ref", ""),
        rules=one.get("rules", {}),
        condition=one.get("condition", {}),
        sensitive=one.get("sensitive", False),
        copyable=one.get("copyable", True),
        on_ticket=one.get("on_ticket", False) or (is_name and names_on_ticket),
        staff_only=one.get("staff_only", False),
        options=tuple(
            Option(
                option["key"],
                _from(first, option.get("label", {})),
                option.get("active", True),
                option.get("limited", False),
            )
            for option in one.get("choices", [])
        ),
    )


def canonical(definition: dict) -> str:
    """One text for one definition, whatever the order of its keys."""
    return json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(definition: dict) -> str:
    return hashlib.sha256(canonical(definition).encode()).hexdigest()


@lru_cache(maxsize=512)
def _parsed(version_id: int, sha: str) -> Definition:
    return parse(FormVersion.objects.values_list("definition", flat=True).get(pk=version_id))


def of_version(version: FormVersion) -> Definition:
    """The parsed definition of a published version; kept, since a version never changes."""
    return _parsed(version.pk, version.sha256)
