"""Swiss QR-bills: when an account can have one, and its values.

After the Swiss Implementation Guidelines QR-bill 2.3 (SIX): structured address of the payee, creditor reference (ISO 11649), no
name of the payer. ``qr_code`` draws the code, ``payment_part`` the printed part.
"""

import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from ticketshop.lib.values import iban
from ticketshop.organisers.models import Organiser

CURRENCIES = ("CHF", "EUR")
COUNTRIES = ("CH", "LI")  # of the account
# The most characters that banks take.
LONGEST = {"name": 70, "street": 70, "house_number": 16, "postcode": 16, "city": 35}
# Typographic characters that banks refuse -> those with which the same text is written to a bank.
_PLAIN = str.maketrans(
    {
        "’": "'", "‘": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "‐": "-", "\u2011": "-",
        "…": "...", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "•": "·",
    }
)  # fmt: skip
_LETTERS = frozenset("ȘșȚț€") | {chr(code) for code in (*range(0x20, 0x7F), *range(0xA0, 0x180))}


@dataclass(frozen=True)
class QrBill:
    """The values of a QR-bill. The texts contain only characters that banks take."""

    account: str  # IBAN without spaces
    name: str
    street: str
    house_number: str
    postcode: str
    city: str
    country: str  # ISO 3166-1, two letters
    amount: Decimal
    currency: str
    reference: str  # RF…, without spaces

    @property
    def address(self) -> list[str]:
        """Return the postal address of the payee in lines, as it is printed below the name."""
        street = f"{self.street} {self.house_number}".strip()
        town = f"{self.postcode} {self.city}"
        abroad = f"{self.country} - {town}" if self.country not in COUNTRIES else town
        return [line for line in (street, abroad) if line]

    @property
    def data(self) -> str:
        """Return the text of the code."""
        # Empty elements at the end may be left out: some readers refuse them.
        return self._bill().build_data_string().rstrip("\n")

    @property
    def is_valid(self) -> bool:
        """Return whether the library, too, finds nothing wrong with the values."""
        from chqr import ValidationError  # noqa: PLC0415  few requests need it

        try:
            self._bill()
        except ValidationError:
            return False
        return True

    def _bill(self):
        """Return the bill of the library, which checks every value."""
        from chqr import Creditor, QRBill  # noqa: PLC0415  few requests need it

        payee = Creditor(
            self.name, self.postcode, self.city, self.country, self.street or None, self.house_number or None
        )
        return QRBill(self.account, payee, self.currency, self.amount, "SCOR", self.reference)


def plain(text: str) -> str:
    """Return a text as it is written to a bank: composed, on one line, with plain quotation marks and dashes."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_PLAIN)).split())


def problem(organiser: Organiser, settings: dict) -> str:
    """Return why bank transfers to this account have no QR-bill; empty if they have one.

    ``settings``: those of the method, with ``iban`` and ``account_holder``.
    """
    account = iban.normalise(str(settings.get("iban", "")))
    if account[:2] not in COUNTRIES:
        return _("No QR-bill: the account is neither in Switzerland nor in Liechtenstein.")
    if organiser.currency not in CURRENCIES:
        return _("No QR-bill: the currency is neither CHF nor EUR.")
    if iban.problem_as_payee(account):
        return _("No QR-bill: the IBAN can’t be used.")
    for name, label, value in _payee(organiser, settings):
        if sentence := _problem_of(name, label, value):
            return sentence
    return ""


def _payee(organiser: Organiser, settings: dict) -> list[tuple[str, str, str]]:
    """Return (name, label, text) for each part of the name and address of the payee."""
    return [
        ("name", _("the account holder"), plain(str(settings.get("account_holder", "")))),
        ("street", _("the street"), plain(organiser.street)),
        ("house_number", _("the house number"), plain(organiser.house_number)),
        ("postcode", _("the postcode"), plain(organiser.postcode)),
        ("city", _("the town"), plain(organiser.city)),
    ]


def _problem_of(name: str, label: str, value: str) -> str:
    if not value:
        needed = name in {"name", "postcode", "city"}
        return _("No QR-bill: %(what)s is missing.") % {"what": label} if needed else ""
    if len(value) > LONGEST[name]:
        return _("No QR-bill: %(what)s has more than %(most)s characters.") % {
            "what": label,
            "most": LONGEST[name],
        }
    if refused := next((char for char in value if char not in _LETTERS), ""):
        return _("No QR-bill: banks don’t take the character “%(char)s” (%(what)s).") % {
            "what": label,
            "char": refused,
        }
    return ""


def make(
    organiser: Organiser, settings: dict, amount: Decimal, currency: str, reference: str
) -> QrBill | None:
    """Return the QR-bill for this amount with this reference; None where ``problem`` names a reason."""
    if currency not in CURRENCIES or amount <= 0 or not reference or problem(organiser, settings):
        return None
    parts = {name: value for name, _label, value in _payee(organiser, settings)}
    bill = QrBill(
        account=iban.normalise(str(settings["iban"])),
        country=organiser.country,
        amount=amount,
        currency=currency,
        reference=reference,
        **parts,
    )
    return bill if bill.is_valid else None
