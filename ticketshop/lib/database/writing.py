"""Insert and update rows with fewer statements, and with less work for each, than ``Model.save`` and ``bulk_create``.

An order is a dozen rows in as many tables. Django generates the SQL of each INSERT anew; here it is generated once per process
and planned once per connection. Rows that refer to each other get their primary keys first, and are then inserted in one
statement:

    assign_keys([order, *lines, *tickets])
    insert([order, *lines, *tickets])

Values are those that ``Model.save`` would write. No signal is sent, as with ``bulk_create``.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model

from .prepared import prepared_cursor


def assign_keys(rows: Iterable[Model]) -> None:
    """Give unsaved rows the primary keys under which they will be inserted, drawn from the sequences. One statement."""
    unsaved = [row for row in rows if row.pk is None]
    if not unsaved:
        return
    tables = [(row._meta.db_table, str(row._meta.pk.column)) for row in unsaved]
    with prepared_cursor() as cursor:
        cursor.execute(_keys_sql(len(unsaved)), [name for table in tables for name in table])
        keys = cursor.fetchone()
    for row, key in zip(unsaved, keys, strict=True):
        row.pk = key


def insert(rows: Sequence[Model]) -> None:
    """Insert unsaved rows, those of one model next to each other, in one statement. Foreign keys take the primary key that
    the other row has by now.

    Rows without a primary key get one from the database; it is set on those of the last model.
    """
    groups = [(model, list(group)) for model, group in groupby(rows, type)]
    shape = tuple((model, len(group), group[0].pk is not None) for model, group in groups)
    database = connections[DEFAULT_DB_ALIAS]
    values = [
        field.get_db_prep_save(_value(row, field), database)
        for model, group in groups
        for row in group
        for field in _fields(model, row.pk is not None)
    ]
    with prepared_cursor() as cursor:
        cursor.execute(_insert_sql(shape), values)
        keys = [key for (key,) in cursor.fetchall()]
    last = groups[-1][1]
    for row in rows[: -len(last)]:
        _inserted(row, row.pk)
    for row, key in zip(last, keys, strict=True):
        _inserted(row, key)


def insert_unless(row: Model, *columns: str) -> bool:
    """Insert an unsaved row unless there is one with the same values in ``columns``, which a constraint keeps unique.

    Return whether it was inserted. One statement, so that two calls at once insert one row.
    """
    fields, database = _fields(type(row), False), connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(_value(row, field), database) for field in fields]
    with prepared_cursor() as cursor:
        cursor.execute(_insert_unless_sql(type(row), columns), values)
        found = cursor.fetchone()
    if found is None:
        return False
    _inserted(row, found[0])
    return True


def update(row: Model, *columns: str) -> bool:
    """Write these columns of a row, by default all. Return whether the database has the row. One statement."""
    fields, database = _chosen(type(row), columns), connections[DEFAULT_DB_ALIAS]
    values = [field.get_db_prep_save(field.pre_save(row, False), database) for field in fields]
    with prepared_cursor() as cursor:
        cursor.execute(_update_sql(type(row), columns), [*values, row.pk])
        return cursor.rowcount > 0


def _inserted(row: Model, key: object) -> None:
    row.pk = key
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _value(row: Model, field: Field) -> object:
    """Return the value of a column. A foreign key whose row had no primary key when it was set takes it now."""
    if field.is_relation and getattr(row, field.attname) is None:
        related = getattr(row, field.name, None)
        if related is not None:
            setattr(row, field.name, related)
    return field.pre_save(row, True)


@lru_cache(maxsize=512)
def _fields(model: type[Model], with_key: bool) -> list[Field]:
    return [
        field
        for field in model._meta.concrete_fields
        if not field.generated and (with_key or not field.primary_key)
    ]


def _chosen(model: type[Model], columns: tuple[str, ...]) -> list[Field]:
    return [field for field in _fields(model, False) if not columns or field.name in columns]


@lru_cache(maxsize=256)
def _keys_sql(count: int) -> str:
    return "SELECT " + ", ".join(["nextval(pg_get_serial_sequence(%s, %s))"] * count)


@lru_cache(maxsize=512)
def _insert_sql(shape: tuple[tuple[type[Model], int, bool], ...]) -> str:
    """Return an INSERT for each model: the last one is the statement, which returns its keys; the others are its WITH clauses."""
    *first, last = [_one_insert(*part) for part in shape]
    clauses = ", ".join(f"insert_{number} AS ({sql})" for number, sql in enumerate(first))
    return f"{f'WITH {clauses} ' if first else ''}{last} RETURNING {_quoted(shape[-1][0]._meta.pk)}"


@lru_cache(maxsize=64)
def _insert_unless_sql(model: type[Model], columns: tuple[str, ...]) -> str:
    once = ", ".join(_quoted(model._meta.get_field(name)) for name in columns)
    return (
        f"{_one_insert(model, 1, False)} ON CONFLICT ({once}) DO NOTHING RETURNING {_quoted(model._meta.pk)}"
    )


@lru_cache(maxsize=64)
def _update_sql(model: type[Model], columns: tuple[str, ...]) -> str:
    values = ", ".join(f"{_quoted(field)} = %s" for field in _chosen(model, columns))
    table, key = connections[DEFAULT_DB_ALIAS].ops.quote_name(model._meta.db_table), _quoted(model._meta.pk)
    return f"UPDATE {table} SET {values} WHERE {key} = %s"  # noqa: S608


def _one_insert(model: type[Model], count: int, with_key: bool) -> str:
    """Return the INSERT of ``count`` rows. Names are those of the model's columns, values are bound."""
    fields = _fields(model, with_key)
    marks = f"({', '.join(['%s'] * len(fields))})"
    table = connections[DEFAULT_DB_ALIAS].ops.quote_name(model._meta.db_table)
    return f"INSERT INTO {table} ({', '.join(map(_quoted, fields))}) VALUES {', '.join([marks] * count)}"  # noqa: S608


def _quoted(field) -> str:
    return connections[DEFAULT_DB_ALIAS].ops.quote_name(str(field.column))
