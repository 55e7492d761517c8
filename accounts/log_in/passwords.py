"""The validator for the length of passwords."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.validators import MaxLengthValidator

# Longer than password managers make them; a limit, because hashing megabytes would block the server.
LONGEST = 4096


class LengthValidator(MinimumLengthValidator):
    """At least ``min_length`` characters, at most ``LONGEST``."""

    def validate(self, password, user=None):
        super().validate(password, user)
        MaxLengthValidator(LONGEST)(password)
