"""Tickets and issued passes, which let people in."""

from datetime import datetime

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import SeasonPass, Session
from ticketshop.lib.areas import TICKETS
from ticketshop.lib.personal import (
    BOOKS,
    CONTACT,
    CONTRACT,
    Defer,
    StampDay,
    Unless,
    Unlink,
    Until,
    erase,
    keep,
)
from ticketshop.lib.values.email_addresses import ModelEmailField

from .cancellation import Cancellation
from .order import Order, OrderLine
from .products import OfADate, moved_from

HOLDER_ERASED = _("guest removed")


# A ticket for another contact than the buyer does not need the buyer's data.
FOR_THE_BUYER = Q(beneficiary=None) | Q(beneficiary=F("order__buyer"))
# A given ticket stays its holder's, also after the holder's erasure.
TICKET_FOR_THE_BUYER = FOR_THE_BUYER & Q(gift=None)


# The e-mail address is that of the person whose name is on the ticket.
HOLDER_TOGETHER = {"holder_email": ("holder_first_name", "holder_last_name")}
# Strategies of the columns about the holder, the same for tickets and issued passes.
HOLDER_STRATEGIES = {
    **erase("holder_first_name", "holder_last_name", "holder_email", deferred_with="pk"),
    "holder_erased_at": StampDay(deferred_with="pk"),
    "beneficiary": Unlink(deferred_with="pk"),
}


def _by_holder(table: str) -> list[models.Index]:
    """Return the indexes by which the back office finds the beginning of a name or e-mail address in a million tickets."""
    return [
        models.Index(OpClass(Upper(column), name="text_pattern_ops"), name=f"{table}_by_{column}")
        for column in ("holder_last_name", "holder_first_name", "holder_email")
    ]


class Admission(models.Model):
    """Base of tickets and issued passes."""

    class State(models.TextChoices):
        RESERVED = "reserved", _("reserved")
        VALID = "valid", _("valid")
        USED = "used", _("used")
        CANCELLED = "cancelled", _("cancelled")

    code = models.CharField(_("code"), max_length=40, unique=True, editable=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.RESERVED)
    # The printed name, copied at the sale; independent of the beneficiary's contact.
    holder_first_name = models.CharField(_("first name on the ticket"), max_length=100, blank=True)
    holder_last_name = models.CharField(_("last name on the ticket"), max_length=100, blank=True)
    # Asked by some forms. Of all mails only the one about a changed date goes there, and only for a ticket.
    holder_email = ModelEmailField(_("e-mail address of the holder"), blank=True)
    # The person was erased: the ticket is still valid, and its page states why it has no name.
    holder_erased_at = models.DateTimeField(_("name erased"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def __str__(self):
        return self.code[:8]

    @property
    def shown_state(self) -> str:
        """Return the state that people see: one of ``State``, or ``DATE_CANCELLED``."""
        return self.state

    @property
    def state_text(self) -> str:
        """Return the state as text."""
        return str(STATE_TEXTS[self.shown_state])

    @property
    def holder(self) -> str:
        """Return the printed name, or an empty text."""
        return f"{self.holder_first_name} {self.holder_last_name}".strip()

    @property
    def holder_text(self) -> str:
        """Return the printed name, or why there is none any more."""
        return self.holder or (str(HOLDER_ERASED) if self.holder_erased_at else "")


OPEN_STATES = (Admission.State.RESERVED, Admission.State.VALID)


# Shown for an unused ticket of a cancelled session. Not a column, so that it ends if the session takes place
# after all.
DATE_CANCELLED = "date_cancelled"


STATE_TEXTS = {**dict(Admission.State.choices), DATE_CANCELLED: _("date cancelled")}


class Ticket(OfADate, Admission):
    """Entry for one person to one session."""

    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="tickets")
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("order")
    )
    session = models.ForeignKey(
        Session, on_delete=models.PROTECT, related_name="tickets", verbose_name=_("date")
    )
    # The pass with which the place was booked; it took one of the entries of the pass.
    booked_with = models.ForeignKey(
        "IssuedPass",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="bookings",
        verbose_name=_("booked with"),
    )
    # The beneficiary, if a contact was chosen; the buyer is on the order.
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
    # The accepted gift, while a person of the buyer's friends and family has the ticket. Then name, answers and code are theirs,
    # and no page, mail or file for the buyer contains them. It stays after that person was erased.
    gift = models.ForeignKey(
        "sales.TicketGift",
        null=True,
        blank=True,
        editable=False,
        on_delete=models.PROTECT,
        related_name="tickets",
        verbose_name=_("given"),
    )
    used_at = models.DateTimeField(_("used"), null=True, blank=True)
    # Set on everything that went with a cancellation, also on a ticket that was used before its order was cancelled.
    cancellation = models.ForeignKey(
        Cancellation, null=True, blank=True, on_delete=models.PROTECT, related_name="tickets"
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("ticket")
        verbose_name_plural = _("tickets")
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="used") | Q(used_at__isnull=False), name="ticket_used_has_instant"
            )
        ]
        indexes = _by_holder("ticket")

    class Personal:
        subject = {"beneficiary": CONTACT, "order__buyer": Unless("beneficiary", CONTACT, also="gift")}
        area = TICKETS
        last_used = {"beneficiary": ("session__ends_at",), "order__buyer": ("session__ends_at",)}
        shown_only_to = {"code": "order__buyer", "order": "order__buyer"}
        goes_with = HOLDER_TOGETHER
        copy_context = ("order", "session")
        copy_texts = "ticketshop.sales.copy_texts.of_ticket"
        copy_needs = ("session__event",)
        copy_describes = {"response": "ticketshop.sales.copy_texts.what_ticket"}
        lock_order = 2
        retained_since = "order__placed_at"
        defers = [
            Defer(
                CONTRACT,
                "order__buyer",
                Q(state__in=["reserved", "valid"]) & TICKET_FOR_THE_BUYER,
                Until("session__ends_at", 1),
                ("pk", "response", "order", "order__responses__response"),
                label=_("a ticket not yet used"),
                settled_at="order",
            ),
            # Bought by another person: the erasure of the beneficiary does not wait for it.
            Defer(
                CONTRACT,
                "beneficiary",
                Q(state__in=["reserved", "valid"]),
                Until("session__ends_at", 0),
                ("pk", "response"),
                label=_("a ticket not yet used"),
                settled_at="order",
                unrequested_only=True,
            ),
        ]
        columns = {
            **HOLDER_STRATEGIES,
            **keep(BOOKS, "code", "state", "used_at"),
        }

    @property
    def shown_state(self) -> str:
        if self.date_cancelled and self.state in OPEN_STATES:
            return DATE_CANCELLED
        return self.state

    @property
    def moved_from(self) -> datetime | None:
        """Return the start promised at the sale if the session begins at another time now, else None."""
        return moved_from(self.line.session_starts_at, self.session)


