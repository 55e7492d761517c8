"""Cash that staff have counted: what they began with, took, paid out and found, and the difference."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import BOOKS, Author, keep, not_personal
from ticketshop.organisers.models import Organiser

from ..products import MONEY


class CashCount(models.Model):
    """The cash of one staff member, counted once, for everything since their count before or since the day began."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    staff = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("staff member"),
    )
    since = models.DateTimeField(_("since"))
    counted_at = models.DateTimeField(_("counted"))
    currency = models.CharField(_("currency"), max_length=3)
    opening = models.DecimalField(_("cash at the beginning"), **MONEY)
    # From the books, with their roundings.
    taken = models.DecimalField(_("taken"), **MONEY)
    paid_out = models.DecimalField(_("paid out"), **MONEY)
    counted = models.DecimalField(_("counted cash"), **MONEY)
    difference = models.DecimalField(_("difference"), **MONEY)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("cash count")
        verbose_name_plural = _("cash counts")
        constraints = [
            # Two counts at once would begin at the same instant.
            models.UniqueConstraint(fields=["organiser", "staff", "since"], name="cash_counted_once"),
            models.CheckConstraint(
                condition=Q(difference=F("counted") - F("opening") - F("taken") + F("paid_out")),
                name="cash_count_difference",
            ),
            models.CheckConstraint(
                condition=Q(opening__gte=0, counted__gte=0, taken__gte=0, paid_out__gte=0),
                name="cash_count_not_negative",
            ),
        ]
        indexes = [models.Index(fields=["organiser", "-counted_at"], name="cash_count_newest")]

    class Personal:
        columns = {
            "staff": Author(),
            **keep(BOOKS, "opening", "taken", "paid_out", "counted", "difference", "currency"),
            **not_personal("when cash was counted", "since", "counted_at"),
        }

    def __str__(self):
        return f"{self.counted_at:%Y-%m-%d %H:%M}"
