"""Stored answers: a response per answered form and a typed row per question."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from ticketshop.lib.areas import ANSWERS
from ticketshop.lib.personal import (
    CONTACT,
    RETENTION,
    Author,
    CloseState,
    DeleteRow,
    Expiry,
    StampDay,
    Unlink,
    erase,
    not_personal,
)
from ticketshop.organisers.models import Organiser

from .definition import Choice, Field, FormVersion, RegistrationForm


class Response(models.Model):
    """The answers to one form for an order, a participant or a pass. The package ``sales`` links it to one of these."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    form = models.ForeignKey(
        RegistrationForm, on_delete=models.PROTECT, related_name="responses", verbose_name=_("form")
    )
    version = models.ForeignKey(
        FormVersion, on_delete=models.PROTECT, related_name="+", verbose_name=_("version")
    )
    # The person that the answers are about, else the buyer who gave them. Null after that person was erased.
    about = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("about")
    )
    # The day on which answers were erased. From then on no answer is required and none can be changed.
    erased_on = models.DateField(_("answers erased"), null=True, blank=True, editable=False)
    language = models.CharField(_("language"), max_length=5)
    # Raised with every change of an answer, so that concurrent changes are noticed.
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(_("answered"))
    changed_at = models.DateTimeField(_("changed"))
    # The end of the ticket's session or of the pass, written by ``sales``. Retention is counted from here.
    relevant_until = models.DateTimeField(_("needed until"), null=True, blank=True)
    # True after a cancellation: the answers stay for their retention time, exports leave them out.
    void = models.BooleanField(_("cancelled"), default=False)

    # Ids of the chosen choices; set only on rows that ``responses.store`` has just written.
    chosen: list[int]

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("response")
        verbose_name_plural = _("responses")
        indexes = [models.Index(fields=["form", "id"], name="response_of_form")]
        constraints = [
            # Answers without a person could neither be copied for that person nor be erased.
            models.CheckConstraint(
                condition=Q(about__isnull=False) | Q(erased_on__isnull=False), name="response_of_a_person"
            )
        ]
        permissions = [
            ("view_sensitive", "Can see answers to sensitive questions"),
            ("waive_answers", "Can skip mandatory questions"),
        ]

    class Personal:
        subject = {"about": CONTACT}
        # Position in the order of locks: changes and cancellations lock order, ticket and then the response.
        lock_order = 3
        area = ANSWERS
        copy_context = ("form", "created_at", "changed_at", "relevant_until")
        copy_nested = ("answers", "history")
        copy_needs = ("version", "form__published")
        columns = {
            "about": Unlink(deferred_with="pk"),
            "erased_on": StampDay(deferred_with="pk"),
            **erase("language", deferred_with="pk"),
            **not_personal(
                "when and how a form was answered", "revision", "created_at", "changed_at", "relevant_until"
            ),
        }

    def __str__(self):
        return f"#{self.pk}"


