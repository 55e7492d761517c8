"""Every job has a worker, and only a database that is away makes it wait."""

import psycopg
from procrastinate.contrib.django import app
from procrastinate.exceptions import ConnectorException

from ticketshop import worker


def test_every_queue_has_slots_and_mails_have_their_own():
    names = [name for names, slots in worker.queues() for name in names if slots]
    assert sorted(names) == sorted({task.queue for task in app.tasks.values()})
    assert (["mail"], 2) in worker.queues()
    assert app.tasks["mail.send"].queue == "mail"


def test_only_a_lost_connection_means_that_the_database_is_away():
    def connector_error(cause: Exception) -> ConnectorException:
        error = ConnectorException()
        error.__cause__ = cause
        return error

    assert worker.database_is_away(connector_error(psycopg.OperationalError("connection refused")))
    assert worker.database_is_away(psycopg.errors.AdminShutdown())
    assert not worker.database_is_away(connector_error(psycopg.errors.UndefinedTable()))
    assert not worker.database_is_away(psycopg.errors.QueryCanceled())
