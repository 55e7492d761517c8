"""Log lines can't be forged, and contain neither secrets of URLs nor values of rows."""

import logging
import re
import sys

import psycopg
import pytest
from django.db import IntegrityError
from django.test import RequestFactory
from django.urls import resolve

from ticketshop.lib.logs import LineFormatter, RouteForPath

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ [A-Z]+ [\w.]+ ")
SECRET = "rPzqOq9nQ3uVfAf0a1b2cQ"


def written(message: str, *args, error: Exception | None = None, **extra) -> str:
    """Return the lines of the log."""
    info = None
    if error is not None:
        try:
            raise error
        except type(error):
            info = sys.exc_info()
    record = logging.LogRecord("django.request", logging.WARNING, __file__, 1, message, args, info)
    record.__dict__.update(extra)
    assert RouteForPath().filter(record)
    return LineFormatter().format(record)


def requested(path: str):
    request = RequestFactory().get(path)
    request.resolver_match = resolve(path)
    return request


def test_log_line_contains_time_level_logger_and_message():
    line = written("503 %s", "OperationalError")
    assert LINE.match(line)
    assert line.endswith(" WARNING django.request 503 OperationalError")


@pytest.mark.parametrize(
    "forged",
    [
        "x\n2026-11-21T12:00:00Z INFO ticketshop.accounts log-in user=1",
        "x\r2026",
        "x\r\n2026",
        "x\u20282026",
        "x\x852026",
        "x\x1b[2K\x1b[1A",
        "x\x00y\x7f\x08",
    ],
)
def test_log_message_is_one_line_for_any_text(forged):
    line = written("Not Found: %s", forged)
    assert len(line.splitlines()) == 1
    assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029]", line)
    assert "x\\x" in line, "and says what was there"


def test_below_an_error_every_line_is_indented():
    text = written(
        "fault", error=ValueError("x\n2026-11-21T12:00:00Z INFO ticketshop.accounts log-in user=1\r\x1b[2K")
    )
    first, *rest = text.split("\n")
    assert LINE.match(first)
    assert len(rest) >= 4
    for line in rest:
        assert line.startswith("    ")
        assert not re.search("[\x00-\x1f\x7f-\x9f]", line)
    assert "log-in user=1" in text


@pytest.mark.parametrize(
    "path",
    [
        f"/theatre/orders/7KQ4-M9XD/{SECRET}/tickets.pdf",
        f"/links/{SECRET}/",
        f"/accounts/password/reset/key/1-{SECRET}/",
        f"/accounts/confirm-email/{SECRET}:1vQ:x/",
    ],
)
def test_an_address_that_is_a_secret_is_named_by_its_route(path):
    line = written("%s: %s", "Not Found", path, request=requested(path))
    assert SECRET not in line
    assert "7KQ4" not in line
    assert resolve(path).route in line


def test_an_address_that_leads_nowhere_is_not_repeated():
    request = RequestFactory().get(f"/theatre/orders/7KQ4-M9XD/{SECRET}/x/")
    request.resolver_match = None
    line = written("%s: %s", "Not Found", request.path, request=request)
    assert line.endswith("Not Found: (no such address)")


def test_a_secret_is_masked_where_there_is_no_request():
    line = written("could not open https://shop.example/theatre/orders/7KQ4-M9XD/%s/", SECRET)
    assert SECRET not in line
    assert "https://shop.example/theatre/orders/7KQ4-M9XD/…/" in line


def test_values_of_a_row_in_database_errors_are_left_out():
    refused = psycopg.errors.UniqueViolation(
        'duplicate key value violates unique constraint "user_email"\n'
        "DETAIL:  Key (email)=(ada@example.org) already exists.\nCONTEXT:  SQL statement of Ada"
    )
    other = psycopg.errors.SyntaxError("syntax error\nLINE 1: SELECT 'Ada Lovelace'\n         ^")
    for error in (refused, IntegrityError(str(refused)), other):
        text = written("fault", error=error)
        assert "Ada" not in text
        assert "ada@" not in text
    assert 'unique constraint "user_email"' in written("fault", error=refused)
