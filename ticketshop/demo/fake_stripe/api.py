"""The requests of the SDK: parameters, idempotency keys, and answers."""

import json
import re
from typing import Any
from urllib.parse import parse_qsl

from . import objects
from .account import Account, Refused
from .objects import Object

Answer = tuple[int, dict[str, str], Object]
# The most rows in a page of a list. Later than every instant, in seconds since 1970.
MOST_ROWS, LATEST = 100, 2**40
# Attribute of an object -> the prefix of the ids it contains.
EXPANDABLE = {"payment_intent": "pi_", "latest_charge": "ch_", "charge": "ch_"}


def parameters(encoded: str) -> dict[str, Any]:
    """Return decoded parameters: ``a[b][0]=1`` becomes ``{"a": {"b": ["1"]}}``."""
    root: dict[str, Any] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        keys = re.findall(r"[^\[\]]+", name)
        place = root
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return {name: _with_lists(value) for name, value in root.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(inner) for key, inner in value.items()}


def answer(account: Account, verb: str, path: str, encoded: str, key: str) -> Answer:
    """Answer a request. A request with an idempotency ``key`` that was used before gets the first answer again."""
    request = f"{verb} {path} {encoded}"
    if verb == "POST" and key in account.answers:
        first, status, body = account.answers[key]
        if first != request:
            text = "Keys for idempotent requests can only be used with the same parameters they were first used with."
            return 400, {}, objects.error("idempotency_error", text)
        return status, {"Idempotent-Replayed": "true"}, body
    try:
        status, body = 200, _result(account, verb, path, parameters(encoded))
    except Refused as error:
        status, body = error.status, error.body
    # Later changes of the object do not change the stored answer.
    body = json.loads(json.dumps(body))
    if verb == "POST" and key:
        account.answers[key] = [request, status, body]
    return status, {}, body


def _result(account: Account, verb: str, path: str, values: dict[str, Any]) -> Object:
    parts = path.removeprefix("/v1/").strip("/").split("/")
    match verb, parts:
        case "POST", ["checkout", "sessions"]:
            _check_session(values)
            return account.open(values)
        case "GET", ["checkout", "sessions"]:
            return _list(account, "checkout.session", values, path)
        case "GET", ["checkout", "sessions", number]:
            return _expanded(account, account.session(number), values.get("expand", []))
        case "POST", ["checkout", "sessions", number, "expire"]:
            return account.expire(number)
        case "GET", ["payment_intents", number]:
            return _expanded(account, account.get(number, "pi_"), values.get("expand", []))
        case "POST", ["refunds"]:
            return account.refund(
                values["payment_intent"], int(values["amount"]), values.get("metadata") or {}
            )
        case "GET", ["charges" | "refunds" | "disputes" | "payouts" as kind]:
            return _list(account, kind.removesuffix("s"), values, path)
        case "GET", ["account"]:
            return objects.account(account.name, charges_enabled=account.charges_enabled)
    raise Refused(f"Unrecognized request URL ({verb}: {path}).", status=404)


def _list(account: Account, kind: str, values: dict[str, Any], path: str) -> Object:
    """Return a page of the list of a kind of objects, the newest first."""
    same = {name: values[name] for name in ("payment_intent", "status") if name in values}
    created = {name: int(second) for name, second in (values.get("created") or {}).items()}
    rows = [
        row
        for row in account.of_kind(kind, **same)
        if created.get("gte", 0) <= row["created"] < created.get("lt", LATEST)
    ]
    if after := values.get("starting_after"):
        ids = [row["id"] for row in rows]
        if after not in ids:
            raise Refused(f"No such object: '{after}'", code="resource_missing", param="starting_after")
        rows = rows[ids.index(after) + 1 :]
    limit = int(values.get("limit") or 10)
    if not 1 <= limit <= MOST_ROWS:
        raise Refused(
            "This value must be between 1 and 100.", code="parameter_invalid_integer", param="limit"
        )
    return objects.list_of(rows[:limit], path, has_more=len(rows) > limit)


def _check_session(values: dict[str, Any]) -> None:
    for name in ("line_items", "success_url", "mode"):
        if not values.get(name):
            raise Refused(f"Missing required param: {name}.", code="parameter_missing", param=name)
    for line in values["line_items"]:
        if not line["price_data"]["product_data"].get("name"):
            raise Refused("You passed an empty string for 'name'.", code="parameter_invalid_empty")
    currencies = {line["price_data"]["currency"] for line in values["line_items"]}
    if len(currencies) > 1:
        raise Refused("All line items must have the same currency.")


def _expanded(account: Account, row: Object, paths: list[str]) -> Object:
    """Return the object with other objects in place of their ids, for paths such as ``payment_intent.latest_charge``."""
    row = dict(row)
    for path in paths:
        name, _, rest = path.partition(".")
        number = row.get(name)
        if name in EXPANDABLE and isinstance(number, str):
            row[name] = _expanded(account, account.get(number, EXPANDABLE[name]), [rest] if rest else [])
    return row
