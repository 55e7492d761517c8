"""Entries at the door: a row for each time that a ticket was let in, let out again, or an entry was undone."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.catalogue.models import Session
from ticketshop.lib.areas import TICKETS
from ticketshop.lib.personal import BOOKS, CONTACT, Author, Unless, erase, keep, not_personal

from .admission import IssuedPass, Ticket


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
