"""Read settings from environment variables. Values are taken as they are, without quoting or substitution.

Each function raises ImproperlyConfigured with a sentence about the variable and what it may contain. The sentence does not
contain the value, which may be secret. An empty variable counts as not set.
"""

import json
import os
import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import EmailValidator
from environ.fileaware_mapping import FileAwareMapping

from .values.text import normalise_email

# Only its reading of files is used: django-environ itself takes "$" at the beginning of a value for a reference, and URLs apart by urlsplit.
VALUES = FileAwareMapping(cache=False)
TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
DATABASE_SCHEMES = {"postgres", "postgresql"}
MAIL_SCHEMES = {
    "smtp": {},
    "smtp+tls": {"EMAIL_USE_TLS": True},
    "smtps": {"EMAIL_USE_SSL": True},
    "smtp+ssl": {"EMAIL_USE_SSL": True},
}
# User and password end at the last "@" before the host, so that a password needs no escaping; escapes are decoded.
URL = re.compile(
    r"(?P<scheme>[\w+]+)://"
    r"(?:(?P<user>[^:/?#]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^@:/?#\s\[\]]*)(?::(?P<port>\d{1,5}))?"
    r"(?P<path>/[^?#@]*)?(?:\?(?P<query>[^?@]*))?"
)
ESCAPES = "In user and password write % as %25 and a colon of the user as %3A."


def refuse(name: str, what: str) -> ImproperlyConfigured:
    """Return the exception for a variable; ``what`` is the rest of the sentence, such as "must be 1 or 0."."""
    return ImproperlyConfigured(f"The environment variable {name} {what}")


def text(name: str, default: str = "") -> str:
    """Return the variable's value, or the contents of the file that the variable ``<name>_FILE`` names.

    The file is for secrets that the system hands over as files (Docker, systemd); the line end after the last line is not part of the value.
    """
    try:
        value = VALUES.get(name) or ""
    except (OSError, UnicodeDecodeError):
        raise refuse(f"{name}_FILE", "must name a file that can be read, with text in UTF-8.") from None
    if os.environ.get(f"{name}_FILE"):
        value = value.removesuffix("\n").removesuffix("\r")
    value = value or default
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise refuse(name, "is no text in UTF-8.")
    return value


def required(name: str, hint: str) -> str:
    """Return the value of a variable that must be set. ``hint`` explains what to set."""
    value = text(name)
    if not value:
        raise ImproperlyConfigured(
            f"Set the environment variable {name}: {hint} (For a try-out, `make run` needs nothing set.)"
        )
    return value


def flag(name: str, *, default: bool = False) -> bool:
    """Return whether the variable is 1, true, yes or on."""
    value = text(name).strip().lower()
    if not value:
        return default
    if value not in TRUE | FALSE:
        raise refuse(name, "must be 1 or 0.")
    return value in TRUE


def whole_number(name: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
    """Return a whole number from ``least`` to ``most``."""
    value = text(name).strip()
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,10}", value) or not least <= int(value) <= most:
        raise refuse(name, f"must be a whole number from {least} to {most}.")
    return int(value)


def number(name: str, default: float) -> float:
    """Return a positive number, which may have decimals."""
    value = text(name).strip()
    if not value:
        return default
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        raise refuse(name, "must be a number such as 1 or 0.5.")
    return float(value)


def names(name: str, default: list[str] | None = None) -> list[str]:
    """Return the parts of a list with commas, without spaces around them and without empty ones."""
    parts = [part.strip() for part in text(name).split(",")]
    return [part for part in parts if part] or list(default or [])


def one_of(name: str, choices: list[str], default: str) -> str:
    """Return the value in capitals, which must be one of ``choices``."""
    value = text(name, default).strip().upper()
    if value not in choices:
        raise refuse(name, f"must be one of {', '.join(choices)}.")
    return value


