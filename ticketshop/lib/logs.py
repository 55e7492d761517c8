"""Log lines that nobody can forge."""

import logging
import re
import time

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LineFormatter(logging.Formatter):
    """UTC time, level, logger, message. Control characters in a message are shown as escapes."""

    converter = time.gmtime  # type: ignore[assignment]  # the stubs know local time only

    def __init__(self):
        super().__init__("%(asctime)sZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record):
        record.message = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", record.message)
        return super().formatMessage(record)
