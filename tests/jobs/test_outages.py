"""A database that is away is no fault of the row or mail at hand: nobody is told, and the task comes again."""

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
def test_a_lost_connection_means_that_the_database_is_away(error):
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
def test_a_statement_that_failed_does_not(error):
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
def test_a_row_has_not_failed_when_the_database_went_away(act, failures):
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
def test_a_mail_waits_for_the_database_however_often_and_is_sent(monkeypatch, mailoutbox):
    make_order()
    mail = Mail.objects.get()
    with monkeypatch.context() as patched:
        patched.setattr(mime_messages, "build", lose_connection)
        with pytest.raises(OperationalError) as outage:
            tasks.send(mail.pk)
    connection.close()
    for attempts in (0, tasks.MAX_ATTEMPTS):
        job = SimpleNamespace(attempts=attempts)
        decision = tasks.AtItsTime().get_retry_decision(exception=outage.value, job=job)
        assert 0 < (decision.retry_at - timezone.now()).total_seconds() < 900
    assert not Failure.objects.exists()
    tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, len(mailoutbox)) == ("sent", 1, 1)
