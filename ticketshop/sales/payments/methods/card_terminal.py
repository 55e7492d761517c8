"""A card terminal at the counter. The shop does not drive it: staff note that it has taken the money."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class CardTerminal(Method):
    """Payment by card on a terminal."""

    code = "card_terminal"
    label = _("Card terminal")
    staff_only = True
    paid_at_once = True
