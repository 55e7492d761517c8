"""The only method of a shop that was never opened, besides providers in test mode: no money moves."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class Trial(Method):
    """Payment of a test order: it counts as paid at once, and no money moves."""

    code = "test"
    label = _("Test: paid without money")
    hint = _("The order counts as paid at once. No money moves.")
    paid_at_once = True

    @property
    def test_mode(self) -> bool:
        """Return True: no money moves."""
        return True
