"""What a column knows about a person, and what becomes of it when the person goes.

Each model says it beside its columns, in a nested ``class Personal``::

    class Ticket(models.Model):
        class Personal:
            subject = {"beneficiary": CONTACT}
            columns = {
                "holder_last_name": Erase(until=Until("session__ends_at", days=1)),
                "code": Keep(BOOKS),
                **not_personal("a state of the ticket", "state", "used_at"),
            }

``subject`` maps a path of field names, from this model to a person, to the kind of person it
reaches; ``"pk"`` means that the row itself is the person. ``columns`` says one word for each column.
Primary keys, booleans and keys to models that are no person need no word. ``manage.py check``
(see ``privacy.checks``) fails for a column that says nothing. This module imports nothing of the
project, so that every room can speak it; ``privacy`` reads it.
"""

from dataclasses import dataclass

# Kinds of person a path may reach.
CONTACT = "contact"  # contacts.Contact
USER = "user"  # the log-in
SUBJECT_UUID = "subject_uuid"  # a column that holds Contact.subject_uuid, in rooms below contacts


@dataclass(frozen=True)
class Basis:
    """Why something may stay although the person asked to be forgotten."""

    code: str
    reason: str


BOOKS = Basis("books", "Commercial books and vouchers are kept for ten years after the business year.")
CLAIM = Basis("claim", "An open claim needs it until it is settled.")
CONTRACT = Basis("contract", "A ticket not yet used needs it until the event is over.")
SECURITY = Basis("security", "Guards the accounts of everybody; expires by itself.")
AUTHORSHIP = Basis("authorship", "Says which member of staff did something.")


@dataclass(frozen=True)
class Until:
    """A wait: ``days`` days after the instant found at ``path`` (field names from the row)."""

    path: str
    days: int


@dataclass(frozen=True)
class Erase:
    """Null where the column allows it, else empty. With ``until``: not before that instant."""

    until: Until | None = None


@dataclass(frozen=True)
class Replace:
    """A constant where the schema forbids an empty value; never derived from the old value."""

    constant: object
    until: Until | None = None


@dataclass(frozen=True)
class Unlink:
    """Set the key to the person to null; the row stays, and no longer says whose it is."""


@dataclass(frozen=True)
class DeleteRow:
    """The whole row goes."""

    until: Until | None = None


@dataclass(frozen=True)
class DeleteFile:
    """The file goes from the storage, then its name from the row."""


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


WORDS = (Erase, Replace, Unlink, DeleteRow, DeleteFile, Json, Restrict, Keep, NotPersonal)


def not_personal(reason: str, *columns: str) -> dict[str, NotPersonal]:
    """Several columns that tell nothing about a person for one and the same reason."""
    return {column: NotPersonal(reason) for column in columns}


def keep(basis: Basis, *columns: str) -> dict[str, Keep]:
    """Several columns that stay for one and the same basis."""
    return {column: Keep(basis) for column in columns}


def erase(*columns: str, until: Until | None = None) -> dict[str, Erase]:
    """Several columns that are emptied."""
    return {column: Erase(until) for column in columns}
