"""What people with tickets need to know of a date: when, where, what, and whether it takes place.

These facts are read from the catalogue wherever a ticket is shown; nothing copies them. ``Facts`` is what a change of the
catalogue is compared by, before and after.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import F, Model
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from ticketshop.lib import translated

from .models import Session

LANGUAGES = [code for code, _name in settings.CONTENT_LANGUAGES]


@dataclass(frozen=True)
class Facts:
    """One date as people with tickets know it. ``title``: language code -> text; ``venue``: the parts of the address."""

    starts_at: datetime
    ends_at: datetime
    doors_at: datetime | None
    cancelled: bool
    title: dict[str, str]
    venue: dict[str, str]

    def changes(self, now: "Facts") -> set[str]:
        """The names of the facts that are different in ``now``: cancelled, starts_at, ends_at, doors_at, title, venue.

        Of a date that stays cancelled nothing matters any more.
        """
        if self.cancelled and now.cancelled:
            return set()
        mine, theirs = asdict(self), asdict(now)
        return {name for name in mine if _shown(mine[name]) != _shown(theirs[name])}

    @property
    def title_text(self) -> str:
        """The title in the active language, else in another one."""
        return translated.text_of(self.title)

    @property
    def venue_text(self) -> str:
        """Name and address of the venue in one line; empty where there is none."""
        town = f"{self.venue.get('postcode', '')} {self.venue.get('city', '')}".strip()
        return ", ".join(part for part in (self.venue.get("name"), self.venue.get("street"), town) if part)

    def as_json(self) -> dict:
        """The facts as JSON: instants in ISO 8601."""
        instants = ("starts_at", "ends_at", "doors_at")
        return asdict(self) | {
            name: value.isoformat() if (value := getattr(self, name)) else None for name in instants
        }

    @classmethod
    def from_json(cls, data: Mapping) -> "Facts":
        """The facts that ``as_json`` gave."""
        instants = ("starts_at", "ends_at", "doors_at")
        return cls(**{**data, **{name: parse_datetime(data[name] or "") for name in instants}})


def facts(session: Session) -> Facts:
    """The facts of a session, which is read with its event and the event's venue."""
    event, venue = session.event, session.event.venue
    return Facts(
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        doors_at=session.doors_at,
        cancelled=session.state == Session.State.CANCELLED,
        title=texts(event, "title"),
        venue={name: getattr(venue, name) for name in ("name", "street", "postcode", "city")}
        if venue
        else {},
    )


def facts_of(sessions: Iterable[int], *, lock: bool = False) -> dict[int, Facts]:
    """Session id -> its facts as they are in the database now, by number; one query.

    With ``lock`` the rows are locked first, so that two changes of a date come one after the other.
    """
    ids = list(sessions)
    rows = Session.objects.filter(pk__in=ids).order_by("pk")
    if lock:
        # In a statement of its own: what is read after it is what the last holder of the lock has written.
        list(rows.select_for_update(no_key=True).values_list("pk"))
    return {row.pk: facts(row) for row in rows.select_related("event__venue")}


def mark_changed(sessions: Iterable[int], *, now: datetime) -> None:
    """Count a change of these dates: their calendar entries get a higher SEQUENCE."""
    Session.objects.filter(pk__in=list(sessions)).update(sequence=F("sequence") + 1, changed_at=now)


def texts(row: Model, column: str) -> dict[str, str]:
    """A translated column: language code -> text, without the languages that have none."""
    found = {code: getattr(row, f"{column}_{code}") for code in LANGUAGES}
    return {code: text for code, text in found.items() if text}


def name_as_sold(row, column: str, sold_as: str) -> str:
    """The name of something that was sold, in the active language, unless it was renamed since: then as it was sold.

    ``sold_as`` is the copy made at the sale, in the language of the buyer. Whoever bought "Adult" keeps "Adult", whatever the tariff
    is called next season.
    """
    if sold_as in texts(row, column).values():
        return getattr(row, column)
    return sold_as


def when(instant: datetime) -> str:
    """“Friday 4 December 2026, 20:00” in the active language and time zone."""
    local = localtime(instant)
    return f"{date_format(local, 'l j F Y')}, {date_format(local, 'H:i')}"


def moved_text(old: datetime, new: datetime) -> str:
    """“Moved from Friday 4 December 2026, 20:00 to Saturday 5 December 2026, 20:00”."""
    return _("Moved from %(old)s to %(new)s") % {"old": when(old), "new": when(new)}


def describe(before: Facts, after: Facts) -> list[str]:
    """What changed about a date, in sentences for the people who have tickets; empty when nothing did."""
    changed = before.changes(after)
    if "cancelled" in changed and after.cancelled:
        return [_("This date is cancelled.")]
    found = []
    if "cancelled" in changed:
        found.append(_("This date takes place after all."))
    if "starts_at" in changed:
        found.append(moved_text(before.starts_at, after.starts_at) + ".")
    elif "ends_at" in changed:
        found.append(
            _("It ends at %(new)s instead of %(old)s.")
            % {"new": _time(after.ends_at), "old": _time(before.ends_at)}
        )
    if changed & {"doors_at", "starts_at"} and after.doors_at:
        found.append(_("Doors open at %(time)s.") % {"time": _time(after.doors_at)})
    elif "doors_at" in changed:
        found.append(_("The time at which the doors open is no longer given."))
    # In another language than the reader's a text may have changed alone.
    if "title" in changed and before.title_text != after.title_text:
        found.append(
            translated.compose(
                _("It is now called “%(new)s”, no longer “%(old)s”."),
                new=after.title_text,
                old=before.title_text,
            )
        )
    if "venue" in changed:
        found.append(
            _("It now takes place at %(new)s.") % {"new": after.venue_text}
            if after.venue_text
            else _("The place is no longer given.")
        )
    return found


def same_minute(one: datetime, other: datetime) -> bool:
    """Whether people read the same time: seconds are shown nowhere."""
    return _shown(one) == _shown(other)


def _shown(value):
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else value


def _time(instant: datetime) -> str:
    return date_format(localtime(instant), "H:i")
