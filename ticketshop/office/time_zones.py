"""In whose time the back office speaks: the organiser's."""

from zoneinfo import ZoneInfo

from django.utils import timezone

from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser


def _zones(user) -> dict[int, str]:
    """Organiser id -> time zone, of the user's organisers; read once a request (kept on the user object)."""
    cached = getattr(user, "_zones", None)
    if cached is None:
        rows = Organiser.objects.order_by("pk")
        if not user.is_superuser:
            rows = rows.filter(pk__in=list(permissions.permissions_by_organiser(user)))
        cached = user._zones = dict(rows.values_list("pk", "time_zone"))
    return cached


def activate(user, organiser_id: int | None = None) -> None:
    """Speak in the time of this organiser, or of the user's first one."""
    zones = _zones(user)
    name = zones.get(organiser_id) or next(iter(zones.values()), None)
    if name:
        timezone.activate(ZoneInfo(name))
