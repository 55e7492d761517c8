"""Places in which others wrote the person's name, e-mail address or phone number: on a ticket, in an answer, in a note.

No path leads from such a row to the person, so an erasure leaves it. It is found by a search for the person's data as
whole words: first and last name side by side in either order and any spelling. Staff look at each place before the erasure:
they leave it, if it is another person of that name, erase it there, or change it on its own page.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db import models, transaction
from django.db.models import Q, TextField, Value
from django.db.models.functions import Cast, Concat

from contacts.models import Contact
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.waiting import statement_timeout
from ticketshop.lib.personal import (
    BOOKS,
    CloseState,
    DeleteRow,
    Erase,
    Keep,
    NotPersonal,
    Replace,
    StampDay,
    Strategy,
)
from ticketshop.lib.web.template_tags import colon

from ..copies import copying
from ..declarations import registry, statements, subjects
from .name_search import SearchTerms, terms_of
from .planning import Plan

# Places on one page; the next ones are shown when these are settled.
MAX_PLACES = 100
MAX_TEXT = 200  # characters of a text that is shown
MIN_LENGTH = 20  # shorter columns contain no name
REMOVED = "–"
NAMES = ("first_name", "last_name")
# Seconds for the search in all tables: a web process gives up a request after 30.
LONGEST_SEARCH = 25
# Apps whose texts are written by the program.
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
    """A row that contains the terms in ``columns``: their texts, and whether they can be erased there."""

    row: models.Model
    columns: tuple[str, ...]
    text: str
    erasable: bool

    @property
    def key(self) -> str:
        """The name of the field by which a form posts what staff chose."""
        return f"{self.row._meta.label_lower}:{self.row.pk}"

    @property
    def where(self) -> str:
        """The kind of row and the names of the columns, for people."""
        model = type(self.row)
        labels = dict.fromkeys(copying.label(model, name) for name in self.columns)
        return f"{colon(str(model._meta.verbose_name).capitalize())} {', '.join(labels)}"


# --- finding ----------------------------------------------------------------------------------------------------
def find(contact: Contact, plan: Plan) -> list[Occurrence]:
    """Return the places of the contact's organiser that ``plan`` leaves as they are, with one query for all models, and one for
    each in which something is found.
    """
    terms = terms_of(contact)
    if terms.is_empty:
        return []
    occurrences = []
    for model, keys in _candidates(contact.organiser_id, terms).items():
        rows = list(model._base_manager.filter(pk__in=keys).order_by("pk"))
        own = _own(model, [row.pk for row in rows], plan)
        in_rows = (_of_row(row, terms, own=row.pk in own) for row in rows)
        occurrences += [occurrence for occurrence in in_rows if occurrence is not None]
    return occurrences


def _own(model: type[models.Model], ids: list, plan: Plan) -> set:
    """Return the keys of those rows that are the subject's own."""
    if not registry.declaration(model).subject:
        return set()
    return set(subjects.rows(model, plan.subject).filter(pk__in=ids).values_list("pk", flat=True))


def _typed_columns(model: type[models.Model]) -> list[models.Field]:
    """Return the columns into which people type texts; none of contacts.

    The preview of an erasure lists other contacts with the same e-mail address by name.
    """
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
        and (column.max_length is None or column.max_length >= MIN_LENGTH)
    ]


def _candidates(organiser_id: int, terms: SearchTerms) -> dict[type[models.Model], list[str]]:
    """Return the models with the keys of the organiser's rows that may contain the terms: too many, never too few."""
    search = _search(len(terms.addresses), bool(terms.pattern), bool(terms.phone))
    parameters = {
        "organiser": organiser_id,
        "pattern": terms.pattern,
        "phone": r"\D*".join(terms.phone),
        **{f"address_{number}": address for number, address in enumerate(terms.addresses)},
    }
    with transaction.atomic(), statement_timeout(LONGEST_SEARCH):
        rows = search.rows(**parameters)
    keys_by_number: dict[int, list[str]] = {}
    for (number_and_key,) in rows:
        number, _colon, key = number_and_key.partition(":")
        keys_by_number.setdefault(int(number), []).append(key)
    # PostgreSQL does not promise the order of a union; the preview and the erasure after it show the same first places.
    return {_searched_models()[number]: keys_by_number[number] for number in sorted(keys_by_number)}


