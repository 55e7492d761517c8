"""The shop's application with one hook: while the file ``hold-answers`` exists, the answer to an order waits.

By then the order is committed: the place to kill a web server at.
"""

import os
import time
from pathlib import Path

from ticketshop.wsgi import application as shop

HOOK = Path(os.environ["VAR_DIR"]) / "hold-answers"


def application(environ, start_response):
    answer = shop(environ, start_response)
    while environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"].endswith("/review/") and HOOK.exists():
        time.sleep(0.01)
    return answer
