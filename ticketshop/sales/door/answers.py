"""The answers to a code at the door: whether the person may go in, and the text that says so."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from registration_forms.models import Answer as FormAnswer
from ticketshop.catalogue.models import Session, Tariff
from ticketshop.lib.database.compiled import Compiled, Parameter

from ..answers import display
from ..models import Admission, CheckIn, IssuedPass, OrderResponse, Ticket
from ..passes import refusals

WELCOME, ALREADY_IN = "welcome", "already_in"
WRONG_DATE, UNPAID, CANCELLED, DATE_CANCELLED = "wrong_date", "unpaid", "cancelled", "date_cancelled"
REPLACED, UNKNOWN, BOOKING_NEEDED, TEST = "replaced", "unknown", "booking_needed", "test"
NOT_YET_VALID, EXPIRED, NOT_OPENED = refusals.NOT_YET_VALID, refusals.EXPIRED, refusals.NOT_OPENED
USED_UP, DATE_USED_UP = refusals.USED_UP, refusals.DATE_USED_UP
# The word on the coloured field.
WORDS = {
    WELCOME: gettext_lazy("Welcome"),
    ALREADY_IN: gettext_lazy("Already in"),
    WRONG_DATE: gettext_lazy("Wrong date"),
    UNPAID: gettext_lazy("Not paid"),
    CANCELLED: gettext_lazy("Cancelled"),
    DATE_CANCELLED: gettext_lazy("Date cancelled"),
    REPLACED: gettext_lazy("Replaced"),
    UNKNOWN: gettext_lazy("Unknown code"),
    TEST: gettext_lazy("Test ticket"),
    BOOKING_NEEDED: gettext_lazy("Not booked"),
    NOT_YET_VALID: gettext_lazy("Not valid yet"),
    EXPIRED: gettext_lazy("Expired"),
    NOT_OPENED: gettext_lazy("Wrong date"),
    USED_UP: gettext_lazy("Used up"),
    DATE_USED_UP: gettext_lazy("Already in"),
    "pass": gettext_lazy("Season pass"),  # of conflicts in earlier versions, when no pass opened a date
}
# What to do next.
ADVICE = {
    UNPAID: gettext_lazy("Send the person to the box office to pay."),
    CANCELLED: gettext_lazy("This ticket was cancelled. Send the person to the box office."),
    DATE_CANCELLED: gettext_lazy("This date does not take place."),
    REPLACED: gettext_lazy(
        "This ticket was replaced, exchanged or given to another person. Ask for the new one."
    ),
    TEST: gettext_lazy("It was ordered to try a shop that is not open yet, and lets nobody in."),
    BOOKING_NEEDED: gettext_lazy(
        "With this pass a place must be booked, and none is. The person books it in the account of the shop, or goes to the box office."
    ),
    USED_UP: gettext_lazy("All entries of this pass are used or booked. Send the person to the box office."),
    UNKNOWN: gettext_lazy("No ticket of yours has this code. Scan again, or search by name."),
}


def word_of(code: str) -> str:
    """Return the word of an answer; empty for no code."""
    return str(WORDS.get(code, code))


@dataclass(frozen=True)
class Answer:
    """The answer to one code. ``detail`` is a sentence; ``last`` the entry that counts, of a used ticket.

    ``issued``: the pass, if its own code lets in and not a ticket that was booked with it.
    """

    code: str
    ticket: Ticket | None = None
    detail: str = ""
    last: CheckIn | None = None
    questions: tuple[tuple[str, str], ...] = ()  # label and text of the answers shown at the door
    issued: IssuedPass | None = None

    @property
    def admission(self) -> Ticket | IssuedPass | None:
        """Return the ticket or pass."""
        return self.ticket or self.issued

    @property
    def welcome(self) -> bool:
        """Return whether the person goes in."""
        return self.code == WELCOME

    @property
    def word(self) -> str:
        """Return the word on the coloured field."""
        return str(WORDS[self.code])

    @property
    def tariff(self) -> str:
        """Return the tariff or season pass as it was sold; empty for an unknown code."""
        if self.issued:
            return self.issued.shown_name
        return self.ticket.line.shown_tariff if self.ticket else ""

    @property
    def name(self) -> str:
        """Return the printed name, or why there is none any more."""
        return self.admission.holder_text if self.admission else ""

    @property
    def age(self) -> str:
        """Return what to check about the age; empty for a tariff without an age."""
        offer = self.ticket.line.offer if self.ticket else None
        return age_text(offer.tariff) if offer else ""


def age_text(tariff: Tariff) -> str:
    """Return what to check about the age of the person: “Child: check the age (up to 15)”."""
    lower, upper = tariff.age_from, tariff.age_until
    if lower is None and upper is None:
        return ""
    ages = {"from": lower, "until": upper}
    if upper is None:
        return _("Check the age: from %(from)d") % ages
    if upper >= 18:
        return _("Check the age: %(from)d to %(until)d") % {**ages, "from": lower or 0}
    if not lower:
        return _("Child: check the age (up to %(until)d)") % ages
    return _("Child: check the age (%(from)d to %(until)d)") % ages


def refusal(ticket: Ticket, session: Session) -> str:
    """Return why the ticket does not let in at this date, as one of the codes above; empty if it does."""
    if ticket.order.is_test:
        return TEST
    if ticket.state == Admission.State.CANCELLED:
        return CANCELLED
    if ticket.session_id != session.pk:
        return WRONG_DATE
    if ticket.state == Admission.State.USED:
        return ALREADY_IN
    if session.state == Session.State.CANCELLED:
        return DATE_CANCELLED
    if ticket.booked_with and ticket.booked_with.state == Admission.State.CANCELLED:
        return CANCELLED
    return UNPAID if ticket.state == Admission.State.RESERVED else ""


_LAST = Compiled(
    lambda: (
        CheckIn.objects.filter(ticket=Parameter("ticket"), kind=CheckIn.Kind.IN)
        .select_related("session")
        .order_by("-pk")[:1]
    )
)


def last_entry(ticket: Ticket) -> CheckIn | None:
    """Return the latest entry of a ticket, or None."""
    return _LAST.first(ticket=ticket.pk)


def refused(code: str, ticket: Ticket | None = None, *, now: datetime) -> Answer:
    """Return a red answer with its sentence."""
    if code == ALREADY_IN and ticket is not None:
        last = last_entry(ticket)
        return Answer(code, ticket, already_in_text(ticket, last, now), last)
    if code == WRONG_DATE and ticket is not None:
        when = date_format(localtime(ticket.session.starts_at), "D j F, H:i")
        title = ticket.session.event.title
        return Answer(
            code, ticket, _("This ticket is for %(event)s, %(date)s.") % {"event": title, "date": when}
        )
    return Answer(code, ticket, str(ADVICE[code]))


def already_in_text(ticket: Ticket | None, last: CheckIn | None, now: datetime) -> str:
    """Return “Already in at 19:41, gate 2”; with the day if it was not today. One of both is needed."""
    at = localtime(last.happened_at if last else ticket.used_at)
    when = date_format(at, "H:i" if at.date() == localdate(now) else "j F, H:i")
    if last and last.gate:
        return _("Already in at %(time)s, gate %(gate)s") % {"time": when, "gate": last.gate}
    return _("Already in at %(time)s") % {"time": when}


def group_text(entered: int, tickets: int) -> str:
    """Return how many of an order's tickets were let in."""
    if not entered:
        return _("Nobody was let in: none of these tickets is valid any more.")
    text = ngettext("%(count)d person let in.", "%(count)d people let in.", entered) % {"count": entered}
    if left := tickets - entered:
        text += " " + ngettext(
            "%(count)d ticket was not valid.", "%(count)d tickets were not valid.", left
        ) % {"count": left}
    return text


# Responses with an answer to show: to the form of the ticket, and to the forms of its order.
_RESPONSES = Compiled(
    lambda: (
        FormAnswer.objects.filter(
            Q(response=Parameter("response"))
            | Q(response=Parameter("extra"))
            | Q(response__in=OrderResponse.objects.filter(order=Parameter("order")).values("response")),
            state=FormAnswer.State.ANSWERED,
            field__at_door=True,
            field__sensitive=False,
        )
        .order_by("response_id")
        .values_list("response_id")
        .distinct()
    )
)


def questions(admission: Ticket | IssuedPass) -> tuple[tuple[str, str], ...]:
    """Return label and text of the answers that the organiser wants to see at the door, of the ticket or pass and its order."""
    extra = admission.extra_response_id if isinstance(admission, IssuedPass) else None
    rows = _RESPONSES.rows(response=admission.response_id, extra=extra, order=admission.order_id)
    ids = [pk for (pk,) in rows]
    if not ids:
        return ()
    responses, given = display.read(ids)
    shown = []
    for pk in ids:
        marked = {key: answer for key, answer in given[pk].items() if answer.field.at_door}
        shown += display.rows(responses[pk], marked, lambda question: not question.sensitive)
    return tuple(shown)
