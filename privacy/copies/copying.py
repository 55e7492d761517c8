"""A copy of one's own data, from the declarations an erasure follows: what is emptied there is read out here."""

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
from ticketshop.lib.personal import About, Author, DeleteFile, NotPersonal
from ticketshop.lib.template_tags import colon
from ticketshop.lib.text import readable_email

from ..declarations import promises, registry, subjects
from ..declarations.subjects import Subject

# Numbers with more places are counts and measures: without the zeros at their end.
CENTS = 2


@dataclass(frozen=True)
class Entry:
    """One column of one row: its value in words and as data, or why it is left out."""

    name: str
    label: str
    text: str = ""
    value: object = None
    left_out: str = ""
    named: bool = True


@dataclass(frozen=True)
class Record:
    """One row, and the rows that hang on it."""

    model: type[models.Model]
    pk: object
    entries: list[Entry]
    inside: list["Record"] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)  # storage and name in it
    about: str = ""  # what the row is for, where another row says so

    @property
    def kind(self) -> str:
        return str(self.model._meta.verbose_name)

    @property
    def shown(self) -> list[Entry]:
        """What a reader wants: values, and why one is left out; not what is empty, or left out and has no name."""
        return [entry for entry in self.entries if entry.text or (entry.left_out and entry.named)]


@dataclass(frozen=True)
class Reading:
    """Whose rows are read, and who reads them; None: the person themself."""

    subject: Subject
    reader: Contact | None = None

    def is_me(self, person: models.Model) -> bool:
        return person.pk == (self.subject.contact_id if isinstance(person, Contact) else self.subject.user_id)

    def may_see(self, person: models.Model | None) -> bool:
        """What is guarded: the person themself, or who reads for them and is this very one."""
        return self.reader is None or person == self.reader


@dataclass(frozen=True)
class Chapter:
    """Everything of one area, and the sentences that say how long it stays."""

    area: Area
    records: list[Record]
    until: list[str]


# What somebody who acts for another person is shown of them.
FOR_OTHERS = (PROFILE, TICKETS, ANSWERS)


def read(contacts: list[Contact], *, reader: Contact | None = None) -> list[Chapter]:
    """All that is known about these contacts, who are one person, by area; those with nothing are left out.

    ``reader``: somebody else who acts for them, and sees less. A query or two per model, however many rows there are.
    """
    people = [Reading(subjects.subject_of(contact), reader) for contact in contacts]
    found: dict[Area, list[Record]] = {area: [] for area in (FOR_OTHERS if reader else ALL)}
    with_people = subjects.models_with_people()
    shown_inside = {
        _related(model, name) for model in with_people for name in registry.declaration(model).copy_nested
    }
    for model in reversed(with_people):
        area = registry.declaration(model).area
        if area in found and not model._meta.auto_created and model not in shown_inside:
            found[area] += _records(model, people)
    organiser = contacts[0].organiser if contacts else None
    return [
        Chapter(area, records, [promise.text for promise in promises.of_area(area, organiser)])
        for area, records in found.items()
        if records
    ]


def _records(model: type[models.Model], people: list[Reading]) -> list[Record]:
    rows: dict[object, tuple[models.Model, Reading]] = {}
    for reading in people:
        theirs = [subjects.rows(model, reading.subject)]
        theirs += [found for _path, _basis, found in subjects.kept_rows(model, reading.subject)]
        for found in theirs:
            for row in _with_keys(found).order_by("pk"):
                rows.setdefault(row.pk, (row, reading))
    about = _descriptions(model, rows)
    # Rows of one order stand together.
    order = [*about, *(pk for pk in rows if pk not in about)]
    return [_record(*rows[pk], about.get(pk, "")) for pk in order]


def _descriptions(
    model: type[models.Model], rows: dict[object, tuple[models.Model, Reading]]
) -> dict[object, str]:
    """Key of a row -> what the row is for, in the order of the rows that describe them. A query per describing key."""
    found = []
    for describing, key, path in _describing(model):
        described = _with_keys(describing.objects.filter(**{f"{key}__in": list(rows)}), key)
        for row in described:
            pk = getattr(row, f"{key}_id")
            text = import_string(path)(row, getattr(row, key), rows[pk][1].reader)
            found.append((row.order_id, pk, text))
    return {pk: text for _order, pk, text in sorted(found)}


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
    """The rows with what their text needs: keys that are shown, and rows inside."""
    model = rows.model
    said = registry.declaration(model)
    names = {*columns(model), *said.copy_context, *said.copy_needs, *more, *_paths_of_reasons(said)}
    keys = [
        name for name in sorted(names) if "__" in name or isinstance(_column(model, name), models.ForeignKey)
    ]
    deeper = [f"{name}__event" for name in keys if name == "session"]
    many = [name for name in names if isinstance(_column(model, name), models.ManyToManyField)]
    return rows.select_related(*keys, *deeper).prefetch_related(*many, *_inside(model))


def _paths_of_reasons(said: registry.Declaration) -> list[str]:
    reasons = [reason.path for reason in said.withheld.values() if isinstance(reason, About)]
    return [*reasons, *said.shown_only_to.values()]


def _inside(model: type[models.Model]) -> list[models.Prefetch]:
    """The rows inside each row, with what their own texts need."""
    return [
        models.Prefetch(name, _with_keys(_related(model, name)._base_manager.all()))
        for name in registry.declaration(model).copy_nested
    ]


