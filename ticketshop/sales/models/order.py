"""Orders, their lines, responses to their forms, and customers: the contacts that have ordered.

An order copies titles and amounts, but never the buyer's identity, which is read from the contact.
"""

import hashlib
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Allotment, Offer, SeasonPass, Session
from ticketshop.lib.areas import ORDERS
from ticketshop.lib.database.ids import fulfils_any
from ticketshop.lib.personal import (
    BOOKS,
    CONTACT,
    OPEN_PAYMENT,
    Author,
    Defer,
    Unlink,
    Until,
    erase,
    keep,
    not_personal,
)
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.organisers.terms import TermsVersion

from .products import MONEY, OfADate, moved_from

# Shown in place of an erased person: no initials, and nothing that distinguishes two of them.
ERASED = _("Erased customer")
# Shown in place of the buyer of an order that staff entered for nobody.
WITHOUT_PERSON = _("Sold without a name")


class Order(models.Model):
    """A sale. The row contains figures, titles and keys."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for payment")
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", pgettext_lazy("order", "cancelled")
        EXPIRED = "expired", _("expired")

    class Channel(models.TextChoices):
        SHOP = "shop", _("shop")
        BACK_OFFICE = "back_office", _("back office")

    class Invitation(models.TextChoices):
        """Why an order costs nothing. Fixed texts, so that no name gets into the books."""

        PRESS = "press", _("press")
        ARTISTS = "artists", _("guests of the artists")
        PARTNERS = "partners", _("partners and sponsors")
        TEAM = "team", _("our own team")
        INDUSTRY = "industry", _("professionals and juries")
        PRIZE = "prize", _("won in a competition")
        GOODWILL = "goodwill", _("to make good for something")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    point_of_sale = models.ForeignKey(
        PointOfSale, on_delete=models.PROTECT, related_name="+", verbose_name=_("point of sale")
    )
    reference = models.CharField(_("reference"), max_length=12, unique=True)
    secret = models.CharField(max_length=32, editable=False)
    # SHA-256 of the secret before the latest new link: the old link says that it was replaced.
    replaced_secret = models.CharField(max_length=64, blank=True, default="", editable=False)
    checkout_key = models.UUIDField(unique=True, editable=False)
    # Hash of what was ordered under the key: another order with the same key is refused.
    content_hash = models.CharField(max_length=64, editable=False)
    buyer = models.ForeignKey(
        Contact,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="orders",
        verbose_name=_("buyer"),
    )
    # Sold by staff to somebody who gave no name. It never had a buyer, answers or names on its tickets.
    without_person = models.BooleanField(_("sold without a name"), default=False, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    channel = models.CharField(_("channel"), max_length=12, choices=Channel, default=Channel.SHOP)
    payment_method = models.CharField(_("payment method"), max_length=20)
    invitation = models.CharField(
        _("reason of the invitation"), max_length=10, choices=Invitation, blank=True, default=""
    )
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), **MONEY)
    vat_total = models.DecimalField(_("of which VAT"), **MONEY)
    language = models.CharField(_("language"), max_length=5)
    # The terms of sale that the buyer accepted at ``placed_at``, read in ``language``; null for a shop without terms, and for
    # orders from before versions were kept.
    terms_version = models.ForeignKey(
        TermsVersion,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("terms of sale"),
    )
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    cancelled_at = models.DateTimeField(pgettext_lazy("order", "cancelled"), null=True, blank=True)
    expires_at = models.DateTimeField(_("unpaid until"), null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    # A guest's network as a keyed hash, until the order is paid or ends; see ``cart.caps``.
    network = models.CharField(max_length=32, blank=True, default="", editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("entered by"),
    )

    organiser_path = "organiser"

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        permissions = [("view_figures", "Can see the figures of sales and money")]
        constraints = [
            models.CheckConstraint(
                condition=Q(total__gte=0) & Q(vat_total__gte=0) & Q(vat_total__lte=F("total")),
                name="order_amounts",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(paid_at__isnull=False), name="order_paid_has_instant"
            ),
            models.CheckConstraint(
                condition=Q(without_person=False) | Q(buyer__isnull=True, channel="back_office"),
                name="order_without_person",
            ),
            models.CheckConstraint(
                condition=Q(payment_method="invitation", total=0) & ~Q(invitation="")
                | ~Q(payment_method="invitation") & Q(invitation=""),
                name="order_invitation_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["organiser", "-placed_at", "-id"], name="order_newest"),
            models.Index(fields=["expires_at"], name="order_expiring", condition=Q(state="pending")),
            models.Index(fields=["network"], name="order_by_network", condition=~Q(network="")),
        ]

    class Personal:
        subject = {"buyer": CONTACT}
        area = ORDERS
        last_used = {"buyer": ("placed_at",)}
        acted_by = "buyer"
        copy_nested = ("lines", "payments", "cancellations")
        code_labels = {"payment_method": "ticketshop.sales.payments.methods.name_of"}
        retained_since = "placed_at"
        lock_order = 1
        defers = [
            Defer(
                OPEN_PAYMENT,
                "buyer",
                Q(state="pending"),
                Until("expires_at", 0),
                ("pk", "responses__response"),
                label=_("an order that is not paid"),
            )
        ]
        withheld = {
            "secret": _("opens the order’s page: the link is in every mail about the order"),
            "replaced_secret": _(
                "a number made from an earlier link of the order, which opens nothing any more"
            ),
            "network": _("a number made from the network’s address, until the order is paid or ends"),
        }
        columns = {
            "buyer": Unlink(deferred_with="pk"),
            **erase("language", "secret", "replaced_secret", "network", deferred_with="pk"),
            "created_by": Author(),
            **keep(
                BOOKS,
                "reference",
                "state",
                "channel",
                "payment_method",
                "invitation",
                "currency",
                "total",
                "vat_total",
                "placed_at",
                "paid_at",
                "cancelled_at",
            ),
            **not_personal("random, or a hash of tariffs and quantities", "checkout_key", "content_hash"),
            **not_personal("an instant of the order's own", "expires_at", "reminded_at"),
        }

    def __str__(self):
        return self.reference

    @staticmethod
    def hash_of_secret(secret: str) -> str:
        """Return the hash of a secret, as ``replaced_secret`` keeps it."""
        return hashlib.sha256(secret.encode()).hexdigest()

    @property
    def is_test(self) -> bool:
        """Return whether it was placed in a shop that was never opened. Opening the shop deletes it."""
        return self.point_of_sale.in_trial

    @property
    def buyer_name(self) -> str:
        """Return the buyer's name for lists; a placeholder if the buyer is erased or being erased, or there never was one."""
        if self.without_person:
            return str(WITHOUT_PERSON)
        if self.buyer is None or self.buyer.erasing_at is not None:
            return str(ERASED)
        return self.buyer.full_name


