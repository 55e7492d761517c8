"""A form with its fields and choices as a draft, and its published versions."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import Author, not_personal
from ticketshop.lib.values import references
from ticketshop.lib.web import markdown
from ticketshop.organisers.models import Organiser

MOST_FIELDS, MOST_CHOICES, LONGEST_LABEL = 80, 300, 500


class RegistrationForm(models.Model):
    """A form of one of three kinds. Its fields are the draft; buyers see the published version."""

    class Kind(models.TextChoices):
        ORDER = "order", _("order form: once per order")
        TARIFF = "tariff", _("form per tariff: for every participant")
        PASS = "pass", _("pass form: when a pass is ordered")

    class Group(models.TextChoices):
        EACH = "each", _("every member")
        LEADER = "leader", _("the group’s leader only")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    kind = models.CharField(_("kind"), max_length=6, choices=Kind)
    name = models.CharField(
        _("name"), max_length=120, help_text=_("For your own lists; buyers don’t see it.")
    )
    group_asks = models.CharField(
        _("a tariff for several people asks"), max_length=6, choices=Group, default=Group.EACH
    )
    editable_until = models.DateTimeField(
        _("buyers may change answers until"),
        null=True,
        blank=True,
        help_text=_("Without it, until the event begins."),
    )
    # Raised with every change of the draft. A person who saves an older draft gets an error message.
    revision = models.PositiveIntegerField(default=0, editable=False)
    published = models.ForeignKey(
        "FormVersion", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # The version that earlier buyers were asked to answer: its mandatory questions are mandatory for them too.
    asked_again = models.ForeignKey(
        "FormVersion", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    # When staff last asked the buyers of tickets and passes that were sold before the form was asked there.
    sold_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("form")
        verbose_name_plural = _("forms")
        constraints = [models.UniqueConstraint(fields=["organiser", "id"], name="form_in_organiser")]

    class Personal:
        columns = not_personal(
            "what is asked, not what is answered",
            "kind",
            "name",
            "group_asks",
            "editable_until",
            "revision",
            "sold_asked_at",
            "created_at",
            "archived_at",
        )

    def __str__(self):
        return self.name


def new_key() -> str:
    """Return a random key for a field or choice. A copy of the form keeps the key, so it names the same question there."""
    return references.readable(12).replace("-", "").lower()


class Field(models.Model):
    """A question in a form's draft. Its key names the answers in every version and every copy of the form."""

    class Visibility(models.TextChoices):
        HIDDEN = "hidden", _("hidden")
        VISIBLE = "visible", _("optional")
        MANDATORY = "mandatory", _("mandatory")

    class SystemRef(models.TextChoices):
        FIRST_NAME = "first_name", _("first name")
        LAST_NAME = "last_name", _("last name")
        EMAIL = "email", _("e-mail address")
        PHONE = "phone", _("phone")
        ADDRESS = "address", _("address")
        COMPANY = "company", _("company")
        BIRTH_DATE = "birth_date", _("date of birth")

    form = models.ForeignKey(
        RegistrationForm, on_delete=models.CASCADE, related_name="fields", verbose_name=_("form")
    )
    key = models.CharField(max_length=16, default=new_key, editable=False)
    type = models.CharField(_("type"), max_length=20)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    label = models.CharField(_("label"), max_length=LONGEST_LABEL)
    help_text = models.TextField(
        _("help"),
        max_length=2000,
        blank=True,
        help_text=_("Limited markdown: *emphasis*, **strong**, lists and links."),
    )
    visibility = models.CharField(_("shown"), max_length=10, choices=Visibility, default=Visibility.VISIBLE)
    system_ref = models.CharField(_("known field"), max_length=12, choices=SystemRef, blank=True)
    # What the type needs: {"max_length": 200}, {"min": 1, "max": 2}, {"age_from": 4, "age_until": 15} …
    rules = models.JSONField(_("rules"), default=dict, blank=True)
    # {"all": [{"field": key, "op": "in", "value": [...]}]}, or empty: always.
    condition = models.JSONField(_("only if"), default=dict, blank=True)
    sensitive = models.BooleanField(_("sensitive"), default=False)
    purpose = models.CharField(_("what it is needed for"), max_length=300, blank=True)
    retention_days = models.PositiveSmallIntegerField(
        _("kept after the event (days)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    copyable = models.BooleanField(_("may be copied from another participant"), default=True)
    on_ticket = models.BooleanField(_("shown on the ticket"), default=False)
    # Not part of a published version: the people at the door see it at once, also for tickets sold before.
    at_door = models.BooleanField(
        _("shown at the door"),
        default=False,
        help_text=_("To those who let people in. It counts at once, without publishing."),
    )
    staff_only = models.BooleanField(_("for staff only"), default=False)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)

    organiser_path = "form__organiser"

    class Meta:
        verbose_name = _("question")
        verbose_name_plural = _("questions")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["form", "key"], name="field_key_once"),
            models.UniqueConstraint(
                fields=["form", "system_ref"],
                condition=~Q(system_ref="") & Q(archived_at__isnull=True),
                name="field_system_once",
            ),
            models.CheckConstraint(
                condition=Q(sensitive=False)
                | (~Q(purpose="") & Q(retention_days__isnull=False) & Q(on_ticket=False)),
                name="field_sensitive_has_purpose",
            ),
            models.CheckConstraint(
                condition=Q(sensitive=False) | Q(at_door=False), name="field_sensitive_not_at_door"
            ),
        ]

    class Personal:
        collects = "registration_forms.building.collected_questions.of_organiser"
        columns = not_personal(
            "a question",
            "key",
            "type",
            "position",
            "label",
            "help_text",
            "visibility",
            "system_ref",
            "rules",
            "condition",
            "purpose",
            "retention_days",
            "archived_at",
        )

    def __str__(self):
        return markdown.plain(self.label)


