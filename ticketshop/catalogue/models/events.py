"""Events with their categories and sessions."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser, PointOfSale

from .places import Venue

# The most hours before a date at which its visitors can be reminded: two weeks.
LONGEST_REMINDER = 336


class Category(models.Model):
    """A kind of event, by which visitors filter the programme."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="categories", verbose_name=_("organiser")
    )
    slug = models.SlugField(_("web address"), max_length=60)
    name = models.CharField(_("name"), max_length=80)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            models.UniqueConstraint(fields=["organiser", "slug"], name="category_once"),
            # Composite keys elsewhere point here, so that two rows share the organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="category_in_organiser"),
        ]

    class Personal:
        columns = not_personal("a heading of the programme", "slug", "name")

    def __str__(self):
        return self.name


class Event(models.Model):
    """Something to attend, on one or more sessions."""

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    points_of_sale = models.ManyToManyField(
        PointOfSale, related_name="events", verbose_name=_("points of sale")
    )
    slug = models.SlugField(_("web address"), max_length=80)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.DRAFT)
    title = models.CharField(_("title"), max_length=160)
    teaser = models.CharField(_("one sentence"), max_length=240, blank=True)
    description = models.TextField(
        _("description"),
        blank=True,
        help_text=_("Markdown: paragraphs, *emphasis*, **strong**, lists and links."),
    )
    image = models.ImageField(_("image"), upload_to="events/", blank=True)
    image_alt = models.CharField(
        _("image in words"),
        max_length=240,
        blank=True,
        help_text=_("For people who can’t see it. Empty if it only decorates."),
    )
    venue = models.ForeignKey(Venue, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("venue"))
    category = models.ForeignKey(
        Category, null=True, blank=True, on_delete=models.PROTECT, verbose_name=_("category")
    )
    # The key of the page on which the event was made, such as *Copy*: the same page sent twice makes one event.
    copy_key = models.UUIDField(null=True, editable=False)

    reminder_hours = models.PositiveSmallIntegerField(
        _("reminder, hours before"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_REMINDER)],
        help_text=_(
            "How many hours before each date everybody with a valid ticket gets an e-mail about what takes place, when and where. 24 is the day before. Leave it empty for no reminder."
        ),
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [
            models.UniqueConstraint(fields=["organiser", "slug"], name="event_slug_once"),
            models.UniqueConstraint(fields=["organiser", "copy_key"], name="event_copied_once"),
        ]

    class Personal:
        columns = {
            **not_personal(
                "what is sold", "slug", "state", "title", "teaser", "description", "image", "image_alt"
            ),
            **not_personal("random", "copy_key"),
            **not_personal("a number of hours", "reminder_hours"),
        }

    def __str__(self):
        return self.title


class Session(models.Model):
    """One date of an event."""

    class State(models.TextChoices):
        ON_SALE = "on_sale", _("on sale")
        SOLD_OUT = "sold_out", _("sold out")
        CANCELLED = "cancelled", pgettext_lazy("session", "cancelled")

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="sessions", verbose_name=_("event")
    )
    starts_at = models.DateTimeField(_("starts"))
    ends_at = models.DateTimeField(_("ends"))
    doors_at = models.DateTimeField(_("doors open"), null=True, blank=True)
    sales_start_at = models.DateTimeField(_("sales from"), null=True, blank=True)
    sales_end_at = models.DateTimeField(
        _("sales until"), null=True, blank=True, help_text=_("Without it, until the date starts.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ON_SALE)
    # SEQUENCE and LAST-MODIFIED of a calendar file (RFC 5545): the number of changes that ticket holders must
    # know, and the time of the last one. See ``dates``.
    sequence = models.PositiveIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    organiser_path = "event__organiser"

    class Meta:
        verbose_name = _("date")
        verbose_name_plural = _("dates")
        ordering = ["starts_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="session_ends_after_start"),
            models.UniqueConstraint(fields=["event", "starts_at"], name="session_once"),
        ]
        indexes = [models.Index(fields=["starts_at"], name="session_by_start")]

    class Personal:
        columns = not_personal(
            "a date of an event",
            "starts_at",
            "ends_at",
            "doors_at",
            "sales_start_at",
            "sales_end_at",
            "state",
            "sequence",
            "changed_at",
        )

    def __str__(self):
        text = f"{self.event}, {date_format(localtime(self.starts_at), 'SHORT_DATETIME_FORMAT')}"
        return f"{text} ({self.get_state_display()})" if self.state == self.State.CANCELLED else text
