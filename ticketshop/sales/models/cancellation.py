"""Cancelled and exchanged parts of paid orders: rows that are added, because a sold line is never changed."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import BOOKS, Author, keep

from .order import Order, OrderLine
from .products import MONEY


class Cancellation(models.Model):
    """Tickets and passes of a paid order that were cancelled together: single ones, or everything that was left."""

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="cancellations", verbose_name=_("order")
    )
    made_at = models.DateTimeField(pgettext_lazy("order", "cancelled"))
    # The staff member. Empty for rows of earlier versions, which the migration added.
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("cancelled by"),
    )

    # The cancelled date with which these tickets went; empty if staff cancelled them for this order alone.
    date_change = models.ForeignKey(
        "DateChange",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="cancellations",
        verbose_name=_("cancelled date"),
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("cancellation")
        verbose_name_plural = _("cancellations")

    class Personal:
        area = ORDERS
        copy_nested = ("lines",)
        columns = {**keep(BOOKS, "made_at"), "made_by": Author()}

    def __str__(self):
        return f"#{self.pk}"


class CancelledLine(models.Model):
    """The cancelled part of a line: so many of it, with their places, price and VAT.

    ``vat_amount``: what the VAT of the line's rest becomes smaller by. The rest is rounded as the line was, so the parts of a
    line add up to its VAT.
    """

    cancellation = models.ForeignKey(Cancellation, on_delete=models.PROTECT, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="cancelled")
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    places = models.PositiveIntegerField()
    unit_price = models.DecimalField(_("price"), **MONEY)
    total = models.DecimalField(_("total"), **MONEY)
    vat_amount = models.DecimalField(_("VAT"), **MONEY)

    organiser_path = "cancellation__order__organiser"

    class Meta:
        verbose_name = _("cancelled part of a line")
        verbose_name_plural = _("cancelled parts of lines")
        constraints = [
            models.UniqueConstraint(fields=["cancellation", "line"], name="cancelledline_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cancelledline_quantity"),
            models.CheckConstraint(condition=Q(places__gte=F("quantity")), name="cancelledline_places"),
            models.CheckConstraint(
                condition=Q(total=F("unit_price") * F("quantity")), name="cancelledline_total"
            ),
            models.CheckConstraint(
                condition=Q(vat_amount__gte=0) & Q(vat_amount__lte=F("total")), name="cancelledline_vat"
            ),
        ]

    class Personal:
        area = ORDERS
        labels = {"line": _("what"), "places": _("places")}
        copy_context = ("line",)
        copy_texts = "ticketshop.sales.copy_texts.of_cancelled_line"
        columns = keep(BOOKS, "quantity", "places", "unit_price", "total", "vat_amount")

    def __str__(self):
        return f"{self.quantity} x {self.line.title}"


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
