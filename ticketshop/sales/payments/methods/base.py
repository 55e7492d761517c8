"""What every payment method answers. It renders nothing: pages read ``label``, ``hint`` and ``instructions``."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils.functional import Promise

from ticketshop.organisers.models import Organiser


class Method:
    """One way to pay, with the settings of one point of sale."""

    # A template calls what can be called: of a class without settings it would show nothing at all.
    do_not_call_in_templates = True

    code: str
    label: str | Promise
    hint: str | Promise = ""
    # The sentence of the mail about a new order that says how to pay.
    mail_text: str | Promise = ""
    # The column of ``Organiser`` with the days after which an unpaid order is reminded of; empty: never.
    reminder_days: str = ""
    # Settings an organiser fills in: name -> (label, required).
    setting_fields: dict[str, tuple[str | Promise, bool]] = {}

    def __init__(self, settings: dict):
        self.settings = settings

    @classmethod
    def problems(cls, typed: dict[str, str]) -> dict[str, str]:
        """What is wrong with settings as typed: name -> sentence. Empty ones are judged elsewhere."""
        return {}

    @classmethod
    def normalised(cls, typed: dict[str, str]) -> dict[str, str]:
        """Settings as they are stored, from settings as typed."""
        return typed

    @classmethod
    def shown(cls, name: str, value: str) -> str:
        """A stored setting as it stands in its field."""
        return value

    @classmethod
    def is_set_up(cls, settings: dict) -> bool:
        """Whether these settings are complete and sound."""
        typed = {name: str(settings.get(name) or "") for name in cls.setting_fields}
        complete = all(typed[name] for name, (_label, needed) in cls.setting_fields.items() if needed)
        return complete and not cls.problems(typed)

    def takes(self, total: Decimal, currency: str) -> bool:
        """Whether this method can take this amount."""
        return total > 0

    def reference(self, order) -> str:
        """What the payer quotes; empty where there is nothing to quote."""
        return ""

    def expires_at(
        self, organiser: Organiser, first_start: datetime | None, now: datetime
    ) -> datetime | None:
        """Until when an unpaid order is kept; ``first_start`` is its earliest session."""
        return None

    def instructions(self, order, payment) -> list[tuple[str, str]]:
        """What the buyer does now, as (label, value) lines; empty when nothing."""
        return []


def no_later_than(start: datetime | None, limit: datetime, now: datetime) -> datetime:
    """``limit``, but not after the first session begins; at least an hour from now."""
    wanted = min(limit, start) if start else limit
    return max(wanted, now + timedelta(hours=1))
