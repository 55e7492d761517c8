"""A payment method for tests whose buyer pays on a page of a provider, and the provider: a small HTTP server on loopback.

The provider takes an order, shows its page, answers what has become of it, ends it, pays money back, and signs webhooks. A test
tells it what the buyer does (``pay``, ``decline`` …) and can make it silent.
"""

import hashlib
import hmac
import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from ticketshop.sales.payments import methods
from ticketshop.sales.payments.methods.base import (
    PROVIDER_SECONDS,
    InvalidHook,
    Movement,
    Outcome,
    PaymentPage,
    ProviderUnavailable,
    RedirectMethod,
    Status,
)

SECRET = b"only the shop and the provider know it"
OLDEST_HOOK = 300  # seconds


# --- the method: what a file in ``payments/methods`` contains ----------------------------------------------


class Wallet(RedirectMethod):
    """Payment with a wallet on the phone."""

    code = "wallet"
    label = "Wallet"
    hint = "You pay on the page of the wallet and come back here."
    mail_text = "Please pay on the page of your order."
    setting_fields = {"origin": ("Origin of the provider", True)}
    refunds = True

    def expires_at(self, organiser, first_start, now):
        return now + timedelta(minutes=30)

    def form_origins(self):
        return [self.settings["origin"]]

    def open_page(self, payment, *, return_url, language):
        page = self._ask(
            "POST",
            "/pages",
            key=payment.provider_key,
            amount=str(payment.amount),
            currency=payment.currency,
            return_url=return_url,
            language=language,
        )
        return PaymentPage(page["id"], page["url"])

    def status(self, payment):
        return self._status("GET", f"/pages/{payment.provider_reference}")

    def close_page(self, payment):
        return self._status("POST", f"/pages/{payment.provider_reference}/close")

    def read_hook(self, headers, body):
        sent_at, _, signature = headers.get("Wallet-Signature", "").partition(":")
        if not sent_at.isdecimal() or time.time() - int(sent_at) > OLDEST_HOOK:
            raise InvalidHook("too old")
        if not hmac.compare_digest(signature, sign(sent_at, body)):
            raise InvalidHook("signature")
        return json.loads(body)["pages"]

    def refund(self, refund):
        answer = self._ask(
            "POST",
            f"/pages/{refund.payment.provider_reference}/refunds",
            key=refund.provider_key,
            amount=str(refund.amount),
        )
        return Outcome(answer["state"])

    def list_payments(self, start, end):
        rows = self._ask("POST", "/movements", start=start.timestamp(), end=end.timestamp())["movements"]
        return [
            Movement(kind, page, Decimal(amount), currency, datetime.fromtimestamp(at, UTC), key, key)
            for kind, page, amount, currency, at, key in rows
        ]

    def _status(self, verb, path) -> Status:
        page = self._ask(verb, path)
        return Status(Outcome(page["state"]), Decimal(page["paid"]), page["currency"])

    def _ask(self, verb, path, **values) -> dict:
        parts = urlsplit(self.settings["origin"])
        connection = HTTPConnection(parts.hostname, parts.port, timeout=PROVIDER_SECONDS)
        try:
            connection.request(verb, path, json.dumps(values))
            answer = connection.getresponse()
            if answer.status != 200:
                raise ProviderUnavailable
            return json.loads(answer.read())
        except (OSError, HTTPException, ValueError) as error:
            raise ProviderUnavailable from error
        finally:
            connection.close()


def sign(sent_at: str, body: bytes) -> str:
    return hmac.new(SECRET, sent_at.encode() + body, hashlib.sha256).hexdigest()


# --- the provider ----------------------------------------------------------------------------------------------


@dataclass
class ProvidersPage:
    """A page of the provider, with what has been paid on it and what has gone back."""

    id: str
    key: str
    amount: str
    currency: str
    return_url: str
    language: str
    state: str = "open"
    paid: str = "0"
    paid_at: float = 0
    refunds: dict[str, str] = field(default_factory=dict)  # key -> amount
    refunded_at: dict[str, float] = field(default_factory=dict)  # key -> instant


