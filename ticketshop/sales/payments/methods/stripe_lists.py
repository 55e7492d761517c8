"""Stripe's lists of payments, refunds, disputes and payouts, to be compared with the shop's rows, and amounts as Stripe counts them.

An account may serve other shops: what has no reference of an order in its metadata is left out.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from .base import Movement

# Currencies that have no smaller unit, or a thousandth, by https://docs.stripe.com/currencies. Others are counted in hundredths.
WITHOUT_DECIMALS = frozenset("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split())
THREE_DECIMALS = frozenset("BHD JOD KWD OMR TND".split())
# Seconds that all requests for the lists of a day may take together.
LIST_SECONDS = 120.0
# A page lives shorter than this, so what is paid was opened at most this long before.
OPENED_BEFORE = timedelta(days=1)
# The most rows that Stripe returns at once.
ROWS = 100


def from_minor_units(amount: int, currency: str) -> Decimal:
    """Return an amount of Stripe in the currency itself: 3550 and "chf" are 35.50, 500 and "jpy" are 500."""
    code = currency.upper()
    places = 0 if code in WITHOUT_DECIMALS else 3 if code in THREE_DECIMALS else 2
    return Decimal(int(amount)).scaleb(-places)


def movements(client, start: datetime, end: datetime) -> list[Movement]:
    """Return what moved from ``start`` until before ``end``. Errors are those of ``stripe_api.asking``."""
    pages = _Pages(client, start, end)
    created = _between(start, end)
    found: list[Movement] = []
    for row in _rows(client.v1.charges, created):
        if row["status"] == "succeeded" and row["metadata"].get("order"):
            found += _movement(Movement.PAYMENT, pages.of(row), row, row["amount_captured"])
    for row in _rows(client.v1.refunds, created):
        if row["status"] == "succeeded":
            found += _movement(Movement.REFUND, pages.of(row), row, row["amount"])
    for row in _rows(client.v1.disputes, created):
        found += _movement(Movement.DISPUTE, pages.of(row), row, row["amount"])
    for row in _rows(client.v1.payouts, created):
        # A negative payout is money that Stripe takes from the bank account.
        if row["status"] not in {"failed", "canceled"} and row["amount"] > 0:
            found += _movement(Movement.PAYOUT, _Page(row["id"]), row, row["amount"])
    return found


@dataclass(frozen=True)
class _Page:
    """The id of a Checkout Session, empty if it is no order's, and the reference of its order."""

    id: str = ""
    order: str = ""


def _movement(kind: str, page: _Page, row: dict[str, Any], amount: int) -> list[Movement]:
    if not page.id:
        return []
    currency = row["currency"].upper()
    return [
        Movement(
            kind,
            page.id,
            from_minor_units(amount, currency),
            currency,
            datetime.fromtimestamp(int(row["created"]), UTC),
            own_reference=row["id"],
            key=(row["metadata"] or {}).get("key") or "",
            order=page.order,
        )
    ]


def _between(start: datetime, end: datetime) -> dict[str, Any]:
    # Stripe's instants are whole seconds.
    return {"created": {"gte": math.ceil(start.timestamp()), "lt": math.ceil(end.timestamp())}}


def _rows(service, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all rows of a list; the SDK asks for page after page."""
    for row in service.list(params={**parameters, "limit": ROWS}).auto_paging_iter():
        yield row.to_dict()


class _Pages:
    """Finds the Checkout Session of a payment intent: most in one list, the others one by one."""

    def __init__(self, client, start: datetime, end: datetime):
        self.client = client
        self.known: dict[str, _Page] = {}  # by payment intent
        paid = {**_between(start - OPENED_BEFORE, end), "status": "complete"}
        for session in _rows(client.v1.checkout.sessions, paid):
            self._keep(session)

    def of(self, row: dict[str, Any]) -> _Page:
        """Return the page on which a charge, a refund or a dispute was paid; an empty one if it was no page of an order."""
        intent = row["payment_intent"] or ""
        if intent and intent not in self.known:
            self.known[intent] = _Page()
            for session in _rows(self.client.v1.checkout.sessions, {"payment_intent": intent}):
                self._keep(session)
        return self.known.get(intent, _Page())

    def _keep(self, session: dict[str, Any]) -> None:
        if session["payment_intent"]:
            order = (session["metadata"] or {}).get("order")
            self.known[session["payment_intent"]] = _Page(session["id"], order) if order else _Page()
