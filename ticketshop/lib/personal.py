"""The language in which a model declares its personal data: ``class Personal``, strategies and legal bases.

``ticketshop/docs/privacy-declarations.md`` explains all attributes and strategies on one page, with an example.
This module imports nothing else of the project, so that every package can use it. ``privacy`` reads the declarations, and
``manage.py check`` (``privacy.declarations.checks``) refuses a column that none of them mentions.
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

# --- whose row it is: the values of ``subject`` -------------------------------------------------------------------
CONTACT = "contact"  # a path to contacts.Contact
USER = "user"  # a path to the log-in: the row is erased if the log-in is
LOG_IN_SESSION = (
    "signed_in"  # a path to the log-in: the row is always erased, since it keeps a browser signed in
)
SUBJECT_UUID = "subject_uuid"  # a column with Contact.subject_uuid, in packages that may not import contacts
SUBJECT_UUIDS = "subject_uuids"  # an array of such UUIDs: the row is about several people
ADDRESS = "address"  # a column, or a key of a JSON column, with an e-mail address
ADDRESS_HASH = "address_hash"  # a column with the keyed hash of an e-mail address


@dataclass(frozen=True)
class Unless:
    """The person of kind ``kind``, unless the row also names a person at ``path``: then the row is that person's.

    ``also``: a second path. While it is not null the row was another person's too, who may be erased since.
    """

    path: str
    kind: str
    also: str = ""

    @property
    def paths(self) -> list[str]:
        """Return the paths of which one is enough to make the row another person's."""
        return [path for path in (self.path, self.also) if path]


@dataclass(frozen=True)
class LogInRows:
    """As ``USER``; rows that fulfil ``always`` are erased even if the log-in stays."""

    always: Q


@dataclass(frozen=True)
class KeepRow:
    """The row is about a person of kind ``kind``, but their erasure leaves it as it is, on the basis ``basis``."""

    kind: str
    basis: "Basis"


# --- why data may stay --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Basis:
    """A legal basis for keeping data of a person who asked to be erased. ``code`` is stored in records of erasures."""

    code: str
    # Translated texts: two bases are equal in all languages.
    reason: str | Promise = field(compare=False, repr=False)
    # The sentence of the page *Your data here* about the period. A job or a law must keep what it promises.
    promise: str | Promise = field(default="", compare=False, repr=False)
    # Whole years after the end of the year of ``retained_since``; None if the data stay until an event.
    years: int | None = None

    def end(self, since: date | None) -> date | None:
        """Return 31 December of the year until which the data stay at least; None without ``years`` or ``since``."""
        return date(since.year + self.years, 12, 31) if self.years and since else None


BOOKS = Basis(
    "books",
    _("The law wants commercial books and vouchers kept for ten years after the business year."),
    _(
        "The figures stay in the books without your name, for ten years after the business year at least: the law wants them."
    ),
    years=10,
)
OPEN_PAYMENT = Basis("claim", _("An open payment or refund needs it until it is settled."))
CONTRACT = Basis(
    "contract",
    _("A ticket or season pass not yet used needs it until the event is over, or the time of the pass."),
)
SECURITY = Basis("security", _("It guards everybody’s accounts, and expires by itself."))
SUPPRESSION = Basis(
    "shield",
    _(
        "It keeps one person’s e-mails away from an address that does not want them, and is deleted automatically."
    ),
)
ARCHIVE = Basis(
    "archive",
    _(
        "The law wants invoices with the recipient’s name kept unchanged. They are in a locked archive, which only the accounting opens, with a reason that is noted, and are deleted after this day."
    ),
)
AUTHORSHIP = Basis("authorship", _("It says which member of staff did something."))
BASES = {
    basis.code: basis for basis in (BOOKS, ARCHIVE, OPEN_PAYMENT, CONTRACT, SECURITY, SUPPRESSION, AUTHORSHIP)
}


# --- when rows are erased later, or without a request -------------------------------------------------------------
@dataclass(frozen=True)
class Until:
    """``days`` days after the instant or day found at ``path`` (field names from the row)."""

    path: str
    days: int


