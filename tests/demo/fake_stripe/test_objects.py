"""The fake answers with the attributes and types that the SDK declares, so that it stays like Stripe."""

import types
import typing

import pytest
import stripe as sdk

from ticketshop.demo.fake_stripe import objects
from ticketshop.demo.fake_stripe.account import Account

LINE = {
    "quantity": "2",
    "price_data": {"currency": "chf", "unit_amount": "3500", "product_data": {"name": "La Mouette"}},
}
PARAMETERS = {"line_items": [LINE], "success_url": "https://shop.example/", "locale": "fr", "mode": "payment"}
SDK_TYPES = {
    "checkout.session": sdk.checkout.Session,
    "payment_intent": sdk.PaymentIntent,
    "charge": sdk.Charge,
    "refund": sdk.Refund,
    "dispute": sdk.Dispute,
    "payout": sdk.Payout,
    "event": sdk.Event,
    "account": sdk.Account,
    "list": sdk.ListObject,
}


def problems(value: object, declared: object, path: str = "") -> list[str]:  # noqa: PLR0911  a line per kind of type
    """Return where a value is not of the type that the SDK declares."""
    origin, arguments = typing.get_origin(declared), typing.get_args(declared)
    if isinstance(declared, (str, typing.ForwardRef, typing.TypeVar)):
        # Another object, which the fake answers as its id, or as itself where it is expanded.
        return [] if isinstance(value, (str, dict)) else [f"{path}: {value!r} is no {declared}"]
    if origin in (typing.Union, types.UnionType):
        if any(typing.get_origin(argument) is typing.Literal for argument in arguments):
            # The SDK allows other texts, for values that Stripe may add.
            arguments = tuple(argument for argument in arguments if argument is not str)
        if any(not problems(value, argument) for argument in arguments):
            return []
        return [f"{path}: {value!r} is no {declared}"]
    if origin is typing.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [text for item in value for text in problems(item, arguments[0], f"{path}[]")]
    if isinstance(origin, type) and issubclass(origin, sdk.StripeObject):
        return [] if isinstance(value, dict) else [f"{path}: {value!r} is no object"]
    assert isinstance(declared, type), declared
    if issubclass(declared, sdk.StripeObject):
        return problems_of_object(value, declared, path)
    good = type(value) is declared  # a bool is no int
    return [] if good else [f"{path}: {value!r} is no {declared.__name__}"]


def problems_of_object(value: object, sdk_type: type, path: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    declared = {
        name: annotation
        for name, annotation in sdk_type.__annotations__.items()
        if typing.get_origin(annotation) is not typing.ClassVar and not name.startswith("_")
    }
    if sdk_type is sdk.ListObject:
        declared["object"] = str  # it is not annotated
    found = [f"{path}.{name} is unknown to the SDK" for name in value if name not in declared]
    for name, annotation in declared.items():
        if name in value:
            found += problems(value[name], annotation, f"{path}.{name}")
        elif type(None) not in typing.get_args(annotation):
            found.append(f"{path}.{name} is missing")
    return found


@pytest.fixture
def account():
    return Account("sk_test_x", "whsec_x", origin="http://127.0.0.1:1")


def test_every_object_has_the_attributes_and_types_of_the_sdk(account):
    first, second, third = (account.open(PARAMETERS)["id"] for _number in range(3))
    account.decline(first)
    account.pay(first)
    account.refund(account.objects[first]["payment_intent"], 700, {"key": "x"})
    account.fail_refund(first)
    account.dispute(first)
    account.close_dispute(first, "won")
    account.pay_out(5000)
    account.pay_later(second)
    account.fail(second)
    account.expire(third)
    rows = [*account.objects.values(), *account.events, objects.account("The Theatre")]
    rows += [objects.list_of([], "/v1/refunds")]
    assert {row["object"] for row in rows} == set(SDK_TYPES)
    found = [
        text for row in rows for text in problems_of_object(row, SDK_TYPES[row["object"]], row["object"])
    ]
    assert found == []
    assert {event["type"] for event in account.events} <= set(
        typing.get_args(sdk.Event.__annotations__["type"])
    )


def test_comparison_finds_other_names_types_and_values(account):
    session = account.open(PARAMETERS)
    assert problems_of_object(session, sdk.checkout.Session) == []
    without = {name: value for name, value in session.items() if name != "expires_at"}
    assert problems_of_object(without, sdk.checkout.Session) == [".expires_at is missing"]
    assert problems_of_object({**session, "payment_state": "x"}, sdk.checkout.Session) == [
        ".payment_state is unknown to the SDK"
    ]
    for name, value in (("amount_total", "3500"), ("livemode", None), ("currency", 5)):
        assert len(problems_of_object({**session, name: value}, sdk.checkout.Session)) == 1


def test_version_of_the_api_is_the_one_of_the_sdk():
    assert sdk.StripeClient("sk_test_x")._requestor._options.stripe_version == objects.API_VERSION