class Provider:
    """``with Provider() as provider``: listens on loopback until the block ends."""

    def __init__(self):
        self.pages: dict[str, ProvidersPage] = {}
        self.asked: Counter[str] = Counter()  # last part of the path -> number of requests
        self.away = False  # answers nothing useful
        self.refund_state = "paid"
        self.unclosable = False
        # Called at the beginning of each request, before it is answered.
        self.before = lambda path: None
        self.lock = threading.Lock()

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"provider": self}))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.server.server_close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    # --- what the buyer does on the page ---

    def page_at(self, url: str) -> ProvidersPage:
        return self.pages[urlsplit(url).path.rpartition("/")[2]]

    @property
    def only_page(self) -> ProvidersPage:
        (page,) = self.pages.values()
        return page

    @property
    def last_page(self) -> ProvidersPage:
        return list(self.pages.values())[-1]

    def pay(self, page: ProvidersPage, amount: str | None = None, currency: str | None = None) -> None:
        page.state, page.paid, page.currency = "paid", amount or page.amount, currency or page.currency
        page.paid_at = time.time()

    def hook(self, *pages: ProvidersPage, sent_at: float | None = None) -> tuple[bytes, dict[str, str]]:
        """Return body and headers of a webhook about these pages."""
        body = json.dumps({"pages": [page.id for page in pages]}).encode()
        stamp = str(int(sent_at or time.time()))
        return body, {"Wallet-Signature": f"{stamp}:{sign(stamp, body)}"}

    # --- what the shop asks ---

    def answer(self, verb: str, path: str, values: dict):
        parts = path.strip("/").split("/")
        self.asked[parts[-1] if len(parts) != 2 else "status"] += 1
        if parts == ["pages"]:
            return self._open(values)
        if parts == ["movements"]:
            return {
                "movements": [row for row in self._movements() if values["start"] <= row[4] < values["end"]]
            }
        page = self.pages[parts[1]]
        if parts[2:] == ["close"] and page.state == "open" and not self.unclosable:
            page.state = "failed"
        if parts[2:] == ["refunds"]:
            if self.refund_state == "paid":
                page.refunds.setdefault(values["key"], values["amount"])
                page.refunded_at.setdefault(values["key"], time.time())
            return {"state": self.refund_state}
        return {"state": page.state, "paid": page.paid, "currency": page.currency}

    def _movements(self):
        for page in self.pages.values():
            if page.paid_at:
                yield "payment", page.id, page.paid, page.currency, page.paid_at, ""
            for key, amount in page.refunds.items():
                yield "refund", page.id, amount, page.currency, page.refunded_at[key], key

    def _open(self, values: dict) -> dict:
        with self.lock:
            page = next((page for page in self.pages.values() if page.key == values["key"]), None)
            if page is None:
                page = ProvidersPage(f"page{len(self.pages) + 1}-{id(self):x}", **values)
                self.pages[page.id] = page
        return {"id": page.id, "url": f"{self.origin}/pay/{page.id}"}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def log_message(self, *args):
        pass

    def _values(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def do_GET(self):
        if self.path.startswith("/pay/"):
            self._send(
                200,
                b'<!doctype html><title>Wallet</title><form method="post"><button>Pay</button></form>',
                "text/html",
            )
        elif self.path.startswith("/pages/"):
            self._api("GET")
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self):
        if self.path.startswith("/pay/"):
            self._values()
            page = self.provider.page_at(self.path)
            self.provider.pay(page)
            self.send_response(303)
            self.send_header("Location", page.return_url)
            self.end_headers()
        else:
            self._api("POST")

    def _api(self, verb: str) -> None:
        body = self._values()
        self.provider.before(self.path)
        if self.provider.away:
            self._send(500, b"", "text/plain")
            return
        answer = self.provider.answer(verb, self.path, json.loads(body or b"{}"))
        self._send(200, json.dumps(answer).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def registered(monkeypatch):
    """Add the method to the list of methods, and start its provider."""
    monkeypatch.setitem(methods.METHODS, Wallet.code, Wallet)
    with Provider() as provider:
        yield provider
