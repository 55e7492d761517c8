"""Payment by card or TWINT on a page of Stripe (Stripe Checkout).

One payment is one Checkout Session. Stripe gets amount, currency, the titles of the products, the order's reference and the language:
nothing about the buyer, who enters the card on Stripe's page.
"""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.database.compiled import Compiled, Parameter

from ...models import OrderLine
from . import stripe_lists
from .base import (
    DisputeStatus,
    InvalidHook,
    KeysRefused,
    Outcome,
    PageUnknown,
    PaymentPage,
    ProviderUnavailable,
    RedirectMethod,
    Status,
)

# How long an unpaid order keeps its places. Stripe's own page lives at least as long.
PLACES_KEPT = timedelta(minutes=30)
# Stripe's page ends by itself this long after the order's deadline, in case the shop is not there to end it.
PAGE_LONGER = timedelta(hours=1)
SHORTEST_PAGE, LONGEST_PAGE = timedelta(minutes=31), timedelta(hours=23)
# The least that Stripe takes, in francs or euros.
LEAST = Decimal("0.50")
# Currencies whose amounts Stripe does not count in hundredths.
NO_HUNDREDTHS = frozenset(
    "BHD BIF CLP DJF GNF HUF ISK JOD JPY KMF KRW KWD MGA OMR PYG RWF TND TWD UGX VND VUV XAF XOF XPF".split()
)
LANGUAGES = {"en", "fr", "de", "it"}
# Stripe refuses longer titles, and more lines.
LONGEST_TITLE, MOST_LINES = 250, 100
NOT_FOUND = 404
# How often a new idempotency key is tried after Stripe has stored a fault of its own under the first.
MOST_KEYS = 3
ACCOUNT = re.compile(r"[A-Z0-9]{1,30}")
# An id of Stripe, or none.
SUBJECT = re.compile(r"\w{0,255}", re.ASCII)
# Types of objects in webhooks that name the payment intent of a page.
OF_AN_INTENT = {"charge", "refund", "dispute"}
# Types of webhooks which tell that nothing was paid on a page.
WITHOUT_MONEY = {"checkout.session.expired", "checkout.session.async_payment_failed"}
_LINES = Compiled(lambda: OrderLine.objects.filter(order=Parameter("order")).order_by("pk"))
# State of a dispute that is over -> ours; others are open.
_DISPUTES = {"won": "won", "warning_closed": "won", "prevented": "won", "lost": "lost"}
# State of a refund -> outcome; others are asked for again.
_REFUNDED = {"succeeded": Outcome.PAID, "failed": Outcome.FAILED, "canceled": Outcome.FAILED}


