"""Entries with the code of a season pass: let in, let out again, undo.

The row of the pass is locked before its entries are counted, so of two devices that scan it at the same instant one takes the last entry.
"""

from datetime import datetime

from django.db import transaction

from ticketshop.catalogue.models import Session

from ..models import CheckIn, IssuedPass, Ticket
from ..passes import entries, refusals
from . import answers, check_ins
from .access import WITH_TICKET
from .answers import Answer
from .check_ins import Device


def booked_tickets(issued: IssuedPass, session: Session) -> list[Ticket]:
    """Return the places of a date that are booked with a pass, without cancelled ones. One query."""
    rows = Ticket.objects.filter(booked_with=issued, session=session, state__in=entries.LIVING)
    return list(rows.select_related(*WITH_TICKET).order_by("pk"))


def sent_before(booked: list[Ticket], device: Device) -> Ticket | None:
    """Return the ticket that this scan has let in before; None if it is sent for the first time."""
    keys = {device.key_of(ticket, CheckIn.Kind.IN): ticket for ticket in booked}
    found = CheckIn.objects.filter(key__in=list(keys)).values_list("key", flat=True).first() if keys else None
    return keys[found] if found else None


@transaction.atomic
def enter(session: Session, issued: IssuedPass, device: Device, *, by, now: datetime) -> Answer:
    """Let one person in with an entry of the pass. The same scan sent again gets the same answer.

    A person who was let out comes back with the entry that was taken before.
    """
    issued = entries.lock(issued.pk)
    if CheckIn.objects.filter(key=device.key_of(issued, CheckIn.Kind.IN)).exists():
        return _welcome(issued)
    at_door = entries.at_door(issued, session)
    if refused := _refusal(issued, session, at_door, now):
        return refused
    counts = 0 if at_door.out else 1
    entries.take(issued, counts)
    check_ins.new(session, issued, CheckIn.Kind.IN, device, by=by, now=now, entries=counts).save(
        force_insert=True
    )
    return _welcome(issued)


def _welcome(issued: IssuedPass) -> Answer:
    return Answer(
        answers.WELCOME, detail=refusals.left_text(issued), questions=answers.questions(issued), issued=issued
    )


def _refusal(issued: IssuedPass, session: Session, at_door: entries.AtDoor, now: datetime) -> Answer | None:
    """Return why a pass, which is locked, is refused at a date now; None if it lets in."""
    if session.state == Session.State.CANCELLED:
        return Answer(
            answers.DATE_CANCELLED, detail=str(answers.ADVICE[answers.DATE_CANCELLED]), issued=issued
        )
    if refusal := refusals.of_date(issued, session):
        return Answer(refusal.code, detail=refusal.text, issued=issued)
    if issued.season_pass.booking_needed:
        return Answer(
            answers.BOOKING_NEEDED, detail=str(answers.ADVICE[answers.BOOKING_NEEDED]), issued=issued
        )
    if at_door.out:
        return None
    taken = entries.booked(issued, session) + at_door.counted
    refusal = refusals.of_entries(issued, taken)
    if refusal is None:
        return None
    last = last_entry(issued, session)
    if last and taken >= issued.season_pass.entries_per_date:
        text = answers.already_in_text(None, last, now)
        if issued.season_pass.entries_per_date > 1:
            text = f"{refusal.text} {text}"
        return Answer(answers.ALREADY_IN, detail=text, last=last, issued=issued)
    return Answer(refusal.code, detail=refusal.text, issued=issued)


def last_entry(issued: IssuedPass, session: Session) -> CheckIn | None:
    """Return the latest entry at a date with the code of a pass, or None."""
    rows = CheckIn.objects.filter(issued_pass=issued, session=session, kind=CheckIn.Kind.IN)
    return rows.order_by("-pk").first()


@transaction.atomic
def take_back(
    session: Session, issued: IssuedPass, kind: str, device: Device, *, by, now: datetime, note: str = ""
) -> bool:
    """Let a person out who may come back (``kind`` OUT), or undo an entry by mistake (UNDONE), which gives the entry back.

    Return False if no person is in with the code of this pass, or if this was sent before.
    """
    issued = entries.lock(issued.pk)
    if not entries.at_door(issued, session).inside:
        return False
    if CheckIn.objects.filter(key=device.key_of(issued, kind)).exists():
        return False
    undone = _taken_by_last(issued, session) if kind == CheckIn.Kind.UNDONE else 0
    entries.give_back(issued, undone)
    check_ins.new(session, issued, kind, device, by=by, now=now, note=note, entries=-undone).save(
        force_insert=True
    )
    return True


def _taken_by_last(issued: IssuedPass, session: Session) -> int:
    """Return how many entries the latest entry that is not undone took: 0 if that person came back, else 1."""
    undone = 0
    rows = CheckIn.objects.filter(
        issued_pass=issued, session=session, kind__in=(CheckIn.Kind.IN, CheckIn.Kind.UNDONE)
    )
    for kind, count in rows.order_by("-pk").values_list("kind", "entries"):
        if kind == CheckIn.Kind.UNDONE:
            undone += 1
        elif undone:
            undone -= 1
        else:
            return count
    return 0
