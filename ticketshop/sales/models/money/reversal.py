"""Money that was recorded by mistake: a row that takes a payment back."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import BOOKS, Author, keep

from .payment import Payment


class Reversal(models.Model):
    """A payment that staff recorded and that did not come. The payment stays as it is; its refunds with this row take it back."""

    class Reason(models.TextChoices):
        """Why it is taken back. Fixed texts, so that no name gets into the books."""

        NOT_RECEIVED = "not_received", _("the money did not come")
        OTHER_ORDER = "other_order", _("the money was for another order")
        OTHER_AMOUNT = "other_amount", _("another amount came")
        OTHER_WAY = "other_way", _("the money came in another way")
        TWICE = "twice", _("it was recorded twice")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="reversals", verbose_name=_("payment")
    )
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    made_at = models.DateTimeField(_("taken back on"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("taken back by"),
    )
    # When the order had been paid that waits for its money again since; null if it is paid or over as before, or was not paid.
    order_paid_at = models.DateTimeField(_("the order had been paid on"), null=True, blank=True)

    organiser_path = "payment__order__organiser"

    class Meta:
        verbose_name = _("payment recorded by mistake")
        verbose_name_plural = _("payments recorded by mistake")
        constraints = [
            models.UniqueConstraint(fields=["payment"], name="reversal_once"),
            models.CheckConstraint(
                condition=models.Q(order_paid_at__isnull=True)
                | models.Q(order_paid_at__lte=models.F("made_at")),
                name="reversal_after_order_paid",
            ),
        ]

    class Personal:
        area = ORDERS
        columns = {**keep(BOOKS, "reason", "made_at", "order_paid_at"), "made_by": Author()}

    def __str__(self):
        return self.payment.order.reference
