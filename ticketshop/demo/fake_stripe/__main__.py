"""The process of `make run`: ``python -m ticketshop.demo.fake_stripe SOCKET ORIGIN WEBHOOK_URL STATE_FILE``.

``SOCKET``: the number of an open socket that this process inherits. ``ORIGIN``: the URL at which a browser reaches it.
"""

import signal
import socket
import sys
from pathlib import Path

from ticketshop.demo.payment_service import SECRET_KEY, WEBHOOK_SECRET

from .account import Account
from .server import FakeStripe


def main() -> None:
    """Answer until SIGTERM."""
    number, origin, hook, state = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit(0))
    account = Account(SECRET_KEY, WEBHOOK_SECRET)
    listener = socket.socket(fileno=int(number))
    FakeStripe(
        [account], hooks={SECRET_KEY: hook}, state=Path(state), listener=listener, origin=origin
    ).serve()


main()
