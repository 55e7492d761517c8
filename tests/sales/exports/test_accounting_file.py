"""The file of the export for the accounting, as the job writes it."""

import csv

import pytest
from django.utils import timezone

from tests.factories.organisers import make_staff
from tests.sales.exports.test_accounting import make_books
from ticketshop.exports import writing
from ticketshop.exports.models import Job


@pytest.mark.django_db(transaction=True)
def test_file_is_written():
    pos = make_books()
    today = timezone.localdate(timezone=pos.organiser.zone).isoformat()
    job = Job.objects.create(
        organiser=pos.organiser, kind="accounting", format="csv", parameters={"since": today, "until": today},
        created_by=make_staff(pos.organiser, "accounting"), created_at=timezone.now(),
    )  # fmt: skip
    writing.run(job.pk)
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    with job.file.open("r") as file:
        keys, _labels, *rows = csv.reader(file)
    assert keys[:4] == ["day", "entry", "number", "order"]
    assert len(rows) == job.rows_done > 5
