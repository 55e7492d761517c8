"""Register of the kinds of exports. The package that has the rows registers a kind for each export."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Model

from ticketshop.lib.spreadsheets.formats import Cell

from .models import Job


@dataclass(frozen=True)
class Column:
    """A column of a table. ``key`` identifies it even if its label changes."""

    key: str
    label: str


@dataclass
class Page:
    """Some rows, and the ``Contact.subject_uuid`` of every person in them."""

    rows: list[Sequence[Cell]]
    subjects: set[uuid.UUID] = field(default_factory=set)


@dataclass
class Table:
    """The content of a file: columns, number of rows, and an iterator that reads the rows page by page."""

    columns: list[Column]
    count: int
    pages: Iterator[Page]


class Kind:
    """A kind of export."""

    code: str
    title: str  # a lazy translation
    # All of them are required, to request an export and again to fetch its file.
    permissions: tuple[str, ...]

    def filters(self, job: Job) -> list[tuple[str, str]]:
        """Return the filters of the job for people, as (name, value)."""
        raise NotImplementedError

    def may_be_kept(self, job: Job) -> bool:
        """Return whether the file may be kept: no person in it was erased while it was written.

        Called when the job has its ``subjects``; erasures after that find the job by them.
        """
        return True

    def table(self, job: Job) -> Table:
        """Return the table. Called in the transaction that reads all pages, in the organiser's language and time zone."""
        raise NotImplementedError


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    """Add a kind to the register and return it."""
    KINDS[kind.code] = kind
    return kind


def title(job: Job) -> str:
    """Return the title of what was exported, or its code if that kind no longer exists."""
    kind = KINDS.get(job.kind)
    return str(kind.title) if kind else job.kind


SENSITIVE = "exports.export_sensitive"


def may_fetch(user, job: Job) -> bool:
    """Return whether ``user`` may fetch the file now. Sensitive answers are only for the person who gave the reason."""
    kind = KINDS.get(job.kind)
    if kind is None or (job.sensitive and job.created_by_id != user.pk):
        return False
    return may(user, kind, job, sensitive=job.sensitive)


def may(user, kind: Kind, row: Model, *, sensitive: bool = False) -> bool:
    """Return whether ``user`` may export ``kind`` for the organiser of ``row``."""
    permissions = ("exports.add_job", *kind.permissions, *((SENSITIVE,) if sensitive else ()))
    return all(user.has_perm(permission, row) for permission in permissions)