@dataclass(frozen=True)
class Defer:
    """In ``defers``: rows of the model that fulfil ``where`` are unfinished, and defer the erasure of ``person``.

    They do so until ``until`` at the latest. Columns with ``deferred_with`` stay while a row at one of the paths ``rows``
    is deferred; the person's own row always is. A person may renounce a deferral for CONTRACT, and no other.
    """

    basis: Basis
    person: str
    where: Q
    until: Until
    rows: tuple[str, ...] = ("pk",)
    # What is unfinished, for people, and the path to the row on whose page staff can end it.
    label: object = ""
    settled_at: str = "pk"
    # Defers only an erasure that neither the person nor staff requested.
    unrequested_only: bool = False


# The job that erases rows at the end of their period, by the same strategies as an erasure on request.
RETENTION = "privacy.retention"


@dataclass(frozen=True)
class LastUse:
    """In ``Expiry.since`` of a contact: the latest of all instants that models name in ``last_used``."""


@dataclass(frozen=True)
class Expiry:
    """In ``expiry``: the periodic job ``job`` erases rows that fulfil ``where``, some days after a day or an instant.

    since: path to that day; of several paths the first that is not null; no path: only the job knows the day.
    days: a number, or the path to one (null: never). ``unit`` is the length of each: 365 for a setting in years.
    promise: the sentence people read. ``%(number)d`` in it stands for the organiser's setting ``setting``, else for ``days``.
    note_on: path to a date column of another row, which then tells that something of that row was erased.
    group_by: key by which the list of due rows is divided, such as the question of an answer.
    """

    job: str
    since: str | tuple[str, ...] | LastUse
    days: int | str = 0
    unit: int = 1
    where: Q = field(default_factory=Q)
    promise: str | Promise = ""
    setting: str = ""
    note_on: str = ""
    group_by: str = ""


# --- what a copy of one's own data contains -----------------------------------------------------------------------
@dataclass(frozen=True)
class About:
    """In ``withheld``: the column is left out for ``reason``, unless the reader is the person at ``path``."""

    path: str
    reason: str | Promise


@dataclass(frozen=True)
class CollectedQuestion:
    """A question of an organiser, as the page *Your data here* lists it.

    ``days``: how many days after the event the answers stay; None: as long as the row they belong to.
    """

    label: str
    purpose: str
    days: int | None
    sensitive: bool


# --- strategies: what an erasure does with a column ---------------------------------------------------------------
def can_be_empty(column: models.Field) -> bool:
    """Return whether a column may be null, or contains text or JSON, which may be empty."""
    return column.null or isinstance(column, (models.CharField, models.TextField, models.JSONField))


def empty_value(column: models.Field) -> object:
    """Return None if the column may be null, else an empty JSON object or text."""
    if column.null:
        return None
    return {} if isinstance(column, models.JSONField) else ""


def day_for(column: models.Field, now: datetime) -> date | datetime:
    """Return the day of ``now`` in the active time zone; for a DateTimeField its midnight.

    An exact instant would tell which rows were erased together, and so belonged to one person.
    """
    midnight = localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if isinstance(column, models.DateTimeField) else midnight.date()


class Strategy:
    """Base class: the effect of an erasure on one column of a person's row. By itself none."""

    # Path to a row ("pk": the row itself): the column stays while a ``Defer`` covers that row.
    deferred_with: str | None = None
    # Whether an UPDATE of the row changes the column.
    is_update = False

    def update_value(self, column: models.Field, now: datetime) -> object:
        """Return what an UPDATE sets ``column`` to. Only for strategies with ``is_update``."""
        raise NotImplementedError

    def remaining(self, column: models.Field) -> Q:
        """Return the condition for rows in which ``column`` still has something to erase."""
        return Q(pk__in=[])


class _Empties(Strategy):
    is_update = True

    def update_value(self, column, now):
        if column.null:
            # A bare null: of the column's own type it would be JSON's null, which is a value.
            return Value(None, output_field=models.TextField())
        return Value(empty_value(column), output_field=column)

    def remaining(self, column):
        if column.null:
            return Q(**{f"{column.name}__isnull": False})
        return ~Q(**{column.name: empty_value(column)})


@dataclass(frozen=True)
class Erase(_Empties):
    """Set the column to null, or to an empty value where it may not be null."""

    deferred_with: str | None = None


