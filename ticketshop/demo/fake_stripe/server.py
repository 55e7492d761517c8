"""The HTTP server of the fake Stripe, and what tests change about its behaviour."""

import json
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

from . import api, objects, pages
from .account import Account, Refused
from .webhooks import Sender

# Seconds for which the shop gets no answer after the button *Answer late*.
LATE = 20
LONGEST_SILENCE = 30


@dataclass
class Behaviour:
    """Settings of the API's answers. Everything may be changed while the server runs; ``POST /control`` changes it from another process."""

    away: bool = False  # answers 503, and does nothing
    silent: bool = False  # answers nothing
    delay: float = 0.0  # seconds until an answer
    garbage: str = ""  # answers this text instead of what is right
    faults: int = 0  # number of requests with an idempotency key that are answered with a stored 500
    loses: int = 0  # number of requests that are carried out and not answered


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], OSError):  # the shop or a browser has not waited
            super().handle_error(request, client_address)


class FakeStripe:
    """``with FakeStripe([Account(…)]) as stripe:`` listens on this machine until the block ends.

    ``hooks``: URL for the webhooks of each account, by secret key. ``state``: a file that keeps everything for the next start.
    """

    def __init__(
        self,
        accounts: list[Account],
        *,
        hooks: dict[str, str] | None = None,
        state: Path | None = None,
        address: tuple[str, int] = ("127.0.0.1", 0),
        listener: socket.socket | None = None,
        origin: str = "",
    ):
        self.behaviour = Behaviour()
        self.asked: Counter[str] = Counter()  # "POST /v1/refunds" -> number of requests
        # Called at the beginning of each request of the API, before it is answered.
        self.before: Callable[[str, str], None] = lambda verb, path: None
        self.lock = threading.RLock()
        self._state = state
        handler = type("Handler", (_Handler,), {"stripe": self})
        self._server = _Server(address, handler, bind_and_activate=listener is None)
        if listener is not None:
            self._server.socket.close()
            self._server.socket = listener
            self._server.server_address = listener.getsockname()
            self._server.server_port = listener.getsockname()[1]
            self._server.server_activate()
        self.origin = origin or f"http://{address[0]}:{self._server.server_port}"
        self.accounts = {account.secret_key: account for account in accounts}
        self._senders: list[Sender] = []
        self._load()
        for account in accounts:
            account.origin = self.origin
            if url := (hooks or {}).get(account.secret_key):
                self.connect(account, url)

    def connect(self, account: Account, url: str, headers: dict[str, str] | None = None) -> None:
        """Send the webhooks of an account to a URL, with ``headers`` that a proxy would add."""
        sender = Sender(url, account.webhook_secret, headers or {})
        self._senders.append(sender)
        account.send = lambda event: sender.send(event, self._delay(account))
        for event in account.events:
            if event["pending_webhooks"]:
                sender.send(event)

    def _delay(self, account: Account) -> float:
        return max([until - time.time() for until in account.late.values()], default=0.0)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self._server.shutdown()
        self._server.server_close()
        for sender in self._senders:
            sender.end()

    def serve(self) -> None:
        """Listen until the process ends."""
        self._server.serve_forever()

    # --- the file ---

    def _load(self) -> None:
        if self._state is None or not self._state.exists():
            return
        stored = json.loads(self._state.read_text())
        for key, account in self.accounts.items():
            for name in Account.STORED:
                setattr(account, name, stored.get(key, {}).get(name) or getattr(account, name))

    def save(self) -> None:
        """Write the file, if there is one."""
        if self._state is None:
            return
        stored = {
            key: {name: getattr(account, name) for name in Account.STORED}
            for key, account in self.accounts.items()
        }
        new = self._state.with_suffix(".new")
        new.write_text(json.dumps(stored))
        new.replace(self._state)

    def account_of(self, session_id: str) -> Account | None:
        """Return the account that has this session."""
        return next((account for account in self.accounts.values() if session_id in account.objects), None)


