"""Requests for erasure with their progress, records of what was erased, and proofs of mailboxes.

Except for the address in a proof, none contains a name, an e-mail address, a hash or a free text of a person.
"""

import uuid

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from ticketshop.lib.areas import REQUESTS
from ticketshop.lib.personal import ADDRESS, Author, DeleteRow, Expiry, NotPersonal, not_personal
from ticketshop.organisers.models import Organiser


class Erasure(models.Model):
    """The erasure of one contact: the request, its progress, and afterwards the record."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("waiting for proof of the mailbox")
        CONFIRMED = "confirmed", _("to be done")
        BEGUN = "claimed", _("begun")
        EMPTIED = "emptied", _("database done")
        FILED = "filed", _("files done")
        DEFERRED = "deferred", _("partly done, the rest waits")
        CLOSED = "closed", _("done")
        WITHDRAWN = "withdrawn", _("withdrawn")
        REFUSED = "refused", _("refused")

    class Channel(models.TextChoices):
        BACK_OFFICE = "back_office", _("back office")
        ACCOUNT = "account", _("visitor’s account")
        MAILBOX = "mailbox", _("link in a mail")
        RETENTION = "retention", _("its time was over")
        TOGETHER = "together", _("with the person who had added them")

    class Reason(models.TextChoices):
        REQUEST = "request", _("at the person’s request")
        OBJECTION = "objection", _("the person objects to the use of the data")
        UNLAWFUL = "unlawful", _("the data should not have been collected")
        NOT_NEEDED = "not_needed", _("the data are no longer needed")

    class Extension(models.TextChoices):
        COMPLEX = "complex", _("the request is complex")
        MANY = "many", _("there are many requests")

    class Refusal(models.TextChoices):
        NOT_PROVED = "not_proved", _("we could not make sure that the data are those of the person who asks")
        LEGAL_CLAIM = "legal", _("we need the data for a legal claim")
        REPEATED = "repeated", _("the same was asked again and again, without a ground")

    uuid = models.UUIDField(_("request"), default=uuid.uuid4, unique=True, editable=False)
    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    # Null once the erasure is closed: no path leads from the record to the emptied contact.
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("contact")
    )
    subject_uuid = models.UUIDField(db_index=True)
    channel = models.CharField(_("asked in"), max_length=12, choices=Channel)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.REQUEST)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CONFIRMED)
    # The person renounces being reached about unused tickets, which then admit every person who shows them.
    bearer = models.BooleanField(_("unused tickets admit whoever shows them"), default=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("done by"),
    )
    # The request whose mailed link confirms this one too: the visitor chose several contacts of their mailbox.
    asked_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="asked_together",
        editable=False,
    )
    # The erasure of the only person who had added this contact.
    together_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="companions",
        verbose_name=_("with"),
    )
    # Companions who are erased later: the day of each, null if it is not known. Stays in the record, without ids.
    companions_later = ArrayField(models.DateField(null=True), default=list)
    # Ids of the contacts that staff do not erase together with this one; empty once it is closed.
    spared = ArrayField(models.BigIntegerField(), default=list)
    # Hash of the token in the mail that proves the mailbox.
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    token_expires_at = models.DateTimeField(null=True)
    receipt = models.CharField(_("receipt"), max_length=12, unique=True)
    registry_version = models.CharField(max_length=16, blank=True)
    requested_at = models.DateTimeField(_("asked"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    # The last second of the day by which staff must answer; null if the person has not requested it themselves.
    due_at = models.DateTimeField(_("due"), null=True)
    extended_for = models.CharField(_("more time because"), max_length=12, choices=Extension, blank=True)
    refused_for = models.CharField(_("refused because"), max_length=12, choices=Refusal, blank=True)
    claimed_at = models.DateTimeField(_("begun"), null=True)
    emptied_at = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(_("checked"), null=True)
    closed_at = models.DateTimeField(_("done"), null=True)
    deferred_until = models.DateTimeField(_("the rest goes on"), null=True)
    # One object per model and basis: model (its label), basis (its code), rows (a number; pk in ``deferred``), until (ISO or null).
    kept = models.JSONField(default=list)
    deferred = models.JSONField(default=list)
    # When staff stated that downloaded lists with the person in them are deleted.
    copies_deleted_at = models.DateTimeField(_("downloaded lists deleted"), null=True)
    # State and type of the last failure; not its text, which may contain personal data.
    failure = models.CharField(_("failed at"), max_length=80, blank=True)

    organiser_path = "organiser"
    OPEN = (State.REQUESTED, State.CONFIRMED)
    RUNNING = (State.BEGUN, State.EMPTIED, State.FILED)
    # Neither the person nor staff requested these: more deferrals count (``Defer.unrequested_only``).
    UNREQUESTED = (Channel.RETENTION, Channel.TOGETHER)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        permissions = [("manage_request", _("Can answer requests to be forgotten"))]
        indexes = [models.Index(fields=["state", "deferred_until"], name="erasure_state")]

    class Personal:
        columns = {
            "contact": NotPersonal("set to null when all is done"),
            "spared": NotPersonal("numbers of rows, dropped when all is done"),
            "by": Author(),
            **not_personal(
                "random; proves a request to whoever was given it", "uuid", "subject_uuid", "receipt"
            ),
            **not_personal("a hash of a random text", "token_hash"),
            **not_personal(
                "how an erasure went: codes, counts and instants",
                "channel",
                "reason",
                "state",
                "token_expires_at",
                "registry_version",
                "requested_at",
                "confirmed_at",
                "due_at",
                "extended_for",
                "refused_for",
                "claimed_at",
                "emptied_at",
                "filed_at",
                "verified_at",
                "closed_at",
                "deferred_until",
                "copies_deleted_at",
                "kept",
                "deferred",
                "companions_later",
                "failure",
            ),
        }

    def __str__(self):
        return self.receipt

    @property
    def is_unrequested(self) -> bool:
        """Whether neither the person nor staff requested it."""
        return self.channel in self.UNREQUESTED


class ErasureStep(models.Model):
    """The number of rows of one model that an erasure has emptied or deleted, in all its runs."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="steps")
    model = models.CharField(_("kind of data"), max_length=80)
    deleted = models.BooleanField(_("deleted"))
    rows = models.PositiveIntegerField(_("records"))

    organiser_path = "erasure__organiser"

    class Meta:
        verbose_name = _("step of an erasure")
        verbose_name_plural = _("steps of erasures")
        constraints = [
            models.UniqueConstraint(fields=["erasure", "model", "deleted"], name="erasure_step_once")
        ]

    class Personal:
        columns = not_personal("a count", "model", "rows")

    def __str__(self):
        return f"{self.model} {self.rows}"


