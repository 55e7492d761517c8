"""While the database is away no row or mail counts as failed, and the task is tried again."""

from types import SimpleNamespace

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from procrastinate.exceptions import ConnectorException
from psycopg_pool import PoolTimeout

from tests.factories.organisers import OrganiserFactory
from tests.factories.sales import make_order
from ticketshop.jobs.models import Failure
from ticketshop.jobs.rows import JOBS, RowJob
from ticketshop.lib.database.outages import is_away
from ticketshop.mail import mime_messages, tasks
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser


def caused_by(cause: Exception, kind: type[Exception] = ConnectorException) -> Exception:
    error = kind()
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        psycopg.errors.AdminShutdown(),
        PoolTimeout(),
        caused_by(psycopg.OperationalError("connection refused")),
        caused_by(psycopg.InterfaceError("the connection is closed"), OperationalError),
        caused_by(caused_by(psycopg.errors.ConnectionFailure(), OperationalError), ValueError),
    ],
)
def test_lost_connection_counts_as_outage(error):
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        ValueError(),
        psycopg.errors.QueryCanceled(),
        psycopg.errors.LockNotAvailable(),
        caused_by(psycopg.errors.UndefinedTable()),
        caused_by(psycopg.errors.DeadlockDetected(), OperationalError),
    ],
)
def test_failed_statement_does_not_count_as_outage(error):
    assert not is_away(error)


def lose_connection(*_arguments) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


def wait_for_a_lock(*_arguments) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE lock_not_available; END $$")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("act", "failures"), [(wait_for_a_lock, 1), (lose_connection, 0)], ids=["locked", "away"]
)
def test_outage_is_not_stored_as_a_failure_of_the_row(act, failures):
    row = OrganiserFactory()
    job = RowJob("tests.outage", "Test", rows=lambda now: Organiser.objects.all(), act=act)
    try:
        if failures:
            job.do(row, timezone.now())
        else:
            with pytest.raises(OperationalError):
                job.do(row, timezone.now())
    finally:
        del JOBS["tests.outage"]
    connection.close()
    assert Failure.objects.count() == failures


@pytest.mark.django_db(transaction=True)
def test_mail_is_sent_after_any_number_of_outages(monkeypatch, mailoutbox):
    make_order()
    mail = Mail.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr(mime_messages, "build", lose_connection)
        with pytest.raises(OperationalError) as outage:
            tasks.send(mail.pk)
    connection.close()
    for attempts in (0, tasks.MAX_ATTEMPTS):
        job = SimpleNamespace(attempts=attempts)
        decision = tasks.MailRetry().get_retry_decision(exception=outage.value, job=job)
        assert 0 < (decision.retry_at - timezone.now()).total_seconds() < 900
    assert not Failure.objects.exists()
    tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, len(mailoutbox)) == ("sent", 1, 1)
