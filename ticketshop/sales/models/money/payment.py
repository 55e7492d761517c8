"""Payment methods, payments and refunds."""

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import (
    BOOKS,
    OPEN_PAYMENT,
    Author,
    Defer,
    Until,
    keep,
    not_personal,
)
from ticketshop.lib.values.money import COIN, ZERO
from ticketshop.organisers.models import PointOfSale

from ..order import Order
from ..products import MONEY_TOLD


class PaymentMethod(models.Model):
    """A payment method of a point of sale. Secrets come from the environment, never from ``settings``."""

    point_of_sale = models.ForeignKey(
        PointOfSale, on_delete=models.CASCADE, related_name="payment_methods", verbose_name=_("point of sale")
    )
    code = models.CharField(_("method"), max_length=20)
    enabled = models.BooleanField(_("offered"), default=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    # The last day whose list of the payment service was compared with ours.
    compared_until = models.DateField(null=True, blank=True, editable=False)

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")
        constraints = [models.UniqueConstraint(fields=["point_of_sale", "code"], name="payment_method_once")]

    class Personal:
        columns = not_personal("the organiser's own account", "code", "settings", "compared_until")

    def __str__(self):
        return self.code


class Payment(models.Model):
    """Money that came, or is to come, for an order."""

    class State(models.TextChoices):
        STARTED = "started", _("started")
        CONFIRMED = "confirmed", _("confirmed")
        FAILED = "failed", _("failed")
        # Another payment took its place: the order was paid by that one, or the buyer chose another method.
        REPLACED = "replaced", _("paid otherwise")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="payments", verbose_name=_("order")
    )
    method = models.CharField(_("method"), max_length=20)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.STARTED)
    amount = models.DecimalField(_("amount"), **MONEY_TOLD)
    # What came in cash beyond the amount, or less than it, because there are no smaller coins; see ``money.in_cash``.
    rounding = models.DecimalField(_("rounding"), max_digits=3, decimal_places=2, default=ZERO)
    currency = models.CharField(_("currency"), max_length=3)
    # The reference that the payer of a bank transfer quotes.
    reference = models.CharField(_("payment reference"), max_length=40, blank=True)
    # The page of a provider on which this payment is paid: its id there, and its URL, which is empty as soon as nothing can
    # be paid on it any more.
    provider_reference = models.CharField(
        _("reference at the payment service"), max_length=255, blank=True, default=""
    )
    provider_url = models.CharField(max_length=2000, blank=True, default="", editable=False)
    asked_at = models.DateTimeField(_("payment service asked"), null=True, blank=True)
    # What the provider answered then: "open", "declined" or "processing"; "refused" after "processing"; "failed".
    last_answer = models.CharField(max_length=10, blank=True, default="", editable=False)
    started_at = models.DateTimeField(_("started"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("confirmed by"),
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_not_negative"),
            models.CheckConstraint(
                condition=Q(rounding=0) | Q(method="cash", rounding__range=(-COIN, COIN)),
                name="payment_rounding_in_cash",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(confirmed_at__isnull=False),
                name="payment_confirmed_has_instant",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference=""), name="payment_reference_once"
            ),
            models.UniqueConstraint(
                fields=["method", "provider_reference"],
                condition=~Q(provider_reference=""),
                name="payment_provider_reference_once",
            ),
            models.CheckConstraint(
                condition=Q(provider_url="") | ~Q(provider_reference=""), name="payment_page_has_reference"
            ),
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="payment_page_open", condition=~Q(provider_url="")),
            # For the takings of a day.
            models.Index(fields=["confirmed_at"], name="payment_confirmed", condition=Q(state="confirmed")),
            # For the search by the beginning of a reference.
            models.Index(
                fields=["reference"],
                opclasses=["varchar_pattern_ops"],
                name="payment_by_reference",
                condition=~Q(reference=""),
            ),
        ]

    class Personal:
        area = ORDERS
        copy_nested = ("refunds", "disputes", "reversals")
        tells = "ticketshop.sales.payments.methods.told_companies"
        code_labels = {"method": "ticketshop.sales.payments.methods.name_of"}
        columns = {
            **keep(
                BOOKS,
                "method",
                "state",
                "amount",
                "rounding",
                "currency",
                "reference",
                "provider_reference",
                "started_at",
                "confirmed_at",
            ),
            **not_personal(
                "the provider's page, until nothing can be paid there; when it was asked, and its answer",
                "provider_url",
                "asked_at",
                "last_answer",
            ),
            "confirmed_by": Author(),
        }

    def __str__(self):
        return self.reference or self.order.reference

    @property
    def state_text(self) -> str:
        """Return the state as text. One query, unless ``reversals`` was read before."""
        return str(_("recorded by mistake")) if self.reversals.all() else self.get_state_display()

    @property
    def provider_key(self) -> str:
        """Return the key by which a provider recognises a repeated request. Other than ``pk`` it never comes back after a
        backup was restored, because the order's reference is random.
        """
        return f"{self.order.reference}-{self.pk}"


