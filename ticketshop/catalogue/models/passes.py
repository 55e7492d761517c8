"""Season passes."""

from decimal import Decimal

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registration_forms.models import RegistrationForm
from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser, PointOfSale

from .columns import COUNT, PRICE, RATE
from .events import Event, Session
from .places import Allotment
from .tariffs import Tariff


class SeasonPass(models.Model):
    """A pass for a season: which dates it opens, how often, and how its holder gets in."""

    class Opens(models.TextChoices):
        ALL_EVENTS = "all", _("all events")
        CHOSEN_EVENTS = "events", _("chosen events")
        CHOSEN_SESSIONS = "chosen", _("chosen dates")

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
    opens = models.CharField(
        _("opens"),
        max_length=8,
        choices=Opens,
        default=Opens.ALL_EVENTS,
        help_text=_("All events: every date at the points of sale that sell the pass."),
    )
    events = models.ManyToManyField(Event, blank=True, related_name="+", verbose_name=_("chosen events"))
    sessions = models.ManyToManyField(Session, blank=True, related_name="+", verbose_name=_("chosen dates"))
    entries = models.PositiveSmallIntegerField(
        _("entries in all"),
        null=True,
        blank=True,
        **COUNT,
        help_text=_("Empty: as many as there are dates. Passes that are sold keep their number."),
    )
    entries_per_date = models.PositiveSmallIntegerField(
        _("entries for one date, at most"),
        default=1,
        **COUNT,
        help_text=_("More than 1: the holder may bring others."),
    )
    booking_needed = models.BooleanField(
        _("a place must be booked"),
        default=True,
        help_text=_("Otherwise the code of the pass lets its holder in, too, as long as it is valid."),
    )
    tariffs = models.ManyToManyField(
        Tariff,
        blank=True,
        related_name="+",
        verbose_name=_("tariffs of bookings"),
        help_text=_(
            "One for each event that can be booked with the pass: a booking takes places of the tariff and asks the questions of its form. The tariff need not be on sale."
        ),
    )
    cancel_hours = models.PositiveSmallIntegerField(
        _("latest cancellation of a booking, hours before the date"),
        null=True,
        blank=True,
        default=24,
        validators=[MaxValueValidator(24 * 60)],
        help_text=_("0: until the date begins. Empty: only staff cancel bookings."),
    )
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
    # As ``Event.copy_key``.
    copy_key = models.UUIDField(null=True, editable=False)

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("season pass")
        verbose_name_plural = _("season passes")
        constraints = [
            models.UniqueConstraint(fields=["organiser", "slug"], name="season_pass_slug_once"),
            models.UniqueConstraint(fields=["organiser", "copy_key"], name="season_pass_copied_once"),
            models.CheckConstraint(condition=Q(price__gte=0), name="season_pass_price_not_negative"),
            models.CheckConstraint(
                condition=Q(valid_until__gte=F("valid_from")), name="season_pass_validity"
            ),
            models.CheckConstraint(
                condition=Q(entries=None) | Q(entries__gte=F("entries_per_date")), name="season_pass_entries"
            ),
            models.CheckConstraint(condition=Q(entries_per_date__gte=1), name="season_pass_entries_per_date"),
        ]

    class Personal:
        columns = not_personal("random", "copy_key") | not_personal(
            "what is sold, and for how much", "slug", "name", "teaser", "description", "image", "price", "vat_rate", "valid_from", "valid_until",
            "opens", "entries", "entries_per_date", "cancel_hours", "max_per_order", "max_per_person", "sales_start_at", "sales_end_at",
        )  # fmt: skip

    def __str__(self):
        return self.name
