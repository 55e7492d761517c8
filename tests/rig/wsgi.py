"""The shop's application with a hook: while the file ``hold-answers`` exists, the response to an order is held back.

At that point the order is committed, so a test can kill the web server there. A file ``answer-held`` exists while it waits.
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