class Choice(models.Model):
    """A choice of a question. A deactivated one stays for the people who chose it; a limited one is never oversold."""

    field = models.ForeignKey(
        Field, on_delete=models.CASCADE, related_name="choices", verbose_name=_("question")
    )
    key = models.CharField(max_length=16, default=new_key, editable=False)
    label = models.CharField(_("label"), max_length=LONGEST_LABEL)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    capacity = models.PositiveIntegerField(
        _("places"), null=True, blank=True, help_text=_("Empty: as many as like.")
    )
    used = models.PositiveIntegerField(_("taken"), default=0, editable=False)
    active = models.BooleanField(_("offered"), default=True)

    organiser_path = "field__form__organiser"

    class Meta:
        verbose_name = _("choice")
        verbose_name_plural = _("choices")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["field", "key"], name="choice_key_once"),
            models.CheckConstraint(
                condition=Q(capacity__isnull=True) | Q(used__lte=F("capacity")), name="choice_never_oversold"
            ),
        ]

    class Personal:
        columns = not_personal("a possible answer", "key", "label", "position", "capacity", "used")

    def __str__(self):
        return self.label


class FormVersion(models.Model):
    """A published definition with the texts in every language. A database trigger refuses changes."""

    form = models.ForeignKey(
        RegistrationForm, on_delete=models.PROTECT, related_name="versions", verbose_name=_("form")
    )
    number = models.PositiveIntegerField(_("version"))
    published_at = models.DateTimeField(_("published"))
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("published by"),
    )
    definition = models.JSONField()
    sha256 = models.CharField(max_length=64)

    organiser_path = "form__organiser"

    class Meta:
        verbose_name = _("published version")
        verbose_name_plural = _("published versions")
        constraints = [models.UniqueConstraint(fields=["form", "number"], name="version_once")]

    class Personal:
        columns = {
            "published_by": Author(),
            **not_personal("what was asked, and when", "number", "published_at", "definition", "sha256"),
        }

    def __str__(self):
        return f"{self.form} {self.number}"
