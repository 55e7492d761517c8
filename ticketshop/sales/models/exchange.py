"""Tickets of a paid order that were exchanged for those of a new order."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import BOOKS, keep

from .cancellation import Cancellation
from .order import Order
from .products import MONEY


class Exchange(models.Model):
    """An exchange: tickets of one order were cancelled for a new order of the same buyer, to which their price is credited.

    The cancellation contains when, and by whom.
    """

    cancellation = models.OneToOneField(Cancellation, on_delete=models.PROTECT, related_name="exchange")
    order = models.OneToOneField(
        Order, on_delete=models.PROTECT, related_name="exchange", verbose_name=_("order")
    )
    credited = models.DecimalField(_("credited"), **MONEY)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("exchange")
        verbose_name_plural = _("exchanges")
        constraints = [
            models.CheckConstraint(condition=Q(credited__gte=0), name="exchange_credit_not_negative")
        ]

    class Personal:
        area = ORDERS
        columns = keep(BOOKS, "credited")

    def __str__(self):
        return f"#{self.pk}"