class IssuedPass(Admission):
    """A season pass that was sold to one person."""

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
    # As they were sold; null without a limit. ``passes.entries`` writes how many are left.
    entries = models.PositiveSmallIntegerField(_("entries"), null=True, blank=True)
    entries_left = models.PositiveSmallIntegerField(_("entries left"), null=True, blank=True)
    cancellation = models.ForeignKey(
        Cancellation, null=True, blank=True, on_delete=models.PROTECT, related_name="passes"
    )

    organiser_path = "order__organiser"

    class Meta:
        verbose_name = _("issued pass")
        verbose_name_plural = _("issued passes")
        constraints = [
            models.CheckConstraint(
                condition=Q(entries=None, entries_left=None)
                | Q(entries__isnull=False, entries_left__isnull=False, entries_left__lte=F("entries")),
                name="issuedpass_entries_left",
            )
        ]
        # The last one for the job that looks every minute for places booked with cancelled passes.
        indexes = [
            *_by_holder("pass"),
            models.Index(fields=["id"], name="pass_cancelled", condition=Q(state="cancelled")),
        ]

    class Personal:
        subject = {"beneficiary": CONTACT, "order__buyer": Unless("beneficiary", CONTACT)}
        area = TICKETS
        last_used = {"beneficiary": ("valid_until",), "order__buyer": ("valid_until",)}
        shown_only_to = {"code": "order__buyer", "order": "order__buyer"}
        goes_with = HOLDER_TOGETHER
        copy_context = ("order", "season_pass")
        copy_describes = dict.fromkeys(
            ("response", "extra_response"), "ticketshop.sales.copy_texts.what_pass"
        )
        lock_order = 2
        retained_since = "order__placed_at"
        defers = [
            Defer(
                CONTRACT,
                "order__buyer",
                Q(state__in=["reserved", "valid"]) & FOR_THE_BUYER,
                Until("valid_until", 1),
                ("pk", "response", "extra_response", "order", "order__responses__response"),
                label=_("a season pass that is not used up"),
                settled_at="order",
            ),
            Defer(
                CONTRACT,
                "beneficiary",
                Q(state__in=["reserved", "valid"]),
                Until("valid_until", 0),
                ("pk", "response", "extra_response"),
                label=_("a season pass that is not used up"),
                settled_at="order",
                unrequested_only=True,
            ),
        ]
        columns = {
            **HOLDER_STRATEGIES,
            **keep(BOOKS, "code", "state", "valid_from", "valid_until", "entries", "entries_left"),
        }

    @property
    def books_dates(self) -> bool:
        """Return whether dates can still be booked with the pass: it is valid, its last day is not over, and entries are left."""
        over = self.valid_until < timezone.localdate()
        return self.state == self.State.VALID and not over and self.entries_left != 0

    @property
    def shown_name(self) -> str:
        """Return the name of the pass as it was sold."""
        return dates.name_as_sold(self.season_pass, "name", self.line.title)