class OrderResponse(models.Model):
    """The response to one order form. An order has one for each form that applies to something in it."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="responses")
    response = models.OneToOneField(Response, on_delete=models.CASCADE, related_name="order_response")
    # The titles of the events it was asked for, as the buyer read them; empty for the form of the shop.
    title = models.CharField(max_length=300, blank=True)
    # Whether a signed-in buyer wanted the answers in their profile too; null for a guest.
    in_profile = models.BooleanField(null=True, editable=False)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("answers to an order form")
        verbose_name_plural = _("answers to order forms")

    class Personal:
        copy_describes = {"response": "ticketshop.sales.copy_texts.what_order_form"}
        copy_needs = ("order",)
        columns = not_personal("what was ordered, not by whom", "title")

    def __str__(self):
        return f"#{self.pk}"


def responses_of(order: Order) -> models.QuerySet[Response]:
    """Return all responses of an order: to its order forms, and about its tickets and passes."""
    paths = ("order_response", "ticket", "issued_pass", "issued_pass_adding")
    conditions = (Q(**{f"{path}__order": order}) for path in paths)
    return Response.objects.filter(fulfils_any(Response.objects, *conditions))


def places_of(order: Order) -> dict[int, int]:
    """Return allotment id -> places of all lines of an order, cancelled ones too."""
    wanted: dict[int, int] = {}
    for allotment, count in OrderLine.objects.filter(order=order).values_list("allotment_id", "places"):
        wanted[allotment] = wanted.get(allotment, 0) + count
    return wanted


# States of orders whose tickets are or may become valid.
LIVING_ORDERS = (Order.State.PENDING, Order.State.PAID)


class OrderLine(OfADate, models.Model):
    """A product in an order, with title, price and tax as they were at the sale."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    offer = models.ForeignKey(Offer, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    season_pass = models.ForeignKey(
        SeasonPass, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    allotment = models.ForeignKey(Allotment, on_delete=models.PROTECT, related_name="+")
    places = models.PositiveIntegerField()
    title = models.CharField(_("title"), max_length=160)
    tariff_name = models.CharField(_("tariff"), max_length=80, blank=True)
    session_starts_at = models.DateTimeField(_("date"), null=True, blank=True)
    quantity = models.PositiveSmallIntegerField(_("quantity"))
    unit_price = models.DecimalField(_("price"), **MONEY)
    total = models.DecimalField(_("total"), **MONEY)
    vat_rate = models.DecimalField(_("VAT rate (%)"), max_digits=5, decimal_places=2)
    vat_amount = models.DecimalField(_("VAT"), **MONEY)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("order line")
        verbose_name_plural = _("order lines")
        constraints = [
            models.CheckConstraint(
                condition=Q(total=F("unit_price") * F("quantity")), name="orderline_total"
            ),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="orderline_quantity"),
        ]

    class Personal:
        area = ORDERS
        labels = {"places": _("places")}
        columns = keep(
            BOOKS,
            "places",
            "title",
            "tariff_name",
            "session_starts_at",
            "quantity",
            "unit_price",
            "total",
            "vat_rate",
            "vat_amount",
        )

    def __str__(self):
        return f"{self.quantity} x {self.title}"

    @property
    def session(self) -> Session | None:
        """Return the session of the offer; None for a season pass."""
        return self.offer.session if self.offer else None

    @property
    def shown_title(self) -> str:
        """Return the title of the event as it is now, or the name of the pass as it was sold."""
        if self.offer:
            return self.offer.session.event.title
        return dates.name_as_sold(self.season_pass, "name", self.title)

    @property
    def ordered_title(self) -> str:
        """Return the event's title at the sale if it has another one now, else an empty text."""
        if not self.offer or self.title in dates.texts(self.offer.session.event, "title").values():
            return ""
        return self.title

    @property
    def shown_tariff(self) -> str:
        """Return the name of the tariff as it was sold; empty for a pass."""
        return dates.name_as_sold(self.offer.tariff, "name", self.tariff_name) if self.offer else ""

    @property
    def moved_from(self) -> datetime | None:
        """Return the start promised at the sale if the session begins at another time now, else None."""
        return moved_from(self.session_starts_at, self.session)


class Customer(Contact):
    """A contact with orders, as the back office lists it under Sales."""

    class Meta:
        proxy = True
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    class Personal:
        columns = {}
