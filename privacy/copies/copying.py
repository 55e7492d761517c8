"""A copy of one's own data, by the same declarations as an erasure: each column with a strategy other than NotPersonal."""

import json
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from decimal import Decimal

from django.core.files.storage import storages
from django.db import models
from django.utils.formats import date_format, number_format, time_format
from django.utils.module_loading import import_string
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from contacts.models import Contact
from ticketshop.lib.areas import ALL, ANSWERS, PROFILE, TICKETS, Area
from ticketshop.lib.database.compiled import Compiled
from ticketshop.lib.personal import About, Author, DeleteFile, NotPersonal
from ticketshop.lib.values.text import readable_email
from ticketshop.lib.web.template_tags import colon

from ..declarations import promises, registry, statements, subjects
from ..declarations.subjects import Subject

# Decimals with more places than money are shown without trailing zeros.
MONEY_PLACES = 2


@dataclass(frozen=True)
class Value:
    """One column of one row: its value as text and as data, or why it is left out.

    ``named``: people have a name for the column.
    """

    name: str
    label: str
    text: str = ""
    value: object = None
    left_out: str = ""
    named: bool = True


@dataclass(frozen=True)
class Record:
    """One row, with the rows of ``copy_nested`` inside it."""

    model: type[models.Model]
    pk: object
    values: list[Value]
    inside: list["Record"] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)  # (storage, name)
    about: str = ""  # what the row is for, if another row describes it

    @property
    def kind(self) -> str:
        """The name of the kind of row, for people."""
        return str(self.model._meta.verbose_name)

    @property
    def shown(self) -> list[Value]:
        """The values for a page: without empty columns, and without left-out ones that have no name."""
        return [value for value in self.values if value.text or (value.left_out and value.named)]


@dataclass(frozen=True)
class Reading:
    """The subject whose rows are read, and the contact who reads them; ``reader`` None: the person themselves."""

    subject: Subject
    reader: Contact | None = None

    def is_subject(self, person: models.Model) -> bool:
        """Return whether a contact or user is the person whose rows are read."""
        return person.pk == (self.subject.contact_id if isinstance(person, Contact) else self.subject.user_id)

    def may_see(self, person: models.Model | None) -> bool:
        """Return whether the reader may see a column that ``shown_only_to`` restricts to ``person``."""
        return self.reader is None or person == self.reader


@dataclass(frozen=True)
class Chapter:
    """The records of one area, and the sentences about how long they stay."""

    area: Area
    records: list[Record]
    until: list[str]


# The areas of a child that the parent who manages it may see.
FOR_OTHERS = (PROFILE, TICKETS, ANSWERS)


def read(contacts: list[Contact], *, reader: Contact | None = None) -> list[Chapter]:
    """Return the data of contacts that are one person, by area, without empty areas.

    ``reader``: the parent who acts for the person, and sees less. One or two queries per model, however many rows there are.
    """
    people = [Reading(subjects.subject_of(contact), reader) for contact in contacts]
    by_area: dict[Area, list[Record]] = {area: [] for area in (FOR_OTHERS if reader else ALL)}
    with_people = subjects.models_with_people()
    nested_models = {
        _related(model, name) for model in with_people for name in registry.declaration(model).copy_nested
    }
    for model in reversed(with_people):
        area = registry.declaration(model).area
        if area in by_area and not model._meta.auto_created and model not in nested_models:
            by_area[area] += _records(model, people)
    organiser = contacts[0].organiser if contacts else None
    return [
        Chapter(area, records, [promise.text for promise in promises.of_area(area, organiser)])
        for area, records in by_area.items()
        if records
    ]


def _records(model: type[models.Model], people: list[Reading]) -> list[Record]:
    rows: dict[object, tuple[models.Model, Reading]] = {}
    for reading in people:
        for statement in _statements(statements.placeholders(reading.subject))[model]:
            found = statement.all(**statements.values(reading.subject))
            models.prefetch_related_objects(found, *_many(model))
            for row in found:
                rows.setdefault(row.pk, (row, reading))
    about = _descriptions(model, rows)
    # Rows that belong to one order come one after the other.
    order = [*about, *(pk for pk in rows if pk not in about)]
    return [_record(*rows[pk], about.get(pk, "")) for pk in order]


@statements.once_per_shape
def _statements(subject: Subject) -> dict[type[models.Model], list[Compiled]]:
    """Return the statements for the rows of each model that are about the subject."""
    by_model = {}
    for model in subjects.models_with_people():
        querysets = [subjects.rows(model, subject)]
        querysets += [kept for _path, _basis, kept in subjects.kept_rows(model, subject)]
        by_model[model] = [statements.of(_with_keys(queryset).order_by("pk")) for queryset in querysets]
    return by_model


