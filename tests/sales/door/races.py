"""Two devices that scan one code at the same instant; used by the tests and, in hundreds of rounds, by the soak."""

import uuid
from datetime import datetime
from functools import partial

from django.utils import timezone

from tests.at_once import at_once, meet
from ticketshop.sales.door import answers, entries
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.models import CheckIn, IssuedPass, Ticket
from ticketshop.sales.passes import entries as entries_of_passes

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


def meet_after_counting(monkeypatch) -> None:
    """Let both devices count the entries of a pass before one of them takes one."""
    count = entries_of_passes.at_door

    def count_and_meet(issued, session):
        found = count(issued, session)
        meet()
        return found

    monkeypatch.setattr(entries_of_passes, "at_door", count_and_meet)


def without_the_lock(monkeypatch) -> None:
    """Count the entries of a pass without locking it."""
    rows = IssuedPass.objects.select_related("season_pass", "line", "order")
    monkeypatch.setattr(entries_of_passes, "lock", lambda pk: rows.get(pk=pk))


def scanned_by_two(evening: Evening, ticket: Ticket | IssuedPass) -> list[str]:
    """Return the codes of both answers, sorted."""
    scan = partial(entries.enter, evening.session, ticket.code, by=None, now=timezone.now())
    found = at_once(*(partial(scan, Device(uuid.uuid4(), gate)) for gate in ("1", "2")))
    return sorted(answer.code for answer in found)
