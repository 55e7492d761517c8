"""Write a unique token into each erasable column of each row of a person, by the declarations.

A column that can't be planted is an error: a value that was never there proves nothing by its absence.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, models
from django.db.models import Q

from privacy.declarations import registry
from tests.privacy.people import Person
from tests.privacy.scanner import Token
from ticketshop.lib.personal import (
    ADDRESS,
    CONTACT,
    LOG_IN_SESSION,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    USER,
    Author,
    CloseState,
    DeleteFile,
    DeleteRow,
    Erase,
    Json,
    KeepRow,
    LogInRows,
    Replace,
    StampDay,
    Unless,
    Unlink,
)

ERASING = (Erase, Replace, StampDay, CloseState, Unlink, Author, DeleteRow, DeleteFile)
# A shorter text may occur elsewhere by chance, so it is compared in its column only.
SHORTEST = 8
# Declared columns that can't be planted, and why.
NEVER_THERE = {
    "organisers.StaffInvitation.invited_by": "members of staff keep their log-in, and with it what they did",
    "organisers.StaffMembership.user": "members of staff keep their log-in, and with it what they did",
    "procrastinate.ProcrastinateJob.args.planted": "jobs know numbers of rows; tests/project/test_logs.py reads them",
}


@dataclass(frozen=True)
class Cell:
    """One planted value of one row. After an erasure the row is deleted or the value is another one.

    ``key``: the key inside a JSON column. ``token``: the name of the token, if the value is unique.
    """

    model: type[models.Model]
    column: str
    pk: object
    value: object
    key: str = ""
    token: str = ""

    def __deepcopy__(self, _memo: dict) -> "Cell":
        """Return the cell itself: each test has a copy of the state, with thousands of cells that never change."""
        return self

    @property
    def declared(self) -> str:
        return declared(self.model, self.column, self.key)

    def is_in(self, row: dict) -> bool:
        """Return whether the row still has the value."""
        found = row[self.column]
        if self.key:
            return isinstance(found, dict) and found.get(self.key) == self.value
        return found == self.value


def as_planted(cells: Iterable[Cell]) -> list[Cell]:
    """Return the cells that still have their planted value; one query per model."""
    cells, rows = list(cells), {}
    for model in {cell.model for cell in cells}:
        columns = {"pk", *(cell.column for cell in cells if cell.model is model)}
        found = model._base_manager.filter(pk__in={cell.pk for cell in cells if cell.model is model})
        rows |= {(model, row["pk"]): row for row in found.values(*sorted(columns))}
    return [cell for cell in cells if (cell.model, cell.pk) in rows and cell.is_in(rows[cell.model, cell.pk])]


@dataclass
class Planted:
    """The planted tokens, cells and files of one person."""

    person: Person
    tokens: list[Token] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    unplanted: list[str] = field(default_factory=list)
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)  # (storage, name) -> content

    def put_files_back(self) -> None:
        """Write deleted files again, since a rollback does not restore them."""
        for (storage, name), content in self.files.items():
            if not storages[storage].exists(name):
                storages[storage].save(name, ContentFile(content))

    def take_files_away(self) -> None:
        for storage, name in self.files:
            storages[storage].delete(name)

    def left(self) -> list[Cell]:
        """Return the cells that still have their planted value."""
        return as_planted(self.cells)


def declared(model: type[models.Model], column: str, key: str = "") -> str:
    return f"{model._meta.label}.{column}" + (f".{key}" if key else "")


def erasing_strategies(model: type[models.Model]) -> list[tuple[models.Field, str, object]]:
    """Return (column, key inside it, strategy) for each erasing strategy of a model."""
    said, found = registry.declaration(model), []
    for column in model._meta.concrete_fields:
        strategy = registry.strategy_of(said, column)
        if isinstance(strategy, Json):
            found += [
                (column, key, inner) for key, inner in strategy.keys.items() if isinstance(inner, ERASING)
            ]
            if isinstance(strategy.default, ERASING):
                found.append((column, "planted", strategy.default))
        elif isinstance(strategy, ERASING):
            found.append((column, "", strategy))
    return found


def declarations() -> list[str]:
    """Return the names of all erasing declarations."""
    return [
        declared(model, column.name, key)
        for model in registry.installed_models()
        for column, key, _word in erasing_strategies(model)
    ]


# --- whose rows -----------------------------------------------------------------------------------------------


def rows_of(model: type[models.Model], person: Person) -> models.QuerySet:
    """Return the rows of a model that are a person's, computed independently of ``privacy``."""
    found = Q(pk__in=[])
    for path, kind in registry.declaration(model).subject.items():
        found |= _along(model, path, kind, person)
    return model._base_manager.filter(found)


