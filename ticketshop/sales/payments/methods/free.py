"""For orders that cost nothing: they are paid when they are placed."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class Free(Method):
    """The method of free orders."""

    code = "free"
    label = _("Free of charge")

    def takes(self, total, currency):
        return total == 0
