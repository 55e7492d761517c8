"""Erasures: what was asked, how far it is, what went, what stays. No name, address, hash or free text of a person."""

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
    """One person of one organiser to be forgotten: the request, its progress, and afterwards the record."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("waiting for proof of the mailbox")
        CONFIRMED = "confirmed", _("to be done")
        CLAIMED = "claimed", _("begun")
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
        CLAIM = "legal", _("we need the data for a legal claim")
        REPEATED = "repeated", _("the same was asked again and again, without a ground")

    uuid = models.UUIDField(_("request"), default=uuid.uuid4, unique=True, editable=False)
    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    # Null when all is done: then nothing leads from the record to the emptied row.
    contact = models.ForeignKey(
        Contact, null=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("contact")
    )
    subject_uuid = models.UUIDField(db_index=True)
    channel = models.CharField(_("asked in"), max_length=12, choices=Channel)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason, default=Reason.REQUEST)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.CONFIRMED)
    # The person gives up being reached about tickets not yet used; the tickets stay valid for whoever shows them.
    bearer = models.BooleanField(_("unused tickets admit whoever shows them"), default=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("done by"),
    )
    # Confirmed by the link of the other one: whoever asked chose several contacts of their mailbox.
    asked_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="asked_together",
        editable=False,
    )
    # Of somebody who was known through this other person alone, and goes with them.
    together_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="companions",
        verbose_name=_("with"),
    )
    # Numbers of the contacts staff do not want to go with this one; empty once it is done.
    spared = ArrayField(models.BigIntegerField(), default=list)
    # Of the mail that proves the mailbox; only a hash is kept.
    token_hash = models.CharField(max_length=64, null=True, unique=True)
    token_expires_at = models.DateTimeField(null=True)
    receipt = models.CharField(_("receipt"), max_length=12, unique=True)
    registry_version = models.CharField(max_length=16, blank=True)
    requested_at = models.DateTimeField(_("asked"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True)
    # The last second of the day by which the person is answered; null where nobody asked.
    due_at = models.DateTimeField(_("due"), null=True)
    extended_for = models.CharField(_("more time because"), max_length=12, choices=Extension, blank=True)
    refused_for = models.CharField(_("refused because"), max_length=12, choices=Refusal, blank=True)
    claimed_at = models.DateTimeField(_("begun"), null=True)
    emptied_at = models.DateTimeField(null=True)
    filed_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(_("checked"), null=True)
    closed_at = models.DateTimeField(_("done"), null=True)
    deferred_until = models.DateTimeField(_("the rest goes on"), null=True)
    # Of each kind of data kept or waiting: the model, the code of the basis, how many rows, and until when.
    kept = models.JSONField(default=list)
    deferred = models.JSONField(default=list)
    # Lists with the person in them that staff had fetched: somebody says they are deleted.
    copies_deleted_at = models.DateTimeField(_("downloaded lists deleted"), null=True)
    # The step that failed and the kind of failure; never its text, which may repeat what it met.
    failure = models.CharField(_("failed at"), max_length=80, blank=True)

    organiser_path = "organiser"
    OPEN = (State.REQUESTED, State.CONFIRMED)
    RUNNING = (State.CLAIMED, State.EMPTIED, State.FILED)
    # Nobody asked: what the person may still need is waited for.
    UNASKED = (Channel.RETENTION, Channel.TOGETHER)

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
                "failure",
            ),
        }

    def __str__(self):
        return self.receipt

    @property
    def unasked(self) -> bool:
        """Whether nobody asked for it."""
        return self.channel in self.UNASKED


class ErasureStep(models.Model):
    """How many rows of one model an erasure emptied or deleted, added up over all its runs."""

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
    """A file that is to go: written with the emptied row in one transaction, its name dropped when it is gone."""

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
    """What went by itself at one organiser on one day, because its time was over: a kind of data, and how many rows."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    day = models.DateField(_("day"))
    model = models.CharField(_("kind of data"), max_length=80)
    # The id of what tells these rows from others of their kind, such as the question; 0: nothing does.
    called = models.BigIntegerField(default=0)
    rows = models.PositiveIntegerField(_("records"), default=0)
    # Noted in the log with its number, and tried again by the next run.

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
    """Somebody without a log-in asked for what is known under an address, and reads its mailbox.

    Made when the mail leaves; the link opens once, and what it opened stays open for a short while.
    """

    organiser = models.ForeignKey(Organiser, on_delete=models.CASCADE, related_name="+")
    address = models.CharField(_("e-mail address"), max_length=254)
    # Only a hash is kept, and none once the link was opened.
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
