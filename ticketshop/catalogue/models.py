"""The models of the programme: events and their sessions, tariffs, season passes, and the places they share."""

from decimal import Decimal

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registration_forms.models import RegistrationForm
from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser, PointOfSale

PRICE = {
    "max_digits": 9,
    "decimal_places": 2,
    "validators": [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(100_000))],
}
RATE = {
    "max_digits": 5,
    "decimal_places": 2,
    "validators": [MinValueValidator(Decimal(0)), MaxValueValidator(Decimal(50))],
}
COUNT = {"validators": [MinValueValidator(1), MaxValueValidator(500)]}


class Venue(models.Model):
    """A place where events happen."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="venues", verbose_name=_("organiser")
    )
    name = models.CharField(_("name"), max_length=120)
    street = models.CharField(_("street"), max_length=160, blank=True)
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("venue")
        verbose_name_plural = _("venues")
        constraints = [
            # Composite keys elsewhere point here, so that two rows share the organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="venue_in_organiser"),
        ]

    class Personal:
        columns = not_personal("a place open to the public", "name", "street", "postcode", "city")

    def __str__(self):
        return self.name


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


class Allotment(models.Model):
    """A number of places shared by tariffs of a session, or by passes. ``places`` keeps it from being oversold."""

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    name = models.CharField(_("name"), max_length=160)
    capacity = models.PositiveIntegerField(_("places"))
    sold = models.PositiveIntegerField(_("sold"), default=0, editable=False)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("allotment")
        verbose_name_plural = _("allotments")
        constraints = [
            models.CheckConstraint(
                condition=Q(sold__gte=0) & Q(sold__lte=F("capacity")), name="allotment_never_oversold"
            ),
            models.UniqueConstraint(fields=["organiser", "id"], name="allotment_in_organiser"),
        ]

    class Personal:
        columns = not_personal("a number of places", "name", "capacity", "sold")

    def __str__(self):
        return self.name


class Hold(models.Model):
    """Places of an allotment kept for a cart until an instant of the database's clock. Later the hold does not count."""

    allotment = models.ForeignKey(Allotment, on_delete=models.CASCADE, related_name="holds")
    # The key of the cart. This package does not read what it stands for.
    key = models.UUIDField()
    places = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    class Meta:
        verbose_name = _("hold")
        verbose_name_plural = _("holds")
        constraints = [
            models.UniqueConstraint(fields=["key", "allotment"], name="hold_once"),
            models.CheckConstraint(condition=Q(places__gt=0), name="hold_has_places"),
        ]
        indexes = [
            models.Index(fields=["allotment", "expires_at"], name="hold_by_allotment"),
            models.Index(fields=["expires_at"], name="hold_expired"),
        ]

    class Personal:
        columns = not_personal("a number of places kept for a cart", "key", "places", "expires_at")

    def __str__(self):
        return f"{self.places} until {self.expires_at:%H:%M:%S}"


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

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        constraints = [models.UniqueConstraint(fields=["organiser", "slug"], name="event_slug_once")]

    class Personal:
        columns = not_personal(
            "what is sold", "slug", "state", "title", "teaser", "description", "image", "image_alt"
        )

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
        _("sales until"), null=True, blank=True, help_text=_("Without it, until the session starts.")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.ON_SALE)
    # SEQUENCE and LAST-MODIFIED of a calendar file (RFC 5545): the number of changes that ticket holders must
    # know, and the time of the last one. See ``dates``.
    sequence = models.PositiveIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    organiser_path = "event__organiser"

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
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


class Tariff(models.Model):
    """A price of an event: Adult, Child, Family of 4."""

    event = models.ForeignKey(
        Event, on_delete=models.PROTECT, related_name="tariffs", verbose_name=_("event")
    )
    name = models.CharField(_("name"), max_length=80)
    description = models.CharField(_("description"), max_length=240, blank=True)
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    price = models.DecimalField(_("price"), **PRICE, help_text=_("VAT included."))
    vat_rate = models.DecimalField(_("VAT rate (%)"), **RATE, default=Decimal("2.60"))
    tickets_per_unit = models.PositiveSmallIntegerField(
        _("tickets for one price"),
        default=1,
        **COUNT,
        help_text=_("A family tariff for four gives four tickets."),
    )
    min_per_order = models.PositiveSmallIntegerField(_("at least, per order"), default=1, **COUNT)
    max_per_order = models.PositiveSmallIntegerField(_("at most, per order"), default=10, **COUNT)
    max_per_person = models.PositiveSmallIntegerField(
        _("at most, per person"), null=True, blank=True, **COUNT
    )
    age_from = models.PositiveSmallIntegerField(
        _("from this age"), null=True, blank=True, validators=[MaxValueValidator(130)],
        help_text=_("For whom it is proposed: the age on the day of the session."),
    )  # fmt: skip
    age_until = models.PositiveSmallIntegerField(
        _("up to this age"), null=True, blank=True, validators=[MaxValueValidator(130)]
    )
    form = models.ForeignKey(
        RegistrationForm,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tariffs",
        verbose_name=_("form for every participant"),
        limit_choices_to={"kind": "tariff", "archived_at": None},
    )
    only_with = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("only together with"),
        help_text=_("Such as: children only together with an adult."),
    )
    sales_start_at = models.DateTimeField(_("sales from"), null=True, blank=True)
    sales_end_at = models.DateTimeField(_("sales until"), null=True, blank=True)
    active = models.BooleanField(_("on sale"), default=True)

    organiser_path = "event__organiser"

    class Meta:
        verbose_name = _("tariff")
        verbose_name_plural = _("tariffs")
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(price__gte=0), name="tariff_price_not_negative"),
            models.CheckConstraint(
                condition=Q(age_from__isnull=True)
                | Q(age_until__isnull=True)
                | Q(age_until__gte=F("age_from")),
                name="tariff_ages",
            ),
            models.CheckConstraint(condition=Q(min_per_order__lte=F("max_per_order")), name="tariff_min_max"),
            models.CheckConstraint(condition=Q(tickets_per_unit__gte=1), name="tariff_gives_tickets"),
        ]

    class Personal:
        columns = not_personal(
            "what is sold, and for how much", "name", "description", "position", "price", "vat_rate", "tickets_per_unit",
            "min_per_order", "max_per_order", "age_from",
            "age_until",
            "max_per_person", "sales_start_at", "sales_end_at",
        )  # fmt: skip

    def __str__(self):
        return self.name


