"""Statements of buyers that they withdraw from a contract without a fixed date."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import BOOKS, CONTACT, OPEN_PAYMENT, Author, Defer, Until, erase, keep

from .order import Order, OrderLine

# The longest name that can be stated.
NAME_LENGTH = 200


class Withdrawal(models.Model):
    """A row for each line of an order that a buyer has withdrawn from. It is open until staff have cancelled the line or noted it as
    dealt with.
    """

    line = models.OneToOneField(
        OrderLine, on_delete=models.PROTECT, related_name="withdrawal", verbose_name=_("what")
    )
    # As it was typed; empty for an order whose buyer is erased already.
    name = models.CharField(_("name in the statement"), max_length=NAME_LENGTH, blank=True)
    stated_at = models.DateTimeField(_("stated"))
    # The last day of the period by the time zone of the organiser, and whether the statement came after it.
    last_day = models.DateField(_("last day"))
    late = models.BooleanField(_("late"))
    settled_at = models.DateTimeField(_("dealt with"), null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("dealt with by"),
    )

    organiser_path = "line__order__organiser"

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at__isnull=False) | Q(settled_by=None),
                name="withdrawal_settled_has_instant",
            )
        ]
        indexes = [models.Index(fields=["line"], name="withdrawal_open", condition=Q(settled_at=None))]

    class Personal:
        subject = {"line__order__buyer": CONTACT}
        area = ORDERS
        labels = {"line": _("what")}
        copy_context = ("line",)
        retained_since = "line__order__placed_at"
        defers = [
            Defer(
                OPEN_PAYMENT,
                "line__order__buyer",
                Q(settled_at=None),
                # Money that is owed may be requested for a year.
                Until("stated_at", 365),
                ("pk", "line__order"),
                label=_("a withdrawal that is not dealt with"),
            )
        ]
        columns = {
            **erase("name", deferred_with="pk"),
            **keep(BOOKS, "stated_at", "last_day", "settled_at"),
            "settled_by": Author(),
        }

    def __str__(self):
        return f"#{self.pk}"

    @property
    def is_open(self) -> bool:
        """Return whether staff still have to deal with it."""
        return self.settled_at is None


def settle(order: Order, *, by, now) -> None:
    """Note as dealt with every withdrawal of an order that has ended, or whose line is cancelled as a whole."""
    rows = Withdrawal.objects.filter(line__order=order, settled_at=None)
    if order.state in (Order.State.CANCELLED, Order.State.EXPIRED):
        done = list(rows.values_list("pk", flat=True))
    else:
        counted = rows.annotate(gone=models.Sum("line__cancelled__quantity"))
        done = list(counted.filter(gone=models.F("line__quantity")).values_list("pk", flat=True))
    if done:
        Withdrawal.objects.filter(pk__in=done).update(settled_at=now, settled_by=by)