class _Handler(BaseHTTPRequestHandler):
    stripe: FakeStripe
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_GET(self):
        self._dispatch("GET")

    def do_POST(self):
        self._dispatch("POST")

    def _dispatch(self, verb: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path, _, query = self.path.partition("?")
        if path.startswith("/v1/"):
            self._api(verb, path, body if verb == "POST" else query)
        elif path == "/control" and verb == "POST":
            self._control(json.loads(body))
        elif path.startswith("/pay/"):
            self._pay(verb, path.removeprefix("/pay/"), body, query)
        elif path == "/" and verb == "GET":
            self._list()
        else:
            self._send(404, b"", "text/plain")

    # --- the API ---

    def _api(self, verb: str, path: str, encoded: str) -> None:
        stripe, behaviour = self.stripe, self.stripe.behaviour
        stripe.asked[f"{verb} {path.replace(self._number(path), '…')}"] += 1
        stripe.before(verb, path)
        if behaviour.silent:
            self._wait(lambda: not behaviour.silent)
        if behaviour.delay:
            time.sleep(behaviour.delay)
        if behaviour.away:
            self._json(503, {}, objects.error("api_error", "The service is away."))
            return
        if behaviour.garbage:
            self._send(200, behaviour.garbage.encode(), "application/json")
            return
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        account = stripe.accounts.get(key)
        if account is None:
            self._json(401, {}, objects.error("invalid_request_error", "Invalid API Key provided"))
            return
        if (until := account.late.get(self._number(path))) is not None:
            self._wait(lambda: time.time() >= until)
        self._answer(account, verb, path, encoded)

    def _answer(self, account: Account, verb: str, path: str, encoded: str) -> None:
        behaviour, key = self.stripe.behaviour, self.headers.get("Idempotency-Key", "")
        with self.stripe.lock:
            if behaviour.faults and verb == "POST" and key not in account.answers:
                behaviour.faults -= 1
                fault = objects.error("api_error", "Something went wrong.")
                account.answers[key] = [f"{verb} {path} {encoded}", 500, fault]
                self._json(500, {}, fault)
                return
            status, headers, body = api.answer(account, verb, path, encoded, key)
            self.stripe.save()
        if behaviour.loses and verb == "POST":
            behaviour.loses -= 1
            self.close_connection = True
            return
        self._json(status, headers, body)

    @staticmethod
    def _number(path: str) -> str:
        """Return the id in a path; a text that is in no path if there is none."""
        return next((part for part in path.split("/") if "_" in part and part != "payment_intents"), "\0")

    def _wait(self, ended: Callable[[], bool]) -> None:
        end = time.monotonic() + LONGEST_SILENCE
        while not ended() and time.monotonic() < end:
            time.sleep(0.02)

    def _control(self, values: dict) -> None:
        for field in fields(Behaviour):
            if field.name in values:
                setattr(self.stripe.behaviour, field.name, values[field.name])
        self._json(200, {}, {})

    # --- the pages ---

    def _pay(self, verb: str, number: str, body: str, query: str) -> None:
        account = self.stripe.account_of(number)
        if account is None:
            self._send(404, b"", "text/plain")
            return
        with self.stripe.lock:
            session = account.session(number)
            if verb == "POST":
                where = self._done(account, session, parse_qs(body).get("do", [""])[0])
                self.stripe.save()
                self._redirect(where)
                return
            titles = account.titles.get(number, [])
        self._send(
            200, pages.to_pay(session, titles, declined="declined" in query), "text/html; charset=utf-8"
        )

    def _done(self, account: Account, session: objects.Object, name: str) -> str:
        """Do what a button says. Return the URL to show next."""
        number = session["id"]
        try:
            if name == "decline":
                account.decline(number)
                return f"/pay/{number}?declined"
            if name in {"confirm", "fail", "dispute", "fail_refund"}:
                getattr(account, name)(number)
                return "/"
            if name in {"won", "lost"}:
                account.close_dispute(number, name)
                return "/"
            if name == "pay_late":
                account.late[number] = time.time() + LATE
                name = "pay"
            if name in {"pay", "pay_later", "pay_twice"}:
                getattr(account, name)(number)
        except Refused:
            return f"/pay/{number}"
        return session["success_url"]

    def _list(self) -> None:
        with self.stripe.lock:
            sessions = [
                (session, _state(account, session))
                for account in self.stripe.accounts.values()
                for session in account.of_kind("checkout.session")
            ]
        language = self.headers.get("Accept-Language", "")[:2]
        self._send(200, pages.payments(sessions[:50], language), "text/html; charset=utf-8")

    # --- answers ---

    def _json(self, status: int, headers: dict[str, str], body: objects.Object) -> None:
        self._send(status, json.dumps(body).encode(), "application/json", headers)

    def _redirect(self, where: str) -> None:
        self._send(303, b"", "text/plain", {"Location": where})

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        try:
            self.send_response(status)
            for name, value in {**(headers or {}), "Content-Type": kind}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the shop has not waited


def _state(account: Account, session: objects.Object) -> str:
    intent = account.objects.get(session["payment_intent"] or "")
    if session["status"] != "complete" or intent is None:
        return session["status"]
    if session["payment_status"] != "paid":
        return "processing" if intent["status"] == "processing" else "failed"
    charge = account.objects[intent["latest_charge"]]
    if charge["disputed"]:
        return "disputed"
    return "refunded" if charge["amount_refunded"] else "paid"
