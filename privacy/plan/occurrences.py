"""Where somebody else wrote the person's name, e-mail address or phone: on a ticket of theirs, in an answer, in a note.

No path leads from such a row to the person, so an erasure leaves it. It is found by its words: names stand as whole words
beside each other, in either order and in any spelling, addresses and phone numbers whole. Staff look at each place
before the erasure: it is another person of that name, it is erased there, or it is changed on its own page.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from contacts.models import Contact
from ticketshop.lib.personal import BOOKS, CloseState, DeleteRow, Erase, Keep, NotPersonal, Replace, StampDay
from ticketshop.lib.template_tags import colon

from ..copies import copying
from ..declarations import registry, subjects
from .name_search import Words, words_of
from .planning import Plan

# More are not shown at once: those are settled first.
MOST = 100
LONGEST = 200  # of a text that is shown
SHORTEST = 20  # of a column that may hold a name
REMOVED = "–"
NAMES = ("first_name", "last_name")
# Our own machinery: what stands there was typed by nobody.
NOT_TYPED = {
    "privacy",
    "jobs",
    "limits",
    "procrastinate",
    "auth",
    "contenttypes",
    "admin",
    "account",
    "accounts",
    "mail",
}


@dataclass(frozen=True)
class Occurrence:
    """One row in which the words stand: ``columns``, what they contain, and whether they can be erased there."""

    row: models.Model
    columns: tuple[str, ...]
    text: str
    erasable: bool

    @property
    def key(self) -> str:
        return f"{self.row._meta.label_lower}:{self.row.pk}"

    @property
    def where(self) -> str:
        """The kind of row and what people call the columns."""
        model = type(self.row)
        called = dict.fromkeys(copying.label(model, name) for name in self.columns)
        return f"{colon(str(model._meta.verbose_name).capitalize())} {', '.join(called)}"


# --- finding ----------------------------------------------------------------------------------------------------
def found(contact: Contact, plan: Plan) -> list[Occurrence]:
    """Return the places of this organiser in which the person is named and that ``plan`` leaves as they are.

    A query for each model with texts.
    """
    words = words_of(contact)
    if words.is_empty:
        return []
    occurrences = []
    for model in registry.installed_models():
        if not _typed_columns(model):
            continue
        rows = list(_candidates(model, contact, words).order_by("pk"))
        own = _own(model, [row.pk for row in rows], plan) if rows else set()
        named = (_of_row(row, words, own=row.pk in own) for row in rows)
        occurrences += [one for one in named if one is not None]
    return occurrences


def _own(model: type[models.Model], ids: list, plan: Plan) -> set:
    """Which of these rows are the person's own."""
    if not registry.declaration(model).subject:
        return set()
    return set(subjects.rows(model, plan.subject).filter(pk__in=ids).values_list("pk", flat=True))


def _typed_columns(model: type[models.Model]) -> list[models.Field]:
    """The columns into which people type texts."""
    # Other contacts are people of their own: the preview lists those of the same address by name.
    if (
        getattr(model, "organiser_path", None) is None
        or model is Contact
        or model._meta.app_label in NOT_TYPED
    ):
        return []
    return [
        column
        for column in model._meta.concrete_fields
        if isinstance(column, (models.CharField, models.TextField, models.JSONField))
        and not column.choices
        and not column.unique
        and not isinstance(column, models.SlugField)
        and (column.max_length is None or column.max_length >= SHORTEST)
    ]


def _candidates(model: type[models.Model], contact: Contact, words: Words) -> models.QuerySet:
    """Rows of the organiser that may name the person: a coarse look, by the database."""
    rows = model._base_manager.filter(**{model.organiser_path: contact.organiser_id})  # type: ignore[attr-defined]
    either, pattern = Q(pk__in=[]), words.pattern
    texts = {}
    for column in _typed_columns(model):
        name = column.name
        if isinstance(column, models.JSONField):
            texts[f"text_of_{name}"] = Cast(name, TextField())
            name = f"text_of_{name}"
        for address in words.addresses:
            either |= Q(**{f"{name}__icontains": address})
        if pattern:
            either |= Q(**{f"{name}__iregex": pattern})
        if words.phone and not isinstance(column, models.JSONField) and _is_long(column):
            either |= Q(**{f"{name}__regex": r"\D*".join(words.phone)})
    return rows.alias(**texts).filter(either) if texts else rows.filter(either)


def _is_long(column: models.Field) -> bool:
    return isinstance(column, models.TextField) or (column.max_length or 0) >= 80


