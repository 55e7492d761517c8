"""What every template may use."""

from django.conf import settings

from .middleware import next_query


def shop(request) -> dict:
    """``pos``, ``site_name``, ``demo``; ``next_query`` for links from one log-in page to another."""
    return {
        "pos": getattr(request, "pos", None),
        "site_name": settings.SITE_NAME,
        "demo": settings.DEMO,
        "next_query": next_query(request),
    }