@cache
def _searched_models() -> list[type[models.Model]]:
    return [model for model in registry.installed_models() if _typed_columns(model)]


@statements.once_per_shape
def _search(addresses: int, has_name: bool, has_phone: bool) -> Compiled:
    """Return the statement that searches all models for persons with this number of e-mail addresses, with or without a name and a phone number.

    Each row is one text, ``<number of the model>:<primary key>``, because Django may reorder the columns of a union.
    """
    of_models = [
        _rows_to_search(model, addresses, has_name, has_phone).values_list(
            Concat(Value(f"{number}:"), Cast("pk", TextField()), output_field=TextField())
        )
        for number, model in enumerate(_searched_models())
    ]
    return statements.of(of_models[0].union(*of_models[1:], all=True))


def _rows_to_search(
    model: type[models.Model], addresses: int, has_name: bool, has_phone: bool
) -> models.QuerySet:
    rows = model._base_manager.filter(**{model.organiser_path: Parameter("organiser")})  # type: ignore[attr-defined]
    condition, texts = Q(pk__in=[]), {}
    for column in _typed_columns(model):
        name = column.name
        if isinstance(column, models.JSONField):
            texts[f"text_of_{name}"] = Cast(name, TextField())
            name = f"text_of_{name}"
        for number in range(addresses):
            condition |= Q(**{f"{name}__icontains": Parameter(f"address_{number}")})
        if has_name:
            condition |= Q(**{f"{name}__iregex": Parameter("pattern")})
        if has_phone and not isinstance(column, models.JSONField) and _is_long(column):
            condition |= Q(**{f"{name}__regex": Parameter("phone")})
    return rows.alias(**texts).filter(condition) if texts else rows.filter(condition)


def _is_long(column: models.Field) -> bool:
    return isinstance(column, models.TextField) or (column.max_length or 0) >= 80


def _of_row(row: models.Model, terms: SearchTerms, *, own: bool) -> Occurrence | None:
    """Return the occurrence in a candidate row; None if the terms are only parts of other words.

    ``own``: the row is the subject's, so only columns that an erasure leaves count.
    """
    model, columns, texts = type(row), [], []
    typed = {column.name: column for column in _typed_columns(model)}
    compared = set()
    for first, last in _pairs(list(typed)):
        if terms.match_names(getattr(row, first), getattr(row, last)):
            columns += [first, last]
            texts.append(f"{getattr(row, first)} {getattr(row, last)}".strip())
        if terms.has_one_part:
            # To a person named "Sukarno" alone, "Sukarno Keller" is another person.
            compared |= {first, last}
    for name, column in typed.items():
        if name in columns or name in compared:
            continue
        value = getattr(row, name)
        if isinstance(column, models.JSONField):
            hits = list(_in_json(value, terms))
        else:
            hits = [value] if value and terms.match_text(str(value)) else []
        if hits:
            columns.append(name)
            texts += hits
    columns += _companions(row, columns)
    if own:
        columns = [name for name in columns if _stays(model, name)]
    if not columns:
        return None
    return Occurrence(
        row,
        tuple(columns),
        " · ".join(map(_on_one_line, dict.fromkeys(texts)))[:MAX_TEXT],
        all(_is_erasable(model, name, row, terms) for name in columns),
    )


def _companions(row: models.Model, columns: list[str]) -> list[str]:
    """Return the filled columns that are about the person named in ``columns`` (``goes_with`` of the declaration)."""
    goes_with = registry.declaration(type(row)).goes_with
    return [
        name
        for name, others in goes_with.items()
        if name not in columns and not {*others}.isdisjoint(columns) and getattr(row, name) not in (None, "")
    ]


def _on_one_line(text: str) -> str:
    """Return a text with commas for line breaks and tabs, such as those of a postal address."""
    return ", ".join(part.strip() for part in re.split(r"[\t\r\n]+", text) if part.strip())


def _pairs(columns: list[str]) -> list[tuple[str, str]]:
    """Return the pairs of columns for a first and a last name."""
    return [
        (name, name.replace("first_name", "last_name"))
        for name in columns
        if "first_name" in name and name.replace("first_name", "last_name") in columns
    ]


