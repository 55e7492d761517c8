"""An account of the fake Stripe: its objects, and what buyers and banks do with them. Every change makes events."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import objects
from .objects import Object


class Refused(Exception):
    """A request that Stripe refuses: HTTP status and body of the answer."""

    def __init__(self, message: str, *, status: int = 400, code: str | None = None, param: str | None = None):
        super().__init__(message)
        self.status = status
        self.body = objects.error("invalid_request_error", message, code, param)


@dataclass
class Account:
    """An account with one secret key, and where its webhooks go."""

    secret_key: str
    webhook_secret: str
    name: str = "Théâtre du Lac"
    charges_enabled: bool = True
    # Called with each new event.
    send: Callable[[Object], None] = lambda event: None
    origin: str = ""
    # Status of new refunds; "refused" refuses them.
    refund_status: str = "succeeded"
    # Id -> object, the oldest first.
    objects: dict[str, Object] = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)
    # Idempotency key -> [request, status, body] of the first answer.
    answers: dict[str, list[Any]] = field(default_factory=dict)
    # Metadata of the payment intent that a session will have: session id -> metadata.
    intent_metadata: dict[str, Object] = field(default_factory=dict)
    # Session id -> the titles on its page.
    titles: dict[str, list[str]] = field(default_factory=dict)
    # Session id -> the number of seconds since 1970 until which requests about it are not answered.
    late: dict[str, float] = field(default_factory=dict)

    STORED = ("objects", "events", "answers", "intent_metadata", "titles")

    # --- reading ---

    def get(self, number: str, prefix: str) -> Object:
        """Return an object. Raise Refused if there is none with this id."""
        if not number.startswith(prefix) or number not in self.objects:
            raise Refused(f"No such object: '{number}'", status=404, code="resource_missing", param="id")
        return self.objects[number]

    def session(self, number: str) -> Object:
        """Return a session, which ends when its time is over."""
        session = self.get(number, "cs_")
        if session["status"] == "open" and session["expires_at"] <= time.time():
            self._end(session)
        return session

    def of_kind(self, kind: str, **values: str) -> list[Object]:
        """Return the objects of a kind with these attributes, the newest first."""
        rows = (row for row in self.objects.values() if row["object"] == kind)
        return [row for row in rows if all(row[name] == value for name, value in values.items())][::-1]

    @property
    def sessions(self) -> list[Object]:
        """Return all sessions, the oldest first."""
        return self.of_kind("checkout.session")[::-1]

    # --- what the shop asks ---

    def open(self, parameters: Object) -> Object:
        """Return a new session."""
        session = self._add(objects.session(parameters, self.origin))
        data = parameters.get("payment_intent_data") or {}
        self.intent_metadata[session["id"]] = dict(data.get("metadata") or {})
        self.titles[session["id"]] = [
            f"{line['quantity']} × {line['price_data']['product_data']['name']}"
            for line in parameters["line_items"]
        ]
        return session

    def expire(self, number: str) -> Object:
        """End an open session. Raise Refused for any other."""
        session = self.session(number)
        if session["status"] != "open":
            raise Refused(f"Only Checkout Sessions with a status of open can be expired, not {number}")
        self._end(session)
        return session

    def refund(self, number: str, amount: int, metadata: Object) -> Object:
        """Pay money back. Raise Refused if that is more than is left."""
        intent = self.get(number, "pi_")
        charge = self.objects.get(intent["latest_charge"] or "")
        if charge is None or self.refund_status == "refused":
            raise Refused("This payment can not be refunded.", code="charge_not_refundable")
        if charge["disputed"]:
            raise Refused("The charge is disputed.", code="charge_disputed")
        if charge["amount_refunded"] + amount > charge["amount"]:
            raise Refused("More than is left of the charge.", code="charge_already_refunded")
        refund = self._add(objects.refund(charge, amount, metadata, self.refund_status))
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._emit("charge.refunded", charge)
        return refund

    # --- what the buyer and the bank do ---

    def pay(self, number: str, amount: int | None = None, currency: str | None = None) -> None:
        """Pay on a page that is open. ``amount`` and ``currency``: other ones than were asked for."""
        session = self._to_pay(number)
        intent = self._intent(session)
        intent["amount"], intent["currency"] = amount or intent["amount"], currency or intent["currency"]
        session["status"], session["payment_status"] = "complete", "paid"
        self._succeed(intent)
        self._emit("checkout.session.completed", session)

    def decline(self, number: str) -> None:
        """Refuse the card. The page stays open for another try."""
        intent = self._intent(self._to_pay(number))
        intent["last_payment_error"] = dict(objects.DECLINED)
        self._emit("payment_intent.payment_failed", intent)

    def pay_later(self, number: str) -> None:
        """Have the buyer do everything; the bank confirms (``confirm``) or refuses (``fail``) later."""
        session = self._to_pay(number)
        intent = self._intent(session)
        intent["status"], session["status"] = "processing", "complete"
        self._emit("payment_intent.processing", intent)
        self._emit("checkout.session.completed", session)

    def confirm(self, number: str) -> None:
        """Confirm a payment of ``pay_later``."""
        session, intent = self._processing(number)
        session["payment_status"] = "paid"
        self._succeed(intent)
        self._emit("checkout.session.async_payment_succeeded", session)

    def fail(self, number: str) -> None:
        """Refuse a payment of ``pay_later``."""
        session, intent = self._processing(number)
        intent["status"], intent["last_payment_error"] = "requires_payment_method", dict(objects.DECLINED)
        self._emit("payment_intent.payment_failed", intent)
        self._emit("checkout.session.async_payment_failed", session)

    def pay_twice(self, number: str) -> Object:
        """Pay the page, and another one of the same order. Return the other session."""
        session = self._to_pay(number)
        other = self._add({**session, "id": objects.new_id("cs_test")})
        other["url"] = f"{self.origin}/pay/{other['id']}"
        self.intent_metadata[other["id"]] = dict(self.intent_metadata[number])
        self.titles[other["id"]] = self.titles[number]
        self.pay(number)
        self.pay(other["id"])
        return other

    def dispute(self, number: str) -> Object:
        """Have the buyer of a paid session dispute the charge with their bank."""
        charge = self._charge(number)
        charge["disputed"] = True
        dispute = self._add(objects.dispute(charge))
        self._emit("charge.dispute.created", dispute)
        return dispute

    def close_dispute(self, number: str, status: str) -> None:
        """End the dispute of a session as ``won`` or ``lost`` for the shop."""
        charge = self._charge(number)
        (dispute, *_earlier) = self.of_kind("dispute", charge=charge["id"])
        dispute["status"] = status
        self._emit("charge.dispute.closed", dispute)

    def refund_ends(self, number: str, status: str) -> None:
        """Have a refund end as ``succeeded`` or ``failed``; also one fail that had succeeded, such as to a card that is closed."""
        refund = self.get(number, "re_")
        refund["status"], refund["pending_reason"] = status, None
        if status == "failed":
            refund["failure_reason"] = "expired_or_canceled_card"
            refund["failure_balance_transaction"] = objects.new_id("txn")
            charge = self.objects[refund["charge"]]
            charge["amount_refunded"] -= refund["amount"]
            charge["refunded"] = False
            self._emit("charge.refund.updated", refund)
            self._emit("refund.failed", refund)
        self._emit("refund.updated", refund)

    def fail_refund(self, number: str) -> None:
        """Have the latest refund of a session fail after it had succeeded."""
        refunds = self.of_kind("refund", charge=self._charge(number)["id"], status="succeeded")
        if not refunds:
            raise Refused("Nothing was paid back.")
        self.refund_ends(refunds[0]["id"], "failed")

    def pay_out(self, amount: int, currency: str = "chf") -> Object:
        """Pay money out to the bank account of the shop, in hundredths."""
        payout = self._add(objects.payout(amount, currency))
        self._emit("payout.created", payout)
        return payout

    # --- inside ---

    def _add(self, row: Object) -> Object:
        self.objects[row["id"]] = row
        return row

    def _emit(self, kind: str, row: Object) -> None:
        event = objects.event(kind, row)
        self.events.append(event)
        self.send(event)

    def _end(self, session: Object) -> None:
        session["status"], session["url"] = "expired", None
        self._emit("checkout.session.expired", session)

    def _to_pay(self, number: str) -> Object:
        session = self.session(number)
        if session["status"] != "open":
            raise Refused("This page is over.")
        return session

    def _processing(self, number: str) -> tuple[Object, Object]:
        session = self.session(number)
        intent = self.objects.get(session["payment_intent"] or "")
        if intent is None or intent["status"] != "processing":
            raise Refused("This payment is not being processed.")
        return session, intent

    def _charge(self, number: str) -> Object:
        intent = self.objects.get(self.session(number)["payment_intent"] or "")
        if intent is None or not intent["latest_charge"]:
            raise Refused("This payment has not succeeded.")
        return self.objects[intent["latest_charge"]]

    def _intent(self, session: Object) -> Object:
        if session["payment_intent"] is None:
            intent = self._add(objects.intent(session, self.intent_metadata[session["id"]]))
            session["payment_intent"] = intent["id"]
            self._emit("payment_intent.created", intent)
        return self.objects[session["payment_intent"]]

    def _succeed(self, intent: Object) -> None:
        intent.update(status="succeeded", amount_received=intent["amount"], last_payment_error=None)
        charge = self._add(objects.charge(intent))
        intent["latest_charge"] = charge["id"]
        self._emit("charge.succeeded", charge)
        self._emit("payment_intent.succeeded", intent)
