"""The adapter of ``allauth.mfa``: secrets are encrypted with SECRET_KEY."""

import base64
import hashlib

from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class MFAAdapter(DefaultMFAAdapter):
    """Adapter of the second factor: the differences from allauth's."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "This code is not right, or was used already. Wait for the next one and type that."
        ),
    }

    def get_totp_issuer(self) -> str:
        return settings.SITE_NAME

    def build_totp_svg(self, url: str) -> str:
        """Return nothing: the page draws its own code, because allauth's way needs one more library."""
        return ""

    def generate_authenticator_name(self, user, type) -> str:  # noqa: A002  allauth's name
        number = user.authenticator_set.filter(type=type).count() + 1
        return gettext("Security key %(number)d") % {"number": number}

    def encrypt(self, text: str) -> str:
        return _fernet().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _fernet().decrypt(encrypted_text.encode()).decode()

    def _get_site_name(self) -> str:
        return settings.SITE_NAME


def _fernet():
    """Return the cipher: it encrypts with SECRET_KEY, and decrypts with its former values too."""
    # Few requests need it.
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    hashes = [hashlib.sha256(f"second factor|{key}".encode()).digest() for key in keys]
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in hashes])
