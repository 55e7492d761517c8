"""The areas by which people read about their data: title, purpose, and who sees them.

Each model with rows of a person names one (``class Personal``, ``area``). The pages *Your data here* and *My data*, the preview
of an erasure and the copy of one's own data use these texts. Periods are declared with the models (``expiry``), together with
the job that keeps them.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class Area:
    """Data of one kind. ``code`` is the name of the page in a copy of one's data."""

    code: str
    title: str | Promise
    purpose: str | Promise
    seen_by: str | Promise
    # An additional sentence about how long these data stay.
    more: str | Promise = ""


PROFILE = Area(
    "profile",
    _("Your profile"),
    _("To know whose order it is, and to write to you about it."),
    _("You, and the organiser’s owner, back office, box office and accounting."),
)
LOG_IN = Area(
    "log-in",
    _("Your log-in"),
    _("To let you, and nobody else, into your account."),
    _(
        "You. The organiser’s owner, back office, box office and accounting, and administrators of the platform, see the address you log in with. Nobody sees your password."
    ),
    _("It stays while another organiser here needs it."),
)
CONNECTIONS = Area(
    "friends-and-family",
    _("Friends and family"),
    _("To let people who belong together buy tickets for each other."),
    _(
        "You, the person you are connected with (what they typed), and the organiser’s owner, back office and box office."
    ),
)
ORDERS = Area(
    "orders",
    _("Your orders"),
    _("To sell, to deliver, to take and give back money, and to keep the books."),
    _("You, and the organiser’s owner, back office, box office and accounting."),
)
TICKETS = Area(
    "tickets",
    _("Your tickets and passes"),
    _(
        "To let the right person in, and to write to the e-mail address entered for a ticket’s holder if the date is cancelled or changed."
    ),
    _(
        "You, the person who ordered the ticket, entry control, and the organiser’s owner, back office, box office and accounting."
    ),
)
ANSWERS = Area(
    "answers",
    _("Your answers to questions"),
    _("To prepare your visit. Where the organiser has noted more, it stands with the question."),
    _(
        "You, the person who ordered the ticket, and the organiser’s owner, back office and box office. Entry control sees the few answers that the organiser has marked for it."
    ),
)
CART = Area(
    "cart",
    _("Your cart"),
    _("To keep what you chose and typed until you order."),
    _("You."),
)
MAILS = Area(
    "e-mails",
    _("E-mails to you"),
    _("To know which e-mails left for you, and whether they arrived. What stood in them is not kept."),
    _("You, the organiser’s owner and back office, and administrators of the platform."),
)
EXPORTS = Area(
    "exports",
    _("Lists that name you"),
    _("To prepare the event: lists of participants and customers that staff make."),
    _("The organiser’s staff who may export."),
    _("A list that staff have fetched is no longer with us; we tell them to delete it when you ask."),
)
REQUESTS = Area(
    "requests",
    _("Your requests about your data"),
    _("To prove that the address is yours before we show or erase anything."),
    _("You."),
)
ALL = (PROFILE, LOG_IN, CONNECTIONS, ORDERS, TICKETS, ANSWERS, CART, MAILS, EXPORTS, REQUESTS)