class Refund(models.Model):
    """Money of a confirmed payment that goes back, or that the buyer's bank took after a dispute."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("to be paid back")
        DONE = "done", _("paid back")
        # The provider refused for good, also after it said that it was done: staff pay the money back in another way.
        FAILED = "failed", _("refused by the payment service")

    class Kind(models.TextChoices):
        # Never the order's: too much, twice, too late, another amount, or of an order that was never paid.
        RETURNED = "returned", _("was not owed")
        # The order's: staff decided to pay it back.
        PAID_BACK = "paid_back", _("all or part of the order’s price")
        # Nobody paid it back: the bank took it after a dispute.
        TAKEN = "taken", _("taken by the buyer’s bank after a dispute")
        # The order's: credited to the order that its tickets were exchanged for. No money moves.
        EXCHANGED = "exchanged", _("credited in an exchange")
        # Nobody pays it back: the payment was recorded by mistake, and its order had kept this part.
        REVERSED = "reversed", _("recorded by mistake")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment")
    )
    kind = models.CharField(_("reason"), max_length=10, choices=Kind, default=Kind.RETURNED)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.REQUESTED)
    amount = models.DecimalField(_("amount"), **MONEY_TOLD)
    # The way in which staff paid it back; empty if a provider did, or nobody yet. ``rounding`` as for a payment.
    done_as = models.CharField(_("paid back by"), max_length=20, blank=True, default="")
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("paid back by"),
    )
    rounding = models.DecimalField(_("rounding"), max_digits=3, decimal_places=2, default=ZERO)
    requested_at = models.DateTimeField(_("requested"))
    done_at = models.DateTimeField(_("paid back"), null=True, blank=True)
    # Stays when staff have paid the money back in another way. The provider is not asked about such a refund any more.
    refused_at = models.DateTimeField(_("refused by the payment service on"), null=True, blank=True)
    # The lost dispute with which the money went: then it is done, and neither staff nor the provider pay it.
    dispute = models.ForeignKey(
        "Dispute", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    # The row that took the payment back as recorded by mistake: then this is done, and nobody pays it.
    reversal = models.ForeignKey(
        "Reversal", null=True, blank=True, on_delete=models.PROTECT, related_name="+", editable=False
    )

    organiser_path = "payment__order__organiser"

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_positive"),
            models.CheckConstraint(
                condition=Q(rounding=0) | Q(done_as="cash", rounding__range=(-COIN, COIN)),
                name="refund_rounding_in_cash",
            ),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(done_at__isnull=False), name="refund_done_has_instant"
            ),
            models.CheckConstraint(
                condition=Q(dispute__isnull=True) | Q(state="done"), name="refund_of_dispute_done"
            ),
            models.CheckConstraint(
                condition=~Q(kind="taken") | Q(dispute__isnull=False), name="refund_taken_has_dispute"
            ),
            models.CheckConstraint(
                condition=Q(reversal__isnull=True)
                | Q(state="done", dispute__isnull=True, done_as="", rounding=0),
                name="refund_of_reversal_done",
            ),
            models.CheckConstraint(
                condition=~Q(kind="reversed") | Q(reversal__isnull=False), name="refund_reversed_has_reversal"
            ),
        ]
        # For the start page and the job that pays back: few of all refunds are open.
        indexes = [models.Index(fields=["payment"], name="refund_open", condition=~Q(state="done"))]

    class Personal:
        area = ORDERS
        defers = [
            Defer(
                OPEN_PAYMENT,
                "payment__order__buyer",
                Q(state__in=["requested", "failed"]),
                # Money that is owed may be requested for a year.
                Until("requested_at", 365),
                ("payment__order",),
                label=_("money to be paid back"),
            )
        ]
        code_labels = {"done_as": "ticketshop.sales.payments.methods.name_of"}
        columns = {
            **keep(
                BOOKS,
                "kind",
                "state",
                "amount",
                "rounding",
                "requested_at",
                "done_at",
                "done_as",
                "refused_at",
            ),
            "done_by": Author(),
        }

    def __str__(self):
        return self.payment.order.reference

    def done_with(self, part: Decimal, now: datetime, **columns) -> bool:
        """Note a part of an open refund as done, without anybody paying it; the rest stays as a refund of its own.

        ``columns``: what else changes, such as the dispute it is done with. Return False if it was paid meanwhile.
        """
        rows = Refund.objects.filter(pk=self.pk, state__in=OPEN_REFUNDS)
        if not rows.update(state=Refund.State.DONE, done_at=now, amount=part, **columns):
            return False
        if self.amount > part:
            Refund.objects.create(
                payment_id=self.payment_id,
                kind=self.kind,
                state=self.state,
                amount=self.amount - part,
                requested_at=self.requested_at,
                refused_at=self.refused_at,
            )
        return True

    @property
    def state_text(self) -> str:
        """Return the state as text. What was credited in an exchange, or never came, is not paid back."""
        if self.kind == self.Kind.EXCHANGED:
            return str(_("credited"))
        if self.reversal_id:
            return str(_("not paid: recorded by mistake"))
        return self.get_state_display()

    @property
    def provider_key(self) -> str:
        """Return the key by which a provider recognises a repeated request."""
        return f"refund:{self.payment.provider_key}:{self.pk}"


# States in which money is still to be paid back.
OPEN_REFUNDS = (Refund.State.REQUESTED, Refund.State.FAILED)
# Kinds of refunds of money that was never the order's.
NEVER_OWED = (Refund.Kind.RETURNED, Refund.Kind.REVERSED)


class Dispute(models.Model):
    """A payment that its buyer disputes with their bank. The provider is asked for everything here."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("dispute", "open")
        WON = "won", _("won: the money stays")
        LOST = "lost", _("lost: the bank took the money back")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="disputes", verbose_name=_("payment")
    )
    provider_reference = models.CharField(_("reference at the payment service"), max_length=255)
    state = models.CharField(_("state"), max_length=10, choices=State)
    amount = models.DecimalField(_("amount"), **MONEY_TOLD)
    opened_at = models.DateTimeField(pgettext_lazy("dispute", "opened"))
    closed_at = models.DateTimeField(pgettext_lazy("dispute", "closed"), null=True, blank=True)

    organiser_path = "payment__order__organiser"

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        constraints = [
            models.UniqueConstraint(fields=["payment", "provider_reference"], name="dispute_once"),
            models.CheckConstraint(
                condition=Q(state="open", closed_at__isnull=True)
                | (~Q(state="open") & Q(closed_at__isnull=False)),
                name="dispute_closed_has_instant",
            ),
        ]

    class Personal:
        area = ORDERS
        defers = [
            Defer(
                OPEN_PAYMENT,
                "payment__order__buyer",
                Q(state="open"),
                Until("opened_at", 365),
                ("payment__order",),
                label=_("disputed payment"),
            )
        ]
        columns = keep(BOOKS, "provider_reference", "state", "amount", "opened_at", "closed_at")

    def __str__(self):
        return self.payment.order.reference