class StripeCheckout(RedirectMethod):
    """Payment by card or TWINT through Stripe."""

    code = "stripe"
    label = _("Card or TWINT")
    hint = _("You pay on the page of Stripe, our payment service, and come back here.")
    mail_text = _("Please pay on the page of your order.")
    setting_fields = {"account": (_("Short name of the Stripe account, such as THEATRE"), True)}
    own_settings = ("account",)
    refunds = True
    recipient = "Stripe"
    recipient_gets = _(
        "the amount, the currency, the titles of what you buy, the reference of your order, and your language. You enter your card on the page of Stripe; we never see it, and tell Stripe nothing else about you."
    )

    @classmethod
    def normalised(cls, typed):
        return {**typed, "account": typed["account"].strip().upper()}

    @classmethod
    def problems(cls, typed):
        account = typed["account"]
        if account and not ACCOUNT.fullmatch(account):
            return {"account": _("Letters and digits only, at most 30.")}
        return {}

    @classmethod
    def same_values(cls, name, value):
        """Return the names of accounts with the secret key of this one."""
        keys = {account: keys.get("SECRET_KEY") for account, keys in settings.STRIPE_ACCOUNTS.items()}
        key = keys.get(value)
        return [value, *(other for other in keys if key and other != value and keys[other] == key)]

    # --- keys ---

    @property
    def account(self) -> str:
        """Return the name under which the keys stand in the environment."""
        return str(self.settings.get("account") or "")

    def _keys(self) -> dict[str, str]:
        return settings.STRIPE_ACCOUNTS.get(self.account, {})

    @property
    def _secret_key(self) -> str:
        return self._keys().get("SECRET_KEY", "")

    def _hook_secrets(self) -> list[str]:
        parts = self._keys().get("WEBHOOK_SECRET", "").split(",")
        return [part.strip() for part in parts if part.strip()]

    @property
    def test_mode(self) -> bool:
        return self._secret_key.startswith(("sk_test_", "rk_test_"))

    def faults(self):
        if not self.account:
            return []
        secret, hooks = f"STRIPE_{self.account}_SECRET_KEY", f"STRIPE_{self.account}_WEBHOOK_SECRET"
        sentences = []
        if not self._secret_key:
            sentences.append(
                _("The environment variable %(name)s with Stripe’s secret key is not set.") % {"name": secret}
            )
        elif not self._secret_key.startswith(("sk_test_", "rk_test_", "sk_live_", "rk_live_")):
            sentences.append(
                _("%(name)s is not a secret key of Stripe: it would begin with sk_ or rk_.")
                % {"name": secret}
            )
        elif self.settings.get("refused") == _fingerprint(self._secret_key):
            sentences.append(
                _(
                    "Stripe has refused the key in %(name)s. Set a valid key, restart the shop, and test the connection."
                )
                % {"name": secret}
            )
        if not self._hook_secrets():
            sentences.append(
                _("The environment variable %(name)s with the signing secret of the webhook is not set.")
                % {"name": hooks}
            )
        elif not all(part.startswith("whsec_") for part in self._hook_secrets()):
            sentences.append(
                _("%(name)s is not a signing secret of Stripe: it would begin with whsec_.") % {"name": hooks}
            )
        return sentences

    def takes(self, total, currency):
        return total >= LEAST and currency not in NO_HUNDREDTHS and bool(self.account) and not self.faults()

    def expires_at(self, organiser, first_start, now):
        return now + PLACES_KEPT

    def form_origins(self):
        return [settings.STRIPE_CHECKOUT_ORIGIN]

    def with_answer(self, *, refused):
        kept = {name: value for name, value in self.settings.items() if name != "refused"}
        if not refused or not self._secret_key:
            return kept
        return {**kept, "refused": _fingerprint(self._secret_key)}

    # --- what Stripe is asked ---

    def test_connection(self):
        import stripe  # noqa: PLC0415

        name = self.account
        with self._asking() as client:
            try:
                account = client.v1.accounts.retrieve_current().to_dict()
            except stripe.PermissionError:
                # A restricted key need not be allowed to read the account.
                client.v1.checkout.sessions.list(params={"limit": 1})
            else:
                name = account["settings"]["dashboard"]["display_name"] or name
                if not account["charges_enabled"]:
                    return False, _(
                        "Stripe accepts the key, but does not let the account “%(name)s” take payments yet."
                    ) % {"name": name}
        return True, _("The connection to the Stripe account “%(name)s” works.") % {"name": name}

    def open_page(self, payment, *, return_url, language):
        parameters = _parameters(payment, return_url)
        with self._asking() as client:
            session = _create(client.v1.checkout.sessions.create, payment.provider_key, parameters)
            return PaymentPage(_text(session["id"]), _text(session["url"]))

    def status(self, payment):
        with self._asking() as client:
            return _status_with_disputes(client, _session(client, payment.provider_reference))

    def look_up(self, reference):
        with self._asking() as client:
            session = _session(client, reference)
            return str(session["metadata"].get("order") or ""), _status_with_disputes(client, session)

    def close_page(self, payment):
        import stripe  # noqa: PLC0415

        with self._asking() as client:
            # Refused if it has been paid or has ended before: the status tells.
            with contextlib.suppress(stripe.InvalidRequestError):
                client.v1.checkout.sessions.expire(payment.provider_reference)
            return _status_with_disputes(client, _session(client, payment.provider_reference))

    def read_hook(self, headers: Mapping[str, str], body: bytes) -> list[str]:
        from . import stripe_api  # noqa: PLC0415

        stripe_api.check_hook(body, headers.get("Stripe-Signature", ""), self._hook_secrets())
        intent = _subject(body)
        if not intent.startswith("pi_"):
            return [intent] if intent else []
        with self._asking() as client:
            pages = client.v1.checkout.sessions.list(params={"payment_intent": intent, "limit": 1})
            return [_text(page["id"]) for page in pages.to_dict()["data"]]

    def may_be_money(self, body):
        return json.loads(body).get("type") not in WITHOUT_MONEY

    def refund(self, refund):
        with self._asking() as client:
            # Stripe repeats its first answer to a key for a day, and "pending" would stay: look for the refund first.
            intent, made = _refunds(client, refund.payment)
            row = made.get(refund.provider_key) or _pay_back(client, intent, refund)
        return _REFUNDED.get(row["status"], Outcome.PROCESSING) if row else Outcome.FAILED

    def failed_refunds(self, payment):
        with self._asking() as client:
            _intent, made = _refunds(client, payment)
        return {key for key, row in made.items() if _REFUNDED.get(row["status"]) == Outcome.FAILED}

    def list_payments(self, start, end):
        with self._asking(stripe_lists.LIST_SECONDS) as client:
            return stripe_lists.movements(client, start, end)

    def _asking(self, seconds: float | None = None):
        from . import stripe_api  # noqa: PLC0415

        if not self._secret_key:
            raise KeysRefused
        return stripe_api.asking(self._secret_key, seconds)


