"""Variables for all templates."""

from django.conf import settings

from . import logos
from .middleware import next_query


def shop(request) -> dict:
    """Return ``pos``, ``site_name``, ``demo``, ``logo_plate`` and ``next_query``.

    ``next_query`` is for links from one log-in page to another. ``logo_plate`` is a function that returns "light" or "dark": the
    background on which the logo is visible.
    """
    pos = getattr(request, "pos", None)
    return {
        "pos": pos,
        "logo_plate": lambda: "light" if (logo := logos.of(pos)) is None or logo.on_light else "dark",
        "site_name": settings.SITE_NAME,
        "demo": settings.DEMO,
        "next_query": next_query(request),
    }
