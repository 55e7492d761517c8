"""The objects that Stripe answers with, as dictionaries with every attribute that the SDK's types require."""

import secrets
import time
from typing import Any

Object = dict[str, Any]
API_VERSION = "2026-10-28.endive"
# Seconds that a page lives if the shop does not say how long.
DAY = 24 * 3600


def new_id(prefix: str) -> str:
    """Return a random id such as ``pi_3f…``."""
    return f"{prefix}_{secrets.token_hex(12)}"


def session(parameters: Object, origin: str) -> Object:
    """Return an open Checkout Session for the parameters of a request. Its page is below ``origin``."""
    now, number = int(time.time()), new_id("cs_test")
    lines = parameters["line_items"]
    total = sum(int(line["price_data"]["unit_amount"]) * int(line["quantity"]) for line in lines)
    return {
        "id": number,
        "object": "checkout.session",
        "amount_subtotal": total,
        "amount_total": total,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": parameters.get("cancel_url"),
        "client_reference_id": parameters.get("client_reference_id"),
        "created": now,
        "currency": lines[0]["price_data"]["currency"],
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": None,
        "customer_creation": "if_required",
        "customer_details": None,
        "customer_email": None,
        "expires_at": int(parameters.get("expires_at") or now + DAY),
        "invoice": None,
        "livemode": False,
        "locale": parameters.get("locale"),
        "metadata": dict(parameters.get("metadata") or {}),
        "mode": "payment",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "if_required",
        "payment_method_types": ["card", "twint"],
        "payment_status": "unpaid",
        "redirect_on_completion": "always",
        "setup_intent": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": parameters.get("success_url"),
        "ui_mode": "hosted_page",
        "url": f"{origin}/pay/{number}",
    }


def intent(session: Object, metadata: Object) -> Object:
    """Return the payment intent of a session whose buyer tries to pay."""
    return {
        "id": new_id("pi"),
        "object": "payment_intent",
        "amount": session["amount_total"],
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": None,
        "confirmation_method": "automatic",
        "created": int(time.time()),
        "currency": session["currency"],
        "customer": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": dict(metadata),
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_types": ["card", "twint"],
        "payment_record": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_group": None,
    }


def charge(intent: Object) -> Object:
    """Return the charge of a payment intent that has succeeded."""
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount_received"],
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": new_id("txn"),
        "billing_details": {"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": None,
        "captured": True,
        "created": int(time.time()),
        "currency": intent["currency"],
        "customer": None,
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": None,
        "receipt_email": None,
        "refunded": False,
        "review": None,
        "source": None,
        "source_transfer": None,
        "status": "succeeded",
        "transfer": None,
    }


def refund(charge: Object, amount: int, metadata: Object, status: str) -> Object:
    """Return a refund of a charge."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": int(time.time()),
        "currency": charge["currency"],
        "customer": None,
        "failure_balance_transaction": None,
        "metadata": dict(metadata),
        "payment_intent": charge["payment_intent"],
        "payment_method": None,
        "pending_reason": "processing" if status == "pending" else None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


EVIDENCE = (
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal"
    " customer_communication customer_email_address customer_name customer_purchase_ip customer_signature"
    " duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt"
    " refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number"
    " uncategorized_file uncategorized_text"
).split()


def dispute(charge: Object) -> Object:
    """Return a dispute: the buyer has told their bank that the charge is not right."""
    return {
        "id": new_id("du"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": int(time.time()),
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int(time.time()) + 7 * DAY,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }


def event(kind: str, row: Object) -> Object:
    """Return an event about an object, as webhooks contain it."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": int(time.time()),
        "data": {"object": dict(row)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


def account(name: str, *, charges_enabled: bool = True) -> Object:
    """Return the account that a secret key belongs to."""
    return {
        "id": "acct_demo",
        "object": "account",
        "charges_enabled": charges_enabled,
        "country": "CH",
        "default_currency": "chf",
        "details_submitted": True,
        "email": None,
        "metadata": {},
        "payouts_enabled": charges_enabled,
        "settings": {
            "branding": {"icon": None, "logo": None, "primary_color": None, "secondary_color": None},
            "card_payments": {
                "statement_descriptor_prefix": None,
                "statement_descriptor_prefix_kanji": None,
                "statement_descriptor_prefix_kana": None,
            },
            "dashboard": {"display_name": name, "timezone": "Europe/Zurich"},
            "payments": {
                "statement_descriptor": None,
                "statement_descriptor_kana": None,
                "statement_descriptor_kanji": None,
            },
        },
        "type": "standard",
    }


def payout(amount: int, currency: str) -> Object:
    """Return a payout to the bank account of the shop."""
    now = int(time.time())
    return {
        "id": new_id("po"),
        "object": "payout",
        "amount": amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": now + 2 * DAY,
        "automatic": True,
        "balance_transaction": new_id("txn"),
        "created": now,
        "currency": currency,
        "description": "STRIPE PAYOUT",
        "destination": new_id("ba"),
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": {},
        "method": "standard",
        "original_payout": None,
        "reconciliation_status": "in_progress",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": None,
        "status": "pending",
        "type": "bank_account",
    }


def list_of(rows: list[Object], url: str, *, has_more: bool = False) -> Object:
    """Return a page of a list."""
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def error(kind: str, message: str, code: str | None = None, param: str | None = None) -> Object:
    """Return the body of an error."""
    values = {"type": kind, "message": message, "code": code, "param": param}
    return {"error": {name: value for name, value in values.items() if value is not None}}


DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "Your card was declined.",
}
