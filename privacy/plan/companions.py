"""People whom only the person to be erased has added: they are erased too, unless staff spare them.

A friend or a child in no other list, who never claimed an account and never ordered: the erased person typed all that is
known about them. With an upcoming ticket they stay until the day after its event.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from contacts.linking import links, unclaimed
from contacts.models import Contact, ContactLink
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.values import references

from ..declarations import expiry, statements
from ..models import Erasure
from .deferrals import day_after, open_deferrals


@dataclass(frozen=True)
class Companion:
    """A contact to be erased together with another one.

    ``name``: as the other one typed it. ``is_deferred``: erased later, on ``day`` if that is known.
    """

    contact: Contact
    name: str
    is_deferred: bool = False
    day: date | None = None


def companions_of(contact: Contact, *, now: datetime) -> list[Companion]:
    """Return the people who are erased together with ``contact``; a single query if there are none."""
    people = _people().all(contact_id=contact.pk)
    if not people:
        return []
    contact_links = ContactLink.objects.filter(parent=contact, child__in=people).order_by("pk")
    names = {link.child_id: link.entered_name for link in contact_links if link.entered_name}
    companions = []
    for person in people:
        deferrals, _rows = open_deferrals(person, now=now, unrequested=True)
        until = max((deferral.until for deferral in deferrals if deferral.until), default=None)
        day = day_after(until) if until else None
        name = names.get(person.pk) or person.full_name
        companions.append(Companion(person, name, bool(deferrals), day))
    return companions


@statements.once_per_shape
def _people() -> Compiled[Contact]:
    known = _known_only_through(Parameter("contact_id")).select_related("organiser", "user")
    return statements.of(known.order_by("pk"))


def _known_only_through(contact_id: int | Parameter) -> QuerySet[Contact]:
    return unclaimed.only_added_by(contact_id).filter(~expiry.has_acted())


def spare(erasure: Erasure, contact_ids: Iterable[int]) -> None:
    """Note that these contacts are not erased together with the person of ``erasure``, which has not begun yet."""
    erasure.spared = sorted(contact_ids)
    Erasure.objects.filter(pk=erasure.pk, state=Erasure.State.CONFIRMED).update(spared=erasure.spared)


def request_companions(erasure: Erasure, now: datetime) -> None:
    """Create an erasure for each companion; set ``purge_after`` on those who are spared or erased later.

    The days of those erased later are noted in ``companions_later``. May run twice.
    """
    people = companions_of(Contact(pk=erasure.contact_id), now=now)
    if not people:
        return
    today = timezone.localdate(now, expiry.zone_of(erasure.organiser))
    later = []
    for companion in people:
        contact = Contact.objects.known().filter(pk=companion.contact.pk)
        if companion.contact.pk in erasure.spared:
            spared_until = today + timedelta(days=erasure.organiser.unclaimed_purge_days)
            contact.filter(purge_after=None).update(purge_after=spared_until)
        elif companion.is_deferred:
            # The retention job erases them then. Without a date it looks again tomorrow.
            contact.update(purge_after=companion.day or today + timedelta(days=1))
            later.append(companion.day)
        else:
            _request_locked(erasure, companion.contact, now)
    if later:
        erasure.companions_later = later
        Erasure.objects.filter(pk=erasure.pk).update(companions_later=later)


def request_typed_people(erasure: Erasure, contact_links: Iterable[ContactLink], now: datetime) -> None:
    """End links in which others typed the person of ``erasure``, and create erasures for the contacts they made.

    Staff have stated that these contacts are the same person. A contact with a log-in or an order is not erased; one with
    an upcoming ticket stays until the day after its event, like any contact without a link.
    """
    for link in contact_links:
        links.end(link, reason="ended", by=erasure.by, now=now)
        typed = unclaimed.added_people().filter(~expiry.has_acted(), pk=link.child_id)
        child = typed.exclude(pk=erasure.contact_id).select_related("organiser").first()
        if child is not None and not open_deferrals(child, now=now, unrequested=True)[0]:
            _create_request(erasure, child, now)


@transaction.atomic
def _request_locked(erasure: Erasure, contact: Contact, now: datetime) -> None:
    locked = Contact.objects.select_for_update().filter(pk=contact.pk)
    if not locked.exists() or not _known_only_through(erasure.contact_id).filter(pk=contact.pk).exists():
        # Since the companions were read, another person has added them, or they ordered.
        return
    _create_request(erasure, contact, now)


def _create_request(erasure: Erasure, contact: Contact, now: datetime) -> None:
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
