"""What can be exported. The room that knows the rows registers a kind for each."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Model

from ticketshop.lib.spreadsheets import Cell

from .models import Job


@dataclass(frozen=True)
class Column:
    """``key`` names it whatever its label says today."""

    key: str
    label: str


@dataclass
class Page:
    """Some rows, and ``Contact.subject_uuid`` of everybody they tell of."""

    rows: list[Sequence[Cell]]
    subjects: set[uuid.UUID] = field(default_factory=set)


@dataclass
class Table:
    """What a job writes: columns, how many rows, and pages of rows that are read when they are asked for."""

    columns: list[Column]
    count: int
    pages: Iterator[Page]


class Kind:
    """Something that can be exported."""

    code: str
    title: str  # a lazy translation
    # All of them are needed, when it is asked for and again when it is fetched.
    permissions: tuple[str, ...]

    def filters(self, job: Job) -> list[tuple[str, str]]:
        """What the job is about, for people: (what, text)."""
        raise NotImplementedError

    def may_be_kept(self, job: Job) -> bool:
        """Whether nobody who is in the file was erased while it was written. Asked once the job names them: whoever is
        erased later finds it by their name."""
        return True

    def table(self, job: Job) -> Table:
        """Called in the transaction all pages are read in, in the organiser's language and time."""
        raise NotImplementedError


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> Kind:
    KINDS[kind.code] = kind
    return kind


def title(job: Job) -> str:
    """The name of what was exported; the bare code for what is no longer exported."""
    kind = KINDS.get(job.kind)
    return str(kind.title) if kind else job.kind


SENSITIVE = "exports.export_sensitive"


def may_fetch(user, job: Job) -> bool:
    """Whether ``user`` may have what this job exports, today; sensitive answers only who gave the reason."""
    kind = KINDS.get(job.kind)
    if kind is None or (job.sensitive and job.created_by_id != user.pk):
        return False
    return may(user, kind, job, sensitive=job.sensitive)


def may(user, kind: Kind, row: Model, *, sensitive: bool = False) -> bool:
    """Whether ``user`` may export ``kind`` of the organiser of ``row``."""
    needed = ("exports.add_job", *kind.permissions, *((SENSITIVE,) if sensitive else ()))
    return all(user.has_perm(permission, row) for permission in needed)
