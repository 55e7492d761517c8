"""Random references for rows: short readable ones for people, long ones for links and codes."""

import re
import secrets
import unicodedata

# Without 0/O, 1/I/L, 5/S, 8/B, 2/Z, U/V, since references are read aloud at the box office.
READABLE = "34679ACDEFGHJKMNPQRTWXY"


def readable(length: int = 8) -> str:
    """Return a random reference such as ``7KQ4-M9XD``: 23^8 = 7.8e10 values for the default length."""
    text = "".join(secrets.choice(READABLE) for _ in range(length))
    return "-".join(text[i : i + 4] for i in range(0, length, 4))


def compact(text: str) -> str:
    """Return the letters and digits of a typed or pasted code in capitals, without spaces, dashes and dots."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).upper() if c.isalnum())[:60]


def typed(text: str) -> str:
    """Return a typed reference, such as “7kq4 m9xd” or its beginning, in the form of ``readable``."""
    plain = compact(text)[:40]
    return "-".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def in_groups(text: str) -> str:
    """Return a code in groups of four, as it is printed."""
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


# Labels that people copy with a reference, in the languages of the interface.
_LABEL = re.compile(
    r"^\W*(?:(?:reference|référence|ref|réf|order|commande|booking|réservation|ticket|billet|code|number|numéro|no|nr|n)"
    r"(?:[\W_]+|$))+",
    re.IGNORECASE,
)
_CREDITOR = re.compile(r"RF[0-9]{2}(?=.)")


def readings(text: str) -> list[str]:
    """Return the references that a typed or pasted text may mean, each in the form of ``readable``; may be empty.

    The text as it is; without a label (“Order no. 7kq4 m9xd”); and without the RF and check digits of a creditor reference
    (ISO 11649), whose other characters are the order’s reference.
    """
    unlabelled = _LABEL.sub("", unicodedata.normalize("NFKC", text))
    forms = [compact(text), compact(unlabelled)]
    forms += [_CREDITOR.sub("", form, count=1) for form in forms if _CREDITOR.match(form)]
    return list(dict.fromkeys(typed(form) for form in forms if form))


def secret() -> str:
    """Return a secret for a URL: 22 characters with 128 random bits."""
    return secrets.token_urlsafe(16)


def code() -> str:
    """Return a ticket's code: 29 characters of ``READABLE`` with 131 random bits, easy to scan and to type."""
    return "".join(secrets.choice(READABLE) for _ in range(29))