@dataclass(frozen=True)
class Unlink(_Empties):
    """Set the key to the person to null. The row stays, without a name."""

    deferred_with: str | None = None


@dataclass(frozen=True)
class Replace(Strategy):
    """Write a constant, where the schema forbids an empty value. Never derived from the old value."""

    constant: object
    deferred_with: str | None = None
    is_update = True

    def update_value(self, column, now):
        return Value(self.constant, output_field=column)

    def remaining(self, column):
        return ~Q(**{column.name: self.constant})


@dataclass(frozen=True)
class StampDay(Strategy):
    """Write the day of the erasure (``day_for``), so that the row tells that something was removed from it."""

    deferred_with: str | None = None
    is_update = True

    def update_value(self, column, now):
        return Value(day_for(column, now))


@dataclass(frozen=True)
class CloseState(Strategy):
    """Change a state: ``states`` are pairs of an open state and the state that ends it."""

    states: tuple[tuple[str | int, str | int], ...]
    deferred_with: str | None = None
    is_update = True

    def update_value(self, column, now):
        whens = [When(**{column.name: old}, then=Value(new, output_field=column)) for old, new in self.states]
        return Case(*whens, default=F(column.name), output_field=column)

    def remaining(self, column):
        return Q(**{f"{column.name}__in": [old for old, _new in self.states]})


@dataclass(frozen=True)
class Author(Strategy):
    """A key to the user who did something: null if that user is the erased person; of staff it stays (AUTHORSHIP)."""


@dataclass(frozen=True)
class DeleteRow(Strategy):
    """Delete the whole row."""

    deferred_with: str | None = None


@dataclass(frozen=True)
class DeleteFile(Strategy):
    """Delete the file, and its name in the row. ``storage`` is a name in ``settings.STORAGES``."""

    storage: str = "default"


class _OnlyKeys(Func):
    """A JSON object without all but the named keys."""

    # The column is one of our own models', the keys are parameters.
    SQL = "(SELECT coalesce(jsonb_object_agg(key, value), '{{}}') FROM jsonb_each({column}) WHERE key = ANY(%s))"

    def __init__(self, column: str, keys: list[str]):
        super().__init__(F(column), output_field=models.JSONField())
        self.keys = keys

    def as_sql(self, compiler, connection, **extra):  # type: ignore[override]
        sql, params = compiler.compile(self.source_expressions[0])
        return self.SQL.format(column=sql), (*params, self.keys)


@dataclass(frozen=True)
class Json(Strategy):
    """A JSON column: a strategy for each known key, ``default`` for any other. Keys that do not stay are removed."""

    keys: dict
    default: object = Erase()
    is_update = True

    def update_value(self, column, now):
        return self._kept_keys(column)

    def remaining(self, column):
        return ~Q(**{column.name: self._kept_keys(column)})

    def _kept_keys(self, column: models.Field) -> Func:
        kept = [key for key, inner in self.keys.items() if isinstance(inner, Keep | NotPersonal)]
        return _OnlyKeys(column.name, kept)


@dataclass(frozen=True)
class Restrict(Strategy):
    """Stays, and only ``role`` may see it, on the basis ``basis``. The row is deleted by a rule of ``expiry``."""

    basis: Basis
    role: str


@dataclass(frozen=True)
class Keep(Strategy):
    """Stays as it is, on the basis ``basis``."""

    basis: Basis


@dataclass(frozen=True)
class NotPersonal(Strategy):
    """Contains nothing about a person. ``reason`` tells a reviewer why."""

    reason: str


def not_personal(reason: str, *columns: str) -> dict[str, NotPersonal]:
    """Return ``NotPersonal(reason)`` for each of ``columns``."""
    return {column: NotPersonal(reason) for column in columns}


def keep(basis: Basis, *columns: str) -> dict[str, Keep]:
    """Return ``Keep(basis)`` for each of ``columns``."""
    return {column: Keep(basis) for column in columns}


def erase(*columns: str, deferred_with: str | None = None) -> dict[str, Erase]:
    """Return ``Erase(deferred_with)`` for each of ``columns``."""
    return {column: Erase(deferred_with) for column in columns}
