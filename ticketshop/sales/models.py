"""What is being sold and what was sold: carts, orders, tickets, passes, payments.

An order copies titles, prices and tax, never the buyer's identity: the buyer is read through the contact.
"""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from contacts.models import Contact
from registration_forms.models import ChoiceHold, Response
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Allotment, Hold, Offer, SeasonPass, Session
from ticketshop.lib.areas import CART, ORDERS, TICKETS
from ticketshop.lib.email_addresses import ModelEmailField
from ticketshop.lib.personal import (
    ADDRESS,
    BOOKS,
    CLAIM,
    CONTACT,
    CONTRACT,
    USER,
    Author,
    Awaited,
    DeleteRow,
    Ends,
    Stamp,
    Unless,
    Unlink,
    Until,
    Wait,
    erase,
    keep,
    not_personal,
)
from ticketshop.organisers.models import Organiser, PointOfSale

from .date_change import DateChange  # noqa: F401

# Where somebody was: no initials, and nothing that tells two of them apart.
ERASED = _("Erased customer")
HOLDER_ERASED = _("guest removed")
MONEY = {"max_digits": 10, "decimal_places": 2}
# A ticket for somebody else's contact does not need whoever bought it.
FOR_THE_BUYER = Q(beneficiary=None) | Q(beneficiary=F("order__buyer"))


def moved_from(promised: datetime | None, session: Session | None) -> datetime | None:
    """The start that was promised, if the session begins at another time now; None otherwise."""
    if session is None or promised is None or dates.same_minute(promised, session.starts_at):
        return None
    return promised


class OfADate:
    """What lines and tickets of a session share: whether it takes place when it was promised."""

    session: Session | None
    moved_from: datetime | None

    @property
    def moved_text(self) -> str:
        """“Moved from … to …”; empty where the session begins when it was promised, or does not take place."""
        if self.moved_from is None or self.date_cancelled:
            return ""
        return dates.moved_text(self.moved_from, self.session.starts_at)

    @property
    def date_cancelled(self) -> bool:
        """Whether the session does not take place."""
        return self.session is not None and self.session.state == Session.State.CANCELLED