def _fingerprint(secret: str) -> str:
    """Return a text by which a key is recognised, and which does not reveal it."""
    return hashlib.sha256(f"ticketshop:{secret}".encode()).hexdigest()[:16]


def _hundredths(amount: Decimal) -> int:
    return int(amount * 100)


def _parameters(payment, return_url: str) -> dict[str, Any]:
    """Return what Stripe is told about a payment. The same payment gives the same values, as the idempotency key demands."""
    order = payment.order
    parameters = {
        "mode": "payment",
        "line_items": _line_items(payment),
        "client_reference_id": order.reference,
        "metadata": {"order": order.reference},
        "payment_intent_data": {"metadata": {"order": order.reference}},
        "locale": order.language if order.language in LANGUAGES else "auto",
        "success_url": return_url,
        "cancel_url": return_url,
    }
    if order.expires_at is not None:
        end, now = order.expires_at + PAGE_LONGER, datetime.now(UTC)
        if now + SHORTEST_PAGE <= end <= now + LONGEST_PAGE:
            parameters["expires_at"] = int(end.timestamp())
    return parameters


def _line_items(payment) -> list[dict[str, Any]]:
    """Return the lines of the order; one line if only the rest of its total is asked for."""
    lines = _LINES.all(order=payment.order_id)
    if sum(line.total for line in lines) == payment.amount and len(lines) <= MOST_LINES:
        return [_line_item(payment, _title(line), line.unit_price, line.quantity) for line in lines]
    title = ", ".join(dict.fromkeys(line.title for line in lines))
    return [_line_item(payment, title, payment.amount, 1)]


def _title(line) -> str:
    return f"{line.title} · {line.tariff_name}" if line.tariff_name else line.title


def _line_item(payment, title: str, price: Decimal, quantity: int) -> dict[str, Any]:
    return {
        "quantity": quantity,
        "price_data": {
            "currency": payment.currency.lower(),
            "unit_amount": _hundredths(price),
            "product_data": {"name": title[:LONGEST_TITLE]},
        },
    }


