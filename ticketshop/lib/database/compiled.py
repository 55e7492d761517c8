"""Queries of frequent pages, whose SQL is generated once per process instead of at each call.

Turning a queryset into SQL costs several times what PostgreSQL needs to answer it: a millisecond for a row with
its related rows. Where the SQL is always the same, it is generated at the first call:

    _BY_SLUG = Compiled(lambda: PointOfSale.objects.filter(slug=Parameter("slug")).select_related("organiser"))

    shop = _BY_SLUG.first(slug="theatre")

Without it a purchase costs half as much CPU time again in the web process (decision 0031). PostgreSQL plans such a statement
once per connection, see ``prepared_cursor`` in ``base``.

The compiler's ``klass_info``, ``annotation_col_map``, ``RelatedPopulator`` and ``ModelState`` are not documented by Django; ``tests/lib/database/test_compiled.py``
compares the rows with those of the queryset.

Results are not cached: every call queries the database. ``MadeOfRows`` keeps what was made of the rows while these are the same.
Not for querysets that depend on the active language, such as an order by a translated column.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sized
from threading import Lock
from typing import Any, Generic, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model, QuerySet, Value
from django.db.models.base import ModelState
from django.db.models.query import ModelIterable, RelatedPopulator
from django.db.transaction import TransactionManagementError

from .prepared import prepared_cursor

Row = TypeVar("Row")
Made = TypeVar("Made")


class Parameter(Value):
    """A placeholder in the queryset for a keyword argument of each call."""

    def as_sql(self, compiler, connection):
        return "%s", [self]


class AnyOf(Parameter):
    """A placeholder for a list: ``filter(pk=AnyOf("ids"))``. For thousands of ids take ``array_of``."""

    def as_sql(self, compiler, connection):
        return "ANY(%s)", [self]


def array_of(ids: Iterable[int]) -> str:
    """Return ids as PostgreSQL writes an array. Psycopg converts each number of a list by itself, which takes ten times as long."""
    return f"{{{','.join(map(str, ids))}}}"


class Compiled(Generic[Row]):
    """A query with placeholders. ``make_queryset`` is called once; the rows are instances, as from the queryset."""

    def __init__(self, make_queryset: Callable[[], QuerySet[Any, Row]]):
        self._make_queryset = make_queryset
        self._query: _Query | None = None

    def generated(self) -> "Compiled[Row]":
        """Generate the SQL now, and return the query. For a queryset that was made before: Django changes it while it generates SQL,
        so two threads that did that at their first calls would disturb each other.
        """
        self._ready()
        return self

    def all(self, **values: Any) -> list[Row]:
        """Return all rows as instances. ``values``: one for each placeholder."""
        return self.instances(self.tuples(**values))

    def tuples(self, **values: Any) -> list:
        """Return all rows as tuples of columns, to be compared with earlier ones and made into ``instances``."""
        return self._ready().fetch(values)

    def instances(self, rows: Iterable) -> list[Row]:
        """Return the instances of rows from ``tuples``."""
        query = self._ready()
        return [query.instance(row) for row in rows]

    def first(self, **values: Any) -> Row | None:
        """Return the first row or None. A queryset with several rows must have an order."""
        query = self._ready()
        return next((query.instance(row) for row in query.fetch(values)), None)

    def rows(self, **values: Any) -> list[tuple]:
        """Return the tuples of a ``values_list``; not for models with translated columns."""
        return [tuple(row) for row in self._ready().fetch(values)]

    def _ready(self) -> "_Query":
        if self._query is None:
            self._query = _Query(self._make_queryset())
        return self._query


class _Query:
    """The SQL of a queryset, and the steps by which its rows become instances. Django computes both for each query."""

    def __init__(self, queryset: QuerySet):
        self.locks = queryset.query.select_for_update
        compiler = queryset.query.get_compiler(connection=connection)
        try:
            self.sql, self.params = compiler.as_sql()
        except EmptyResultSet:
            # No row can match, as with ``pk__in=[]``: nothing is asked, as with the queryset.
            self.sql = ""
            return
        columns = [column for column, _sql, _alias in compiler.select]
        self.converters = list(compiler.get_converters(columns).items())
        if queryset._iterable_class is ModelIterable:
            info = compiler.klass_info
            fields = info["select_fields"]
            self.model = info["model"]
            self.own = slice(fields[0], fields[-1] + 1)
            self.names = [column.target.attname for column in columns[self.own]]
            self.annotations = list(compiler.annotation_col_map.items())
            self.related = _related_rows(info, compiler.select)

    def fetch(self, values: dict[str, Any]) -> list:
        """Run the query and return its rows with converted values."""
        if not self.sql:
            return []
        # Django checks this when it generates the SQL, which is done once.
        if self.locks and connections[DEFAULT_DB_ALIAS].get_autocommit():
            raise TransactionManagementError("select_for_update cannot be used outside of a transaction.")
        params = [values[param.value] if isinstance(param, Parameter) else param for param in self.params]
        with prepared_cursor() as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall()
        if not self.converters:
            return rows
        return [self._converted(list(row)) for row in rows]

    def _converted(self, row: list) -> list:
        database = connections[DEFAULT_DB_ALIAS]
        for index, (converters, expression) in self.converters:
            value = row[index]
            for convert in converters:
                value = convert(value, expression, database)
            row[index] = value
        return row

    def instance(self, row) -> Any:
        """Return the model instance of a row, with its related instances."""
        instance = _made(self.model, self.names, row[self.own])
        for related in self.related:
            related.populate(row, instance)
        for name, index in self.annotations:
            setattr(instance, name, row[index])
        return instance


class _RelatedRow(RelatedPopulator):
    """As Django's, but the instances are ``_made``."""

    def __init__(self, info: dict, select: Any):
        super().__init__(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
        self.related_populators = _related_rows(info, select)

    def populate(self, row: Any, from_obj: Model) -> None:
        columns = (
            self.reorder_for_init(row) if self.reorder_for_init else row[self.cols_start : self.cols_end]
        )
        if columns[self.pk_idx] is None:
            self.local_setter(from_obj, None)
            return
        instance = _made(self.model_cls, self.init_list, columns)
        for related in self.related_populators:
            related.populate(row, instance)
        self.local_setter(from_obj, instance)
        self.remote_setter(instance, from_obj)


def _related_rows(info: dict, select: Any) -> list[RelatedPopulator]:
    return [_RelatedRow(related, select) for related in info.get("related_klass_infos", [])]


def _made(model: type[Model], names: Iterable[str], columns: Iterable) -> Any:
    """Return the instance of a row, made as Django makes one from a pickle: its attributes are stored without ``__init__``.

    That takes a fifth of the time of ``from_db``, which assigns each column by itself, calls what django-modeltranslation
    adds to ``__init__``, and sends two signals. No model may rely on these; a test looks for one that does.
    """
    instance = model.__new__(model)
    state = ModelState()
    state.adding, state.db = False, DEFAULT_DB_ALIAS
    attributes = instance.__dict__
    attributes["_state"] = state
    attributes.update(zip(names, columns, strict=True))
    return instance


class MadeOfRows(Generic[Made]):
    """Results that a function makes from the rows of a query, kept while the query returns equal rows. Each web process has its own.

    The rows are read at each request, so nothing shown is older than the request; only making instances of them is saved.
    A query needs an order without ties, else PostgreSQL may return the same rows in another order.
    Requests share what was made: they must not change it, and it must not read from the database later.

    ``most``: the number of rows to keep, of all names together. The oldest result is dropped first, but never the latest.
    """

    def __init__(self, make: Callable[..., Made], most: int):
        self._make, self._most, self._size = make, most, 0
        self._made: OrderedDict[Hashable, tuple[Any, Made]] = OrderedDict()
        self._lock = Lock()

    @property
    def names(self) -> list[Hashable]:
        """Return the names of what is kept, the oldest first."""
        with self._lock:
            return list(self._made)

    def get(self, name: Hashable, rows: Any) -> Made:
        """Return ``make(rows)``, or the earlier result of this name if the rows are equal."""
        with self._lock:
            before = self._made.get(name)
        if before is not None and before[0] == rows:
            return before[1]
        made = self._make(rows)
        with self._lock:
            if (former := self._made.pop(name, None)) is not None:
                self._size -= _number_of(former[0])
            self._made[name] = rows, made
            self._size += _number_of(rows)
            while self._size > self._most and len(self._made) > 1:
                _name, (dropped, _made) = self._made.popitem(last=False)
                self._size -= _number_of(dropped)
        return made

    def clear(self) -> None:
        """Forget everything that was made."""
        with self._lock:
            self._made.clear()
            self._size = 0


def _number_of(rows: Any) -> int:
    """Return the number of rows in a collection, or in a tuple of several."""
    if isinstance(rows, tuple):
        return sum(map(_number_of, rows))
    return len(rows) if isinstance(rows, Sized) else 0
