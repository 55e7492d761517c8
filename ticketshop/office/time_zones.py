"""The time zone of back-office pages: the organiser's."""

from zoneinfo import ZoneInfo

from django.utils import timezone

from ticketshop.lib.database.compiled import AnyOf, Compiled
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser

_ZONES = Compiled(
    lambda: Organiser.objects.filter(pk=AnyOf("ids")).order_by("pk").values_list("pk", "time_zone")
)


def _zones(user) -> dict[int, str]:
    """Return organiser id -> time zone for the user's organisers; read once per request and cached on the user."""
    cached = getattr(user, "_zones", None)
    if cached is None:
        if user.is_superuser:
            rows = Organiser.objects.order_by("pk").values_list("pk", "time_zone")
        else:
            rows = _ZONES.rows(ids=list(permissions.permissions_by_organiser(user)))
        cached = user._zones = dict(rows)
    return cached


def stated(user) -> str:
    """Return the name of the active time zone if a page must state it; empty if all organisers of the user have the same one.

    Lists of a person who works for organisers in several time zones show all times in one of them; without an organiser
    times are in UTC.
    """
    return str(timezone.get_current_timezone()) if len(set(_zones(user).values())) != 1 else ""


def activate(user, organiser_id: int | None = None) -> None:
    """Activate the time zone of this organiser, or of the user's first organiser."""
    zones = _zones(user)
    name = zones.get(organiser_id) or next(iter(zones.values()), None)
    if name:
        timezone.activate(ZoneInfo(name))
