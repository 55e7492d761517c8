"""People whom only the person to be erased made known: they go too, unless staff spare them.

A friend or a child whom nobody else has in their list, who never claimed their place and never ordered: what is known of
them was typed by this one person. With a ticket to come they stay until the day after its event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import timezone

from contacts import links, unclaimed
from contacts.models import Contact, ContactLink
from ticketshop.lib import references

from ..declarations import expiry
from ..models import Erasure
from .deferrals import day_after, waiting


@dataclass(frozen=True)
class Companion:
    """``name``: as the person to be erased typed it. ``waits``: something still needs them; they go on ``day`` if it has one."""

    contact: Contact
    name: str
    waits: bool = False
    day: date | None = None


def of(contact: Contact, *, now: datetime) -> list[Companion]:
    """Everybody who goes with ``contact``; one query where there is nobody."""
    people = list(_people(contact.pk).select_related("organiser", "user").order_by("pk"))
    if not people:
        return []
    theirs = ContactLink.objects.filter(parent=contact, child__in=people).order_by("pk")
    names = {link.child_id: link.entered_name for link in theirs if link.entered_name}
    found = []
    for person in people:
        waits, _held = waiting(person, now=now, unasked=True)
        until = max((one.until for one in waits if one.until), default=None)
        day = day_after(until) if until else None
        found.append(Companion(person, names.get(person.pk) or person.full_name, bool(waits), day))
    return found


def _people(contact_id: int):
    return unclaimed.only_added_by(contact_id).filter(~expiry.has_acted())


def spare(erasure: Erasure, contact_ids: Iterable[int]) -> None:
    """These do not go with the person of ``erasure``, which has not begun yet."""
    erasure.spared = sorted(contact_ids)
    Erasure.objects.filter(pk=erasure.pk, state=Erasure.State.CONFIRMED).update(spared=erasure.spared)


def ask(erasure: Erasure, now: datetime) -> None:
    """Write down who goes with the person of ``erasure``, and give those a day who go later. May run twice."""
    today = timezone.localdate(now, expiry.zone_of(erasure.organiser))
    for companion in of(Contact(pk=erasure.contact_id), now=now):
        spared = today + timedelta(days=erasure.organiser.unclaimed_purge_days)
        person = Contact.objects.known().filter(pk=companion.contact.pk)
        if companion.contact.pk in erasure.spared:
            person.filter(purge_after=None).update(purge_after=spared)
        elif companion.waits:
            # The retention job erases them then; what has no date it looks at again.
            person.update(purge_after=companion.day or today + timedelta(days=1))
        else:
            _request(erasure, companion.contact, now)


def ask_as_typed(erasure: Erasure, connections: Iterable[ContactLink], now: datetime) -> None:
    """End the connections in which others have typed the person of ``erasure``, and write down that whom they made known
    goes with the person: staff have said that it is the same one. Somebody with a log-in or an order of their own stays."""
    for link in connections:
        links.end(link, reason="ended", by=erasure.by, now=now)
        typed = unclaimed.added_people().filter(~expiry.has_acted(), pk=link.child_id)
        child = typed.exclude(pk=erasure.contact_id).select_related("organiser").first()
        # With a ticket to come they stay until the day after its event, as everybody without a connection.
        if child is not None and not waiting(child, now=now, unasked=True)[0]:
            _write_down(erasure, child, now)


@transaction.atomic
def _request(erasure: Erasure, contact: Contact, now: datetime) -> None:
    held = Contact.objects.select_for_update().filter(pk=contact.pk)
    if not held.exists() or not _people(erasure.contact_id).filter(pk=contact.pk).exists():
        # Somebody else has added them, or they ordered, a moment ago.
        return
    _write_down(erasure, contact, now)


def _write_down(erasure: Erasure, contact: Contact, now: datetime) -> None:
    if not Erasure.objects.filter(contact=contact).exclude(state=Erasure.State.WITHDRAWN).exists():
        Erasure.objects.create(
            organiser_id=erasure.organiser_id,
            contact=contact,
            subject_uuid=contact.subject_uuid,
            channel=Erasure.Channel.TOGETHER,
            reason=erasure.reason,
            together_with=erasure,
            by=erasure.by,
            receipt=references.readable(10),
            registry_version=erasure.registry_version,
            requested_at=now,
            confirmed_at=now,
        )
