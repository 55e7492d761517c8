"""The copy of one's own data as a ZIP: JSON for machines, a page per area for people, and uploaded files."""

import io
import zipfile
from datetime import datetime
from pathlib import PurePosixPath

from django.template.loader import render_to_string

from ticketshop.organisers.models import Organiser

from . import copying
from .copying import Chapter, Record


def pack(chapters: list[Chapter], *, organiser: Organiser, now: datetime) -> bytes:
    """Made when it is asked for and kept nowhere: there is no file that could be found, or forgotten."""
    buffer = io.BytesIO()
    context = {
        "chapters": chapters,
        "organiser": organiser,
        "now": now,
        "elsewhere": copying.everybody_else(),
    }
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", render_to_string("privacy/copy_index.html", context))
        for chapter in chapters:
            page = render_to_string("privacy/copy_area.html", {**context, "chapter": chapter})
            archive.writestr(f"{chapter.area.code}.html", page)
        head = {"organiser": organiser.name, "made_at": now.isoformat()}
        archive.writestr("data.json", copying.as_json(chapters, **head))
        for number, (storage, name) in enumerate(_files(chapters), start=1):
            # Our own number first: two files may have the same name.
            archive.writestr(f"files/{number}-{PurePosixPath(name).name}", copying.contents(storage, name))
    return buffer.getvalue()


def _files(chapters: list[Chapter]) -> list[tuple[str, str]]:
    return [file for chapter in chapters for record in chapter.records for file in _of_record(record)]


def _of_record(record: Record) -> list[tuple[str, str]]:
    return [*record.files, *(file for one in record.inside for file in _of_record(one))]
