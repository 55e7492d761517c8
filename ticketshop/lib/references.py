"""Random names for rows: readable ones for people, long ones for links and codes."""

import re
import secrets
import unicodedata

# No 0/O, 1/I/L, 5/S, 8/B, 2/Z, U/V: a reference is read aloud at a box office.
READABLE = "34679ACDEFGHJKMNPQRTWXY"


def readable(length: int = 8) -> str:
    """A random reference such as ``7KQ4-M9XD``: 23^8 = 7.8e10 values for the default length."""
    text = "".join(secrets.choice(READABLE) for _ in range(length))
    return "-".join(text[i : i + 4] for i in range(0, length, 4))


def compact(text: str) -> str:
    """The letters and digits of a code as people type or paste it, in capitals: no spaces, dashes, dots."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())[:60]


def typed(text: str) -> str:
    """A reference as people type it, “7kq4 m9xd” or its beginning, in the form ``readable`` made it in."""
    plain = compact(text)[:40]
    return "-".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def in_groups(text: str) -> str:
    """A long code as it is printed, in groups of four."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


# What people copy with a reference, in the languages of the interface.
_LABEL = re.compile(
    r"^\W*(?:(?:reference|référence|ref|réf|order|commande|booking|réservation|ticket|billet|code|number|numéro|no|nr|n)"
    r"(?:[\W_]+|$))+",
    re.IGNORECASE,
)
_CREDITOR = re.compile(r"RF[0-9]{2}(?=.)")


def readings(text: str) -> list[str]:
    """What a typed or pasted text may mean as a reference, each in the form ``readable`` made it in.

    As it is; without a label before it (“Order no. 7kq4 m9xd”); without the RF and check digits of a payment’s
    reference, whose other characters are the order’s. Empty where nothing is left.
    """
    unlabelled = _LABEL.sub("", unicodedata.normalize("NFKC", text))
    forms = [compact(text), compact(unlabelled)]
    forms += [_CREDITOR.sub("", form, count=1) for form in forms if _CREDITOR.match(form)]
    return list(dict.fromkeys(typed(form) for form in forms if form))


def secret() -> str:
    """128 random bits or more, safe in an address: 22 characters."""
    return secrets.token_urlsafe(16)


def code() -> str:
    """A ticket's code: 29 characters of ``READABLE``, 131 bits, easy on a scanner and a keyboard."""
    return "".join(secrets.choice(READABLE) for _ in range(29))
