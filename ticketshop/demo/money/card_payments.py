"""The card payments of the demo's past as the fake Stripe would have stored them, so that it can be asked about them."""

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from ticketshop.sales.models import Dispute, OrderLine, Payment, Refund

from ..fake_stripe import objects
from ..fake_stripe.account import Account
from ..fake_stripe.objects import Object
from ..payment_service import SECRET_KEY, WEBHOOK_SECRET
from .examples import CARD


def write(path: Path) -> None:
    """Write the file that the fake Stripe reads when it starts, with all payments by card, their refunds and disputes."""
    account = Account(SECRET_KEY, WEBHOOK_SECRET)
    for payment in Payment.objects.filter(method=CARD).select_related("order").order_by("pk"):
        _add(account, payment)
    # Webhooks of the past are not sent again.
    account.events.clear()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({SECRET_KEY: {name: getattr(account, name) for name in Account.STORED}}))


def _add(account: Account, payment: Payment) -> None:
    metadata = {"order": payment.order.reference}
    lines = OrderLine.objects.filter(order=payment.order).order_by("pk")
    session = objects.session(
        {
            "line_items": [_line(line, payment.currency) for line in lines],
            "client_reference_id": payment.order.reference,
            "metadata": metadata,
        },
        "",
    )
    number = session["id"] = payment.provider_reference
    before = set(account.objects)
    account.objects[number], account.intent_metadata[number] = session, metadata
    account.titles[number] = [f"{line.quantity} × {line.title}" for line in lines]
    account.pay(number)
    session["url"] = None
    _created(account, before, payment.confirmed_at)
    for refund in Refund.objects.filter(payment=payment, dispute=None).order_by("pk"):
        _pay_back(account, session, refund)
    for dispute in Dispute.objects.filter(payment=payment).order_by("pk"):
        row = account.dispute(number)
        account.objects[dispute.provider_reference] = account.objects.pop(row["id"])
        row.update(id=dispute.provider_reference, created=_seconds(dispute.opened_at))


def _pay_back(account: Account, session: Object, refund: Refund) -> None:
    before = set(account.objects)
    metadata = {"key": refund.provider_key, "order": refund.payment.order.reference}
    row = account.refund(session["payment_intent"], _hundredths(refund.amount), metadata)
    if refund.state == Refund.State.FAILED:
        account.refund_ends(row["id"], "failed")
    _created(account, before, refund.done_at or refund.requested_at)


def _created(account: Account, before: set[str], instant: datetime | None) -> None:
    """Set the time of the objects that were added to those in ``before``."""
    for number in set(account.objects) - before:
        account.objects[number]["created"] = _seconds(instant)


def _seconds(instant: datetime | None) -> int:
    assert instant is not None, "the payment is confirmed"
    return int(instant.timestamp())


def _line(line: OrderLine, currency: str) -> Object:
    price = {"currency": currency.lower(), "unit_amount": _hundredths(line.unit_price)}
    return {"quantity": line.quantity, "price_data": {**price, "product_data": {"name": line.title}}}


def _hundredths(amount: Decimal) -> int:
    return int(amount * 100)
