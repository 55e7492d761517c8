"""What a column knows about a person, and what becomes of it when the person goes.

Each model says it beside its columns, in a nested ``class Personal``::

    class Ticket(models.Model):
        class Personal:
            subject = {"beneficiary": CONTACT, "order__buyer": Unless("beneficiary", CONTACT)}
            columns = {
                "holder_last_name": Erase(until=Awaited()),
                "code": Keep(BOOKS),
                **not_personal("a state of the ticket", "state", "used_at"),
            }

``subject`` maps a path of field names, from this model to a person, to the kind of person it
reaches; ``"pk"`` means that the row itself is the person. ``columns`` says one word for each column,
and for each many-to-many field of a model that reaches a person. Primary keys, booleans and keys to
models that are no person need no word. ``manage.py check`` (see ``privacy.declarations.checks``) fails for a column
that says nothing. More may be said:

``waits``     what is unfinished and still needs to know the person (``Wait``);
``area``      under which heading people read about these rows (``ticketshop.lib.areas``);
``withheld``  column -> why a copy of one's own data leaves it out, always or unless it is ``About`` them;
``guarded``   column -> path to a contact: somebody who acts for the person is shown it only if they are that contact;
``also``      columns that say nothing of a person, shown in a copy to make its rows readable;
``inside``    names of rows that hang on each row, shown in a copy with it;
``labels``    column -> what people call it, where the column itself has no name for them;
``worded``    column -> path of a function: the code in it -> words;
``texts``     path of a function: row -> {column: its text}, for columns that only the rest of the row explains;
``data``      path of a function: row -> {column: its value}, where the stored one can't be read as data either;
``needs``     paths of keys to rows that ``texts``, ``data`` and ``describes`` read;
``describes`` key to another row -> path of a function: (row, reader) -> what that other row is for;
``since``     path to the day from which the period of a ``Basis`` counts;
``lock``      where verbs that write to the person hold a row: the turn (1, 2 …) in which an erasure holds it first;
              below zero where those verbs hold the row before the person;
``collects``  path of a function: organiser -> what is asked of people in the organiser's own words (``Collected``);
``along``     column -> ((model, column), …): rows that belong to a deleted one by a random name both carry;
``mentions``  path of a module: rows of others that say something of a person, ``rows(contact id)``, and ``forget(contact id)``,
              which takes it out of them; where ``lock`` is below zero these are held before the person, too;
``ends``      what ends rows without anybody asking (``Ends``); rows without it end with the person they are about;
``used``      path to a contact -> paths to when they ordered, came or logged in (``LastUse`` is the latest of all);
``acts``      the one of these paths at which the contact did something themselves.

This module imports nothing of the project, so that every room can speak it; ``privacy`` reads it.
"""

from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Kinds of person a path may reach.
CONTACT = "contact"  # contacts.Contact
USER = "user"  # the log-in
SUBJECT_UUID = "subject_uuid"  # a column that holds Contact.subject_uuid, in rooms below contacts
SUBJECT_UUIDS = "subject_uuids"  # an array of them: everybody who is in a file
ADDRESS = "address"  # a column, or a key of a JSON column, that holds somebody's e-mail address
ADDRESS_HASH = "address_hash"  # a column that holds the keyed hash of somebody's e-mail address
SIGNED_IN = (
    "signed_in"  # the log-in too, but what lets somebody be signed in: gone even where the log-in stays
)


@dataclass(frozen=True)
class Unless:
    """The person at a path, unless the row names somebody else at ``path``: then it is that one's."""

    path: str
    kind: str


@dataclass(frozen=True)
class Ending:
    """The log-in at a path: rows that go with it. Those of ``where`` go even where the log-in stays."""

    where: Q


@dataclass(frozen=True)
class StaysFor:
    """The person at a path, whose erasure leaves the row as it is, for ``basis``: it goes with others, or by itself."""

    kind: str
    basis: "Basis"


@dataclass(frozen=True)
class Basis:
    """Why something may stay although the person asked to be forgotten."""

    code: str
    # In the reader's language: not what tells one basis from another.
    reason: str | Promise = field(compare=False, repr=False)
    # How long that is, as the page *Your data here* says it: nothing is promised there that no job keeps.
    says: str | Promise = field(default="", compare=False, repr=False)
    # Whole years after the end of the year of ``since``; None where something else ends it.
    years: int | None = None

    def end(self, since: date | None) -> date | None:
        """The last day of whole business years after the one ``since`` lies in: it stays until then at least.

        None where something else ends it.
        """
        return date(since.year + self.years, 12, 31) if self.years and since else None


BOOKS = Basis(
    "books",
    _("The law wants commercial books and vouchers kept for ten years after the business year."),
    _(
        "The figures stay in the books without your name, for ten years after the business year at least: the law wants them."
    ),
    years=10,
)
CLAIM = Basis("claim", _("An open payment or refund needs it until it is settled."))
CONTRACT = Basis(
    "contract",
    _("A ticket or season pass not yet used needs it until the event is over, or the time of the pass."),
)
SECURITY = Basis("security", _("It guards everybody’s accounts, and expires by itself."))
SHIELD = Basis(
    "shield", _("It keeps e-mails away from an address that wanted none from somebody, and goes by itself.")
)
AUTHORSHIP = Basis("authorship", _("It says which member of staff did something."))
BASES = {basis.code: basis for basis in (BOOKS, CLAIM, CONTRACT, SECURITY, SHIELD, AUTHORSHIP)}


