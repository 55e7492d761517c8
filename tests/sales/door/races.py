"""Two devices that scan one code at the same instant; used by the tests and, in hundreds of rounds, by the soak."""

import uuid
from datetime import datetime
from functools import partial

from django.utils import timezone

from tests.at_once import at_once, meet
from ticketshop.sales.door import answers, entries
from ticketshop.sales.door.entries import Device
from ticketshop.sales.models import CheckIn, Ticket

from .conftest import Evening


def meet_after_reading(monkeypatch) -> None:
    """Let both devices read that the ticket is valid before one of them changes it."""
    decide = answers.refusal

    def decide_and_meet(ticket, session):
        refusal = decide(ticket, session)
        if not refusal:
            meet()
        return refusal

    monkeypatch.setattr(answers, "refusal", decide_and_meet)


def without_the_condition(monkeypatch) -> None:
    """Change the ticket whatever its state is by now."""

    def use(ticket, session, device: Device, by, now: datetime) -> bool:
        Ticket.objects.filter(pk=ticket.pk).update(state="used", used_at=now)
        CheckIn.objects.create(
            session=session, ticket=ticket, kind="in", at=now, key=device.key_of(ticket, "in")
        )
        return True

    monkeypatch.setattr(entries, "_use", use)


def scanned_by_two(evening: Evening, ticket: Ticket) -> list[str]:
    """Return the codes of both answers, sorted."""
    scan = partial(entries.enter, evening.session, ticket.code, by=None, now=timezone.now())
    found = at_once(*(partial(scan, Device(uuid.uuid4(), gate)) for gate in ("1", "2")))
    return sorted(answer.code for answer in found)
