"""Carts and their lines, before an order is placed."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from registration_forms.models import ChoiceHold
from ticketshop.catalogue import products
from ticketshop.catalogue.models import Hold, Offer, SeasonPass, Session
from ticketshop.catalogue.products import Product
from ticketshop.lib.areas import CART
from ticketshop.lib.personal import (
    ADDRESS,
    SUBJECT_UUID,
    USER,
    Author,
    DeleteRow,
    Expiry,
    not_personal,
)
from ticketshop.organisers.models import PointOfSale

from .products import MONEY, OfADate, moved_from
from .typed_details import TypedDetails

# Holds are renewed until this many times the hold time has passed since the cart was opened.
RENEWALS = 4


class Cart(models.Model):
    """A visitor's selection before the order. It is deleted after 24 hours, with everything typed into it."""

    # Stored in the visitor's log-in session only.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # The same key places one order, however often it is sent.
    checkout_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    point_of_sale = models.ForeignKey(PointOfSale, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # Read it through the property ``typed``.
    details = models.JSONField(default=dict)
    details_complete = models.BooleanField(default=False)
    # The guest's network when the cart was opened, as a keyed hash; see ``cart.caps``.
    network = models.CharField(max_length=32, blank=True, default="", editable=False)
    # The staff member who fills this cart at the counter; null for a visitor's cart.
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # ``Contact.subject_uuid`` of the person for whom staff fill this cart. No key: a merge locks people before it changes what
    # points to them, and an order locks its cart before people.
    person_uuid = models.UUIDField(null=True, blank=True, editable=False)
    held_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        indexes = [models.Index(fields=["network"], name="cart_by_network", condition=~Q(network=""))]

    class Personal:
        lock_order = -1  # a checkout locks its cart, and then the people
        mentions = "ticketshop.sales.cart.mentions"
        subject = {"user": USER, "details__buyer__email": ADDRESS, "person_uuid": SUBJECT_UUID}
        area = CART
        copy_context = ("created_at", "expires_at")
        copy_nested = ("lines",)
        copy_texts = "ticketshop.sales.checkout.typed_texts.of_cart"
        withheld = {
            "network": _("a code made from your network’s address, which nobody can read back"),
            "person_uuid": _("a random number that stands for you"),
        }
        expiry = (Expiry("sales.tidy", "expires_at", promise=_("24 hours after you last changed it.")),)
        labels = {
            "user": _("log-in"), "details": _("as typed"), "created_at": _("since"), "expires_at": _("until"),
            "network": _("code for your network"), "seller": _("entered by"), "person_uuid": _("person"),
        }  # fmt: skip
        columns = {
            "user": DeleteRow(),
            "details": DeleteRow(),
            "network": DeleteRow(),
            "person_uuid": DeleteRow(),
            "seller": Author(),
            **not_personal(
                "random, or an instant of the cart's own",
                "key",
                "checkout_key",
                "held_until",
                "created_at",
                "expires_at",
            ),
        }

        delete_with = {"key": ((Hold, "key"), (ChoiceHold, "key"))}

    def __str__(self):
        return str(self.key)

    @property
    def typed(self) -> TypedDetails:
        """Return what was typed at the checkout. Change it with ``carts.write_details``."""
        return TypedDetails.read(self.details)

    @property
    def may_be_held_until(self) -> datetime:
        """Return when the last hold must end, so that places are not kept without an order."""
        return self.created_at + RENEWALS * timedelta(minutes=self.point_of_sale.hold_minutes)

    @property
    def held_last(self) -> bool:
        """Return whether the current hold is the last one."""
        return self.held_until is not None and self.held_until >= self.may_be_held_until


class CartLine(OfADate, models.Model):
    """A quantity of one product in a cart, at the price agreed when it was added."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    offer = models.ForeignKey(Offer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    season_pass = models.ForeignKey(
        SeasonPass, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(**MONEY)
    # A random name for each ticket or pass: what was typed for one stays with it if others are removed.
    slots = models.JSONField(default=list)
    # The start of the session when the visitor chose it. The cart shows if the session was moved since.
    session_starts_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("cart line")
        verbose_name_plural = _("cart lines")
        constraints = [
            models.CheckConstraint(
                condition=Q(offer__isnull=True) ^ Q(season_pass__isnull=True), name="cartline_one_thing"
            ),
            models.UniqueConstraint(fields=["cart", "offer"], name="cartline_offer_once"),
            models.UniqueConstraint(fields=["cart", "season_pass"], name="cartline_pass_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="cartline_quantity"),
        ]

    class Personal:
        area = CART
        copy_context = ("offer", "season_pass", "quantity", "unit_price")
        copy_texts = "ticketshop.sales.copy_texts.of_cart_line"
        copy_needs = ("offer__tariff", "offer__session__event", "cart__point_of_sale__organiser")
        labels = {
            "offer": _("what"), "season_pass": _("what"), "quantity": _("quantity"), "unit_price": _("price"),
        }  # fmt: skip
        columns = not_personal(
            "what is about to be ordered", "quantity", "unit_price", "slots", "session_starts_at"
        )

    def __str__(self):
        return f"{self.quantity} x {self.offer_id or self.season_pass_id}"

    @cached_property
    def product(self) -> Product:
        """Return the product that the line sells."""
        return products.of(self.offer or self.season_pass)

    @property
    def session(self) -> Session | None:
        """Return the session of the offer; None for a season pass."""
        return self.offer.session if self.offer else None

    @property
    def moved_from(self) -> datetime | None:
        """Return the start that the session had when the line was added, if it starts at another time now, else None."""
        return moved_from(self.session_starts_at, self.session)
