"""What every template may use."""

from django.conf import settings

from . import logos
from .middleware import next_query


def shop(request) -> dict:
    """``pos``, ``site_name``, ``demo``; ``next_query`` for links from one log-in page to another.

    ``logo_plate``: called where the logo is shown; "light" or "dark", the ground on which it can be seen.
    """
    pos = getattr(request, "pos", None)
    return {
        "pos": pos,
        "logo_plate": lambda: "light" if (logo := logos.of(pos)) is None or logo.on_light else "dark",
        "site_name": settings.SITE_NAME,
        "demo": settings.DEMO,
        "next_query": next_query(request),
    }
