"""The shop's application with one hook: while the file ``hold-answers`` exists, the answer to an order waits.

By then the order is committed: the place to kill a web server at. While it waits there is a file ``answer-held``.
"""

import os
import time
from pathlib import Path

from ticketshop.wsgi import application as shop

HOOK = Path(os.environ["VAR_DIR"]) / "hold-answers"
HELD = HOOK.with_name("answer-held")


def application(environ, start_response):
    answer = shop(environ, start_response)
    if is_order(environ) and HOOK.exists():
        HELD.touch()
    while is_order(environ) and HOOK.exists():
        time.sleep(0.01)
    return answer


def is_order(environ) -> bool:
    return environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/review/")
