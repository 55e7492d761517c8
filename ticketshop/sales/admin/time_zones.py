"""Confirmation before an organiser's time zone is changed, if there are tickets for future dates.

Dates are stored as instants: in another time zone each is shown with another time of day, also on tickets
that were sent.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.lib.web.template_tags import colon
from ticketshop.office.admin import OrganiserAdmin
from ticketshop.office.mixins.confirmation import Question
from ticketshop.organisers.models import Organiser

from ..orders.dates import date_changes

# The largest number of dates that are named.
NAMED = 5


class TimeZoneWatch:
    """Compares an organiser's time zone before and after its page is saved."""

    def __init__(self, row: Organiser):
        self.row = row
        self.before = self._stored()

    def _stored(self) -> str | None:
        return Organiser.objects.filter(pk=self.row.pk).values_list("time_zone", flat=True).first()

    def question(self) -> Question | None:
        """Return the question to confirm, or None if no ticket holder is concerned."""
        after = self._stored()
        if self.before in (None, after):
            return None
        coming = Session.objects.filter(event__organiser=self.row.pk, ends_at__gt=timezone.now())
        sold = date_changes.sold_sessions(coming)
        rows = Session.objects.filter(pk__in=sold).select_related("event").order_by("starts_at", "pk")
        old, new = ZoneInfo(str(self.before)), ZoneInfo(str(after))
        times = [(session, *(_when(session, zone) for zone in (old, new))) for session in rows]
        changed = [(session, before, now) for session, before, now in times if before != now]
        if not changed:
            return None
        return Question(
            title=_("Show other times on tickets that people have?"),
            button=_("Save, and show the other times"),
            sentences=[*_what_changes(changed), *_afterwards(sold)],
            fingerprint=hashlib.sha256(f"{self.before} {after} {sorted(sold)}".encode()).hexdigest(),
        )

    def carry_out(self, request: HttpRequest, entered: dict, now: datetime) -> str:
        """Do nothing: everything that shows a date reads the organiser's time zone."""
        return _("Every page and ticket shows the times of the new time zone. Nobody is told by e-mail.")


def _when(session: Session, zone: ZoneInfo) -> str:
    with timezone.override(zone):
        return dates.when(session.starts_at)


def _what_changes(changed: list[tuple[Session, str, str]]) -> Iterable[str]:
    for session, before, now in changed[:NAMED]:
        values = {"old": before, "new": now}
        yield f"{colon(session.event.title)} {_('%(new)s instead of %(old)s.') % values}"
    if (more := len(changed) - NAMED) > 0:
        yield ngettext("And %(count)d more date.", "And %(count)d more dates.", more) % {"count": more}


def _afterwards(sold: list[int]) -> list[str]:
    tickets = date_changes.impact(sold).tickets
    return [
        ngettext(
            "%(count)d ticket shows another time then. It is right if the dates were entered in the wrong time zone.",
            "%(count)d tickets show another time then. It is right if the dates were entered in the wrong time zone.",
            tickets,
        )
        % {"count": tickets},
        _(
            "Where a date is to begin at another instant, change the date itself: its people are told by e-mail."
        ),
    ]


OrganiserAdmin.ask_first(TimeZoneWatch)
