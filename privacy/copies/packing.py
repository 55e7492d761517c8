"""The copy of one's own data as a ZIP: JSON for machines, a page per area for people, and uploaded files."""

import io
import zipfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath

from django.template.loader import render_to_string

from ticketshop.organisers.models import Organiser

from . import copying
from .copying import Chapter, Record


@dataclass(frozen=True)
class Part:
    """The data of one person. ``name`` is empty for the reader; ``folder`` is that of the pages in the ZIP."""

    name: str
    folder: str
    chapters: list[Chapter]


def parts(chapters: list[Chapter], others: list[tuple[str, list[Chapter]]]) -> list[Part]:
    """Return the part of the reader, and of the people they act for; ``others``: (name, chapters)."""
    numbered = enumerate(others, start=1)
    return [Part("", "", chapters), *(Part(name, f"people/{n}/", theirs) for n, (name, theirs) in numbered)]


def pack(
    chapters: list[Chapter],
    *,
    organiser: Organiser,
    now: datetime,
    others: list[tuple[str, list[Chapter]]] | None = None,
) -> bytes:
    """Return the ZIP. It is stored nowhere, so an erasure need not find it; ``others``: (name, chapters)."""
    buffer = io.BytesIO()
    people = parts(chapters, others or [])
    context = {"parts": people, "organiser": organiser, "now": now, "elsewhere": copying.not_included()}
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", render_to_string("privacy/copy_index.html", context))
        for part in people:
            for chapter in part.chapters:
                page = {**context, "chapter": chapter, "part": part, "back": "../" * part.folder.count("/")}
                name = f"{part.folder}{chapter.area.code}.html"
                archive.writestr(name, render_to_string("privacy/copy_area.html", page))
        archive.writestr("data.json", copying.as_json(chapters, **_head(organiser, now, people)))
        all_chapters = [chapter for part in people for chapter in part.chapters]
        for number, (storage, name) in enumerate(_files(all_chapters), start=1):
            # A number first, since two files may have the same name.
            archive.writestr(f"files/{number}-{PurePosixPath(name).name}", copying.contents(storage, name))
    return buffer.getvalue()


def _head(organiser: Organiser, now: datetime, parts: list[Part]) -> dict:
    people = [{"name": part.name, "areas": copying.as_data(part.chapters)} for part in parts if part.name]
    head = {"organiser": organiser.name, "made_at": now.isoformat()}
    return {**head, "people": people} if people else head


def _files(chapters: list[Chapter]) -> list[tuple[str, str]]:
    return [file for chapter in chapters for record in chapter.records for file in _of_record(record)]


def _of_record(record: Record) -> list[tuple[str, str]]:
    return [*record.files, *(file for nested in record.inside for file in _of_record(nested))]
