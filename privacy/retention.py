"""People nobody needs any more: erased by the same engine when their time is over, without anybody asking."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import DatabaseError

from contacts.models import Contact
from ticketshop.lib.personal import BOOKS
from ticketshop.organisers.models import Organiser

from . import erasing, planning
from .models import Erasure


def unclaimed(now: datetime) -> int:
    """Erase people somebody added, who never claimed their place and never ordered; returns how many.

    Their day is one of the organiser's time zone. One who ordered, or was given a ticket, stays, as any other customer.
    """
    return sum(_unclaimed_of(organiser, now) for organiser in Organiser.objects.order_by("pk"))


def _unclaimed_of(organiser: Organiser, now: datetime) -> int:
    today = now.astimezone(ZoneInfo(organiser.time_zone)).date()
    over = Contact.objects.known().filter(organiser=organiser, user=None, purge_after__lte=today)
    count = 0
    for contact in over.select_related("organiser").order_by("pk")[:500]:
        try:
            count += _erase_unless_needed(contact, now)
        except (erasing.CannotErase, erasing.NotClean, OSError, DatabaseError):
            # An order came, or it was erased, a moment ago; or it is noted on the request. The others go on.
            continue
    return count


def _erase_unless_needed(contact: Contact, now: datetime) -> bool:
    plan = planning.plan(contact, now=now)
    if any(one.basis == BOOKS for one in plan.stays):
        # No day of its own any more: tomorrow's run need not look again.
        Contact.objects.filter(pk=contact.pk).update(purge_after=None)
        return False
    channel, reason = Erasure.Channel.RETENTION, Erasure.Reason.NOT_NEEDED
    # Only what was looked at: who orders at this moment is kept.
    erasing.erase(contact, by=None, now=now, channel=channel, reason=reason, fingerprint=plan.fingerprint)
    return True
