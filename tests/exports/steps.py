"""Shared steps of the tests of exports: answers without a checkout, an export from request to rows."""

import csv
import io
from pathlib import Path

from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.models import FormVersion, Response
from ticketshop.exports import jobs, kinds, writing
from ticketshop.exports.models import Job
from ticketshop.lib.spreadsheets.texts import unguarded
from ticketshop.sales.models import IssuedPass, Order, OrderResponse, Ticket


def answer(
    row: Order | Ticket | IssuedPass, version: FormVersion, answers: dict, path: str = "response"
) -> Response:
    """Give a ticket, pass or order its answers: key -> value as the field's type gives it."""
    order = row if isinstance(row, Order) else row.order
    about = getattr(row, "beneficiary_id", None) or order.buyer_id
    given = responses.NewResponse(version, answers, about)
    (made,) = responses.store([given], organiser=order.organiser, language="en", now=timezone.now())
    if isinstance(row, Order):
        OrderResponse.objects.create(order=row, response=made)
    else:
        setattr(row, path, made)
        row.save(update_fields=[path])
    return made


def ask(
    kind: str, at, source: str, *, file_format: str = "csv", by=None, sensitive=False, reason="", **filters
) -> Job:
    """An export as the page asks for it, at a row (for the customers: the organiser)."""
    organiser = at if source == "customers" else getattr(at, "organiser", None) or at.event.organiser
    return jobs.request(
        kinds.KINDS[kind],
        organiser=organiser,
        parameters={"source": source, "number": at.pk, **filters},
        file_format=file_format,
        by=by,
        now=timezone.now(),
        sensitive=sensitive,
        reason=reason,
    )


def done(job: Job) -> Job:
    """The worker has been there."""
    writing.run(job.pk)
    job.refresh_from_db()
    return job


def file_of(job: Job) -> Path:
    assert job.state == Job.State.DONE, (job.state, job.error)
    return Path(job.file.path)


class Read:
    """A CSV for programs that was written: keys, labels, and rows by key. One for spreadsheets has labels only."""

    def __init__(self, content: bytes):
        spreadsheet = content.startswith(b"\xef\xbb\xbf")
        text = content.decode("utf-8-sig" if spreadsheet else "utf-8")
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=";" if spreadsheet else ","))
        if spreadsheet:
            lines = [[unguarded(cell) for cell in line] for line in lines]
        if spreadsheet:
            self.labels, *self.lines = lines
            self.keys = self.labels
        else:
            self.keys, self.labels, *self.lines = lines
        self.rows = [dict(zip(self.keys, line, strict=True)) for line in self.lines]

    def column(self, key: str) -> list[str]:
        return [row[key] for row in self.rows]


def read(job: Job) -> Read:
    return Read(file_of(job).read_bytes())


def export(kind: str, at, source: str, **values) -> Read:
    """Ask, write, read."""
    return read(done(ask(kind, at, source, **values)))


def fetch(staff, job: Job):
    """Press *Download*: the answer, its file read."""
    page = staff.open(f"/admin/exports/job/{job.pk}/download/")
    form = next(form for form in page.forms if form.method == "post" and form.action == "")
    answer = staff.client.post(page.url, {"csrfmiddlewaretoken": form.values["csrfmiddlewaretoken"]})
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer, body
