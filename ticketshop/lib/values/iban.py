"""IBANs (ISO 13616): normalise, check and print them."""

import unicodedata

from django.utils.translation import gettext as _

from .references import in_groups

# Lengths in the SWIFT registry, for countries in which a shop's account is likely; others have 15 to 34 characters.
LENGTHS = {
    "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18, "FR": 27,
    "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27,
    "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27,
}  # fmt: skip
SHORTEST, LONGEST = 15, 34
# Institution identifiers that Swiss and Liechtenstein banks give to QR-IBANs (Swiss Implementation Guidelines QR-bill).
QR_INSTITUTIONS = range(30000, 32000)


def normalise(text: str) -> str:
    """Return an IBAN as it is stored: capitals, without spaces, dashes and dots, and without a leading “IBAN”."""
    characters = "".join(
        c
        for c in unicodedata.normalize("NFKC", text).upper()
        if not c.isspace() and unicodedata.category(c) not in {"Pd", "Cf", "Cc"} and c not in ".:_/"
    )
    return characters.removeprefix("IBAN")


def grouped(text: str) -> str:
    """Return an IBAN as it is printed, in groups of four."""
    return in_groups(normalise(text))


def problem(text: str) -> str:
    """Return a sentence about what is wrong with the IBAN of any account; empty if it is valid."""
    iban = normalise(text)
    if not (iban.isascii() and iban.isalnum() and iban[:2].isalpha() and iban[2:4].isdigit()):
        return _(
            "An IBAN begins with two letters of the country and two digits, and has only letters and digits."
        )
    needed = LENGTHS.get(iban[:2])
    if needed and len(iban) != needed:
        return _("An IBAN of %(country)s has %(needed)s characters; this one has %(typed)s.") % {
            "country": iban[:2],
            "needed": needed,
            "typed": len(iban),
        }
    if not SHORTEST <= len(iban) <= LONGEST:
        return _("An IBAN has from %(least)s to %(most)s characters; this one has %(typed)s.") % {
            "least": SHORTEST,
            "most": LONGEST,
            "typed": len(iban),
        }
    if int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 != 1:
        return _("Check the IBAN: its check digits do not fit.")
    return ""


def problem_as_payee(text: str) -> str:
    """Return a sentence about why buyers can't pay to this IBAN with the shop's reference; empty if they can."""
    if sentence := problem(text):
        return sentence
    iban = normalise(text)
    if iban[:2] in {"CH", "LI"} and iban[4:9].isdigit() and int(iban[4:9]) in QR_INSTITUTIONS:
        return _(
            "This is a QR-IBAN. Banks refuse it with the reference that the shop prints: take the account’s other IBAN."
        )
    return ""