class Offer(models.Model):
    """A tariff sold at a session, drawing on an allotment."""

    session = models.ForeignKey(
        Session, on_delete=models.CASCADE, related_name="offers", verbose_name=_("session")
    )
    tariff = models.ForeignKey(
        Tariff, on_delete=models.CASCADE, related_name="offers", verbose_name=_("tariff")
    )
    allotment = models.ForeignKey(
        Allotment, on_delete=models.PROTECT, related_name="offers", verbose_name=_("allotment")
    )

    organiser_path = "session__event__organiser"

    class Meta:
        verbose_name = _("offer")
        verbose_name_plural = _("offers")
        constraints = [models.UniqueConstraint(fields=["session", "tariff"], name="offer_once")]

    class Personal:
        columns = {}

    def __str__(self):
        return f"{self.tariff} {self.session}"


class SeasonPass(models.Model):
    """A pass for a season: all events, chosen sessions, or a number of entries."""

    class Opens(models.TextChoices):
        ALL_EVENTS = "all", _("all events")
        CHOSEN_SESSIONS = "chosen", _("chosen sessions")
        ENTRIES = "entries", _("a number of entries")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    points_of_sale = models.ManyToManyField(
        PointOfSale, related_name="season_passes", verbose_name=_("points of sale")
    )
    slug = models.SlugField(_("web address"), max_length=80)
    name = models.CharField(_("name"), max_length=160)
    teaser = models.CharField(_("one sentence"), max_length=240, blank=True)
    description = models.TextField(_("description"), blank=True, help_text=_("Markdown."))
    image = models.ImageField(_("image"), upload_to="passes/", blank=True)
    price = models.DecimalField(_("price"), **PRICE, help_text=_("VAT included."))
    vat_rate = models.DecimalField(_("VAT rate (%)"), **RATE, default=Decimal("2.60"))
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"))
    opens = models.CharField(_("opens"), max_length=8, choices=Opens, default=Opens.ALL_EVENTS)
    sessions = models.ManyToManyField(
        Session, blank=True, related_name="+", verbose_name=_("chosen sessions")
    )
    entries = models.PositiveSmallIntegerField(_("entries"), null=True, blank=True)
    max_per_order = models.PositiveSmallIntegerField(_("at most, per order"), default=4, **COUNT)
    max_per_person = models.PositiveSmallIntegerField(
        _("at most, per person"), null=True, blank=True, **COUNT
    )
    allotment = models.ForeignKey(
        Allotment, on_delete=models.PROTECT, related_name="season_passes", verbose_name=_("allotment")
    )
    form = models.ForeignKey(
        RegistrationForm,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="season_passes",
        verbose_name=_("pass form"),
        limit_choices_to={"kind": "pass", "archived_at": None},
    )
    extra_form = models.ForeignKey(
        RegistrationForm,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="season_passes_adding",
        verbose_name=_("form per tariff, added"),
        limit_choices_to={"kind": "tariff", "archived_at": None},
    )
    sales_start_at = models.DateTimeField(_("sales from"), null=True, blank=True)
    sales_end_at = models.DateTimeField(_("sales until"), null=True, blank=True)
    active = models.BooleanField(_("on sale"), default=True)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("season pass")
        verbose_name_plural = _("season passes")
        constraints = [
            models.UniqueConstraint(fields=["organiser", "slug"], name="season_pass_slug_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="season_pass_price_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")), name="season_pass_validity"
            ),
            models.CheckConstraint(
                condition=~Q(opens="entries") | Q(entries__gte=1), name="season_pass_entries"
            ),
        ]

    class Personal:
        columns = not_personal(
            "what is sold, and for how much", "slug", "name", "teaser", "description", "image", "price", "vat_rate", "valid_from", "valid_until",
            "opens", "entries", "max_per_order", "max_per_person", "sales_start_at", "sales_end_at",
        )  # fmt: skip

    def __str__(self):
        return self.name


class OrderForm(models.Model):
    """The order form of a point of sale, or of orders that hold an event. The event's comes first."""

    form = models.ForeignKey(
        RegistrationForm,
        on_delete=models.PROTECT,
        related_name="order_forms",
        verbose_name=_("order form"),
        limit_choices_to={"kind": "order", "archived_at": None},
    )
    point_of_sale = models.OneToOneField(
        PointOfSale,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="order_form",
        verbose_name=_("point of sale"),
    )
    event = models.OneToOneField(
        Event,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="order_form",
        verbose_name=_("event"),
    )

    organiser_path = "form__organiser"

    class Meta:
        verbose_name = _("assignment of an order form")
        verbose_name_plural = _("assignments of order forms")
        constraints = [
            models.CheckConstraint(
                condition=Q(point_of_sale__isnull=True) ^ Q(event__isnull=True), name="orderform_one_place"
            )
        ]

    class Personal:
        columns = {}

    def __str__(self):
        return f"{self.form}"
