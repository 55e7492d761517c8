"""Messages to people with tickets for a date: written ones, reminders, and what they learn of a changed date."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from ticketshop.catalogue.dates import Facts
from ticketshop.catalogue.models import Session
from ticketshop.lib import translated
from ticketshop.lib.personal import Author, not_personal
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser

from .admission import Ticket
from .order import Order


class DateMessage(models.Model):
    """A message to people with tickets for a date. Deleted after ``date_messages.KEPT_FOR``, with its recipients."""

    class Kind(models.TextChoices):
        WRITTEN = "written", _("message")
        REMINDER = "reminder", _("reminder")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, related_name="messages", verbose_name=_("date")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.WRITTEN)
    # Comes with the page on which it was written: the same page sent twice is one message.
    key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    # Language code -> text as typed, with the names of ``date_messages.PLACEHOLDERS``. Empty for a reminder.
    subject = models.JSONField(_("subject"), default=dict)
    text = models.JSONField(_("text"), default=dict)
    # What the tickets of its recipients must be: states of ``Admission.State``.
    states = models.JSONField(_("tickets"), default=list)
    # The start of the date for which a reminder was made. It is not sent for another one.
    starts_at = models.DateTimeField(_("starts"))
    made_at = models.DateTimeField(_("written"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("written by"),
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("message to everybody of a date")
        verbose_name_plural = _("messages to everybody of a date")
        constraints = [
            models.UniqueConstraint(
                fields=["session"], condition=Q(kind="reminder"), name="reminder_of_date_once"
            )
        ]

    class Personal:
        erasable_texts = ("subject", "text")
        columns = {
            "made_by": Author(),
            **not_personal(
                "what an organiser writes to everybody of a date",
                "kind",
                "key",
                "subject",
                "text",
                "states",
                "starts_at",
                "made_at",
            ),
        }

    def __str__(self):
        return self.subject_text or str(self.get_kind_display())

    @property
    def subject_text(self) -> str:
        """Return the subject in the active language, or in another one if it is missing there."""
        return translated.text_of(self.subject)


class MessageRecipient(models.Model):
    """A recipient of a message, named by a ticket and by the role for that ticket. Contains no name and no address."""

    class Role(models.TextChoices):
        BUYER = "buyer", _("buyer")
        PERSON = "person", _("linked person")
        ADDRESS = "address", _("address on the ticket")

    message = models.ForeignKey(DateMessage, on_delete=models.CASCADE, related_name="recipients")
    ticket = models.ForeignKey(Ticket, on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=10, choices=Role)
    mail = models.ForeignKey(Mail, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    done_at = models.DateTimeField(null=True, blank=True)

    organiser_path = "message__organiser"

    class Meta:
        verbose_name = _("recipient of a message")
        verbose_name_plural = _("recipients of messages")
        constraints = [
            models.UniqueConstraint(fields=["message", "role", "ticket"], name="message_recipient_once")
        ]
        indexes = [
            models.Index(fields=["message"], name="message_recipient_open", condition=Q(done_at=None)),
        ]

    class Personal:
        columns = not_personal("for which ticket, and whether it was dealt with", "role", "done_at")

    def __str__(self):
        return f"#{self.pk}"


class DateChange(models.Model):
    """Dates that one *Save* in the back office cancelled, moved or changed, with their facts before."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    sessions = models.ManyToManyField(Session, related_name="changes", verbose_name=_("dates"))
    # Session id, as text -> ``catalogue.dates.Facts`` before the change.
    before = models.JSONField(default=dict)
    # The organiser's message to the people concerned, as typed.
    message = models.TextField(_("message"), blank=True)
    # Whether mails are sent; every page shows the change in any case.
    tell = models.BooleanField(_("people are told"), default=True)
    # Whether the dates were cancelled for good: tickets are cancelled and paid back, unpaid orders end.
    refund = models.BooleanField(_("money is paid back"), default=False)
    made_at = models.DateTimeField(_("changed"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("changed by"),
    )

    # Orders that were never paid, and ended with the date.
    ended = models.ManyToManyField(
        Order, related_name="ended_with", editable=False, verbose_name=_("unpaid orders that ended")
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("change of dates")
        verbose_name_plural = _("changes of dates")

    class Personal:
        erasable_texts = ("message",)
        columns = {
            "made_by": Author(),
            **not_personal("what an organiser changed and tells everybody", "before", "message", "made_at"),
        }

    def __str__(self):
        return f"{self.made_at:%Y-%m-%d %H:%M}"

    def facts_before(self) -> dict[int, Facts]:
        """Return session id -> its facts before this change."""
        return {int(pk): Facts.from_json(data) for pk, data in self.before.items()}