@dataclass(frozen=True)
class About:
    """In ``withheld``: left out, for ``reason``, unless the person at ``path`` is the one who asks."""

    path: str
    reason: str | Promise


@dataclass(frozen=True)
class Until:
    """``days`` days after the instant or day found at ``path`` (field names from the row)."""

    path: str
    days: int


# The job that erases what has had its time: with the words of the columns, like an erasure somebody asked for.
RETENTION = "privacy.retention"


@dataclass(frozen=True)
class LastUse:
    """In ``Ends.since`` of a contact: the latest of all instants that models name in ``used``."""


@dataclass(frozen=True)
class Ends:
    """Rows end by themselves some days after a day or an instant: the periodic job ``job`` sees to it.

    ``since``: the path to it; of several the first that leads to one; of none the job itself knows when. ``days``: their number, or the path to it (no
    number there: never); ``unit`` of them are meant by each, 365 for a setting in years. ``where``: the rows it is about.
    ``says``: the sentence people read, with ``%(number)d`` for what stands at ``number``, else at ``days``; without it the
    rows follow others that say it. ``marks``: path to a day that tells a reader of another row that something of it is gone.
    ``called``: path to what tells some of the rows from others, for a list of what is due.
    """

    job: str
    since: str | tuple[str, ...] | LastUse
    days: int | str = 0
    unit: int = 1
    where: Q = field(default_factory=Q)
    says: str | Promise = ""
    number: str = ""
    marks: str = ""
    called: str = ""


@dataclass(frozen=True)
class Collected:
    """Something an organiser asks of people: what for, and for how many days after the event; None: as its row."""

    label: str
    purpose: str
    days: int | None
    sensitive: bool


@dataclass(frozen=True)
class Wait:
    """Rows of a model that are unfinished: until they are over they need to know the person at ``person``.

    With ``unasked`` only an erasure that nobody asked for waits for them.

    ``where`` says which rows those are, ``until`` when they are over at the latest: whatever
    they hold then goes by itself. ``holds`` are paths to the rows that wait with them; the person's own
    row always does. A wait for CONTRACT is the person's to give up, others are not. ``what`` says what is
    unfinished, in words of people; ``settled_at`` is the path to the row on whose page staff can end it.
    """

    basis: "Basis"
    person: str
    where: Q
    until: Until
    holds: tuple[str, ...] = ("pk",)
    what: object = ""
    settled_at: str = "pk"
    unasked: bool = False


@dataclass(frozen=True)
class Awaited:
    """Not while a ``Wait`` holds the row at ``path``; ``"pk"`` is the row itself."""

    path: str = "pk"


@dataclass(frozen=True)
class Erase:
    """Null where the column allows it, else empty. With ``until``: not while it is awaited."""

    until: Awaited | None = None


@dataclass(frozen=True)
class Replace:
    """A constant where the schema forbids an empty value; never derived from the old value."""

    constant: object
    until: Awaited | None = None


@dataclass(frozen=True)
class Stamp:
    """The day of the erasure: what was here was removed, and the row says so. A DateTimeField gets the day's beginning."""

    until: Awaited | None = None


@dataclass(frozen=True)
class Settle:
    """A state: what is on its way stops. ``states`` are pairs: an open state, and the one it ends in."""

    states: tuple[tuple[str | int, str | int], ...]
    until: Awaited | None = None


@dataclass(frozen=True)
class Unlink:
    """Set the key to the person to null; the row stays, and no longer says whose it is."""

    until: Awaited | None = None


@dataclass(frozen=True)
class Author:
    """A key to whoever did something: that of staff stays (AUTHORSHIP), that of a person who goes does not."""


@dataclass(frozen=True)
class DeleteRow:
    """The whole row goes."""

    until: Awaited | None = None


@dataclass(frozen=True)
class DeleteFile:
    """The file goes from the storage, then its name from the row. ``storage`` is a name in settings.STORAGES."""

    storage: str = "default"


@dataclass(frozen=True)
class Json:
    """A JSON column: a word for each known key; an unknown key gets ``default``."""

    keys: dict
    default: object = Erase()


@dataclass(frozen=True)
class Restrict:
    """Stays for the eyes of ``role`` only, for ``basis``."""

    basis: Basis
    role: str


@dataclass(frozen=True)
class Keep:
    """Stays as it is, for ``basis``."""

    basis: Basis


@dataclass(frozen=True)
class NotPersonal:
    """Tells nothing about a person; ``reason`` says why, in words a reader can check."""

    reason: str


WORDS = (
    Erase,
    Replace,
    Stamp,
    Settle,
    Unlink,
    Author,
    DeleteRow,
    DeleteFile,
    Json,
    Restrict,
    Keep,
    NotPersonal,
)


def not_personal(reason: str, *columns: str) -> dict[str, NotPersonal]:
    """Several columns that tell nothing about a person for one and the same reason."""
    return {column: NotPersonal(reason) for column in columns}


def keep(basis: Basis, *columns: str) -> dict[str, Keep]:
    """Several columns that stay for one and the same basis."""
    return {column: Keep(basis) for column in columns}


def erase(*columns: str, until: Awaited | None = None) -> dict[str, Erase]:
    """Several columns that are emptied."""
    return {column: Erase(until) for column in columns}
