"""A process in the shop's environment that runs pieces of Python, one after the other: starting one for each takes over a second.

Each line of its input is a piece of Python as JSON; it answers with a line ``[whether it succeeded, what it printed]``.
Ends with its input.
"""

import contextlib
import io
import json
import sys
import traceback

import django

django.setup()

from django.db import connection  # noqa: E402


def execute(code: str) -> tuple[bool, str]:
    """Run the code. Return whether it succeeded, and what it has printed, with the traceback if it failed."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, {})
    except (Exception, SystemExit):  # noqa: BLE001 - told to the test
        return False, printed.getvalue() + traceback.format_exc()
    finally:
        # A test may crash the database before the next piece.
        connection.close()
        connection.close_pool()
    return True, printed.getvalue()


def main() -> None:
    answers = sys.stdout
    for line in sys.stdin:
        print(json.dumps(execute(json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
