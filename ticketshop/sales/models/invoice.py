"""Invoices and credit notes: their figures in the books, and the frozen PDF in an archive of its own."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ticketshop.lib.areas import ORDERS
from ticketshop.lib.personal import (
    ARCHIVE,
    BOOKS,
    CONTACT,
    RETENTION,
    Author,
    Erase,
    Expiry,
    Restrict,
    keep,
    not_personal,
)
from ticketshop.organisers.models import Organiser

from .order import Order
from .products import MONEY

# Who may open the archive; see ``ticketshop.roles``.
ARCHIVE_ROLE = "accounting"


class InvoiceCounter(models.Model):
    """The last number that an organiser used in a year. The row is locked while a number is drawn."""

    organiser = models.ForeignKey(Organiser, on_delete=models.PROTECT, related_name="+")
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("counter of invoice numbers")
        verbose_name_plural = _("counters of invoice numbers")
        constraints = [models.UniqueConstraint(fields=["organiser", "year"], name="invoice_counter_once")]

    class Personal:
        columns = not_personal("a counter of the organiser", "year", "last")

    def __str__(self):
        return f"{self.year}-{self.last:05d}"


class Invoice(models.Model):
    """An invoice for an order, or a credit note that takes one back as a whole or in part, with negative amounts.

    Both draw from one series without gaps per organiser and year. A trigger of the database refuses every change but of
    ``recipient`` and ``issued_by``, which are erased, and of ``retained_until``. ``rates``: [{"rate", "net", "vat", "gross"}], amounts as texts; empty if the
    seller states no VAT. ``recipient``: the texts of ``papers.recipients``.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", _("invoice")
        CREDIT_NOTE = "credit_note", _("credit note")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="invoices", verbose_name=_("order")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.INVOICE)
    year = models.PositiveSmallIntegerField(_("year"))
    number = models.PositiveIntegerField(pgettext_lazy("of a paper", "number"))
    credits = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="credit_notes",
        verbose_name=_("credit note for"),
    )
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), **MONEY)
    vat_total = models.DecimalField(_("of which VAT"), **MONEY)
    rates = models.JSONField(_("VAT by rate"), default=list)
    recipient = models.JSONField(_("recipient"), default=dict, blank=True)
    issued_at = models.DateTimeField(_("issued"))
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("issued by"),
    )
    # The last day on which the PDF stays in the archive.
    retained_until = models.DateField(_("in the archive until"))

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        constraints = [
            models.UniqueConstraint(fields=["organiser", "year", "number"], name="invoice_number_once"),
            models.CheckConstraint(
                condition=Q(kind="invoice", credits=None, total__gt=0, vat_total__gte=0)
                | Q(kind="credit_note", credits__isnull=False, total__lt=0, vat_total__lte=0),
                name="invoice_kind",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="invoice_number_positive"),
        ]

    class Personal:
        subject = {"order__buyer": CONTACT}
        area = ORDERS
        retained_since = "issued_at"
        copy_texts = "ticketshop.sales.copy_texts.of_invoice"
        columns = {
            "recipient": Erase(),
            "issued_by": Author(),
            **keep(
                BOOKS,
                "kind",
                "year",
                "number",
                "currency",
                "total",
                "vat_total",
                "rates",
                "issued_at",
                "retained_until",
            ),
        }

    def __str__(self):
        return self.full_number

    @property
    def full_number(self) -> str:
        """Return the number as it is printed, such as “2026-00017”."""
        return f"{self.year}-{self.number:05d}"


class ArchivedPaper(models.Model):
    """The PDF of an invoice or credit note as it was issued, with its SHA-256 in hexadecimal.

    A trigger of the database refuses changes. Only ``papers.archive`` reads it. The retention job deletes the row after
    ``Invoice.retained_until``.
    """

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="archived")
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    organiser_path = "invoice__organiser"

    class Meta:
        verbose_name = _("archived paper")
        verbose_name_plural = _("archived papers")
        default_permissions = ()
        permissions = [("open_archivedpaper", "Can open archived invoices")]

    class Personal:
        subject = {"invoice__order__buyer": CONTACT}
        area = ORDERS
        retained_since = "invoice__retained_until"
        expiry = (
            Expiry(
                RETENTION,
                "invoice__retained_until",
                1,
                promise=_(
                    "An invoice with a name, which somebody asked for, stays unchanged in a locked archive for as long as the law wants commercial books kept, and is deleted then."
                ),
            ),
        )
        labels = {"content": _("the invoice with the recipient’s name, as PDF")}
        withheld = {
            "content": _("you find the PDF on the page of your order"),
            "sha256": _("a number made from the PDF, which proves that it is unchanged"),
        }
        columns = {
            "content": Restrict(ARCHIVE, ARCHIVE_ROLE),
            "sha256": Restrict(ARCHIVE, ARCHIVE_ROLE),
        }

    def __str__(self):
        return f"#{self.pk}"


class ArchiveOpening(models.Model):
    """An opening of an archived paper: staff member, time, and the reason they typed. Deleted with the paper."""

    paper = models.ForeignKey(ArchivedPaper, on_delete=models.CASCADE, related_name="openings")
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    opened_at = models.DateTimeField()
    reason = models.CharField(max_length=240)

    organiser_path = "paper__invoice__organiser"

    class Meta:
        verbose_name = _("opening of an archived paper")
        verbose_name_plural = _("openings of archived papers")
        default_permissions = ()

    class Personal:
        erasable_texts = ("reason",)
        columns = {
            "opened_by": Author(),
            **not_personal(
                "a note of the accounting about its own work, deleted with the paper", "opened_at", "reason"
            ),
        }

    def __str__(self):
        return f"#{self.pk}"
