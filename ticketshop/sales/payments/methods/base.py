"""The interface of a payment method. It renders nothing: pages read ``label``, ``hint`` and ``instructions``."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F
from django.utils.functional import Promise

from ticketshop.organisers.models import Organiser


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
    # Settings of the organiser: name -> (label, required).
    setting_fields: dict[str, tuple[str | Promise, bool]] = {}

    def __init__(self, settings: dict):
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
    def shown(cls, name: str, value: str) -> str:
        """Return a stored setting as its form field shows it."""
        return value

    @classmethod
    def is_set_up(cls, settings: dict) -> bool:
        """Return whether these settings are complete and valid."""
        typed = {name: str(settings.get(name) or "") for name in cls.setting_fields}
        complete = all(typed[name] for name, (_label, needed) in cls.setting_fields.items() if needed)
        return complete and not cls.problems(typed)

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


def no_later_than(start: datetime | None, limit: datetime, now: datetime) -> datetime:
    """Return ``limit``, but at the latest the start of the first session, and at least an hour from now."""
    wanted = min(limit, start) if start else limit
    return max(wanted, now + timedelta(hours=1))
