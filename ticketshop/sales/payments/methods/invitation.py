"""Tickets that staff give away: every price of the order is zero, and a reason stands on the order."""

from django.utils.translation import gettext_lazy as _

from .base import Method


class Invitation(Method):
    """The method of invitations."""

    code = "invitation"
    label = _("Invitation, free of charge")
    staff_only = True
    paid_at_once = True
