"""A row per mail: its subject, recipient and state. The text of the mail is not stored."""

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import Q
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from ticketshop.lib.areas import MAILS
from ticketshop.lib.personal import (
    ADDRESS,
    RETENTION,
    SUBJECT_UUID,
    USER,
    CloseState,
    Erase,
    Expiry,
    Json,
    NotPersonal,
    Replace,
    Unless,
    not_personal,
)
from ticketshop.organisers.models import Organiser, PointOfSale


class Mail(models.Model):
    """A mail that is queued, was sent, or could not be sent."""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")
        BOUNCED = "bounced", _("came back")
        COMPLAINED = "complained", _("marked as spam")

    organiser = models.ForeignKey(
        Organiser,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("organiser"),
    )
    point_of_sale = models.ForeignKey(
        PointOfSale,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("point of sale"),
    )
    kind = models.CharField(_("kind"), max_length=60)
    # Ids of the rows that the mail is about; the builder reads them when the mail is sent.
    about = models.JSONField(default=dict)
    recipient = models.CharField(_("recipient"), max_length=254)
    subject_uuid = models.UUIDField(null=True, blank=True, db_index=True)
    language = models.CharField(_("language"), max_length=5)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUEUED)
    # Key against duplicates: a second mail with the same key is not queued. Null if repetition is allowed.
    once = models.CharField(max_length=120, null=True, blank=True, unique=True)
    provider_id = models.CharField(max_length=120, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.CharField(_("last error"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("queued"))
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)
    # Set by reports of the mail service, or when a mail server has refused the recipient permanently.
    delivered_at = models.DateTimeField(_("delivered"), null=True, blank=True)
    returned_at = models.DateTimeField(_("came back"), null=True, blank=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("e-mail")
        verbose_name_plural = _("e-mails")
        indexes = [
            models.Index(fields=["organiser", "-created_at"], name="mail_newest"),
            models.Index(fields=["state", "created_at"], name="mail_state"),
            models.Index(fields=["provider_id"], name="mail_by_provider", condition=~Q(provider_id="")),
            models.Index(
                fields=["organiser", "subject_uuid"],
                name="mail_returned",
                condition=Q(returned_at__isnull=False),
            ),
            # For the search by the beginning of an address, and for erasures: mails to an address that no contact had at that time.
            models.Index(OpClass(Upper("recipient"), name="text_pattern_ops"), name="mail_by_recipient"),
            models.Index(
                KeyTransform("user", "about"), name="mail_about_user", condition=Q(about__has_key="user")
            ),
            models.Index(
                KeyTransform("contact", "about"),
                name="mail_about_contact",
                condition=Q(about__has_key="contact"),
            ),
        ]

    class Personal:
        subject = {
            "subject_uuid": SUBJECT_UUID,
            "recipient": Unless("subject_uuid", ADDRESS),
            "about__user": USER,
        }
        area = MAILS
        copy_context = ("kind", "created_at", "sent_at")
        expiry = (
            Expiry(
                RETENTION,
                "created_at",
                30,
                where=Q(subject_uuid=None),
                promise=ngettext_lazy(
                    "About your log-in, or to an address that belongs to nobody we know: %(number)d day.",
                    "About your log-in, or to an address that belongs to nobody we know: %(number)d days.",
                    "number",
                ),
            ),
        )
        code_labels = {"kind": "ticketshop.mail.kinds.label"}
        withheld = {
            "subject_uuid": _("a random name by which we know it is yours"),
            "about": _("numbers of rows of ours"),
            "provider_id": _("a number of the service that delivers our e-mails"),
        }
        mentions = "ticketshop.mail.mentions"
        # Position in the order of locks. The worker locks the row while it sends, so an erasure waits for that mail.
        lock_order = 4
        columns = {
            "recipient": Replace(""),
            "subject_uuid": Erase(),
            "about": Json(
                {
                    "link": NotPersonal("the number of a row"),
                    "erasure": NotPersonal("the number of a row"),
                    "order": NotPersonal("the number of a row"),
                    "user": Erase(),
                    "contact": Erase(),
                    "ticket": NotPersonal("the number of a row"),
                    "payment": NotPersonal("the number of a row"),
                    "dispute": NotPersonal("the number of a row"),
                    "why": NotPersonal("one of a few words of our own"),
                    "tickets": NotPersonal("the numbers of rows"),
                    "passes": NotPersonal("the numbers of rows"),
                    "changes": NotPersonal("the numbers of rows"),
                    "change": NotPersonal("the number of a row"),
                    "invitation": NotPersonal("the number of a row"),
                    "message": NotPersonal("the number of a row"),
                    "recipient": NotPersonal("the number of a row, which names nobody"),
                }
            ),
            "provider_id": Erase(),
            "state": CloseState((("queued", "cancelled"),)),
            "once": NotPersonal("the kind and the number of the row it tells about"),
            **not_personal(
                "what became of a mail",
                "kind",
                "language",
                "attempts",
                "error",
                "created_at",
                "sent_at",
                "delivered_at",
                "returned_at",
            ),
        }

    def __str__(self):
        from .kinds import label  # noqa: PLC0415  it reads this model

        return label(self.kind)
