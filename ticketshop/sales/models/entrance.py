"""At the entrance: entries of tickets and passes, and codes that were replaced by another code."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.catalogue.models import Session
from ticketshop.lib.areas import TICKETS
from ticketshop.lib.personal import BOOKS, CONTACT, Author, Unless, erase, keep, not_personal

from .admission import IssuedPass, Ticket
from .order import Order


class CheckIn(models.Model):
    """A row for each thing that happened to a ticket or pass at the door of one date. Rows are only added."""

    class Kind(models.TextChoices):
        IN = "in", _("let in")
        OUT = "out", _("let out")
        UNDONE = "undone", _("entry undone")
        # Let in by a device without network, though the ticket was not valid any more; ``refusal`` tells why.
        CONFLICT = "conflict", _("let in without network, against the rules")

    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, related_name="check_ins", verbose_name=_("date")
    )
    ticket = models.ForeignKey(
        Ticket,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="check_ins",
        verbose_name=_("ticket"),
    )
    issued_pass = models.ForeignKey(
        IssuedPass,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="check_ins",
        verbose_name=_("season pass"),
    )
    kind = models.CharField(_("what"), max_length=10, choices=Kind)
    # Code of the answer that the server would have given, see ``ticketshop.sales.door.answers``.
    refusal = models.CharField(_("refused because"), max_length=20, blank=True, default="")
    gate = models.CharField(_("gate"), max_length=40, blank=True)
    # When the server recorded it, and when it happened by the clock of a device that had no network.
    at = models.DateTimeField(_("when"))
    device_at = models.DateTimeField(_("time on the device"), null=True, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("by"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    # Entries of the pass that this row took: 1, 0 for a person coming back, -1 if the entry was undone. 0 for a ticket.
    entries = models.SmallIntegerField(_("entries"), default=0)
    # Made of the key that the device sends and of the ticket: the same entry sent twice is one row.
    key = models.UUIDField(editable=False)

    organiser_path = "session__event__organiser"

    class Meta:
        verbose_name = _("entry at the door")
        verbose_name_plural = _("entries at the door")
        permissions = [("check_in", "Can let people in at the door")]
        indexes = [models.Index(fields=["session", "at"], name="checkin_of_session")]
        constraints = [
            models.CheckConstraint(
                condition=Q(ticket__isnull=True) ^ Q(issued_pass__isnull=True), name="checkin_of_one"
            ),
            models.UniqueConstraint(fields=["key"], name="checkin_key_once"),
            models.CheckConstraint(
                condition=Q(kind="in", issued_pass__isnull=False, entries__in=(0, 1))
                | Q(kind="undone", issued_pass__isnull=False, entries__in=(0, -1))
                | Q(entries=0),
                name="checkin_entries",
            ),
        ]

    class Personal:
        subject = {
            "ticket__beneficiary": CONTACT,
            "ticket__order__buyer": Unless("ticket__beneficiary", CONTACT),
            "issued_pass__beneficiary": CONTACT,
            "issued_pass__order__buyer": Unless("issued_pass__beneficiary", CONTACT),
        }
        area = TICKETS
        retained_since = "session__ends_at"
        copy_context = ("session", "ticket", "issued_pass")
        code_labels = {"refusal": "ticketshop.sales.door.answers.word_of"}
        columns = {
            **keep(BOOKS, "kind", "refusal", "at", "device_at", "entries"),
            **erase("note"),
            "by": Author(),
            **not_personal("a place and a random key", "gate", "key"),
        }

    def __str__(self):
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"

    @property
    def admission(self) -> Ticket | IssuedPass:
        """Return the ticket or pass."""
        return self.ticket or self.issued_pass

    @property
    def happened_at(self):
        """Return when it happened: by the clock of the device if it had no network, else by that of the server."""
        return self.device_at or self.at


class ReplacedCode(models.Model):
    """A code that was printed once. The entrance answers “replaced”.

    ``ticket`` or ``issued_pass``: which had the code. After ``NEW_CODE`` and ``GIVEN`` it has another code now; after ``EXCHANGED``
    it is cancelled, and other tickets of its order take its place.
    """

    class Reason(models.TextChoices):
        NEW_CODE = "new_code", _("lost or stolen: has a new code")
        EXCHANGED = "exchanged", _("exchanged")
        GIVEN = "given", _("given to somebody else")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="replaced_codes", verbose_name=_("order")
    )
    code = models.CharField(_("code"), max_length=40, unique=True, editable=False)
    ticket = models.ForeignKey(
        Ticket, null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_codes"
    )
    issued_pass = models.ForeignKey(
        IssuedPass, null=True, blank=True, on_delete=models.PROTECT, related_name="replaced_codes"
    )
    reason = models.CharField(_("reason"), max_length=10, choices=Reason)
    replaced_at = models.DateTimeField(_("replaced"))
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("replaced by"),
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("replaced code")
        verbose_name_plural = _("replaced codes")
        constraints = [
            models.CheckConstraint(
                condition=Q(ticket__isnull=False, issued_pass=None)
                | Q(ticket=None, issued_pass__isnull=False),
                name="replacedcode_one_admission",
            )
        ]

    class Personal:
        columns = {
            "replaced_by": Author(),
            **not_personal("random, and lets nobody in any more", "code"),
            **not_personal(
                "what happened to a code, and when; the person is on the ticket", "reason", "replaced_at"
            ),
        }

    def __str__(self):
        return self.code[:8]

    @property
    def admission(self) -> Ticket | IssuedPass:
        """Return the ticket or pass that had the code."""
        return self.ticket or self.issued_pass
