"""Cash that staff take at the counter."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class Cash(Method):
    """Payment in cash."""

    code = "cash"
    label = _("Cash")
    staff_only = True
    paid_at_once = True
