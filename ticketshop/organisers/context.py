"""What every template may use."""

from django.conf import settings


def shop(request) -> dict:
    """``pos``, ``site_name``, ``demo``."""
    return {"pos": getattr(request, "pos", None), "site_name": settings.SITE_NAME, "demo": settings.DEMO}
