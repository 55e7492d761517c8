"""The fake Stripe of `make run`: its socket, its process, and the environment variables that make the shop use it."""

import contextlib
import socket
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ticketshop.demo.processes import Process

# The account of the theatre. These keys open nothing: the service runs on this machine and moves no money.
ACCOUNT = "THEATRE"
SECRET_KEY, WEBHOOK_SECRET = "sk_test_of_the_demo", "whsec_of_the_demo"
HOOK = "/hooks/stripe/theatre/"
# Its port is this much above the shop's, if that is free.
PORTS_ABOVE = 10


@dataclass(frozen=True)
class PaymentService:
    """The port of the service, and the URLs at which the shop and a browser reach it."""

    listener: socket.socket
    url: str
    origin: str

    def variables(self) -> dict[str, str]:
        """Return the environment variables of the shop."""
        return {
            "STRIPE_API_BASE": self.url,
            "STRIPE_CHECKOUT_ORIGIN": self.origin,
            f"STRIPE_{ACCOUNT}_SECRET_KEY": SECRET_KEY,
            f"STRIPE_{ACCOUNT}_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }

    def process(self, env: Mapping[str, str], shop_url: str, var: Path) -> Process:
        """Return the process, not yet started. It sends webhooks to ``shop_url`` and keeps its payments in ``var``."""
        number = self.listener.fileno()
        command = [sys.executable, "-m", "ticketshop.demo.fake_stripe", str(number), self.origin]
        command += [shop_url + HOOK, str(state_file(var))]
        return Process("payment service", command, env, keep=[number])


def state_file(var: Path) -> Path:
    """Return the file in which the service keeps its payments."""
    return var / "fake-stripe.json"


def is_wanted(env: Mapping[str, str]) -> bool:
    """Return whether the demo pays with the fake: not with keys of a test account at Stripe itself."""
    return not env.get(f"STRIPE_{ACCOUNT}_SECRET_KEY")


@contextlib.contextmanager
def listening(host: str, reachable_host: str, shop_port: int, base_url: str) -> Iterator[PaymentService]:
    """Open the socket, which this process keeps while the service restarts.

    The port is the same at each start if it is free, because orders contain the URLs of their payment pages.
    """
    with _listener(host, shop_port + PORTS_ABOVE) as listener:
        port = listener.getsockname()[1]
        visitor_host = urlsplit(base_url).hostname or reachable_host
        yield PaymentService(listener, _url(reachable_host, port), _url(visitor_host, port))


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _listener(host: str, port: int) -> socket.socket:
    for wanted in (port, 0):
        with contextlib.suppress(OSError, OverflowError):
            return socket.create_server(
                (host, wanted), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
    raise OSError(f"no port of {host} is free")
