"""Format log lines: one line per message, without secrets of URLs and without values of rows."""

import logging
import re
import time

# Status codes from 400 to 499 are refusals, from 500 on errors of the server.
HTTP_ERRORS, SERVER_ERRORS = 400, 500
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The secret of an order or a mailed link in a URL, in the log line of a library.
_SECRET = re.compile(r"(?<=/)[A-Za-z0-9_-]{20,}(?=/|$|[\s?#])")
# PostgreSQL's details of an error contain the values of the row.
_VALUES = re.compile(r"^(DETAIL|LINE \d+)\b.*?(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)


def _escaped(text: str) -> str:
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


class RouteForPath(logging.Filter):
    """Replaces the path of a request by its route, since paths of orders and mailed links contain secrets."""

    def filter(self, record: logging.LogRecord) -> bool:
        path = getattr(getattr(record, "request", None), "path", None)
        if path is not None and isinstance(record.args, tuple):
            match = record.request.resolver_match  # type: ignore[attr-defined]
            route = f"/{match.route}" if match else "(no such address)"
            record.args = tuple(route if value == path else value for value in record.args)
        return True


class NoTracebackOfRefusals(logging.Filter):
    """Removes the traceback of refused requests (4xx), which are not errors of the program."""

    def filter(self, record: logging.LogRecord) -> bool:
        if HTTP_ERRORS <= getattr(record, "status_code", 0) < SERVER_ERRORS:
            record.exc_info, record.exc_text = None, None
        return True


class LineFormatter(logging.Formatter):
    """Writes UTC time, level, logger and message, and an indented traceback after an error.

    Control characters are escaped, so that no value can look like a new log line.
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
