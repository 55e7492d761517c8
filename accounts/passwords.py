"""What a password may be, beyond what Django asks."""

from django.core.validators import MaxLengthValidator

# Long enough for every password manager; a bound, so that nobody makes the server hash megabytes.
LONGEST = 4096


class MaximumLengthValidator:
    """Refuses what is longer than ``LONGEST`` characters."""

    def validate(self, password, user=None):
        MaxLengthValidator(LONGEST)(password)

    def get_help_text(self):
        return ""
