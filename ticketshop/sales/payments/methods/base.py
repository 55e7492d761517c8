"""The interface of a payment method, explained with an example in ``ticketshop/docs/payment-methods.md``.

A method renders nothing: pages and mails read ``label``, ``hint``, ``mail_text`` and ``instructions``. It writes nothing
to the database either: it only asks its provider, and ``provider_pages`` and ``refunds`` record the answers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import ClassVar

from django.db.models import F
from django.utils.functional import Promise

from ticketshop.organisers.models import Organiser

from ..qr_bills import QrBill

# Seconds that a method waits for its provider. A visitor waits too.
PROVIDER_SECONDS = 5.0


class ProviderUnavailable(Exception):
    """The provider has not answered, or not usefully. Nothing is known about the payment, and nothing has changed."""


class KeysRefused(ProviderUnavailable):
    """The provider does not accept the keys of the shop, or there are none."""


class PageUnknown(ProviderUnavailable):
    """The provider has answered that it has no page of this id: perhaps the shop has the keys of another account by now."""


class InvalidHook(Exception):
    """A webhook that does not prove its origin, is too old, or can't be read. The text is logged: no data of the request."""


@dataclass(frozen=True)
class PaymentPage:
    """A page of the provider on which one payment is paid: its id there, and its URL."""

    reference: str  # at most 255 characters
    url: str  # at most 2000 characters, of an origin in ``RedirectMethod.form_origins``


class Outcome(Enum):
    """The state of a payment, as its provider tells it."""

    OPEN = "open"  # may still be paid
    PROCESSING = "processing"  # the buyer has done everything; the money is confirmed or refused later
    PAID = "paid"
    FAILED = "failed"  # declined, cancelled or ended: can never be paid any more


@dataclass(frozen=True)
class DisputeStatus:
    """A dispute: the buyer has told their bank that a payment is not right, and the bank takes the money back or not."""

    reference: str  # its id at the provider
    state: str  # a value of ``Dispute.State``
    amount: Decimal
    opened_at: datetime


@dataclass(frozen=True)
class Status:
    """The answer of a provider. ``amount`` and ``currency``: what has been paid, if the outcome is PAID.

    ``declined``: the latest attempt was refused. If the outcome is OPEN, the buyer may try again on the same page. ``disputes``: all
    disputes about what has been paid.
    """

    outcome: Outcome
    amount: Decimal = Decimal(0)
    currency: str = ""
    declined: bool = False
    disputes: tuple[DisputeStatus, ...] = ()


@dataclass(frozen=True)
class Movement:
    """Money that moved at a provider. ``reference``: of the page on which it was paid; for a payout the payout's own id.

    ``own_reference``: the provider's id of a refund or a dispute. ``key``: of a refund the ``Refund.provider_key`` with which it was
    requested, empty if it was made elsewhere. ``order``: the order's reference that the provider has kept with the page.
    """

    PAYMENT: ClassVar[str] = "payment"
    REFUND: ClassVar[str] = "refund"
    DISPUTE: ClassVar[str] = "dispute"
    PAYOUT: ClassVar[str] = "payout"

    kind: str
    reference: str
    amount: Decimal  # always positive
    currency: str
    at: datetime
    own_reference: str = ""
    key: str = ""
    order: str = ""


class Method:
    """A payment method with the settings of one point of sale."""

    # Templates call callables: a template would call the class without its settings and show nothing.
    do_not_call_in_templates = True

    code: str
    label: str | Promise
    hint: str | Promise = ""
    # The sentence in the mail about a new order that tells how to pay.
    mail_text: str | Promise = ""
    # The days after which the buyer of an unpaid order is reminded, as an expression on the order; None: no reminder.
    reminder_days: F | None = None
    # The first sentence of the reminder; ``%(reference)s`` is the order's.
    reminder_text: str | Promise = ""
    # Whether the buyer pays on a page of a provider: then the class is a ``RedirectMethod``.
    redirects = False
    # Whether only staff take orders with it, at the counter: buyers are never offered it.
    staff_only = False
    # Whether staff have the money when they enter the order, so that it is paid at once.
    paid_at_once = False
    # Whether ``RedirectMethod.refund`` pays money back. Otherwise staff do, and record it.
    refunds = False
    # Settings of the point of sale, texts that its staff type: name -> (label, required).
    setting_fields: dict[str, tuple[str | Promise, bool]] = {}
    # Names of settings whose new value is refused if another organiser has it already, or one of its ``same_values``.
    own_settings: tuple[str, ...] = ()
    # The company that gets data of the buyer, and the sentence part that tells which, for *Your data here*.
    recipient: str = ""
    recipient_gets: str | Promise = ""

    def __init__(self, settings: dict):
        """``settings``: name -> text. A name can be missing: staff may empty the fields while orders are unpaid."""
        self.settings = settings

    @classmethod
    def problems(cls, typed: dict[str, str]) -> dict[str, str]:
        """Return setting name -> sentence for invalid settings. Empty ones are checked elsewhere."""
        return {}

    @classmethod
    def normalised(cls, typed: dict[str, str]) -> dict[str, str]:
        """Return the typed settings as they are stored."""
        return typed

    @classmethod
    def same_values(cls, name: str, value: str) -> list[str]:
        """Return ``value`` and the other values of the setting ``name`` that mean the same, such as two names of one key.

        ``name`` is one of ``own_settings``.
        """
        return [value]

    @classmethod
    def shown(cls, name: str, value: str) -> str:
        """Return a stored setting as its form field shows it."""
        return value

    @classmethod
    def is_set_up(cls, settings: dict) -> bool:
        """Return whether these settings are complete and valid."""
        typed = {name: str(settings.get(name) or "") for name in cls.setting_fields}
        complete = all(typed[name] for name, (_label, needed) in cls.setting_fields.items() if needed)
        return complete and not cls.problems(typed)

    @property
    def test_mode(self) -> bool:
        """Return whether no money moves, because the provider's keys are for tests."""
        return False

    def faults(self) -> list[str | Promise]:
        """Return sentences for staff: why the method can't be offered although its settings are filled in."""
        return []

    def takes(self, total: Decimal, currency: str) -> bool:
        """Return whether this method can take this amount."""
        return total > 0

    def reference(self, order) -> str:
        """Return the reference that the payer quotes; empty if there is none."""
        return ""

    def expires_at(
        self, organiser: Organiser, first_start: datetime | None, now: datetime
    ) -> datetime | None:
        """Return when an unpaid order expires, or None for never. ``first_start``: the start of its earliest session."""
        return None

    def instructions(self, order, payment) -> list[tuple[str, str]]:
        """Return how the buyer pays now, as (label, value) lines; empty if there is nothing to do."""
        return []

    def qr_bill(self, order, payment) -> QrBill | None:
        """Return the Swiss QR-bill for ``payment.amount``, which is what is missing; None if there is none."""
        return None

    @classmethod
    def note(cls, settings: dict, organiser: Organiser) -> str:
        """Return a sentence about what buyers do not get with these settings; empty for nothing. It forbids nothing."""
        return ""


