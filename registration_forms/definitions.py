"""Definitions of forms: the JSON of a draft or a published version, and the parsed objects that code uses.

``build`` makes the JSON from the draft's rows and ``parse`` reads it. The JSON contains the texts in every language and
a ``schema`` number, so that every version published earlier can still be shown.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from django.conf import settings
from django.utils.safestring import SafeString

from ticketshop.lib.translated import as_language_of, text_of
from ticketshop.lib.web import markdown

from .models import Field, FormVersion, RegistrationForm

# Known fields whose answers are columns of the ticket or the contact. A form only sets where they are asked.
STORED_ELSEWHERE = frozenset({"first_name", "last_name", "email"})
SCHEMA = 2  # 1: a ticket showed the names, without regard to ``on_ticket``
# Values that the forms on one page may post; the rest of what a request may hold is for the page's own fields.
MOST_VALUES = 800
# Types of questions with several inputs -> their number.
INPUTS = {"address": 4}
LANGUAGES = [code for code, _name in settings.CONTENT_LANGUAGES]


@dataclass(frozen=True)
class Option:
    """A choice of a question. New buyers are offered ``active`` choices only; ``limited`` choices have a number of places."""

    key: str
    labels: dict[str, str]
    active: bool
    limited: bool


@dataclass(frozen=True)
class Question:
    """A question of a definition. ``labels``, ``helps`` and ``purposes`` map a language to a text."""

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
        """Return the label without markup; only ``label_html`` shows a link in it."""
        text = text_in(self.labels)
        return as_language_of(text, markdown.plain(text))

    @property
    def label_html(self) -> SafeString:
        """Return the label as HTML, with its links."""
        return markdown.inline_html(text_in(self.labels))

    @property
    def help_text(self) -> str:
        """Return the help in the active language, as Markdown."""
        return text_in(self.helps)

    @property
    def help_html(self) -> SafeString:
        """Return the help as HTML. Its headings are h4 and lower because the form's own heading is h3."""
        return markdown.to_html(self.help_text, 4, new_tab=True)

    @property
    def purpose(self) -> str:
        """Return the text that tells why the organiser asks."""
        return text_in(self.purposes)

    @property
    def mandatory(self) -> bool:
        """Return whether the question must be answered."""
        return self.visibility == Field.Visibility.MANDATORY

    def option(self, key: str) -> Option | None:
        """Return the choice with this key, or None."""
        return next((option for option in self.options if option.key == key), None)


@dataclass(frozen=True)
class Definition:
    """A published form, or a draft as it would be published."""

    first_language: str
    group_asks: str
    questions: tuple[Question, ...]
    by_key: dict[str, Question] = field(default_factory=dict, compare=False)

    def question(self, key: str) -> Question | None:
        """Return the question with this key, or None."""
        return self.by_key.get(key)

    @property
    def weight(self) -> int:
        """Return how many values a page posts for the form when it asks it once."""
        return sum(
            len(question.options) if question.type == "multiple_choice" else INPUTS.get(question.type, 1)
            for question in self.questions
        )

    @property
    def fits(self) -> int:
        """Return how many times one page may ask the form, so that it posts less than DATA_UPLOAD_MAX_NUMBER_FIELDS."""
        return max(1, MOST_VALUES // max(1, self.weight))


def text_in(texts: dict[str, str]) -> str:
    """Return the text in the active language, else in the organiser's first language, else in any language that has it."""
    return text_of(texts)


def build(form: RegistrationForm, fields: Iterable[Field] | None = None) -> dict:
    """Return the definition of the draft as JSON.

    Costs three queries, or none with ``fields``: the fields of the draft in order, with their choices prefetched.
    """
    order = [*form.organiser.languages, *(code for code in LANGUAGES if code not in form.organiser.languages)]
    if fields is None:
        fields = form.fields.filter(archived_at=None).prefetch_related("choices").order_by("position", "pk")
    return {
        "schema": SCHEMA,
        "first_language": order[0],
        "group_asks": form.group_asks,
        "fields": [_field_json(row, order) for row in fields],
    }


def _texts(row, name: str, order: list[str]) -> dict[str, str]:
    """Return language -> text for the languages in ``order`` that have one."""
    texts = {code: getattr(row, f"{name}_{code}") for code in order}
    return {code: text for code, text in texts.items() if text}


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
    """Return the definition as objects. Keys that an older schema lacks get the value that they had at that time."""
    first = definition.get("first_language", "en")
    names_on_ticket = definition.get("schema", 1) < 2
    questions = tuple(_question(data, first, names_on_ticket) for data in definition["fields"])
    return Definition(
        first_language=first,
        group_asks=definition.get("group_asks", "each"),
        questions=questions,
        by_key={question.key: question for question in questions},
    )


def _from(first: str, texts: dict[str, str]) -> dict[str, str]:
    """Return the texts with the organiser's first language first, because JSON in the database keeps no order."""
    return {first: texts[first], **texts} if texts.get(first) else texts


def _question(data: dict, first: str, names_on_ticket: bool) -> Question:
    is_name = data.get("system_ref") in {"first_name", "last_name"}
    return Question(
        key=data["key"],
        type=data["type"],
        labels=_from(first, data.get("label", {})),
        helps=_from(first, data.get("help", {})),
        purposes=_from(first, data.get("purpose", {})),
        visibility=data.get("visibility", "visible"),
        system_ref=data.get("system_ref", ""),
        rules=data.get("rules", {}),
        condition=data.get("condition", {}),
        sensitive=data.get("sensitive", False),
        copyable=data.get("copyable", True),
        on_ticket=data.get("on_ticket", False) or (is_name and names_on_ticket),
        staff_only=data.get("staff_only", False),
        options=tuple(
            Option(
                option["key"],
                _from(first, option.get("label", {})),
                option.get("active", True),
                option.get("limited", False),
            )
            for option in data.get("choices", [])
        ),
    )


def canonical(definition: dict) -> str:
    """Return the JSON text of a definition. Equal definitions give equal texts; the order of their keys does not matter."""
    return json.dumps(definition, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(definition: dict) -> str:
    """Return the hexadecimal digest by which equal definitions are recognised."""
    return hashlib.sha256(canonical(definition).encode()).hexdigest()


@lru_cache(maxsize=512)
def _parsed(version_id: int, sha: str) -> Definition:
    return parse(FormVersion.objects.values_list("definition", flat=True).get(pk=version_id))


def of_version(version: FormVersion) -> Definition:
    """Return the parsed definition of a published version. It is cached, because a version never changes."""
    return _parsed(version.pk, version.sha256)
