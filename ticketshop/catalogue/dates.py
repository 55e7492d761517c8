"""Facts about a date for ticket holders: time, venue, title, and whether it takes place.

Each page reads these facts from the catalogue; no ticket copies them. Two ``Facts`` of one date, before and
after a change, are compared to find what changed.
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
    """The facts about one date. ``title``: language code -> text; ``venue``: the parts of the postal address."""

    starts_at: datetime
    ends_at: datetime
    doors_at: datetime | None
    cancelled: bool
    title: dict[str, str]
    venue: dict[str, str]

    def changes(self, now: "Facts") -> set[str]:
        """Return the names of the facts that differ in ``now``: cancelled, starts_at, ends_at, doors_at, title,
        venue.

        Empty for a date that was cancelled before and still is: its other facts do not matter.
        """
        if self.cancelled and now.cancelled:
            return set()
        mine, theirs = asdict(self), asdict(now)
        return {name for name in mine if _shown(mine[name]) != _shown(theirs[name])}

    @property
    def title_text(self) -> str:
        """Return the title in the active language, or in another one if it is missing there."""
        return translated.text_of(self.title)

    @property
    def venue_text(self) -> str:
        """Return name and postal address of the venue in one line; empty without a venue."""
        town = f"{self.venue.get('postcode', '')} {self.venue.get('city', '')}".strip()
        return ", ".join(part for part in (self.venue.get("name"), self.venue.get("street"), town) if part)

    def as_json(self) -> dict:
        """Return the facts as JSON, with instants in ISO 8601."""
        instants = ("starts_at", "ends_at", "doors_at")
        return asdict(self) | {
            name: value.isoformat() if (value := getattr(self, name)) else None for name in instants
        }

    @classmethod
    def from_json(cls, data: Mapping) -> "Facts":
        """Return the facts from the result of ``as_json``."""
        instants = ("starts_at", "ends_at", "doors_at")
        return cls(**{**data, **{name: parse_datetime(data[name] or "") for name in instants}})


def facts(session: Session) -> Facts:
    """Return the facts of a session. Read the session with its event and the event's venue."""
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
    """Return session id -> facts as they are in the database now, by session id. One query.

    With ``lock`` the rows are locked first, so that two changes of a date come one after the other.
    """
    ids = list(sessions)
    rows = Session.objects.filter(pk__in=ids).order_by("pk")
    if lock:
        # A separate statement: the facts are then read after the other transaction that held the lock has
        # written them.
        list(rows.select_for_update(no_key=True).values_list("pk"))
    return {row.pk: facts(row) for row in rows.select_related("event__venue")}


def mark_changed(sessions: Iterable[int], *, now: datetime) -> None:
    """Count a change of these dates. Calendar files then have a higher SEQUENCE (RFC 5545)."""
    Session.objects.filter(pk__in=list(sessions)).update(sequence=F("sequence") + 1, changed_at=now)


def texts(row: Model, column: str) -> dict[str, str]:
    """Return language code -> text of a translated column, without the languages that have no text."""
    by_language = {code: getattr(row, f"{column}_{code}") for code in LANGUAGES}
    return {code: text for code, text in by_language.items() if text}


def name_as_sold(row, column: str, sold_as: str) -> str:
    """Return a name in the active language, or ``sold_as`` if it was renamed since the sale.

    ``sold_as`` is the copy made at the sale, in the language of the buyer. Who bought "Adult" keeps "Adult",
    even if the tariff has another name next season.
    """
    if sold_as in texts(row, column).values():
        return getattr(row, column)
    return sold_as


def when(instant: datetime) -> str:
    """Return an instant as “Friday 4 December 2026, 20:00”, in the active language and time zone."""
    local = localtime(instant)
    return f"{date_format(local, 'l j F Y')}, {date_format(local, 'H:i')}"


def moved_text(old: datetime, new: datetime) -> str:
    """Return “Moved from Friday 4 December 2026, 20:00 to Saturday 5 December 2026, 20:00”."""
    return _("Moved from %(old)s to %(new)s") % {"old": when(old), "new": when(new)}


def describe(before: Facts, after: Facts) -> list[str]:
    """Return what changed about a date, in sentences for ticket holders; empty if nothing did."""
    changed = before.changes(after)
    if "cancelled" in changed and after.cancelled:
        return [_("This date is cancelled.")]
    sentences = []
    if "cancelled" in changed:
        sentences.append(_("This date takes place after all."))
    if "starts_at" in changed:
        sentences.append(moved_text(before.starts_at, after.starts_at) + ".")
    elif "ends_at" in changed:
        sentences.append(
            _("It ends at %(new)s instead of %(old)s.")
            % {"new": _time(after.ends_at), "old": _time(before.ends_at)}
        )
    if changed & {"doors_at", "starts_at"} and after.doors_at:
        sentences.append(_("Doors open at %(time)s.") % {"time": _time(after.doors_at)})
    elif "doors_at" in changed:
        sentences.append(_("The time at which the doors open is no longer given."))
    # The text may have changed in another language only: then readers of this one see no difference.
    if "title" in changed and before.title_text != after.title_text:
        sentences.append(
            translated.compose(
                _("It is now called “%(new)s”, no longer “%(old)s”."),
                new=after.title_text,
                old=before.title_text,
            )
        )
    if "venue" in changed:
        sentences.append(
            _("It now takes place at %(new)s.") % {"new": after.venue_text}
            if after.venue_text
            else _("The place is no longer given.")
        )
    return sentences


def same_minute(one: datetime, other: datetime) -> bool:
    """Return whether two instants are in the same minute. Seconds are shown nowhere."""
    return _shown(one) == _shown(other)


def _shown(value):
    return value.replace(second=0, microsecond=0) if isinstance(value, datetime) else value


def _time(instant: datetime) -> str:
    return date_format(localtime(instant), "H:i")
