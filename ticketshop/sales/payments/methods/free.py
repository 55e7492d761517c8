"""Nothing to pay: the order is paid when it is placed."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class Free(Method):
    code = "free"
    label = _("Free of charge")

    def takes(self, total, currency):
        return total == 0
