"""Queries asked at every click, which Django writes once for a process instead of each time.

Turning a queryset into SQL costs several times what PostgreSQL needs to answer it: a millisecond for a row with
its related rows. Where the SQL is always the same, it is written when it is first needed:

    _BY_SLUG = Compiled(lambda: PointOfSale.objects.filter(slug=Parameter("slug")).select_related("organiser"))

    shop = _BY_SLUG.first(slug="theatre")

Nothing of an answer is kept: every call asks the database. What depends on the language, such as an order by a
translated column, does not belong here.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import QuerySet, Value
from django.db.models.query import ModelIterable, RelatedPopulator

Row = TypeVar("Row")


class Parameter(Value):
    """Stands in the queryset for a value that each call brings, under this name."""

    def as_sql(self, compiler, connection):
        return "%s", [self]


class AnyOf(Parameter):
    """``filter(pk=AnyOf("ids"))``: each call brings a list."""

    def as_sql(self, compiler, connection):
        return "ANY(%s)", [self]


class Compiled(Generic[Row]):
    """The queryset that ``write`` makes, with ``Parameter`` where calls differ; rows come as from the queryset."""

    def __init__(self, write: Callable[[], QuerySet[Any, Row]]):
        self._write = write
        self._made: _Made | None = None

    def all(self, **values: Any) -> list[Row]:
        made = self._ready()
        return [made.instance(row) for row in made.fetch(values)]

    def first(self, **values: Any) -> Row | None:
        """The first row, or None. The queryset says itself which one that is, if there may be several."""
        made = self._ready()
        return next((made.instance(row) for row in made.fetch(values)), None)

    def rows(self, **values: Any) -> list[tuple]:
        """Of a ``values_list``, of a model without translated columns: tuples."""
        return [tuple(row) for row in self._ready().fetch(values)]

    def _ready(self) -> "_Made":
        if self._made is None:
            self._made = _Made(self._write())
        return self._made


class _Made:
    """A queryset's SQL, and how its rows become instances: what Django works out anew for each query."""

    def __init__(self, queryset: QuerySet):
        compiler = queryset.query.get_compiler(connection=connection)
        self.sql, self.params = compiler.as_sql()
        columns = [column for column, _sql, _alias in compiler.select]
        self.converters = list(compiler.get_converters(columns).items())
        if queryset._iterable_class is ModelIterable:
            info = compiler.klass_info
            fields = info["select_fields"]
            self.model = info["model"]
            self.own = slice(fields[0], fields[-1] + 1)
            self.names = [column.target.attname for column in columns[self.own]]
            self.related = [
                RelatedPopulator(one, compiler.select, connection.alias)  # type: ignore[call-arg]
                for one in info.get("related_klass_infos", [])
            ]

    def fetch(self, values: dict[str, Any]) -> list:
        params = [values[one.value] if isinstance(one, Parameter) else one for one in self.params]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall()
        if not self.converters:
            return rows
        return [self._converted(list(row)) for row in rows]

    def _converted(self, row: list) -> list:
        for place, (converters, expression) in self.converters:
            value = row[place]
            for convert in converters:
                value = convert(value, expression, connection)
            row[place] = value
        return row

    def instance(self, row) -> Any:
        made = self.model.from_db(connection.alias, self.names, row[self.own])
        for one in self.related:
            one.populate(row, made)
        return made