def _descriptions(
    model: type[models.Model], rows: dict[object, tuple[models.Model, Reading]]
) -> dict[object, str]:
    """Return key of a row -> what the row is for, by order (``copy_describes``). One query per describing key."""
    descriptions = []
    for describing, key, path in _describing(model):
        described = _with_keys(describing.objects.filter(**{f"{key}__in": list(rows)}), key)
        described = described.prefetch_related(*_many(describing))
        for row in described:
            pk = getattr(row, f"{key}_id")
            text = import_string(path)(row, getattr(row, key), rows[pk][1].reader)
            descriptions.append((row.order_id, pk, text))
    return {pk: text for _order, pk, text in sorted(descriptions)}


def _describing(model: type[models.Model]) -> list[tuple[type[models.Model], str, str]]:
    return [
        (describing, key, path)
        for describing in registry.installed_models()
        for key, path in registry.declaration(describing).copy_describes.items()
        if describing._meta.get_field(key).related_model is model
    ]


def _related(model: type[models.Model], name: str) -> type[models.Model]:
    return model._meta.get_field(name).related_model


def _with_keys(rows: models.QuerySet, *more: str) -> models.QuerySet:
    """Return the rows with the keys that their texts read, so that no row needs another query."""
    model = rows.model
    names = {*_names(model), *more}
    keys = [
        name for name in sorted(names) if "__" in name or isinstance(_column(model, name), models.ForeignKey)
    ]
    deeper = [f"{name}__event" for name in keys if name == "session"]
    return rows.select_related(*keys, *deeper)


def _many(model: type[models.Model]) -> list[str | models.Prefetch]:
    """Return what is to be read with several rows at once: many-to-many columns, and nested rows."""
    many = [
        name for name in sorted(_names(model)) if isinstance(_column(model, name), models.ManyToManyField)
    ]
    return [*many, *_inside(model)]


def _names(model: type[models.Model]) -> set[str]:
    """Return the columns and paths that the texts of a row read."""
    declaration = registry.declaration(model)
    return {
        *columns(model),
        *declaration.copy_context,
        *declaration.copy_needs,
        *_paths_of_reasons(declaration),
    }


def _paths_of_reasons(declaration: registry.Declaration) -> list[str]:
    reasons = [reason.path for reason in declaration.withheld.values() if isinstance(reason, About)]
    return [*reasons, *declaration.shown_only_to.values()]


def _inside(model: type[models.Model]) -> list[models.Prefetch]:
    """Return prefetches for the nested rows, each with what its own texts read."""
    return [
        models.Prefetch(name, _with_keys(related._base_manager.all()).prefetch_related(*_many(related)))
        for name in registry.declaration(model).copy_nested
        for related in [_related(model, name)]
    ]


def columns(model: type[models.Model]) -> list[str]:
    """Return the names of the personal columns: those with a strategy other than NotPersonal."""
    strategies = registry.declaration(model).columns
    return [name for name, strategy in strategies.items() if not isinstance(strategy, NotPersonal)]


def _column(model: type[models.Model], name: str):
    return None if "__" in name else model._meta.get_field(name)


def _record(row: models.Model, reading: Reading, about: str = "") -> Record:
    model = type(row)
    declaration = registry.declaration(model)
    names = dict.fromkeys((*declaration.copy_context, *columns(model)))
    texts = import_string(declaration.copy_texts)(row) if declaration.copy_texts else {}
    data = import_string(declaration.copy_values)(row) if declaration.copy_values else {}
    values = [_value(row, _column(model, name), declaration, reading, texts.get(name, "")) for name in names]
    # Not for columns that are left out or empty.
    values = [
        replace(value, value=data[value.name]) if value.name in data and value.text else value
        for value in values
    ]
    inside = [
        _record(nested, reading)
        for name in declaration.copy_nested
        for nested in sorted(getattr(row, name).all(), key=lambda nested: nested.pk)
    ]
    return Record(model, row.pk, values, inside, _files(row, declaration), about)


def is_named(model: type[models.Model], name: str) -> bool:
    """Return whether people have a name for a column."""
    column = model._meta.get_field(name)
    return name in registry.declaration(model).labels or getattr(column, "_verbose_name", None) is not None


def label(model: type[models.Model], name: str) -> str:
    """Return the name of a column for people, with a capital letter."""
    declaration, column = registry.declaration(model), model._meta.get_field(name)
    text = str(declaration.labels.get(name) or getattr(column, "verbose_name", name))
    return text[:1].upper() + text[1:]


def _value(
    row: models.Model, column, declaration: registry.Declaration, reading: Reading, declared_text: str = ""
) -> Value:
    """``declared_text``: the text of ``copy_texts``, if there is one."""
    name, column_label = column.name, label(type(row), column.name)
    if reason := _left_out(row, column, declaration, reading):
        return Value(name, column_label, left_out=reason, named=is_named(type(row), name))
    if isinstance(column, models.ManyToManyField):
        several = [str(related) for related in getattr(row, name).all()]
        return Value(name, column_label, declared_text or ", ".join(several), several)
    value = getattr(row, column.attname)
    if value is None or value == "":
        return Value(name, column_label)
    text = declared_text or _in_words(row, column, value, reading)
    return Value(name, column_label, text, text if column.is_relation else _as_data(value))