class PendingDeletion(models.Model):
    """A file to delete. Created in the transaction that empties the row; its name is emptied once the file is deleted."""

    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="files")
    storage = models.CharField(max_length=40)
    name = models.CharField(max_length=255, blank=True)
    done_at = models.DateTimeField(null=True)

    organiser_path = "erasure__organiser"

    class Meta:
        verbose_name = _("file to delete")
        verbose_name_plural = _("files to delete")

    class Personal:
        columns = not_personal(
            "random names of files, dropped when they are gone", "storage", "name", "done_at"
        )

    def __str__(self):
        return f"#{self.pk}"


class RetentionRecord(models.Model):
    """The number of rows of one model that the retention job erased at one organiser on one day."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    day = models.DateField(_("day"))
    model = models.CharField(_("kind of data"), max_length=80)
    # Id of the row at ``Expiry.group_by``, such as the question of answers; 0 without one.
    called = models.BigIntegerField(default=0)
    rows = models.PositiveIntegerField(_("records"), default=0)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("what went by itself")
        verbose_name_plural = _("what goes by itself")
        constraints = [
            models.UniqueConstraint(
                fields=["organiser", "day", "model", "called"], name="retention_record_once"
            )
        ]

    class Personal:
        columns = not_personal("a count", "day", "model", "called", "rows")

    def __str__(self):
        return (
            f"{date_format(self.day, 'DATE_FORMAT')}, {apps.get_model(self.model)._meta.verbose_name_plural}"
        )


class MailboxProof(models.Model):
    """A mailed link by which a visitor without a log-in proves that they read the mails of an address.

    Created when the mail is sent. The link works once; the browser that opened it keeps access for half an hour.
    """

    organiser = models.ForeignKey(Organiser, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(_("e-mail address"), max_length=254)
    # Null once the link was opened.
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    created_at = models.DateTimeField(_("asked"))
    expires_at = models.DateTimeField(_("until"), db_index=True)
    opened_at = models.DateTimeField(_("opened"), null=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("proof of a mailbox")
        verbose_name_plural = _("proofs of mailboxes")

    class Personal:
        subject = {"address": ADDRESS}
        area = REQUESTS
        expiry = (Expiry("privacy.expire", "expires_at", promise=_("24 hours.")),)
        copy_context = ("created_at", "expires_at", "opened_at")
        withheld = {"token_hash": _("guards the link in the e-mail")}
        columns = {
            "address": DeleteRow(),
            "token_hash": DeleteRow(),
            **not_personal("instants of a request", "created_at", "expires_at", "opened_at"),
        }

    def __str__(self):
        return f"#{self.pk}"