def _along(model, path: str, kind, person: Person) -> Q:
    if isinstance(kind, KeepRow):
        # An erasure of this person leaves the row.
        return Q(pk__in=[])
    if isinstance(kind, Unless):
        other = Q(**{f"{kind.path}__isnull": True}) | Q(**{kind.path: _named_at(model, kind.path, person)})
        return _along(model, path, kind.kind, person) & other
    if isinstance(kind, LogInRows):
        mine = Q(**{path: person.user.pk if person.user else None})
        return mine & (_of_organiser(model, person) | kind.always) if person.user else Q(pk__in=[])
    wanted = {
        CONTACT: (path, person.contact.pk),
        SUBJECT_UUID: (path, person.contact.subject_uuid),
        SUBJECT_UUIDS: (f"{path}__contains", [person.contact.subject_uuid]),
        USER: (path, person.user.pk if person.user else None),
        LOG_IN_SESSION: (path, person.user.pk if person.user else None),
        ADDRESS: (f"{path}__iexact", person.contact.email),
    }
    name, value = wanted[kind]
    found = Q(**{name: value}) if value is not None else Q(pk__in=[])
    return found & _of_organiser(model, person) if kind in (ADDRESS, USER) else found


def _named_at(model, path: str, person: Person):
    end = registry.end_of(model, path)
    return person.contact.subject_uuid if isinstance(end, models.UUIDField) else person.contact.pk


def _of_organiser(model, person: Person) -> Q:
    """Return the condition for rows of the person's organiser; rows without an organiser are erased with the log-in."""
    goes = person.user is not None and person.log_in_goes
    path = getattr(model, "organiser_path", None)
    if path is None:
        return Q() if goes else Q(pk__in=[])
    here = Q(**{path: person.shop.organiser.pk})
    return here | Q(**{f"{path}__isnull": True}) if goes else here


# --- planting ----------------------------------------------------------------------------------------------


def plant(person: Person) -> Planted:
    """Overwrite the person's columns with tokens, and note unique values that they have already."""
    planted = Planted(person)
    planted.tokens += [
        Token(f"{person.key} address", person.contact.email, "email"),
        Token(
            f"{person.key} phone",
            "+41795550177" if person.key == "v" else f"+4179555{_number(person)}",
            "phone",
        ),
    ]
    for model in registry.installed_models():
        strategies = erasing_strategies(model)
        if strategies:
            _plant(planted, model, strategies)
    return planted


def _number(person: Person) -> int:
    return 1000 + sum(person.key.encode()) % 1000


def rows_for(model: type[models.Model], column: models.Field, strategy, person: Person) -> models.QuerySet:
    """Return the rows in which ``strategy`` erases ``column`` of the person."""
    if isinstance(strategy, Author):
        mine = model._base_manager.filter(**{column.name: person.user.pk if person.user else None})
        return mine.filter(_of_organiser(model, person))
    return rows_of(model, person)