class RedirectMethod(Method):
    """A method whose buyer pays on a page of a provider.

    Every function that asks the provider waits at most ``PROVIDER_SECONDS``, is called outside of a transaction, and raises
    ProviderUnavailable for each answer it can't use. All of them may be called twice with the same payment.
    """

    redirects = True

    def test_connection(self) -> tuple[bool, str | Promise]:
        """Ask the provider whether the keys work. Return whether they do, and a sentence for staff. Raise KeysRefused or
        ProviderUnavailable.
        """
        raise NotImplementedError

    def with_answer(self, *, refused: bool) -> dict:
        """Return the settings to store after the provider has accepted or refused the keys, so that ``faults`` can tell."""
        return self.settings

    def form_origins(self) -> list[str]:
        """Return the origins of the provider's pages, such as ``https://pay.example``. Forms may lead there."""
        raise NotImplementedError

    def open_page(self, payment, *, return_url: str, language: str) -> PaymentPage:
        """Open a page for ``payment.amount`` in ``payment.currency`` and return it. ``payment.provider_key`` is the
        idempotency key: a payment has one page. ``return_url``: where the provider sends the buyer afterwards, paid or not.
        ``language``: the code of the buyer's language, such as "fr".
        """
        raise NotImplementedError

    def status(self, payment) -> Status:
        """Return what has become of the page ``payment.provider_reference``. Raise PageUnknown if there is none."""
        raise NotImplementedError

    def look_up(self, reference: str) -> tuple[str, Status]:
        """Return the order's reference that the provider has kept with the page of this id, and its status.

        For a page that no payment has, such as one that was opened after the last backup. The reference is empty if the page is
        not known to be one of an order. Raise PageUnknown if there is no such page.
        """
        return "", Status(Outcome.OPEN)

    def close_page(self, payment) -> Status:
        """End the page ``payment.provider_reference``, so that nothing can be paid there, and return the status afterwards.

        That is FAILED, or PAID if it was paid before; OPEN or PROCESSING if the provider can't end it now. Raise PageUnknown.
        """
        raise NotImplementedError

    def read_hook(self, headers: Mapping[str, str], body: bytes) -> list[str]:
        """Return the ids of the pages that a webhook is about; empty if it is about something else.

        Check the signature and its age first. Raise InvalidHook. The provider is asked for their status afterwards, so
        what else the webhook contains does not matter.
        """
        raise NotImplementedError

    def may_be_money(self, body: bytes) -> bool:
        """Return whether money may have moved if this webhook is true. ``read_hook`` has checked it."""
        return True

    def refund(self, refund) -> Outcome:
        """Pay ``refund.amount`` of ``refund.payment`` back. ``refund.provider_key`` is the idempotency key.

        Return PAID if that is done, FAILED if the provider refuses for good, PROCESSING if it is to be asked again later.
        """
        raise NotImplementedError

    def failed_refunds(self, payment) -> set[str]:
        """Return the keys (``Refund.provider_key``) of the refunds of this payment that the provider has refused, or that have
        failed after it said that they were done.
        """
        return set()

    def list_payments(self, start: datetime, end: datetime) -> list[Movement] | None:
        """Return what was paid, paid back, disputed and paid out from ``start`` until before ``end``; None if the provider has no list.

        A refund that was refused afterwards, or is not done yet, is left out. Nobody waits for the list: it may take minutes.
        """
        return None


def no_later_than(start: datetime | None, limit: datetime, now: datetime) -> datetime:
    """Return ``limit``, but at the latest the start of the first session, and at least an hour from now."""
    wanted = min(limit, start) if start else limit
    return max(wanted, now + timedelta(hours=1))
