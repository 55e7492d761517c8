"""Differences between the lists of payment services and what is noted here."""

from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author, not_personal
from ticketshop.organisers.models import PointOfSale

from ..products import MONEY_TOLD
from .handled import Handled
from .payment import Payment

# An account of a payment service may have larger amounts than an order.
AMOUNT = {**MONEY_TOLD, "null": True, "blank": True}


class PaymentDifference(Handled):
    """A difference between the list of a payment service for a day and what is noted here.

    Open until the next comparison does not find it any more (``resolved_at``), or a member of staff notes it as dealt with
    (``handled_at``). ``amount_there`` and ``amount_here`` are null where nothing is listed or noted.
    """

    class Code(models.TextChoices):
        UNKNOWN = "unknown", _("money came that is not noted here")
        NOT_CONFIRMED = "not_confirmed", _("money came for a payment that is not confirmed here")
        OTHER_AMOUNT = "other_amount", _("another amount came than is noted here")
        NOT_LISTED = "not_listed", _("a payment is noted here that the payment service does not list")
        REFUND_UNKNOWN = "refund_unknown", _("money went back that is not noted here")
        REFUND_NOT_LISTED = "refund_not_listed", _("money noted here as paid back did not go back")
        PAGE_UNKNOWN = (
            "page_unknown",
            _("the payment service sent a message about a payment, and does not have this payment"),
        )
        DISPUTE_UNKNOWN = "dispute_unknown", _("a dispute is not noted here, or with another amount")

    point_of_sale = models.ForeignKey(
        PointOfSale, on_delete=models.PROTECT, related_name="+", verbose_name=_("point of sale")
    )
    method = models.CharField(_("method"), max_length=20)
    day = models.DateField(_("day"))
    code = models.CharField(_("difference"), max_length=20, choices=Code)
    provider_reference = models.CharField(_("reference at the payment service"), max_length=255)
    # The payment it is about, if one is known here.
    payment = models.ForeignKey(
        Payment, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("payment")
    )
    amount_there = models.DecimalField(_("at the payment service"), **AMOUNT)
    currency_there = models.CharField(max_length=3, blank=True)
    amount_here = models.DecimalField(_("noted here"), **AMOUNT)
    currency_here = models.CharField(max_length=3, blank=True)
    found_at = models.DateTimeField(_("found"))
    resolved_at = models.DateTimeField(_("not found any more"), null=True, blank=True)

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("difference to the payment service")
        verbose_name_plural = _("differences to payment services")
        constraints = [
            models.UniqueConstraint(
                fields=["point_of_sale", "method", "day", "code", "provider_reference"],
                name="paymentdifference_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["point_of_sale", "day"],
                name="paymentdifference_open",
                condition=Q(resolved_at=None, handled_at=None),
            ),
        ]

    class Personal:
        columns = {
            "handled_by": Author(),
            **not_personal(
                "a line of a payment service's list; who paid is known from the order alone",
                "method",
                "day",
                "code",
                "provider_reference",
                "amount_there",
                "currency_there",
                "amount_here",
                "currency_here",
            ),
            **not_personal(
                "instants of the job's and of staff's work", "found_at", "resolved_at", "handled_at"
            ),
        }

    def __str__(self):
        return f"{date_format(self.day, 'SHORT_DATE_FORMAT')}, {self.get_code_display()}"

    @property
    def is_open(self) -> bool:
        """Return whether staff still have to look at it."""
        return self.resolved_at is None and self.handled_at is None
