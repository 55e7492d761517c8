"""Payment by bank transfer with a reference. The organiser sets the days until reminder and expiry."""

from django.db.models import F
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.dates import days
from ticketshop.lib.values import iban, references
from ticketshop.lib.web.template_tags import money

from .. import qr_bills
from .base import Method, no_later_than


class BankTransfer(Method):
    """The bank transfer."""

    code = "bank_transfer"
    label = _("Bank transfer")
    hint = _("You get the account and a reference. We send the tickets when the money has arrived.")
    mail_text = _(
        "Please transfer the amount with this reference. We send the tickets as soon as the money has arrived."
    )
    reminder_days = F("organiser__bank_reminder_days")
    reminder_text = _(
        "We have not received your transfer for order %(reference)s yet. If you sent it in the last few days, there is nothing to do."
    )
    setting_fields = {"account_holder": (_("Account holder"), True), "iban": (_("IBAN"), True)}

    @classmethod
    def normalised(cls, typed):
        return {**typed, "iban": iban.normalise(typed["iban"])}

    @classmethod
    def shown(cls, name, value):
        return iban.grouped(value) if name == "iban" else value

    @classmethod
    def problems(cls, typed):
        problem = iban.problem_as_payee(typed["iban"]) if typed["iban"] else ""
        return {"iban": problem} if problem else {}

    def takes(self, total, currency):
        return total > 0 and bool(self.settings.get("iban"))

    def reference(self, order):
        return creditor_reference(order.reference)

    def expires_at(self, organiser, first_start, now):
        return no_later_than(
            first_start, days.end_after(now, organiser.bank_expiry_days, organiser.zone), now
        )

    def instructions(self, order, payment):
        lines = [
            (_("Amount"), money(payment.amount, payment.currency)),
            (_("Account holder"), self.settings.get("account_holder", "")),
            (_("Address of the account holder"), ", ".join(_address(order))),
            (_("IBAN"), iban.grouped(self.settings.get("iban", ""))),
            (_("Reference"), references.in_groups(payment.reference)),
        ]
        return [(label, value) for label, value in lines if value]

    def qr_bill(self, order, payment):
        organiser = order.point_of_sale.organiser
        return qr_bills.make(organiser, self.settings, payment.amount, payment.currency, payment.reference)

    @classmethod
    def note(cls, settings, organiser):
        return qr_bills.problem(organiser, settings) if settings.get("iban") else ""


def _address(order) -> list[str]:
    """Return the postal address of the organiser in lines; empty without a town."""
    organiser = order.point_of_sale.organiser
    town = f"{organiser.postcode} {organiser.city}".strip()
    return [line for line in (organiser.street_line, town) if line] if organiser.city else []


def creditor_reference(text: str) -> str:
    """Return an ISO 11649 reference (RF and two check digits). Banks check it and refuse a mistyped one."""
    body = "".join(c for c in text.upper() if c.isalnum())
    number = int("".join(str(int(c, 36)) for c in f"{body}RF00"))
    return f"RF{98 - number % 97:02d}{body}"