def columns(model: type[models.Model]) -> list[str]:
    """The columns that say something of a person: those with another word than NotPersonal."""
    said = registry.declaration(model)
    return [name for name, word in said.columns.items() if not isinstance(word, NotPersonal)]


def _column(model: type[models.Model], name: str):
    return None if "__" in name else model._meta.get_field(name)


def _record(row: models.Model, reading: Reading, about: str = "") -> Record:
    model = type(row)
    said = registry.declaration(model)
    names = dict.fromkeys((*said.copy_context, *columns(model)))
    texts = import_string(said.copy_texts)(row) if said.copy_texts else {}
    data = import_string(said.copy_values)(row) if said.copy_values else {}
    entries = [_entry(row, _column(model, name), said, reading, texts.get(name, "")) for name in names]
    # What is left out, or empty, stays so.
    entries = [
        replace(entry, value=data[entry.name]) if entry.name in data and entry.text else entry
        for entry in entries
    ]
    inside = [
        _record(one, reading)
        for name in said.copy_nested
        for one in sorted(getattr(row, name).all(), key=lambda one: one.pk)
    ]
    return Record(model, row.pk, entries, inside, _files(row, said), about)


def is_named(model: type[models.Model], name: str) -> bool:
    """Whether people have a word for a column."""
    column = model._meta.get_field(name)
    return name in registry.declaration(model).labels or getattr(column, "_verbose_name", None) is not None


def label(model: type[models.Model], name: str) -> str:
    """What people call a column."""
    said, column = registry.declaration(model), model._meta.get_field(name)
    text = str(said.labels.get(name) or getattr(column, "verbose_name", name))
    return text[:1].upper() + text[1:]


def _entry(
    row: models.Model, column, said: registry.Declaration, reading: Reading, read_out: str = ""
) -> Entry:
    name, called = column.name, label(type(row), column.name)
    if reason := _left_out(row, column, said, reading):
        return Entry(name, called, left_out=reason, named=is_named(type(row), name))
    if isinstance(column, models.ManyToManyField):
        several = [str(one) for one in getattr(row, name).all()]
        return Entry(name, called, read_out or ", ".join(several), several)
    value = getattr(row, column.attname)
    if value is None or value == "":
        return Entry(name, called)
    text = read_out or _in_words(row, column, value, reading)
    return Entry(name, called, text, text if column.is_relation else _as_data(value))


def _left_out(row: models.Model, column, said: registry.Declaration, reading: Reading) -> str:
    """Why a column is not in the copy, or an empty text."""
    reason = said.withheld.get(column.name)
    if isinstance(reason, About):
        return "" if reading.is_me(_at(row, reason.path)) else str(reason.reason)
    path = said.shown_only_to.get(column.name)
    if path and not reading.may_see(_at(row, path)):
        return _("whoever ordered it has it")
    if reason is not None:
        return str(reason)
    names_somebody = isinstance(column, models.ForeignKey) and registry.is_person(column.related_model)
    if not names_somebody or getattr(row, column.attname) is None or reading.is_me(getattr(row, column.name)):
        return ""
    if isinstance(said.columns.get(column.name), Author):
        return _("somebody else: a member of staff, or another person")
    return _("another person")


def _at(row: models.Model, path: str) -> models.Model | None:
    found = row
    for name in path.split("__"):
        found = getattr(found, name)
    return found


def _in_words(row: models.Model, column, value, reading: Reading) -> str:
    if path := registry.declaration(type(row)).code_labels.get(column.name):
        return import_string(path)(value)
    if isinstance(column, models.ForeignKey):
        if registry.is_person(column.related_model):
            return _("you") if reading.reader is None else _("the person themself")
        return str(getattr(row, column.name))
    if column.choices:
        return str(getattr(row, f"get_{column.name}_display")())
    if isinstance(value, Decimal) and column.decimal_places > CENTS:
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
    """A nested value, one line for each text in it."""
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
    """The value as JSON knows it."""
    if isinstance(value, (bool, int, str, dict, list)):
        return value
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return str(value)


def _files(row: models.Model, said: registry.Declaration) -> list[tuple[str, str]]:
    return [
        (word.storage, str(getattr(row, name)))
        for name, word in said.columns.items()
        if isinstance(word, DeleteFile) and name not in said.withheld and getattr(row, name)
    ]


def contents(storage: str, name: str) -> bytes:
    """An uploaded file, as it was sent."""
    with storages[storage].open(name) as opened:
        return opened.read()


def everybody_else() -> list[tuple[str, str]]:
    """(model, reason) for the columns that name whoever did something in rows that are not the person's own."""
    reason = _("that it was you who did this; your name on it goes with your log-in")
    return [
        (str(model._meta.verbose_name_plural), reason)
        for model in registry.installed_models()
        for word in registry.declaration(model).columns.values()
        if isinstance(word, Author) and not registry.declaration(model).subject
    ]


def as_data(chapters: list[Chapter]) -> list[dict]:
    """The copy as JSON knows it."""
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
        "values": {entry.name: entry.value for entry in record.entries if not entry.left_out},
    }
    if record.about:
        data["for"] = record.about
    if left_out := {entry.name: entry.left_out for entry in record.entries if entry.left_out}:
        data["left_out"] = left_out
    if record.inside:
        data["inside"] = [_record_as_data(one) for one in record.inside]
    if record.files:
        data["files"] = [name for _storage, name in record.files]
    return data


def as_json(chapters: list[Chapter], **head) -> str:
    return json.dumps({**head, "areas": as_data(chapters)}, ensure_ascii=False, indent=2)
