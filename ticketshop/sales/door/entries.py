"""Actions at the door: let in, let out again, undo an entry.

A ticket is let in by one conditional UPDATE from *valid* to *used*, which compares the code, too: of two devices that scan the
same code at the same instant, one changes the row, and a code that is just being replaced lets nobody in. No lock is taken before.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction

from ticketshop.catalogue.models import Session
from ticketshop.lib.database import constraints

from ..models import Admission, CheckIn, IssuedPass, Order, Ticket
from . import answers, check_ins, codes, pass_entries
from .answers import Answer
from .check_ins import Device


def enter(session: Session, typed: str, device: Device, *, by, now: datetime) -> Answer:
    """Let the person with this code in, once. Return the answer; a refusal changes nothing."""
    ticket = codes.ticket(session, typed)
    # An exchanged ticket is cancelled and still has the code that was replaced.
    if ticket is not None and ticket.state != Admission.State.CANCELLED:
        return enter_ticket(session, ticket, device, by=by, now=now)
    if codes.is_replaced(session, typed):
        return answers.refused(answers.REPLACED, now=now)
    if ticket is not None:
        return answers.refused(answers.CANCELLED, ticket, now=now)
    if issued := codes.issued_pass(session, typed):
        return enter_with_pass(session, issued, device, by=by, now=now)
    return answers.refused(answers.UNKNOWN, now=now)


def enter_with_pass(session: Session, issued: IssuedPass, device: Device, *, by, now: datetime) -> Answer:
    """Let the holder of a pass in: with a place that was booked with it, else with an entry of the pass."""
    if issued.state != Admission.State.CANCELLED:
        booked = pass_entries.booked_tickets(issued, session)
        if again := pass_entries.sent_before(booked, device):
            return _welcome(again)
        for ticket in booked:
            if ticket.state == Admission.State.VALID:
                answer = enter_ticket(session, ticket, device, by=by, now=now)
                # If another device was first, the next place is for this person.
                if answer.welcome or answer.code != answers.ALREADY_IN:
                    return answer
        if booked and issued.season_pass.booking_needed:
            return answers.refused(answers.ALREADY_IN, booked[-1], now=now)
    return pass_entries.enter(session, issued, device, by=by, now=now)


def enter_ticket(session: Session, ticket: Ticket, device: Device, *, by, now: datetime) -> Answer:
    """Let the holder of the ticket in, once. The same scan sent again gets the same answer."""
    code = ticket.code
    for _attempt in range(3):
        if refusal := answers.refusal(ticket, session):
            break
        if _use(ticket, session, device, by, now):
            return _welcome(ticket)
        # Another device was first, or the ticket was cancelled or got a new code a moment ago.
        ticket.refresh_from_db(fields=["state", "used_at", "code"])
        if ticket.code != code:
            return answers.refused(answers.REPLACED, now=now)
    answer = answers.refused(refusal or answers.ALREADY_IN, ticket, now=now)
    return _welcome(ticket) if _is_sent_again(answer, ticket, device) else answer


def _welcome(ticket: Ticket) -> Answer:
    return Answer(answers.WELCOME, ticket, questions=answers.questions(ticket))


def _is_sent_again(answer: Answer, ticket: Ticket, device: Device) -> bool:
    return answer.last is not None and answer.last.key == device.key_of(ticket, CheckIn.Kind.IN)


def _use(ticket: Ticket, session: Session, device: Device, by, now: datetime) -> bool:
    """Make a valid ticket used and write its entry. Return False if it is not valid any more.

    Return True, too, if this scan was recorded before and the person has been let out since.
    """
    used = Ticket.objects.filter(pk=ticket.pk, code=ticket.code, session=session, state=Admission.State.VALID)
    try:
        with transaction.atomic():
            if not used.update(state=Admission.State.USED, used_at=device.time(now)):
                return False
            check_ins.new(session, ticket, CheckIn.Kind.IN, device, by=by, now=now).save(force_insert=True)
    except IntegrityError as error:
        if constraints.violated_constraint(error) != "checkin_key_once":
            raise
    return True


def enter_group(session: Session, order: Order, device: Device, *, by, now: datetime) -> list[Answer]:
    """Let in everybody with a ticket of this order for this date. Return one answer for each ticket.

    Given tickets are left out: the people who have them come on their own, and could not enter any more.
    """
    tickets = (
        order.tickets.filter(session=session, gift=None).select_related(*codes.WITH_TICKET).order_by("pk")
    )
    return [enter_ticket(session, ticket, device, by=by, now=now) for ticket in tickets]


def entered(group: Iterable[Answer]) -> int:
    """Return how many of these answers let a person in."""
    return sum(answer.welcome for answer in group)


def take_back(ticket: Ticket, kind: str, device: Device, *, by, now: datetime, note: str = "") -> bool:
    """Make a used ticket valid again: ``kind`` is OUT for a person who leaves and may come back, UNDONE for an entry by mistake.

    Return False if it is not used, was cancelled since, or if this was sent before.
    """
    rows = Ticket.objects.filter(pk=ticket.pk, state=Admission.State.USED, cancellation=None)
    try:
        with transaction.atomic():
            if not rows.update(state=Admission.State.VALID, used_at=None):
                return False
            check_ins.new(ticket.session, ticket, kind, device, by=by, now=now, note=note).save(
                force_insert=True
            )
    except IntegrityError as error:
        if constraints.violated_constraint(error) != "checkin_key_once":
            raise
        return False
    return True
