"""Organisers, their points of sale, and their staff."""

from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.personal import not_personal
from ticketshop.lib.values.email_addresses import ModelEmailField
from ticketshop.lib.web import piece_cache

from .staff_invitation import StaffInvitation  # noqa: F401
from .staff_membership import StaffMembership  # noqa: F401
from .terms import TermsVersion, publish

RESERVED_SLUGS = frozenset(
    "accounts admin door favicon health hooks i18n links mailbox media robots static".split()
)


# Zero would switch off a function that has its own switch, or end a period at once.
AT_LEAST_ONE = {"validators": [MinValueValidator(1)]}


def not_reserved(slug: str) -> None:
    """Raise ValidationError for a slug that is the beginning of one of the installation's own URLs."""
    if slug in RESERVED_SLUGS:
        raise ValidationError(
            _("“%(slug)s” is an address of the shop itself. Choose another one."), params={"slug": slug}
        )


def default_languages() -> list[str]:
    """Return the languages of a new organiser."""
    return ["en", "fr"]


class Organiser(models.Model):
    """An organiser, the tenant of the installation. No organiser sees data of another."""

    name = models.CharField(_("name"), max_length=120)
    legal_name = models.CharField(_("legal name"), max_length=160, blank=True)
    street = models.CharField(_("street"), max_length=160, blank=True)
    house_number = models.CharField(_("house number"), max_length=16, blank=True, default="")
    postcode = models.CharField(_("postcode"), max_length=12, blank=True)
    city = models.CharField(_("town"), max_length=80, blank=True)
    country = models.CharField(
        _("country"), max_length=2, default="CH", validators=[RegexValidator(r"^[A-Z]{2}$")]
    )
    vat_number = models.CharField(_("VAT number"), max_length=40, blank=True)
    currency = models.CharField(
        _("currency"), max_length=3, default="CHF", validators=[RegexValidator(r"^[A-Z]{3}$")]
    )
    time_zone = models.CharField(_("time zone"), max_length=60, default="Europe/Zurich")
    languages = ArrayField(
        models.CharField(max_length=5, choices=settings.CONTENT_LANGUAGES),
        default=default_languages,
        verbose_name=_("languages"),
        help_text=_("The first one stands in where a text is missing."),
    )
    privacy_contact = ModelEmailField(_("privacy contact"), blank=True)
    bank_reminder_days = models.PositiveSmallIntegerField(
        _("reminder for bank transfers after (days)"), default=5
    )
    bank_expiry_days = models.PositiveSmallIntegerField(
        _("unpaid bank transfers expire after (days)"), default=10, **AT_LEAST_ONE
    )
    unclaimed_purge_days = models.PositiveSmallIntegerField(
        _("never claimed contacts without orders are erased after (days)"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
    )
    customer_years = models.PositiveSmallIntegerField(
        _("contacts are erased after (years)"),
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("Counted from when they last ordered, came or logged in. Figures and totals stay."),
    )
    archive_years = models.PositiveSmallIntegerField(
        _("invoices stay in the archive for (years)"),
        default=10,
        validators=[MinValueValidator(5), MaxValueValidator(30)],
        help_text=_(
            "After the end of the year. Switzerland and France: 10. Ask your accountant. A change counts for invoices issued from then on."
        ),
    )
    receipt_limit = models.DecimalField(
        _("receipts without a name up to"),
        max_digits=10,
        decimal_places=2,
        default=400,
        validators=[MinValueValidator(0)],
        help_text=_(
            "In your currency. Up to this amount a receipt is enough for the buyer’s books; above it the receipt tells how to get an invoice. Switzerland: 400. Ask your accountant."
        ),
    )

    withdrawal = models.BooleanField(
        _("buyers may withdraw from passes without fixed dates"),
        default=False,
        help_text=_(
            "For 14 days after the order, by a link at the foot of every page. The law of the European Union demands it of shops that sell to consumers there: Directive (EU) 2023/2673. Tickets for a date, and passes for chosen dates, are exempt."
        ),
    )

    # Friends and family.
    link_consent_required = models.BooleanField(
        _("added people must agree first"),
        default=False,
        help_text=_("Without it a connection is active at once, and the person is told."),
    )
    single_part_names = models.BooleanField(_("names of one part are allowed"), default=True)
    link_adds_per_hour = models.PositiveSmallIntegerField(
        _("people added an hour, at most"), default=10, **AT_LEAST_ONE
    )
    link_adds_per_day = models.PositiveSmallIntegerField(
        _("people added a day, at most"), default=20, **AT_LEAST_ONE
    )
    link_mismatches_per_hour = models.PositiveSmallIntegerField(
        _("names that did not match, an hour, at most"), default=5, **AT_LEAST_ONE
    )
    link_mails_per_day = models.PositiveSmallIntegerField(
        _("e-mails to one address in 24 hours, at most"), default=1, **AT_LEAST_ONE
    )
    link_mails_per_week = models.PositiveSmallIntegerField(
        _("e-mails to one address in 7 days, at most"), default=3, **AT_LEAST_ONE
    )
    link_request_days = models.PositiveSmallIntegerField(
        _("links in those e-mails are good for (days)"), default=30, **AT_LEAST_ONE
    )

    second_factor_required = models.BooleanField(
        _("staff need a second step at the log-in"),
        default=True,
        help_text=_(
            "A code from an app, or a security key. Members of your staff who have none set it up when they log in next."
        ),
    )

    organiser_path = "pk"

    class Meta:
        verbose_name = _("organiser")
        verbose_name_plural = _("organisers")

    class Personal:
        columns = {
            **not_personal(
                "an organisation that sells tickets",
                "name",
                "legal_name",
                "street",
                "house_number",
                "postcode",
                "city",
                "country",
                "vat_number",
                "privacy_contact",
            ),
            **not_personal(
                "a setting",
                "currency",
                "time_zone",
                "languages",
                "bank_reminder_days",
                "bank_expiry_days",
                "unclaimed_purge_days",
                "customer_years",
                "archive_years",
                "receipt_limit",
                "link_adds_per_hour",
                "link_adds_per_day",
                "link_mismatches_per_hour",
                "link_mails_per_day",
                "link_mails_per_week",
                "link_request_days",
            ),
        }

    def __str__(self):
        return self.name

    @property
    def street_line(self) -> str:
        """Return street and house number as they stand on a letter."""
        return f"{self.street} {self.house_number}".strip()

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone in which the days of the organiser begin and end."""
        return ZoneInfo(self.time_zone)


class PointOfSale(models.Model):
    """An online shop of an organiser."""

    class FriendsFamilyMode(models.TextChoices):
        COMPATIBLE = "compatible", _("compatible")
        DISCREET = "discreet", _("discreet")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="points_of_sale", verbose_name=_("organiser")
    )
    slug = models.SlugField(
        _("web address"),
        max_length=40,
        unique=True,
        validators=[not_reserved],
        help_text=_("The first part of the shop’s addresses."),
    )
    name = models.CharField(_("name"), max_length=120)
    tagline = models.CharField(_("one line about the shop"), max_length=200, blank=True)
    languages = ArrayField(
        models.CharField(max_length=5, choices=settings.LANGUAGES),
        default=default_languages,
        verbose_name=_("languages"),
    )
    active = models.BooleanField(
        _("switched on"),
        default=False,
        help_text=_(
            "Visitors can buy only while it is on. Orders that exist stay reachable when it is switched off. It needs a way to pay, terms and a legal name."
        ),
    )
    # A shop that was never switched on is for its staff alone, and its orders are test orders; one that was switched off shows
    # that it is closed.
    first_opened_at = models.DateTimeField(_("first switched on"), null=True, editable=False)
    email_sender_name = models.CharField(_("sender name of e-mails"), max_length=120, blank=True)
    email_sender_address = ModelEmailField(_("answers to e-mails go to"), blank=True)
    accent_colour = models.CharField(
        _("colour"), max_length=7, default="#8a1c3b", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")]
    )
    logo = models.ImageField(_("logo"), upload_to="logos/", blank=True)
    terms = models.TextField(_("terms of sale"), blank=True, help_text=_("Markdown."))
    # The frozen copy of these terms, which orders refer to; null while there are none. ``save`` makes it.
    terms_version = models.ForeignKey(
        TermsVersion, null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="+"
    )
    privacy_notice = models.TextField(_("privacy notice"), blank=True, help_text=_("Markdown."))
    imprint = models.TextField(_("imprint"), blank=True, help_text=_("Markdown."))
    accessibility_statement = models.TextField(
        _("accessibility statement"), blank=True, help_text=_("Markdown.")
    )
    # The characteristics.
    friends_family_enabled = models.BooleanField(
        _("Friends and family"),
        default=False,
        help_text=_("Visitors can connect several people to their profile."),
    )
    friends_family_mode = models.CharField(
        _("Friends and family: mode"),
        max_length=12,
        choices=FriendsFamilyMode,
        default=FriendsFamilyMode.COMPATIBLE,
    )
    friends_family_max = models.PositiveSmallIntegerField(
        _("Friends and family: maximum"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
    )
    guest_checkout = models.BooleanField(
        _("guests may order"), default=True, help_text=_("Without it, visitors log in before they order.")
    )
    hold_minutes = models.PositiveSmallIntegerField(
        _("places in the cart are held for (minutes)"),
        default=15,
        validators=[MinValueValidator(3), MaxValueValidator(120)],
    )
    max_tickets_per_order = models.PositiveSmallIntegerField(
        _("tickets in one order, at most"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
    )

    max_unpaid_orders = models.PositiveSmallIntegerField(
        _("unpaid orders under one e-mail address, at most"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(500)],
    )
    network_share = models.PositiveSmallIntegerField(
        _("share of a date’s places for guests of one network (%)"),
        default=25,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_(
            "As long as they are not paid. One order is always possible, and whoever logs in is not counted. A school, a company or a mobile provider can be one network."
        ),
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("point of sale")
        verbose_name_plural = _("points of sale")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(slug__in=sorted(RESERVED_SLUGS)), name="pointofsale_slug_free"
            ),
            models.CheckConstraint(
                condition=models.Q(hold_minutes__gte=3, max_tickets_per_order__gte=1),
                name="pointofsale_limits",
            ),
            # Composite foreign keys of other tables refer to this, so that both rows have the same organiser.
            models.UniqueConstraint(fields=["organiser", "id"], name="pointofsale_in_organiser"),
        ]

    class Personal:
        columns = {
            **not_personal(
                "how an organiser's shop is set up",
                "slug",
                "name",
                "tagline",
                "languages",
                "accent_colour",
                "logo",
                "terms",
                "privacy_notice",
                "imprint",
                "accessibility_statement",
            ),
            **not_personal("the organisation's own sender", "email_sender_name", "email_sender_address"),
            **not_personal(
                "a setting",
                "friends_family_mode",
                "friends_family_max",
                "hold_minutes",
                "max_tickets_per_order",
                "max_unpaid_orders",
                "network_share",
                "first_opened_at",
            ),
        }

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        """Set ``first_opened_at`` when the shop is switched on for the first time, and freeze terms that have changed."""
        if self.active and self.first_opened_at is None:
            self.first_opened_at = timezone.now()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "first_opened_at"}
        with transaction.atomic():
            super().save(*args, **kwargs)
            publish(self)

    @cached_property
    def piece_key(self) -> int:
        """Return a number that is the same as long as the shop and its organiser look the same; see ``piece_cache``."""
        return piece_cache.number_of_rows([self, self.organiser])

    @property
    def in_trial(self) -> bool:
        """Return whether the shop was never opened: only its staff see its pages, and every order is a test order."""
        return not self.reachable

    @property
    def sells(self) -> bool:
        """Return whether something can be bought: by visitors in an open shop, by its staff in one that was never opened."""
        return self.active or self.in_trial

    @property
    def reachable(self) -> bool:
        """Return whether the shop has pages for visitors: orders stay reachable after it was switched off."""
        return self.active or self.first_opened_at is not None

    @property
    def language(self) -> str:
        """Return the active language if the shop offers it, else the first language of the shop."""
        active = (get_language() or "")[:2]
        return active if active in self.languages else self.languages[0]
