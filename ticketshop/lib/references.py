"""Random names for rows: readable ones for people, long ones for links and codes."""

import secrets

# No 0/O, 1/I/L, 5/S, 8/B, 2/Z, U/V: a reference is read aloud at a box office.
READABLE = "34679ACDEFGHJKMNPQRTWXY"


def readable(length: int = 8) -> str:
    """A random reference such as ``7KQ4-M9XD``: 23^8 = 7.8e10 values for the default length."""
    text = "".join(secrets.choice(READABLE) for _ in range(length))
    return "-".join(text[i : i + 4] for i in range(0, length, 4))


def typed(text: str) -> str:
    """A reference as people type it, “7kq4 m9xd” or its beginning, in the form ``readable`` made it in."""
    plain = "".join(c for c in text.upper() if c.isalnum())[:40]
    return "-".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def secret() -> str:
    """128 random bits or more, safe in an address: 22 characters."""
    return secrets.token_urlsafe(16)


def code() -> str:
    """A ticket's code: 29 characters of ``READABLE``, 131 bits, easy on a scanner and a keyboard."""
    return "".join(secrets.choice(READABLE) for _ in range(29))