def _create(create, key: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Create an object under an idempotency key, or under another one if Stripe will only repeat a fault under the first."""
    import stripe  # noqa: PLC0415

    from . import stripe_api  # noqa: PLC0415

    for number in range(MOST_KEYS):
        options = {"idempotency_key": f"{key}:again{number}" if number else key}
        try:
            return create(params=parameters, options=options).to_dict()
        except stripe.StripeError as error:
            if not stripe_api.is_stored(error):
                raise
    raise ProviderUnavailable


def _refunds(client, payment) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the payment intent of a payment, and its refunds by key. What was paid back by hand at Stripe has none."""
    session = client.v1.checkout.sessions.retrieve(payment.provider_reference).to_dict()
    intent = _text(session["payment_intent"])
    rows = client.v1.refunds.list(params={"payment_intent": intent, "limit": 100}).to_dict()["data"]
    return intent, {row["metadata"]["key"]: row for row in rows if (row["metadata"] or {}).get("key")}


def _pay_back(client, intent: str, refund) -> dict[str, Any] | None:
    """Create a refund. Return None if Stripe refuses it for good."""
    import stripe  # noqa: PLC0415

    parameters = {
        "payment_intent": intent,
        "amount": _hundredths(refund.amount),
        "metadata": {"key": refund.provider_key, "order": refund.payment.order.reference},
    }
    try:
        return _create(client.v1.refunds.create, refund.provider_key, parameters)
    except stripe.InvalidRequestError as error:
        if error.code == "balance_insufficient":
            raise
        return None


def _session(client, reference: str) -> dict[str, Any]:
    import stripe  # noqa: PLC0415

    parameters = {"expand": ["payment_intent.latest_charge"]}
    try:
        return client.v1.checkout.sessions.retrieve(reference, params=parameters).to_dict()
    except stripe.InvalidRequestError as error:
        if error.http_status == NOT_FOUND:
            raise PageUnknown from error
        raise


def _status_with_disputes(client, session: dict[str, Any]) -> Status:
    status = _status(session)
    charge = (session["payment_intent"] or {}).get("latest_charge")
    if status.outcome != Outcome.PAID or not charge or not charge["disputed"]:
        return status
    rows = client.v1.disputes.list(params={"payment_intent": session["payment_intent"]["id"], "limit": 100})
    return replace(status, disputes=tuple(_dispute(row) for row in rows.to_dict()["data"]))


def _dispute(row: dict[str, Any]) -> DisputeStatus:
    """Return a dispute, also an early warning of the bank, as the shop knows it."""
    return DisputeStatus(
        _text(row["id"]),
        _DISPUTES.get(row["status"], "open"),
        stripe_lists.from_minor_units(row["amount"], _text(row["currency"])),
        datetime.fromtimestamp(int(row["created"]), UTC),
    )


def _status(session: dict[str, Any]) -> Status:
    """Return the status of a Checkout Session with its payment intent."""
    intent, status = session["payment_intent"], session["status"]
    if status == "expired":
        return Status(Outcome.FAILED)
    if status == "open":
        return Status(Outcome.OPEN, declined=bool(intent and intent["last_payment_error"]))
    if status != "complete" or not intent:
        raise ProviderUnavailable
    if session["payment_status"] == "paid":
        currency = _text(intent["currency"]).upper()
        came = stripe_lists.from_minor_units(intent["amount_received"], currency)
        return Status(Outcome.PAID, came, currency)
    failed = intent["status"] in {"requires_payment_method", "canceled"}
    return Status(Outcome.FAILED if failed else Outcome.PROCESSING)


def _subject(body: bytes) -> str:
    """Return the id of the Checkout Session or payment intent that an event is about; empty for other events. Raise InvalidHook."""
    try:
        row = json.loads(body)["data"]["object"]
        kind, subject = row["object"], ""
        if kind in {"checkout.session", "payment_intent"}:
            subject = row["id"]
        elif kind in OF_AN_INTENT:
            subject = row.get("payment_intent") or ""
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        raise InvalidHook("not an event") from None
    if not isinstance(subject, str) or not SUBJECT.fullmatch(subject):
        raise InvalidHook("not an event")
    return subject


def _text(value: object) -> str:
    """Return a text of an answer. Raise ProviderUnavailable if it is something else."""
    if not isinstance(value, str) or not value:
        raise ProviderUnavailable
    return value