class Answer(models.Model):
    """The answer to one question. ``state`` tells whether there is one, and why not."""

    class State(models.IntegerChoices):
        ANSWERED = 1, _("answered")
        BLANK = 2, _("left blank")
        NOT_ASKED = 3, _("not asked")
        ADDED_LATER = 4, _("not asked: the question is newer")
        WAIVED = 5, _("waived")
        ERASED = 9, _("erased")

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="answers")
    field = models.ForeignKey(Field, on_delete=models.PROTECT, related_name="answers")
    # The version under which the answer was given, if not the response's: it was changed after the form was.
    version = models.ForeignKey(
        FormVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    state = models.PositiveSmallIntegerField(choices=State)
    # When a mandatory question was skipped, and the staff member who skipped it; None if that log-in is gone.
    waived_at = models.DateTimeField(_("skipped"), null=True, blank=True)
    waived_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        db_index=False,
        verbose_name=_("skipped by"),
    )
    v_text = models.TextField(null=True, blank=True)
    v_number = models.DecimalField(max_digits=20, decimal_places=6, null=True, blank=True)
    v_date = models.DateField(null=True, blank=True)
    v_datetime = models.DateTimeField(null=True, blank=True)
    v_time = models.TimeField(null=True, blank=True)
    v_bool = models.BooleanField(null=True, blank=True)
    v_choice = models.ForeignKey(Choice, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    choices = models.ManyToManyField(Choice, related_name="+", blank=True)

    organiser_path = "response__organiser"

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["response", "field"], name="answer_once"),
            # An answer that was not given has no value.
            models.CheckConstraint(
                condition=Q(state=1)
                | Q(
                    v_text=None,
                    v_number=None,
                    v_date=None,
                    v_datetime=None,
                    v_time=None,
                    v_bool=None,
                    v_choice=None,
                ),
                name="answer_value_only_if_answered",
            ),
            models.CheckConstraint(
                condition=Q(state=5, waived_at__isnull=False)
                | (~Q(state=5) & Q(waived_at=None, waived_by=None)),
                name="answer_waived_has_instant",
            ),
        ]
        indexes = [
            models.Index(
                fields=["field", "v_choice"], name="answer_by_choice", condition=Q(v_choice__isnull=False)
            ),
            models.Index(
                fields=["field", "v_date"], name="answer_by_date", condition=Q(v_date__isnull=False)
            ),
            models.Index(fields=["waived_by"], name="answer_waived_by", condition=Q(waived_by__isnull=False)),
            models.Index(
                fields=["field", "v_number"], name="answer_by_number", condition=Q(v_number__isnull=False)
            ),
        ]

    class Personal:
        subject = {"response__about": CONTACT}
        area = ANSWERS
        expiry = (
            Expiry(
                RETENTION,
                ("response__relevant_until", "response__created_at"),
                "field__retention_days",
                promise=_(
                    "For the time the organiser set for the question, counted from the end of the event."
                ),
                note_on="response__erased_on",
                group_by="field",
            ),
        )
        copy_context = ("field",)
        copy_texts = "registration_forms.answers.copy_texts.of_answer"
        copy_values = "registration_forms.answers.copy_texts.data_of_answer"
        copy_needs = ("version", "v_choice")
        labels = {
            **dict.fromkeys(
                ("v_text", "v_number", "v_date", "v_datetime", "v_time", "v_bool", "v_choice"), _("answer")
            ),
            "field": _("question"),
            "choices": _("answers"),
            "state": _("state"),
        }
        columns = {
            **erase(
                "v_text",
                "v_number",
                "v_date",
                "v_datetime",
                "v_time",
                "v_bool",
                "v_choice",
                deferred_with="response",
            ),
            "choices": DeleteRow(deferred_with="response"),
            # "Answered" and "left blank" are personal data and are replaced; "not asked" and "waived" are not.
            "state": CloseState(((1, 9), (2, 9)), deferred_with="response"),
            **not_personal("when staff skipped the question", "waived_at"),
            "waived_by": Author(),
        }

    def __str__(self):
        return f"#{self.pk}"


class AnswerHistory(models.Model):
    """A change of one answer: the old and new value as JSON. Erased with the answer."""

    class Source(models.TextChoices):
        BUYER = "buyer", _("buyer")
        STAFF = "staff", _("staff")

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="history")
    field = models.ForeignKey(Field, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    source = models.CharField(max_length=6, choices=Source)
    # The response's revision after this change.
    revision = models.PositiveIntegerField()
    old = models.JSONField(null=True, blank=True)
    new = models.JSONField(null=True, blank=True)

    organiser_path = "response__organiser"

    class Meta:
        verbose_name = _("change of an answer")
        verbose_name_plural = _("changes of answers")
        indexes = [models.Index(fields=["response", "at"], name="answer_history")]

    class Personal:
        subject = {"response__about": CONTACT}
        area = ANSWERS
        expiry = (
            Expiry(RETENTION, ("response__relevant_until", "response__created_at"), "field__retention_days"),
        )
        copy_context = ("field", "at", "source")
        copy_texts = "registration_forms.answers.copy_texts.of_change"
        copy_values = "registration_forms.answers.copy_texts.data_of_change"
        labels = {
            "field": _("question"),
            "at": _("changed"),
            "source": _("changed by"),
            "by": _("changed by"),
            "old": _("answer before"),
            "new": _("answer after"),
        }
        columns = {
            "by": Author(),
            **erase("old", "new", deferred_with="response"),
            **not_personal("when and from where", "at", "source", "revision"),
        }

    def __str__(self):
        return f"#{self.pk}"


class ChoiceHold(models.Model):
    """A place of a limited choice that is kept for a slot of a cart until a time by the database's clock."""

    choice = models.ForeignKey(Choice, on_delete=models.CASCADE, related_name="holds")
    # A cart and one of its slots. Only ``sales`` interprets these.
    key = models.UUIDField()
    slot = models.CharField(max_length=40)
    expires_at = models.DateTimeField()

    organiser_path = "choice__field__form__organiser"

    class Meta:
        verbose_name = _("hold of a choice")
        verbose_name_plural = _("holds of choices")
        constraints = [models.UniqueConstraint(fields=["key", "slot", "choice"], name="choice_hold_once")]
        indexes = [models.Index(fields=["choice", "expires_at"], name="choice_hold_by_choice")]

    class Personal:
        columns = not_personal("a place kept for a cart", "key", "slot", "expires_at")

    def __str__(self):
        return f"#{self.pk}"