class PaymentMethod(models.Model):
    """A way to pay at a point of sale. Secrets come from the environment, never from ``settings``."""

    point_of_sale = models.ForeignKey(
        PointOfSale, on_delete=models.CASCADE, related_name="payment_methods", verbose_name=_("point of sale")
    )
    code = models.CharField(_("method"), max_length=20)
    enabled = models.BooleanField(_("offered"), default=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("payment method")
        verbose_name_plural = _("payment methods")
        constraints = [models.UniqueConstraint(fields=["point_of_sale", "code"], name="payment_method_once")]

    class Personal:
        columns = not_personal("the organiser's own account", "code", "settings")

    def __str__(self):
        return self.code


# Holds are renewed for at most so many times the hold time, counted from when the cart was opened.
RENEWALS = 4


class Cart(models.Model):
    """What a visitor is about to order; lives 24 hours and dies with everything typed into it."""

    # Known to the visitor's session only.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Whoever places this key places one order, however often it is sent.
    checkout_key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    point_of_sale = models.ForeignKey(PointOfSale, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    # Input as typed: {"buyer": {...}, "holders": {slot: {...}}}; checked when shown and again when placed.
    details = models.JSONField(default=dict)
    details_complete = models.BooleanField(default=False)
    # A guest's network when the cart was opened, as a keyed hash; see ``hoarding``.
    network = models.CharField(max_length=32, blank=True, default="", editable=False)
    held_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)

    organiser_path = "point_of_sale__organiser"

    class Meta:
        verbose_name = _("cart")
        verbose_name_plural = _("carts")
        indexes = [models.Index(fields=["network"], name="cart_by_network", condition=~Q(network=""))]

    class Personal:
        lock = -1  # a checkout holds its cart, and then the people
        mentions = "ticketshop.sales.mentions"
        subject = {"user": USER, "details__buyer__email": ADDRESS}
        area = CART
        also = ("created_at", "expires_at")
        inside = ("lines",)
        texts = "ticketshop.sales.typed_words.of_cart"
        withheld = {"network": _("a code made from your network’s address, which nobody can read back")}
        ends = (Ends("sales.tidy", "expires_at", says=_("24 hours after you last changed it.")),)
        labels = {
            "user": _("log-in"), "details": _("as typed"), "created_at": _("since"), "expires_at": _("until"),
            "network": _("code for your network"),
        }  # fmt: skip
        columns = {
            "user": DeleteRow(),
            "details": DeleteRow(),
            "network": DeleteRow(),
            **not_personal(
                "random, or an instant of the cart's own",
                "key",
                "checkout_key",
                "held_until",
                "created_at",
                "expires_at",
            ),
        }

        along = {"key": ((Hold, "key"), (ChoiceHold, "key"))}

    def __str__(self):
        return str(self.key)

    @property
    def may_be_held_until(self) -> datetime:
        """The instant after which the places are not held again: nobody keeps them for ever without ordering."""
        return self.created_at + RENEWALS * timedelta(minutes=self.point_of_sale.hold_minutes)

    @property
    def held_last(self) -> bool:
        """Whether the hold that lasts now is the last one."""
        return self.held_until is not None and self.held_until >= self.may_be_held_until


class CartLine(OfADate, models.Model):
    """A quantity of one offer or one season pass in a cart, at the price agreed when it was put there."""

    cart = models.ForeignKey(Cart, on_delete=models.CASCADE, related_name="lines")
    offer = models.ForeignKey(Offer, null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    season_pass = models.ForeignKey(
        SeasonPass, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    quantity = models.PositiveSmallIntegerField()
    unit_price = models.DecimalField(**MONEY)
    # One random name per ticket or pass: what was typed for a ticket stays with it when others go.
    slots = models.JSONField(default=list)
    # When the session began as the visitor chose it: the cart tells them if it is moved.
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
        also = ("offer", "season_pass", "quantity", "unit_price")
        texts = "ticketshop.sales.reading_out.of_cart_line"
        needs = ("offer__tariff", "offer__session__event", "cart__point_of_sale__organiser")
        labels = {
            "offer": _("what"), "season_pass": _("what"), "quantity": _("quantity"), "unit_price": _("price"),
        }  # fmt: skip
        columns = not_personal(
            "what is about to be ordered", "quantity", "unit_price", "slots", "session_starts_at"
        )

    def __str__(self):
        return f"{self.quantity} x {self.offer_id or self.season_pass_id}"

    @property
    def session(self) -> Session | None:
        return self.offer.session if self.offer else None

    @property
    def moved_from(self) -> datetime | None:
        """When the session began as it was put into the cart, if it begins at another time now."""
        return moved_from(self.session_starts_at, self.session)


class Order(models.Model):
    """A sale: figures, titles and keys."""

    class State(models.TextChoices):
        PENDING = "pending", _("waiting for payment")
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", pgettext_lazy("order", "cancelled")
        EXPIRED = "expired", _("expired")

    class Channel(models.TextChoices):
        SHOP = "shop", _("shop")
        BACK_OFFICE = "back_office", _("back office")

    organiser = models.ForeignKey(
        Organiser, on_delete=models.PROTECT, related_name="+", verbose_name=_("organiser")
    )
    point_of_sale = models.ForeignKey(
        PointOfSale, on_delete=models.PROTECT, related_name="+", verbose_name=_("point of sale")
    )
    reference = models.CharField(_("reference"), max_length=12, unique=True)
    secret = models.CharField(max_length=32, editable=False)
    checkout_key = models.UUIDField(unique=True, editable=False)
    # What was ordered under the key, as a hash: another content under the same key is refused.
    content_hash = models.CharField(max_length=64, editable=False)
    buyer = models.ForeignKey(
        Contact, null=True, on_delete=models.PROTECT, related_name="orders", verbose_name=_("buyer")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    channel = models.CharField(_("channel"), max_length=12, choices=Channel, default=Channel.SHOP)
    payment_method = models.CharField(_("payment method"), max_length=20)
    currency = models.CharField(_("currency"), max_length=3)
    total = models.DecimalField(_("total"), **MONEY)
    vat_total = models.DecimalField(_("of which VAT"), **MONEY)
    language = models.CharField(_("language"), max_length=5)
    placed_at = models.DateTimeField(_("placed"))
    paid_at = models.DateTimeField(_("paid"), null=True, blank=True)
    cancelled_at = models.DateTimeField(pgettext_lazy("order", "cancelled"), null=True, blank=True)
    expires_at = models.DateTimeField(_("unpaid until"), null=True, blank=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    # A guest's network as a keyed hash, until the order is paid or ends; see ``hoarding``.
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
        constraints = [
            models.CheckConstraint(
                condition=Q(total__gte=0) & Q(vat_total__gte=0) & Q(vat_total__lte=F("total")),
                name="order_amounts",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid") | Q(paid_at__isnull=False), name="order_paid_has_instant"
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
        used = {"buyer": ("placed_at",)}
        acts = "buyer"
        inside = ("lines", "payments")
        worded = {"payment_method": "ticketshop.sales.payment_methods.name_of"}
        since = "placed_at"
        lock = 1
        waits = [
            Wait(
                CLAIM,
                "buyer",
                Q(state="pending"),
                Until("expires_at", 0),
                ("pk", "responses__response"),
                what=_("an order that is not paid"),
            )
        ]
        withheld = {
            "secret": _("opens the order’s page: the link is in every mail about the order"),
            "network": _("a number made from the network’s address, until the order is paid or ends"),
        }
        columns = {
            "buyer": Unlink(until=Awaited()),
            **erase("language", "secret", "network", until=Awaited()),
            "created_by": Author(),
            **keep(
                BOOKS,
                "reference",
                "state",
                "channel",
                "payment_method",
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

    @property
    def buyer_name(self) -> str:
        """In lists: whoever is erased, or is being erased, is nobody there."""
        if self.buyer is None or self.buyer.erasing_at is not None:
            return str(ERASED)
        return self.buyer.full_name


class OrderResponse(models.Model):
    """The answers to one order form. An order has them once for each form that applies to something in it."""

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="responses")
    response = models.OneToOneField(Response, on_delete=models.CASCADE, related_name="order_response")
    # The events it was asked for, as the buyer read it; empty for the form of the shop.
    title = models.CharField(max_length=300, blank=True)
    # Whether a signed-in buyer chose to have the answers in their profile too; null where nobody was asked.
    in_profile = models.BooleanField(null=True, editable=False)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("answers to an order form")
        verbose_name_plural = _("answers to order forms")

    class Personal:
        describes = {"response": "ticketshop.sales.reading_out.what_order_form"}
        needs = ("order",)
        columns = not_personal("what was ordered, not by whom", "title")

    def __str__(self):
        return f"#{self.pk}"


# The orders whose tickets are, or may become, valid.
LIVING_ORDERS = (Order.State.PENDING, Order.State.PAID)


class OrderLine(OfADate, models.Model):
    """One thing ordered: title, price and tax as they were."""

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
        return self.offer.session if self.offer else None

    @property
    def shown_title(self) -> str:
        """The title of the event as it is now, or the name of the pass as it was sold."""
        if self.offer:
            return self.offer.session.event.title
        return dates.name_as_sold(self.season_pass, "name", self.title)

    @property
    def ordered_title(self) -> str:
        """The title the event had at the sale, if it has another one now; else empty."""
        if not self.offer or self.title in dates.texts(self.offer.session.event, "title").values():
            return ""
        return self.title

    @property
    def shown_tariff(self) -> str:
        """The name of the tariff as it was sold; empty for a pass."""
        return dates.name_as_sold(self.offer.tariff, "name", self.tariff_name) if self.offer else ""

    @property
    def moved_from(self) -> datetime | None:
        """When the session was to begin at the sale, if it begins at another time now."""
        return moved_from(self.session_starts_at, self.session)


class Admission(models.Model):
    """What a ticket and an issued pass share."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        VALID = "valid", _("valid")
        USED = "used", _("used")
        CANCELLED = "cancelled", _("cancelled")

    code = models.CharField(_("code"), max_length=40, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RESERVED)
    # Printed on the ticket: copied at sale, apart from whoever benefits.
    holder_first_name = models.CharField(_("first name on the ticket"), max_length=100, blank=True)
    holder_last_name = models.CharField(_("last name on the ticket"), max_length=100, blank=True)
    # Where a form asks for it; never where mails about the order go.
    holder_email = ModelEmailField(_("e-mail address of the holder"), blank=True)
    # The person asked to be forgotten: the ticket still admits, and says why it names nobody.
    holder_erased_at = models.DateTimeField(_("name erased"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def shown_state(self) -> str:
        """The state as people are told it: one of ``State``, or ``DATE_CANCELLED``."""
        return self.state

    @property
    def state_text(self) -> str:
        """The state in words."""
        return str(STATE_TEXTS[self.shown_state])

    @property
    def holder(self) -> str:
        return f"{self.holder_first_name} {self.holder_last_name}".strip()

    @property
    def holder_text(self) -> str:
        """The name on it, or why there is none any more."""
        return self.holder or (str(HOLDER_ERASED) if self.holder_erased_at else "")


OPEN_STATES = (Admission.State.RESERVED, Admission.State.VALID)
# A ticket that was not used yet, of a session that does not take place: no column, so that it ends with the reason.
DATE_CANCELLED = "date_cancelled"
STATE_TEXTS = {**dict(Admission.State.choices), DATE_CANCELLED: _("date cancelled")}


class Ticket(OfADate, Admission):
    """One entry for one person at one session."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="tickets")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("order")
    )
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("session")
    )
    # For whom, where that is a contact of the organiser; the buyer is on the order.
    beneficiary = models.ForeignKey(
        Contact,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tickets",
        verbose_name=_("for"),
    )
    response = models.OneToOneField(
        Response,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="ticket",
        verbose_name=_("answers"),
    )
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="used") | Q(used_at__isnull=False), name="ticket_used_has_instant"
            )
        ]

    class Personal:
        subject = {"beneficiary": CONTACT, "order__buyer": Unless("beneficiary", CONTACT)}
        area = TICKETS
        used = {"beneficiary": ("session__ends_at",), "order__buyer": ("session__ends_at",)}
        guarded = {"code": "order__buyer", "order": "order__buyer"}
        also = ("order", "session")
        labels = {"session": _("date")}
        texts = "ticketshop.sales.reading_out.of_ticket"
        needs = ("session__event",)
        describes = {"response": "ticketshop.sales.reading_out.what_ticket"}
        lock = 2
        since = "order__placed_at"
        waits = [
            Wait(
                CONTRACT,
                "order__buyer",
                Q(state__in=["reserved", "valid"]) & FOR_THE_BUYER,
                Until("session__ends_at", 1),
                ("pk", "response", "order", "order__responses__response"),
                what=_("a ticket not yet used"),
                settled_at="order",
            ),
            # Somebody else bought it. Whoever asks to be forgotten does not wait for it.
            Wait(
                CONTRACT,
                "beneficiary",
                Q(state__in=["reserved", "valid"]),
                Until("session__ends_at", 0),
                ("pk", "response"),
                what=_("a ticket not yet used"),
                settled_at="order",
                unasked=True,
            ),
        ]
        columns = {
            **erase("holder_first_name", "holder_last_name", "holder_email", until=Awaited()),
            "holder_erased_at": Stamp(until=Awaited()),
            "beneficiary": Unlink(until=Awaited()),
            **keep(BOOKS, "code", "state", "used_at"),
        }

    def __str__(self):
        return self.code[:8]

    @property
    def shown_state(self) -> str:
        if self.date_cancelled and self.state in OPEN_STATES:
            return DATE_CANCELLED
        return self.state

    @property
    def moved_from(self) -> datetime | None:
        """When the session was to begin at the sale, if it begins at another time now."""
        return moved_from(self.line.session_starts_at, self.session)


class IssuedPass(Admission):
    """One season pass of one person."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="passes")
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="passes", verbose_name=_("order"))
    season_pass = models.ForeignKey(
        SeasonPass, on_delete=models.PROTECT, related_name="issued", verbose_name=_("season pass")
    )
    beneficiary = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.PROTECT, related_name="passes", verbose_name=_("for")
    )
    response = models.OneToOneField(
        Response,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="issued_pass",
        verbose_name=_("answers"),
    )
    extra_response = models.OneToOneField(
        Response,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="issued_pass_adding",
        verbose_name=_("added answers"),
    )
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"))
    entries_left = models.PositiveSmallIntegerField(_("entries left"), null=True, blank=True)

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("issued pass")
        verbose_name_plural = _("issued passes")

    class Personal:
        subject = {"beneficiary": CONTACT, "order__buyer": Unless("beneficiary", CONTACT)}
        area = TICKETS
        used = {"beneficiary": ("valid_until",), "order__buyer": ("valid_until",)}
        guarded = {"code": "order__buyer", "order": "order__buyer"}
        also = ("order", "season_pass")
        describes = dict.fromkeys(("response", "extra_response"), "ticketshop.sales.reading_out.what_pass")
        lock = 2
        since = "order__placed_at"
        waits = [
            Wait(
                CONTRACT,
                "order__buyer",
                Q(state__in=["reserved", "valid"]) & FOR_THE_BUYER,
                Until("valid_until", 1),
                ("pk", "response", "extra_response", "order", "order__responses__response"),
                what=_("a season pass that is not used up"),
                settled_at="order",
            ),
            Wait(
                CONTRACT,
                "beneficiary",
                Q(state__in=["reserved", "valid"]),
                Until("valid_until", 0),
                ("pk", "response", "extra_response"),
                what=_("a season pass that is not used up"),
                settled_at="order",
                unasked=True,
            ),
        ]
        columns = {
            **erase("holder_first_name", "holder_last_name", "holder_email", until=Awaited()),
            "holder_erased_at": Stamp(until=Awaited()),
            "beneficiary": Unlink(until=Awaited()),
            **keep(BOOKS, "code", "state", "valid_from", "valid_until", "entries_left"),
        }

    def __str__(self):
        return self.code[:8]

    @property
    def shown_name(self) -> str:
        """The name of the pass as it was sold."""
        return dates.name_as_sold(self.season_pass, "name", self.line.title)


class Payment(models.Model):
    """Money that came, or is to come, for an order."""

    class State(models.TextChoices):
        STARTED = "started", _("started")
        CONFIRMED = "confirmed", _("confirmed")
        FAILED = "failed", _("failed")
        # The order was paid by other payments than the one it waited for.
        REPLACED = "replaced", _("paid otherwise")

    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="payments", verbose_name=_("order")
    )
    method = models.CharField(_("method"), max_length=20)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.STARTED)
    amount = models.DecimalField(_("amount"), **MONEY)
    currency = models.CharField(_("currency"), max_length=3)
    # What the payer quotes: the reference of a bank transfer.
    reference = models.CharField(_("payment reference"), max_length=40, blank=True)
    started_at = models.DateTimeField(_("started"))
    confirmed_at = models.DateTimeField(_("confirmed"), null=True, blank=True)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("confirmed by"),
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("payment")
        verbose_name_plural = _("payments")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gte=0), name="payment_not_negative"),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(confirmed_at__isnull=False),
                name="payment_confirmed_has_instant",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=~Q(reference=""), name="payment_reference_once"
            ),
        ]

    class Personal:
        area = ORDERS
        inside = ("refunds",)
        worded = {"method": "ticketshop.sales.payment_methods.name_of"}
        columns = {
            **keep(BOOKS, "method", "state", "amount", "currency", "reference", "started_at", "confirmed_at"),
            "confirmed_by": Author(),
        }

    def __str__(self):
        return self.reference or self.order.reference


class Refund(models.Model):
    """Money to give back for a confirmed payment."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("to be paid back")
        DONE = "done", _("paid back")

    payment = models.ForeignKey(
        Payment, on_delete=models.PROTECT, related_name="refunds", verbose_name=_("payment")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.REQUESTED)
    amount = models.DecimalField(_("amount"), **MONEY)
    requested_at = models.DateTimeField(_("requested"))
    done_at = models.DateTimeField(_("paid back"), null=True, blank=True)

    organiser_path = "payment__order__organiser"

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_positive"),
            models.CheckConstraint(
                condition=~Q(state="done") | Q(done_at__isnull=False), name="refund_done_has_instant"
            ),
        ]

    class Personal:
        area = ORDERS
        waits = [
            Wait(
                CLAIM,
                "payment__order__buyer",
                Q(state="requested"),
                # Whoever is owed money may ask for it for a year.
                Until("requested_at", 365),
                ("payment__order",),
                what=_("money to be paid back"),
            )
        ]
        columns = keep(BOOKS, "state", "amount", "requested_at", "done_at")

    def __str__(self):
        return self.payment.order.reference


class Customer(Contact):
    """Contacts as the back office lists them under Sales: with their orders."""

    class Meta:
        proxy = True
        verbose_name = _("customer")
        verbose_name_plural = _("customers")

    class Personal:
        columns = {}