def _plant(planted: Planted, model: type[models.Model], strategies: list) -> None:
    """Fill the columns of all rows of the person in one model, and note the cells that have a value now."""
    names = {column.name for column, _key, _strategy in strategies}
    rows = rows_of(model, planted.person).order_by("pk").values("pk", *names)
    before = {row["pk"]: row for row in rows}
    new: dict[models.Field, dict] = {}
    tokens = {}  # (column, key) -> {pk of each row with a value: its token or None}
    for column, key, strategy in strategies:
        if isinstance(strategy, Author):
            authored = rows_for(model, column, strategy, planted.person)
            tokens[column, key] = dict.fromkeys(authored.order_by("pk").values_list("pk", flat=True))
        elif _is_looked_at_only(column, strategy):
            tokens[column, key] = dict.fromkeys(before)
        else:
            held = {pk: row[column.name] for pk, row in before.items()}
            values, tokens[column, key] = _new_values(planted, model, column, key, strategy, held)
            new.setdefault(column, {}).update(values)
    _write(model, {column: values for column, values in new.items() if values}, before)
    wanted = {pk for of_column in tokens.values() for pk in of_column}
    found = {row["pk"]: row for row in model._base_manager.filter(pk__in=wanted).values("pk", *names)}
    for column, key, strategy in strategies:
        cells = []
        for pk, token in tokens[column, key].items():
            value = _as_bytes(found[pk][column.name])
            if not _is_looked_at_only(column, strategy) or _has_something(strategy, value):
                name = token.name if token else ""
                cells.append(Cell(model, column.name, pk, value[key] if key else value, key, name))
        planted.cells += cells
        if not cells:
            planted.unplanted.append(declared(model, column.name, key))


def _new_values(planted: Planted, model, column: models.Field, key: str, strategy, held: dict) -> tuple:
    """Return two dictionaries by the key of a row: values to write, and the token, or None, of each value there will be."""
    somewhere = any(value is not None for value in held.values())
    values, tokens = {}, {}
    for number, (pk, before) in enumerate(held.items()):
        # An answer of another type has another column.
        if before is None and somewhere:
            continue
        name = f"zq{planted.person.key}{model._meta.model_name}{column.name}{key}{number}".replace("_", "")
        value, token = _new_value(planted, column, key, strategy, before, name)
        if value is not None:
            tokens[pk] = token
        if value is not None and value != before:
            values[pk] = value
    planted.tokens += [token for token in tokens.values() if token]
    return values, tokens


def _as_bytes(value):
    """Return a memoryview as bytes, which can be copied."""
    return bytes(value) if isinstance(value, memoryview) else value


def _is_looked_at_only(column: models.Field, strategy) -> bool:
    """Return whether the column has a state or a key, which is not unique and so compared in its column only."""
    named = (
        isinstance(column, (models.ForeignKey, models.UUIDField)) or column.primary_key or column.generated
    )
    return named or isinstance(strategy, (CloseState, StampDay, Unlink, Author))


def _has_something(strategy, held) -> bool:
    if isinstance(strategy, CloseState):
        return held in [before for before, _after in strategy.states]
    return isinstance(strategy, StampDay) or held is not None


def _write(model: type[models.Model], new: dict[models.Field, dict], before: dict) -> None:
    """Write the new values of all columns in one statement: ``bulk_update`` takes ten times as long."""
    pks = sorted({pk for values in new.values() for pk in values})
    if not pks:
        return
    columns, key = list(new), model._meta.pk
    rows = [
        [key.get_db_prep_save(pk, connection)]
        + [
            column.get_db_prep_save(new[column].get(pk, before[pk][column.name]), connection)
            for column in columns
        ]
        for pk in pks
    ]
    quote = connection.ops.quote_name
    row = f"({', '.join(['%s'] * (len(columns) + 1))})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {quote(model._meta.db_table)} SET "
            + ", ".join(
                f"{quote(column.column)} = new.value_{number}" for number, column in enumerate(columns)
            )
            + f" FROM (VALUES {', '.join([row] * len(rows))}) AS new (key, "
            + ", ".join(f"value_{number}" for number in range(len(columns)))
            + f") WHERE {quote(model._meta.db_table)}.{quote(key.column)} = new.key",
            [value for row in rows for value in row],
        )


