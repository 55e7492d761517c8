"""Tariffs of events, and the sessions at which each is offered."""

from decimal import Decimal

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registration_forms.models import RegistrationForm
from ticketshop.lib.personal import not_personal

from .columns import COUNT, PRICE, RATE
from .events import Event, Session
from .places import Allotment


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
        help_text=_("For whom it is proposed: the age on the day of the event."),
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
    may_be_given = models.BooleanField(
        _("tickets may be given to friends and family"),
        default=False,
        help_text=_(
            "A buyer with an account can give a ticket to a connected person, who accepts it with their own name and answers. Needs friends and family at the point of sale."
        ),
    )
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
        Session, on_delete=models.CASCADE, related_name="offers", verbose_name=_("date")
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
