"""Season passes."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registration_forms.models import RegistrationForm
from ticketshop.lib.personal import not_personal
from ticketshop.organisers.models import Organiser, PointOfSale

from .columns import COUNT, PRICE, RATE
from .events import Session
from .places import Allotment


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