def _in_json(value: object, terms: SearchTerms) -> Iterator[str]:
    """Yield the texts in a nested value that contain the terms."""
    if isinstance(value, dict):
        first, last = value.get("first_name"), value.get("last_name")
        is_pair = isinstance(first, str) and isinstance(last, str)
        if is_pair and terms.match_names(first, last):
            yield f"{first} {last}".strip()
        for name, inner in value.items():
            if not (is_pair and terms.has_one_part and name in NAMES):
                yield from _in_json(inner, terms)
    elif isinstance(value, list):
        for inner in value:
            yield from _in_json(inner, terms)
    elif isinstance(value, str) and terms.match_text(value):
        yield value


def _stays(model: type[models.Model], name: str) -> bool:
    """Return whether an erasure leaves a column of the subject's own row as it is."""
    if registry.is_deleted(model):
        return False
    return isinstance(registry.declaration(model).columns.get(name), (Keep, NotPersonal))


# --- erasing there ------------------------------------------------------------------------------------------------
def _is_erasable(model: type[models.Model], name: str, row: models.Model, terms: SearchTerms) -> bool:
    strategy = registry.declaration(model).columns.get(name)
    if name in registry.declaration(model).erasable_texts:
        return True
    if isinstance(strategy, DeleteRow) and isinstance(model._meta.get_field(name), models.JSONField):
        return _without(getattr(row, name), terms) != getattr(row, name)
    if isinstance(strategy, Keep):
        return strategy.basis != BOOKS
    return isinstance(strategy, (Erase, Replace))


def _without(value, terms: SearchTerms, instead: str = ""):
    """Return a nested value in which the texts that contain the terms are replaced, by default with nothing."""
    if isinstance(value, dict):
        first, last = value.get("first_name"), value.get("last_name")
        emptied = (
            {"first_name": "", "last_name": ""}
            if isinstance(first, str) and isinstance(last, str) and terms.match_names(first, last)
            else {}
        )
        of_others = terms.has_one_part and isinstance(first, str) and isinstance(last, str)
        return {
            key: inner if of_others and key in NAMES else _without(inner, terms, instead)
            for key, inner in value.items()
        } | emptied
    if isinstance(value, list):
        return [_without(inner, terms, instead) for inner in value]
    return instead if isinstance(value, str) and terms.match_text(value) else value


def erase_chosen(
    contact: Contact, plan: Plan, chosen: set[str], *, now: datetime
) -> list[tuple[type[models.Model], bool, int]]:
    """Erase the terms in the rows with the keys ``chosen``, in the caller's transaction, if they still contain them.

    Return (model, False, 1) for each row, as ``database_step.add_up`` takes it.
    """
    terms, done = terms_of(contact), []
    for occurrence in find(contact, plan):
        if occurrence.key not in chosen or not occurrence.erasable:
            continue
        with transaction.atomic():
            model = type(occurrence.row)
            row = model._base_manager.select_for_update().get(pk=occurrence.row.pk)
            current = _of_row(row, terms, own=False)
            if current is not None:
                values = _emptied(model, row, current.columns, terms, now)
                model._base_manager.filter(pk=row.pk).update(**values)
                done.append((model, False, 1))
    return done


def _emptied(
    model: type[models.Model], row: models.Model, columns: tuple[str, ...], terms: SearchTerms, now: datetime
) -> dict:
    strategies, texts = registry.declaration(model).columns, registry.declaration(model).erasable_texts
    values: dict = {}
    for name in columns:
        column = model._meta.get_field(name)
        if isinstance(column, models.JSONField) and name in texts:
            values[name] = _without(getattr(row, name), terms, REMOVED)
        elif isinstance(column, models.JSONField) and isinstance(strategies.get(name), DeleteRow):
            values[name] = _without(getattr(row, name), terms)
        elif name in texts or isinstance(strategies[name], Keep):
            values[name] = REMOVED  # not empty: that there was a text is retained
        else:
            values[name] = strategies[name].update_value(column, now)
    # A removed name gets a day, so that no page requests it again; an answer without content gets its final state.
    if _pairs(list(columns)):
        marking: type[Strategy] | None = StampDay
    else:
        marking = CloseState if _nothing_left(row, strategies, values) else None
    for name, strategy in strategies.items():
        if marking is not None and isinstance(strategy, marking):
            values[name] = strategy.update_value(model._meta.get_field(name), now)
    return values


def _nothing_left(row: models.Model, strategies: dict, emptied: dict) -> bool:
    others = (
        name for name, strategy in strategies.items() if isinstance(strategy, Erase) and name not in emptied
    )
    return all(getattr(row, name) in (None, "") for name in others)
