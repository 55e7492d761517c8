"""Log lines that nobody can forge, and that carry no secret of an address."""

import logging
import re
import time

# Status codes: refusals lie between the two.
HTTP_ERRORS, SERVER_ERRORS = 400, 500
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The secret of an order or of a mailed link, in a line that some library wrote.
_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{20,}(?=/|$|[\s?#])")
# What PostgreSQL adds to a refusal repeats the values of the row.
_VALUES = re.compile(r"^(DETAIL|LINE \d+)\b.*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class RouteForPath(logging.Filter):
    """Names the route instead of the address a request asked for: addresses of orders and mailed links are secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        path = getattr(getattr(record, "request", None), "path", None)
        if path is not None and isinstance(record.args, tuple):
            match = record.request.resolver_match  # type: ignore[attr-defined]
            route = f"/{match.route}" if match else "(no such address)"
            record.args = tuple(route if value == path else value for value in record.args)
        return True


class NoTracebackOfRefusals(logging.Filter):
    """A page that refuses somebody (4xx) is no fault: one line says so, without where in the program it was refused."""

    def filter(self, record: logging.LogRecord) -> bool:
        if HTTP_ERRORS <= getattr(record, "status_code", 0) < SERVER_ERRORS:
            record.exc_info, record.exc_text = None, None
        return True


class LineFormatter(logging.Formatter):
    """UTC time, level, logger, message; below an error, indented, where it happened.

    Control characters are shown as escapes, so that a line that begins with a time is one of ours.
    """

    converter = time.gmtime  # type: ignore[assignment]  # the stubs know local time only

    def __init__(self):
        super().__init__("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record):
        record.message = _SECRET.sub("…", _escaped(record.message))
        return super().formatMessage(record)

    def formatException(self, ei):
        text = _VALUES.sub(r"\1 …", super().formatException(ei))
        return "\n".join(f"    {_SECRET.sub('…', _escaped(line))}" for line in text.split("\n"))
