"""Fields for e-mail addresses: of forms, which refuse addresses no mail can reach, and of models, which store the normal form.

The normal form is that of ``text.normalise_email``. Every form field and column for an e-mail address uses these classes.
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
# Domains without mail servers on the internet: RFC 6761, RFC 6762, RFC 7686, and ICANN's .internal.
NOT_ON_THE_INTERNET = frozenset({"localhost", "local", "invalid", "onion", "internal"})
_has_shape = EmailValidator(_("Enter an e-mail address such as name@example.org."), allowlist=[])


def check_email(value: str) -> str:
    """Return a typed e-mail address in its normal form. Raises ValidationError if no mail can reach it."""
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
    # Django's rule allows ASCII only, but a local part may contain letters and digits of any script.
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
    """Return a text typed into a search in the form in which e-mail addresses are stored; it may be the beginning of one."""
    return normalise_email(text) if "@" in text else text.strip()


class EmailField(forms.EmailField):
    """A form field whose value is the normal form. An initial value is shown with the readable domain."""

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
    """A column for an e-mail address: values are normalised before they are stored or compared."""

    def get_prep_value(self, value):
        """Return the normal form of a value for a query."""
        value = super().get_prep_value(value)
        return normalise_email(value) if isinstance(value, str) else value

    def pre_save(self, model_instance, add):
        """Write the normal form into the instance, and return it."""
        value = super().pre_save(model_instance, add)
        if isinstance(value, str):
            value = normalise_email(value)
            setattr(model_instance, self.attname, value)
        return value

    def formfield(self, **kwargs):
        """Return the ``EmailField`` above."""
        return super().formfield(**{"form_class": EmailField, **kwargs})

    def deconstruct(self):
        """Return Django's own field for migrations."""
        # As Django's field: its use needs no migration.
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.EmailField", args, kwargs