def groups(prefix: str, parts: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Return the values of the variables ``<prefix>_<name>_<part>``, also given as files: name -> part -> value.

    A name has letters and digits only.
    """
    pattern = re.compile(rf"{prefix}_([A-Z0-9]+)_({'|'.join(parts)})(?:_FILE)?")
    found: dict[str, dict[str, str]] = {}
    for variable in sorted(os.environ):
        if match := pattern.fullmatch(variable):
            name, part = match.groups()
            if value := text(f"{prefix}_{name}_{part}").strip():
                found.setdefault(name, {})[part] = value
    return found


def json_object(name: str) -> dict[str, Any]:
    """Return the JSON object of the variable; an empty one if it is not set."""
    try:
        value = json.loads(text(name, "{}"))
    except ValueError as error:
        where = f" (character {error.pos + 1})" if isinstance(error, json.JSONDecodeError) else ""
        raise refuse(name, f"must be JSON: it cannot be read{where}.") from None
    if not isinstance(value, dict):
        raise refuse(name, 'must be a JSON object such as {"NAME": "value"}.')
    return value


def public_url(name: str, default: str) -> str:
    """Return the URL of a site: scheme, host and perhaps a port, without a path."""
    value = text(name, default).strip().rstrip("/")
    try:
        parts = urlsplit(value)
        plain = f"{parts.scheme}://{parts.netloc}" == value and parts.port != 0
    except ValueError:
        plain = False
    if not plain or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise refuse(name, "must be an address such as https://tickets.example.org, without a path.")
    return value


def email_address(name: str, default: str) -> str:
    """Return an e-mail address in its normal form."""
    value = text(name).strip()
    if not value:
        return default
    try:
        EmailValidator()(normalise_email(value))
    except ValidationError:
        raise refuse(name, "must be an e-mail address alone, such as tickets@example.org.") from None
    return normalise_email(value)


def contact(name: str, default: str) -> str:
    """Return a URI for contact (RFC 9116, section 2.5.3): mailto:, tel: or https:."""
    value = text(name, default).strip()
    if not re.fullmatch(r"(mailto:|tel:|https://)\S+", value):
        raise refuse(name, "must begin with mailto:, tel: or https://.")
    return value


def database_url(name: str, hint: str) -> dict[str, Any]:
    """Return the settings of a PostgreSQL database for ``DATABASES``."""
    parts = _url(name, required(name, hint), DATABASE_SCHEMES, "postgres://user:password@host/name")
    database = unquote((parts["path"] or "").removeprefix("/"))
    if not database or "/" in database:
        raise refuse(name, f"names no database: postgres://user:password@host/name. {ESCAPES}")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database,
        "USER": parts["user"],
        "PASSWORD": parts["password"],
        "HOST": parts["host"],
        "PORT": parts["port"],
        "OPTIONS": dict(parse_qsl(parts["query"] or "", keep_blank_values=True)),
    }


def mail_url(name: str, default: str) -> dict[str, Any]:
    """Return the settings of a mail server: ``EMAIL_BACKEND``, ``EMAIL_HOST`` and so on."""
    parts = _url(name, text(name, default), set(MAIL_SCHEMES), "smtp+tls://user:password@host:587")
    if not parts["host"] or (parts["path"] or "/") != "/" or parts["query"]:
        raise refuse(name, f"must be a mail server such as smtp+tls://user:password@host:587. {ESCAPES}")
    secured = MAIL_SCHEMES[parts["scheme"]]
    usual = {"smtp": 25, "smtp+tls": 587}.get(parts["scheme"], 465)
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parts["host"],
        "EMAIL_PORT": int(parts["port"] or usual),
        "EMAIL_HOST_USER": parts["user"],
        "EMAIL_HOST_PASSWORD": parts["password"],
        **secured,
    }


def _url(name: str, value: str, schemes: set[str], example: str) -> dict[str, str]:
    match = URL.fullmatch(value.strip())
    if not match or match["scheme"].lower() not in schemes:
        raise refuse(name, f"must be an address such as {example}. {ESCAPES}")
    parts = {key: part or "" for key, part in match.groupdict().items()}
    if parts["port"] and not 0 < int(parts["port"]) < 65536:
        raise refuse(name, "names a port that does not exist: it must be from 1 to 65535.")
    return parts | {
        "scheme": parts["scheme"].lower(),
        "user": unquote(parts["user"]),
        "password": unquote(parts["password"]),
        "host": unquote(parts["host"]).strip("[]"),
    }
