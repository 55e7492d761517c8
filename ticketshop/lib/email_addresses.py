"""E-mail addresses as fields: of forms, which refuse what no mail can reach, and of models, which store the one form.

The one form is ``text.normalise_email``. Every form field and every column for an address uses a field of this module.
"""

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from .text import ascii_domain, has_control, normalise_email, readable_email

LONGEST = 254
LONGEST_LOCAL_PART = 64  # octets: RFC 5321, 4.5.3.1.1
# Names that no mail server of the internet answers to: RFC 6761, RFC 6762, RFC 7686, and ICANN's .internal.
NOT_ON_THE_INTERNET = frozenset({"localhost", "local", "invalid", "onion", "internal"})
_has_shape = EmailValidator(_("Enter an e-mail address such as name@example.org."), allowlist=[])


def check_email(value: str) -> str:
    """Return a typed address in its one form. Raise ValidationError, with what to do, where no mail can reach it."""
    if has_control(value.strip()):
        raise ValidationError(_has_shape.message, code="invalid")
    email = normalise_email(value)
    local_part, _at, domain = email.rpartition("@")
    if not local_part.isascii() and not settings.EMAIL_SMTPUTF8:
        letter = next(letter for letter in local_part if not letter.isascii())
        raise ValidationError(
            _(
                "We can’t write to an address with a letter such as “%(letter)s” before the @. Enter another one."
            ),
            code="local_part",
            params={"letter": letter},
        )
    # Django's rule knows ASCII only; a letter or figure of any script is one in a name.
    plain = "".join("a" if not sign.isascii() and sign.isalnum() else sign for sign in local_part)
    _has_shape(f"{plain}@{domain}")
    last = domain.rpartition(".")[2]
    if domain.startswith("[") or last.isdecimal() or last in NOT_ON_THE_INTERNET:
        raise ValidationError(
            _("Mails from outside don’t reach this address. Enter one such as name@example.org."),
            code="not_on_the_internet",
        )
    if len(local_part.encode()) > LONGEST_LOCAL_PART or len(email) > LONGEST or not ascii_domain(domain):
        raise ValidationError(_has_shape.message, code="invalid")
    return email


def searched_email(text: str) -> str:
    """Return the beginning of an address, typed into a search, in the form in which addresses are stored."""
    return normalise_email(text) if "@" in text else text.strip()


class EmailField(forms.EmailField):
    """An address as people type it; its value is the one form. A value that stands there is shown with its own letters."""

    default_validators = []

    def __init__(self, **kwargs):
        kwargs.setdefault("max_length", LONGEST)
        super().__init__(**kwargs)

    def to_python(self, value):
        text = super().to_python(value)
        return check_email(text) if text else text

    def prepare_value(self, value):
        return readable_email(value) if isinstance(value, str) else value


class ModelEmailField(models.EmailField):
    """A column of addresses: what is written into it, or compared with it, takes the one form first."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return normalise_email(value) if isinstance(value, str) else value

    def pre_save(self, model_instance, add):
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = normalise_email(value)
            setattr(model_instance, self.attname, value)
        return value

    def formfield(self, **kwargs):
        return super().formfield(**{"form_class": EmailField, **kwargs})

    def deconstruct(self):
        # The column is that of Django's field: no migration.
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.EmailField", args, kwargs