def _new_value(planted: Planted, column: models.Field, key: str, strategy, held, name: str):
    """Return (value, token) for one row; (None, None) for no value."""
    if isinstance(strategy, DeleteFile):
        return _file(planted, strategy, name), Token(name, name)
    if not isinstance(column, models.JSONField):
        return _value(column, held, name, planted.person)
    if not key:
        return (
            {**held, "planted": name} if isinstance(held, dict) else {"planted": name, "was": held}
        ), Token(name, name)
    if key == "planted":
        return {**held, key: name}, Token(name, name)
    return (held, None) if key in held else (None, None)


def _file(planted: Planted, strategy: DeleteFile, name: str) -> str:
    text = f"{planted.person.contact.email}\n{name}inside"
    kept = storages[strategy.storage].save(f"{name}.txt", ContentFile(text.encode()))
    planted.files[strategy.storage, kept] = text.encode()
    planted.tokens.append(Token(f"{name}inside", f"{name}inside"))
    return kept


FIRST_DAY, FIRST_INSTANT = date(2190, 1, 1), datetime(2170, 1, 1, 1, 2, 3, 4567, tzinfo=UTC)
_days = iter(range(20_000))


def _value(column, held, name: str, person: Person):
    """Return (value, token) for a column, unique if possible; (None, None) if it must stay empty."""
    number = next(_days)
    match column:
        case models.EmailField():
            # The address of a friend is overwritten, since it is not a token of this person.
            value = held if held and column.name != "entered_email" else f"{name}@planted.example"
            return value, _of_address(name, value, person)
        case models.DateTimeField():
            value = FIRST_INSTANT + timedelta(days=number)
            return value, Token(name, f"{value:%Y-%m-%d %H:%M:%S.%f}", "exact")
        case models.DateField():
            value = FIRST_DAY + timedelta(days=number)
            return value, Token(name, value.isoformat(), "exact")
        case models.TimeField():
            value = time(3, 17, number % 60, 100_007 + 10 * number)
            return value, Token(name, value.isoformat(), "exact")
        case models.DecimalField():
            value = Decimal(730_000 + number) + Decimal("0.482651")
            return value, Token(name, str(value), "exact")
        case models.BinaryField():
            return name.encode()[: column.max_length], Token(name, name[: column.max_length])
        case models.BooleanField():
            return (held, None) if held is not None else (None, None)
        case models.CharField() | models.TextField():
            return _text(column, held or "", name, person)
    raise NotImplementedError(f"{column} is of a kind that nobody planted yet")


# Columns that keep their value, which the shop needs and which is unique already.
_PLAIN = {
    "address",
    "email",
    "email_key",
    "recipient",
    "number",
    "secret",
    "password",
    "session_data",
    "key",
    "language",
    "token_hash",
}


def _text(column, held: str, name: str, person: Person):
    most = column.max_length or 10_000
    if column.name in _PLAIN and held:
        if "@" in held:
            return held, _of_address(name, held, person)
        return held, Token(name, held, "exact") if len(held) >= SHORTEST else None
    if column.name == "token_hash":
        value = uuid.uuid4().hex
        return value, Token(name, value)
    if column.name == "phone":
        return _phone(person), None
    if column.choices or most < SHORTEST:
        return held or "zq"[:most], None
    if column.name in {"last_name", "holder_last_name", "entered_last_name"}:
        value = f"d'Ōta{name}-Müller"
        return value, Token(name, f"d'Ōta{name}")
    value = name if len(name) <= most else f"zq{uuid.uuid4().hex}"[:most]
    return value, Token(name, value)


def _of_address(name: str, address: str, person: Person) -> Token | None:
    """Return the token of an e-mail address; None for the person's main address, which is a token already."""
    return None if address.lower() == person.contact.email.lower() else Token(name, address, "email")


def _phone(person: Person) -> str:
    return "+41 79 555 01 77" if person.key == "v" else f"+41 79 555 {_number(person)}"
