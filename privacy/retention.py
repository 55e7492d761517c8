"""People nobody needs any more: erased by the same engine when their time is over, without anybody asking."""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.personal import BOOKS
from ticketshop.organisers.models import Organiser

from . import erasing, planning
from .models import Erasure


def unclaimed(now: datetime) -> int:
    """Erase people somebody added, who never claimed their place and never ordered; returns how many.

    Their day is one of the organiser's time zone. One who ordered, or was given a ticket, stays, as any other customer.
    """
    return UNCLAIMED.run(now)


def _over(now: datetime) -> QuerySet[Contact]:
    found = Contact.objects.none()
    for zone in Organiser.objects.order_by().values_list("time_zone", flat=True).distinct():
        today = now.astimezone(ZoneInfo(zone)).date()
        found |= Contact.objects.known().filter(organiser__time_zone=zone, user=None, purge_after__lte=today)
    return found.select_related("organiser").order_by("pk")


def _erase_unless_needed(contact: Contact, now: datetime) -> bool:
    plan = planning.plan(contact, now=now)
    if any(one.basis == BOOKS for one in plan.stays):
        # No day of its own any more: tomorrow's run need not look again.
        Contact.objects.filter(pk=contact.pk).update(purge_after=None)
        return False
    channel, reason = Erasure.Channel.RETENTION, Erasure.Reason.NOT_NEEDED
    try:
        # Only what was looked at: who orders at this moment is kept.
        erasing.erase(contact, by=None, now=now, channel=channel, reason=reason, fingerprint=plan.fingerprint)
    except erasing.CannotErase:
        return False  # an order came, or it was erased, a moment ago
    return True


UNCLAIMED = RowJob(
    "privacy.unclaimed",
    gettext_lazy("Erase a person who never claimed their place"),
    rows=_over,
    act=_erase_unless_needed,
    atomic=False,
)