def _left_out(row: models.Model, column, declaration: registry.Declaration, reading: Reading) -> str:
    """Return why a column is not in the copy; empty if it is."""
    reason = declaration.withheld.get(column.name)
    if isinstance(reason, About):
        return "" if reading.is_subject(_at(row, reason.path)) else str(reason.reason)
    path = declaration.shown_only_to.get(column.name)
    if path and not reading.may_see(_at(row, path)):
        return _("the person who ordered it has it")
    if reason is not None:
        return str(reason)
    is_person = isinstance(column, models.ForeignKey) and registry.is_person(column.related_model)
    if not is_person or getattr(row, column.attname) is None or reading.is_subject(getattr(row, column.name)):
        return ""
    if isinstance(declaration.columns.get(column.name), Author):
        return _("somebody else: a member of staff, or another person")
    return _("another person")


def _at(row: models.Model, path: str) -> models.Model | None:
    related = row
    for name in path.split("__"):
        related = getattr(related, name)
    return related


def _in_words(row: models.Model, column, value, reading: Reading) -> str:
    if path := registry.declaration(type(row)).code_labels.get(column.name):
        return import_string(path)(value)
    if isinstance(column, models.ForeignKey):
        if registry.is_person(column.related_model):
            return _("you") if reading.reader is None else _("the person themself")
        return str(getattr(row, column.name))
    if column.choices:
        return str(getattr(row, f"get_{column.name}_display")())
    if isinstance(value, Decimal) and column.decimal_places > MONEY_PLACES:
        value = value.normalize() if value != value.to_integral() else value.to_integral()
    return _of_type(value)


def _of_type(value) -> str:
    match value:
        case bool():
            text = _("yes") if value else _("no")
        case datetime():
            text = date_format(localtime(value), "j F Y, H:i")
        case date():
            text = date_format(value, "j F Y")
        case time():
            text = time_format(value, "H:i")
        case Decimal():
            text = number_format(value)
        case dict() | list():
            text = "; ".join(_lines(value))
        case str() if "@xn--" in value or ".xn--" in value:
            text = readable_email(value)
        case _other:
            text = str(value)
    return text


def _lines(value, before: str = "") -> list[str]:
    """Return a line for each text in a nested value."""
    if isinstance(value, dict):
        return [
            line
            for key, inner in value.items()
            for line in _lines(
                inner, f"{before}{key} – " if isinstance(inner, (dict, list)) else f"{before}{colon(key)} "
            )
        ]
    if isinstance(value, list):
        return [line for inner in value for line in _lines(inner, before)]
    return [f"{before}{'' if value is None else value}"]


def _as_data(value):
    """Return the value in a type of JSON."""
    if isinstance(value, (bool, int, str, dict, list)):
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)


def _files(row: models.Model, declaration: registry.Declaration) -> list[tuple[str, str]]:
    return [
        (strategy.storage, str(getattr(row, name)))
        for name, strategy in declaration.columns.items()
        if isinstance(strategy, DeleteFile) and name not in declaration.withheld and getattr(row, name)
    ]


def contents(storage: str, name: str) -> bytes:
    """Return the content of an uploaded file."""
    with storages[storage].open(name) as opened:
        return opened.read()


def not_included() -> list[tuple[str, str]]:
    """Return (kind of rows, reason) for columns with the strategy Author in rows without a ``subject``: no copy contains them."""
    reason = _("that it was you who did this; your name on it goes with your log-in")
    return [
        (str(model._meta.verbose_name_plural), reason)
        for model in registry.installed_models()
        for strategy in registry.declaration(model).columns.values()
        if isinstance(strategy, Author) and not registry.declaration(model).subject
    ]


def as_data(chapters: list[Chapter]) -> list[dict]:
    """Return the copy in types of JSON."""
    return [
        {
            "area": chapter.area.code,
            "title": str(chapter.area.title),
            "purpose": str(chapter.area.purpose),
            "kept_until": " ".join([*chapter.until, str(chapter.area.more)]).strip(),
            "seen_by": str(chapter.area.seen_by),
            "records": [_record_as_data(record) for record in chapter.records],
        }
        for chapter in chapters
    ]


def _record_as_data(record: Record) -> dict:
    data: dict = {
        "kind": record.model._meta.label,
        "values": {value.name: value.value for value in record.values if not value.left_out},
    }
    if record.about:
        data["for"] = record.about
    if left_out := {value.name: value.left_out for value in record.values if value.left_out}:
        data["left_out"] = left_out
    if record.inside:
        data["inside"] = [_record_as_data(nested) for nested in record.inside]
    if record.files:
        data["files"] = [name for _storage, name in record.files]
    return data


def as_json(chapters: list[Chapter], **head) -> str:
    """Return the copy as a JSON object: the keys of ``head``, and ``areas``."""
    return json.dumps({**head, "areas": as_data(chapters)}, ensure_ascii=False, indent=2)
