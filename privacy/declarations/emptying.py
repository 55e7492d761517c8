"""What a column holds when it says nothing any more."""

from datetime import date, datetime

from django.db import models
from django.db.models import Case, Expression, F, Func, Value, When
from django.utils.timezone import localtime

from ticketshop.lib.personal import Erase, Json, Keep, NotPersonal, Replace, Settle, Stamp, Unlink

from . import registry


def can_be_empty(column: models.Field) -> bool:
    """Whether a column may be null or holds texts, bytes or JSON, which may be empty."""
    return column.null or isinstance(column, (models.CharField, models.TextField, models.JSONField))


def empty(column: models.Field):
    """Null where the column allows it, else empty."""
    if column.null:
        return None
    return {} if isinstance(column, models.JSONField) else ""


# The column is one of our own models', the keys are bound.
KEPT = "(SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each({column}) WHERE key = ANY(%s))"


class KeepKeys(Func):
    """A JSON object without any but the named keys."""

    def __init__(self, column: str, keys: list[str]):
        super().__init__(F(column), output_field=models.JSONField())
        self.keys = keys

    def as_sql(self, compiler, connection, **extra):
        sql, params = compiler.compile(self.source_expressions[0])
        return KEPT.format(column=sql), (*params, self.keys)


def values(model: type[models.Model], columns: dict, now: datetime) -> dict:
    """What an UPDATE sets, for the words of ``columns``."""
    return {name: value(model._meta.get_field(name), word, now) for name, word in columns.items()}


def value(column: models.Field, word, now) -> Expression | object | None:
    """What an UPDATE sets ``column`` to for ``word``; None leaves it (a key is set to null by ``Value(None)``)."""
    match word:
        case Erase() | Unlink():
            # A bare null: with the column's own type JSON would get its own null, which is a value.
            return (
                Value(None, output_field=models.TextField())
                if column.null
                else Value(empty(column), output_field=column)
            )
        case Replace():
            return Value(word.constant, output_field=column)
        case Stamp():
            return Value(day(column, now))
        case Settle():
            cases = [
                When(**{column.name: old}, then=Value(new, output_field=column)) for old, new in word.states
            ]
            return Case(*cases, default=F(column.name), output_field=column)
        case Json():
            keys = [key for key, inner in word.keys.items() if isinstance(inner, (Keep, NotPersonal))]
            return KeepKeys(column.name, keys)
    return None


def day(column: models.Field, now: datetime) -> date | datetime:
    """The day of ``now``: an exact instant would tell which rows were erased together, and so were one person's."""
    midnight = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if isinstance(column, models.DateTimeField) else midnight.date()


def emptied_columns(model: type[models.Model]) -> dict:
    """Name -> word of the columns an UPDATE empties when nothing waits."""
    said = registry.declaration(model)
    words = {column.name: registry.said_of(said, column) for column in model._meta.concrete_fields}
    return {name: word for name, word in words.items() if word is not None and is_emptied(word)}


def is_emptied(word) -> bool:
    """Whether an UPDATE changes the column for this word."""
    return isinstance(word, Erase | Replace | Stamp | Settle | Unlink | Json)