def _of_row(row: models.Model, words: Words, *, own: bool) -> Occurrence | None:
    """The occurrence in a row that the candidates gave; None where the words are only parts of others."""
    model, columns, texts = type(row), [], []
    typed = {column.name: column for column in _typed_columns(model)}
    settled = set()
    for first, last in _pairs(list(typed)):
        if words.in_pair(getattr(row, first), getattr(row, last)):
            columns += [first, last]
            texts.append(f"{getattr(row, first)} {getattr(row, last)}".strip())
        if words.has_one_part:
            # "Sukarno Keller" is somebody else.
            settled |= {first, last}
    for name, column in typed.items():
        if name in columns or name in settled:
            continue
        value = getattr(row, name)
        if isinstance(column, models.JSONField):
            hits = list(_in_json(value, words))
        else:
            hits = [value] if value and words.in_text(str(value)) else []
        if hits:
            columns.append(name)
            texts += hits
    if own:
        columns = [name for name in columns if _stays(model, name)]
    if not columns:
        return None
    return Occurrence(
        row,
        tuple(columns),
        " · ".join(map(_on_one_line, dict.fromkeys(texts)))[:LONGEST],
        all(_is_erasable(model, name, row, words) for name in columns),
    )


def _on_one_line(text: str) -> str:
    """A text without the line breaks and tabs between its parts, such as those of a postal address."""
    return ", ".join(part.strip() for part in re.split(r"[\t\r\n]+", text) if part.strip())


def _pairs(columns: list[str]) -> list[tuple[str, str]]:
    """Columns that hold a first and a last name."""
    return [
        (name, name.replace("first_name", "last_name"))
        for name in columns
        if "first_name" in name and name.replace("first_name", "last_name") in columns
    ]


def _in_json(value: object, words: Words):
    """The texts in a nested value that name the person."""
    if isinstance(value, dict):
        first, last = value.get("first_name"), value.get("last_name")
        is_pair = isinstance(first, str) and isinstance(last, str)
        if is_pair and words.in_pair(first, last):
            yield f"{first} {last}".strip()
        for name, inner in value.items():
            if not (is_pair and words.has_one_part and name in NAMES):
                yield from _in_json(inner, words)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_json(inner, words)
    elif isinstance(value, str) and words.in_text(value):
        yield value


def _stays(model: type[models.Model], name: str) -> bool:
    """Whether an erasure leaves a column of the person's own row as it is."""
    if registry.is_deleted(model):
        return False
    return isinstance(registry.declaration(model).columns.get(name), (Keep, NotPersonal))


# --- erasing there ------------------------------------------------------------------------------------------------
def _is_erasable(model: type[models.Model], name: str, row: models.Model, words: Words) -> bool:
    word = registry.declaration(model).columns.get(name)
    if isinstance(word, DeleteRow) and isinstance(model._meta.get_field(name), models.JSONField):
        return _without(getattr(row, name), words) != getattr(row, name)
    return isinstance(word, (Erase, Replace)) or (isinstance(word, Keep) and word.basis != BOOKS)


def _without(value, words: Words):
    """A nested value without the person's names, address and phone where each stands by itself."""
    if isinstance(value, dict):
        first, last = value.get("first_name"), value.get("last_name")
        emptied = (
            {"first_name": "", "last_name": ""}
            if isinstance(first, str) and isinstance(last, str) and words.in_pair(first, last)
            else {}
        )
        of_others = words.has_one_part and isinstance(first, str) and isinstance(last, str)
        return {
            key: inner if of_others and key in NAMES else _without(inner, words)
            for key, inner in value.items()
        } | emptied
    if isinstance(value, list):
        return [_without(inner, words) for inner in value]
    return "" if isinstance(value, str) and words.in_text(value) else value


def settle(
    contact: Contact, plan: Plan, chosen: set[str], *, now: datetime
) -> list[tuple[type[models.Model], bool, int]]:
    """Erase the words in the rows with these keys, as far as they still stand there, in the caller's transaction.

    Return (model, False, how many) for the receipt.
    """
    words, done = words_of(contact), []
    for one in found(contact, plan):
        if one.key not in chosen or not one.erasable:
            continue
        with transaction.atomic():
            model = type(one.row)
            row = model._base_manager.select_for_update().get(pk=one.row.pk)
            again = _of_row(row, words, own=False)
            if again is not None:
                values = _emptied(model, row, again.columns, words, now)
                model._base_manager.filter(pk=row.pk).update(**values)
                done.append((model, False, 1))
    return done


def _emptied(
    model: type[models.Model], row: models.Model, columns: tuple[str, ...], words: Words, now: datetime
) -> dict:
    said = registry.declaration(model).columns
    values: dict = {}
    for name in columns:
        column = model._meta.get_field(name)
        if isinstance(column, models.JSONField) and isinstance(said.get(name), DeleteRow):
            values[name] = _without(getattr(row, name), words)
        elif isinstance(said[name], Keep):
            values[name] = REMOVED  # may not be empty: what it was kept for is still true
        else:
            values[name] = said[name].update_value(column, now)
    # A name that was removed is marked, so that nobody is asked for it; so is an answer of which nothing is left.
    marks = (
        (StampDay,) if _pairs(list(columns)) else (CloseState,) if _nothing_left(row, said, values) else ()
    )
    for name, word in said.items():
        if isinstance(word, marks):
            values[name] = word.update_value(model._meta.get_field(name), now)
    return values


def _nothing_left(row: models.Model, said: dict, emptied: dict) -> bool:
    others = (name for name, word in said.items() if isinstance(word, Erase) and name not in emptied)
    return all(getattr(row, name) in (None, "") for name in others)
