"""Sends events to the shop, signed as Stripe signs them, again and again until the shop has taken them."""

import contextlib
import hashlib
import heapq
import hmac
import http.client
import itertools
import json
import threading
import time
from urllib.parse import urlsplit

from .objects import Object

# Seconds until an event that the shop has not taken is sent again.
AGAIN_AFTER = (1, 2, 5, 10, 30, 60, 300, 1800, 3600, 21600, 43200, 86400)
TIMEOUT = 20


def signature(body: bytes, secret: str, at: float | None = None) -> str:
    """Return the header ``Stripe-Signature`` of a webhook that is sent now, or at another time."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest}"


def body_of(event: Object) -> bytes:
    """Return the body of the webhook about an event."""
    return json.dumps(event, indent=2).encode()


class Sender:
    """A thread that sends the events of an account to one URL."""

    def __init__(self, url: str, secret: str, headers: dict[str, str]):
        self.url, self.secret, self.headers = url, secret, headers
        self._queue: list[tuple[float, int, int, Object]] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._ended = False
        threading.Thread(target=self._run, daemon=True).start()

    def send(self, event: Object, delay: float = 0, attempt: int = 0) -> None:
        """Send an event after ``delay`` seconds."""
        with self._changed:
            heapq.heappush(self._queue, (time.monotonic() + delay, next(self._numbers), attempt, event))
            self._changed.notify()

    def end(self) -> None:
        """Stop sending."""
        with self._changed:
            self._ended = True
            self._changed.notify()

    def _run(self) -> None:
        while (due := self._next()) is not None:
            attempt, event = due
            if self._taken(event):
                event["pending_webhooks"] = 0
            elif attempt < len(AGAIN_AFTER):
                self.send(event, AGAIN_AFTER[attempt], attempt + 1)

    def _next(self) -> tuple[int, Object] | None:
        with self._changed:
            while not self._ended:
                if self._queue and self._queue[0][0] <= time.monotonic():
                    _due, _number, attempt, event = heapq.heappop(self._queue)
                    return attempt, event
                self._changed.wait(self._queue[0][0] - time.monotonic() if self._queue else None)
        return None

    def _taken(self, event: Object) -> bool:
        parts, body = urlsplit(self.url), body_of(event)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature(body, self.secret)}
        headers |= self.headers
        with contextlib.closing(connection):
            try:
                connection.request("POST", parts.path, body, headers)
                return connection.getresponse().status == http.HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False
