"""Bank files that staff read in, and the payments in them. The file itself is not stored."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import BOOKS, CONTACT, RETENTION, Author, Expiry, erase, keep, not_personal
from ticketshop.lib.web.template_tags import money
from ticketshop.organisers.models import Organiser

from ..order import Order
from ..products import MONEY_TOLD
from .handled import Handled
from .payment import Payment

# Days after which payer and text of a payment are erased once it is dealt with.
TEXT_DAYS = 60
# The same, after the booking, for an entry that nobody deals with.
OPEN_DAYS = 365


class BankFile(models.Model):
    """A bank file that was read in: what it was, by whom, and how much of it was new."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    kind = models.CharField(_("format"), max_length=10)
    message_id = models.CharField(_("number of the bank"), max_length=35, blank=True)
    uploaded_at = models.DateTimeField(_("read in"))
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("read in by"),
    )
    new = models.PositiveIntegerField(_("new payments"), default=0)
    known = models.PositiveIntegerField(_("known from earlier files"), default=0)
    left_out = models.PositiveIntegerField(_("debits and pending bookings, left out"), default=0)
    foreign = models.PositiveIntegerField(_("payments to other accounts, left out"), default=0)
    unreadable = models.PositiveIntegerField(_("bookings without amount or day"), default=0)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("bank file")
        verbose_name_plural = _("bank files")
        constraints = [
            # Composite foreign keys of other tables refer to this, so that both rows have the same organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="bankfile_in_organiser"),
        ]

    class Personal:
        columns = {
            "uploaded_by": Author(),
            **not_personal(
                "how a file was read",
                "kind",
                "message_id",
                "uploaded_at",
                "new",
                "known",
                "left_out",
                "foreign",
                "unreadable",
            ),
        }

    def __str__(self):
        return f"{self.kind} #{self.pk}"


class BankEntry(Handled):
    """A payment of a bank file, and what has become of it."""

    class Kind(models.TextChoices):
        CREDIT = "credit", _("money came")
        TAKEN_BACK = "taken_back", _("the bank took money back")
        RETURNED = "returned", _("money that was paid out came back")

    class State(models.TextChoices):
        OPEN = "open", _("to be looked at")
        RECORDED = "recorded", _("recorded")
        NOT_OURS = "not_ours", _("not for an order")
        DONE = "done", _("dealt with by hand")
        # Each part has a row of its own.
        DIVIDED = "divided", _("divided among orders")
        # The same money, listed payment by payment in another file.
        LISTED = "listed", _("listed one by one")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    file = models.ForeignKey(
        BankFile, on_delete=models.PROTECT, related_name="entries", verbose_name=_("bank file")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CREDIT)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OPEN)
    account = models.CharField(_("account"), max_length=34)
    booked_on = models.DateField(_("booked"))
    amount = models.DecimalField(_("amount"), **MONEY_TOLD)
    currency = models.CharField(_("currency"), max_length=3)
    # How many payments the bank booked as this one.
    payments = models.PositiveIntegerField(_("payments"), default=1)
    # The references of orders that were found in it, separated by spaces.
    references = models.CharField(_("references found"), max_length=60, blank=True)
    payer = models.CharField(_("payer"), max_length=140, blank=True)
    text = models.CharField(_("text"), max_length=600, blank=True)
    # Hashes by which the same payment in another file is recognised; ``files`` explains them.
    bank_key = models.CharField(max_length=64, blank=True, default="", editable=False)
    text_key = models.CharField(max_length=64, blank=True, default="", editable=False)
    booking_key = models.CharField(max_length=64, blank=True, default="", editable=False)
    order = models.ForeignKey(
        Order, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("order")
    )
    payment = models.OneToOneField(
        Payment, null=True, blank=True, on_delete=models.PROTECT, related_name="bank_entry"
    )
    # The payment of which staff recorded this part. It keeps the hashes of the bank, the parts get what is personal.
    part_of = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="parts",
        verbose_name=_("part of"),
    )
    # Staff asked for it to be recorded if it fits exactly; a job does it.
    requested_at = models.DateTimeField(null=True, blank=True, editable=False)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("payment of a bank file")
        verbose_name_plural = _("payments of bank files")
        constraints = [
            models.UniqueConstraint(
                fields=["organiser", "bank_key"], condition=~Q(bank_key=""), name="bankentry_bank_key_once"
            ),
            models.UniqueConstraint(
                fields=["organiser", "text_key"], condition=~Q(text_key=""), name="bankentry_text_key_once"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bankentry_positive"),
            models.CheckConstraint(
                condition=Q(state="open") | Q(handled_at__isnull=False), name="bankentry_handled_has_instant"
            ),
            models.CheckConstraint(
                condition=~Q(state="recorded") | Q(order__isnull=False, payment__isnull=False),
                name="bankentry_recorded_has_payment",
            ),
            models.CheckConstraint(
                condition=Q(part_of__isnull=True) | Q(state__in=["recorded", "open", "not_ours", "done"]),
                name="bankentry_part_not_divided",
            ),
        ]
        indexes = [
            models.Index(fields=["organiser", "-booked_on", "-id"], name="bankentry_newest"),
            models.Index(fields=["organiser"], name="bankentry_open", condition=Q(state="open")),
            models.Index(
                fields=["requested_at"], name="bankentry_requested", condition=Q(requested_at__isnull=False)
            ),
            models.Index(fields=["booking_key"], name="bankentry_booking", condition=~Q(booking_key="")),
        ]

    class Personal:
        subject = {"order__buyer": CONTACT}
        area = ORDERS
        retained_since = "booked_on"
        copy_context = ("booked_on", "amount", "currency")
        labels = {"text_key": _("check number")}
        # The payer wrote the text, and the check number is made from both.
        goes_with = {"text": ("payer",), "text_key": ("payer", "text")}
        withheld = {"text_key": _("a number by which we recognise the same payment in a second file")}
        expiry = (
            Expiry(
                RETENTION,
                "handled_at",
                TEXT_DAYS,
                promise=ngettext_lazy(
                    "Who paid, and what they wrote to their bank: %(number)d day after we have dealt with the payment.",
                    "Who paid, and what they wrote to their bank: %(number)d days after we have dealt with the payment.",
                    "number",
                ),
            ),
            Expiry(
                RETENTION,
                "booked_on",
                OPEN_DAYS,
                where=Q(state="open"),
                promise=_("The same of a payment that nobody deals with: a year after the bank booked it."),
            ),
        )
        columns = {
            **erase("payer", "text", "text_key"),
            "handled_by": Author(),
            **keep(BOOKS, "kind", "state", "booked_on", "amount", "currency", "references", "payments"),
            **not_personal("the organiser's own account", "account"),
            **not_personal("hashes of the bank's own references", "bank_key", "booking_key"),
            **not_personal("an instant of staff's work", "requested_at", "handled_at"),
        }

    def __str__(self):
        return f"{date_format(self.booked_on, 'SHORT_DATE_FORMAT')}, {money(self.amount, self.currency)}"

    @property
    def is_open_credit(self) -> bool:
        """Return whether money came by this payment that staff still have to look at."""
        return self.state == self.State.OPEN and self.kind == self.Kind.CREDIT
