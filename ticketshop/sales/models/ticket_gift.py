"""Tickets that their buyer gives to a person of their friends and family, and that come back."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from registration_forms.models import Response
from ticketshop.lib.areas import TICKETS
from ticketshop.lib.personal import CONTACT, Author, CloseState, Unlink, erase, not_personal

from .admission import Ticket


class TicketGift(models.Model):
    """An offer of a ticket, and what became of it: from the buyer of the order to ``friend``, or back (``is_return``).

    ``Ticket.gift`` names the accepted gift while the friend has the ticket. Whether an offer is still open depends on ticket,
    order, date and connection: ``tickets.gift_offers.open_offers``.
    """

    class State(models.TextChoices):
        OFFERED = "offered", _("offered")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("taken back")
        ENDED = "ended", _("ended")
        # A return that staff made: the person who had the ticket was not asked.
        BY_STAFF = "by_staff", _("taken back by staff")

    ticket = models.ForeignKey(
        Ticket, on_delete=models.PROTECT, related_name="gifts", verbose_name=_("ticket")
    )
    # The person of the buyer's friends and family. Null after that person was erased.
    friend = models.ForeignKey(
        Contact, null=True, blank=True, on_delete=models.PROTECT, related_name="+", verbose_name=_("person")
    )
    # The person's name as in the buyer's list of friends (``links.name_for_parent``), for the sentence “given to …”.
    friend_name = models.CharField(_("name the buyer uses"), max_length=201, blank=True)
    is_return = models.BooleanField(_("given back"), default=False)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.OFFERED)
    offered_at = models.DateTimeField(_("offered"))
    offered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("offered by"),
    )
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)
    # The answers that belonged to the ticket before: they are void, and the new holder never sees them.
    former_response = models.OneToOneField(
        Response,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="former_ticket",
        verbose_name=_("former answers"),
    )

    organiser_path = "ticket__order__organiser"

    class Meta:
        verbose_name = _("given ticket")
        verbose_name_plural = _("given tickets")
        constraints = [
            models.UniqueConstraint(
                fields=["ticket"], condition=Q(state="offered"), name="ticketgift_one_offer"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["offered", "ended"]) | Q(answered_at__isnull=False),
                name="ticketgift_answer_has_instant",
            ),
        ]
        indexes = [models.Index(fields=["friend"], name="ticketgift_open", condition=Q(state="offered"))]

    class Personal:
        subject = {"friend": CONTACT}
        area = TICKETS
        copy_context = ("ticket", "is_return", "state", "offered_at", "answered_at")
        copy_texts = "ticketshop.sales.copy_texts.of_gift"
        copy_needs = ("ticket__session__event",)
        copy_describes = {"former_response": "ticketshop.sales.copy_texts.what_gift"}
        columns = {
            "friend": Unlink(),
            **erase("friend_name"),
            "state": CloseState((("offered", "ended"),)),
            "offered_by": Author(),
            **not_personal("when a ticket was offered and answered", "offered_at", "answered_at"),
        }

    def __str__(self):
        return f"#{self.pk}"

    @property
    def order_id(self) -> int:
        """Return the key of the ticket's order, by which a copy of personal data sorts answers."""
        return self.ticket.order_id
