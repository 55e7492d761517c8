"""What a password may be, beyond what Django asks."""

from django.contrib.auth.password_validation import MinimumLengthValidator
from django.core.validators import MaxLengthValidator

# Long enough for every password manager; a bound, so that nobody makes the server hash megabytes.
LONGEST = 4096


class LengthValidator(MinimumLengthValidator):
    """At least ``min_length`` characters, at most ``LONGEST``."""

    def validate(self, password, user=None):
        super().validate(password, user)
        MaxLengthValidator(LONGEST)(password)
