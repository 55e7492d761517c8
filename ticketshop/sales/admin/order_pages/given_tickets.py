"""Given tickets in the back office: a note on the ticket's page, and the button that takes the ticket back for the buyer."""

from datetime import datetime

from django.contrib import messages
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.buttons import Button, Outcome

from ...models import Ticket
from ...orders.giving import taking_back


def notes(ticket: Ticket) -> list[str]:
    """Return a sentence for the page of a ticket that is given; none for another."""
    if ticket.gift is None:
        return []
    text = _(
        "Given by the buyer to a person of their friends and family on %(day)s. The buyer sees neither its code nor the name and the answers."
    )
    return [text % {"day": date_format(localtime(ticket.gift.answered_at), "DATE_FORMAT")}]


def _question(ticket: Ticket) -> list[str]:
    return [
        _(
            "The buyer gets the ticket with a new code and their own name. The present code lets nobody in any more."
        ),
        _(
            "Both are told by e-mail. The answers of the person who had it are void; the buyer is asked for their own."
        ),
    ]


def _take_back(request, ticket: Ticket, now: datetime) -> Outcome:
    try:
        taking_back.take_back(ticket, by=request.user, now=now)
    except taking_back.CannotTakeBack as error:
        return messages.ERROR, error.sentence
    return messages.SUCCESS, _("The buyer has the ticket again, with a new code.")


TAKE_BACK = Button(
    "take-back",
    gettext_lazy("Take back for the buyer"),
    ("sales.change_order",),
    lambda ticket: taking_back.may_take_back(ticket, timezone.now()),
    _question,
    _take_back,
    serious=True,
    why_not_offered=lambda user, ticket: taking_back.why_not(ticket, timezone.now()),
)
