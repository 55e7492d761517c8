"""Pages of the installation itself: error pages in the look of the shop, health checks, robots.txt, security.txt."""

import logging
import sys
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.static import serve

from ticketshop import installation
from ticketshop.lib.database.outages import OUTAGES
from ticketshop.lib.web import refusals
from ticketshop.organisers import middleware

logger = logging.getLogger("ticketshop.outages")


def bad_request(request, exception=None):
    """Return the page for status 400."""
    return render(request, "400.html", status=400)


def forbidden(request, exception=None):
    """Return the page for status 403."""
    return render(request, "403.html", status=403)


def csrf_failure(request, reason=""):
    """Return the page for a failed CSRF check, in the look of the shop in the URL."""
    _enter_shop_of_path(request)
    return refusals.csrf_failure(request, reason)


def not_found(request, exception=None):
    """Return the page for status 404, in the look of the shop in the URL."""
    _enter_shop_of_path(request)
    return render(request, "404.html", status=404)


def too_many_requests(request):
    """Return the page for a limit of django-allauth. The limits that use this handler count by the minute."""
    return refusals.too_many_requests(request, timedelta(minutes=1))


def _enter_shop_of_path(request) -> None:
    """Activate the shop whose slug begins the path."""
    if request.pos is None and (pos := middleware.shop_at(request.path)):
        middleware.enter(request, pos)


def server_error(request):
    """Return 503 while the database is away, slow or locked, else 500. Rendered without the database."""
    error = sys.exc_info()[1]
    if isinstance(error, OUTAGES):
        logger.error("503 %s %s", type(error).__name__, request.method)
        response = HttpResponse(render_to_string("503.html"), status=503)
        response.headers["Retry-After"] = "5"
    else:
        response = HttpResponse(render_to_string("500.html"), status=500)
    response.headers["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_safe
def media(request, path):
    """Serve an image of the catalogue. It may be cached for a month, because a changed image gets a new name."""
    response = serve(request, path, document_root=settings.MEDIA_ROOT)
    response.headers["Cache-Control"] = "public, max-age=2592000"
    return response


@login_not_required
@require_safe
def live(request):
    """Answer that the process runs."""
    return JsonResponse({"status": "live"})


@login_not_required
@require_safe
def ready(request):
    """Answer whether pages will work: database, tables, rights and static files.

    The response names the codes of the faults (``installation.Fault``); the log has their messages.
    """
    faults = installation.Readiness.faults()
    for fault in faults:
        logger.error("not ready %s: %s %s", fault.code, fault.message, fault.hint)
    if not faults:
        return JsonResponse({"status": "ready"})
    response = JsonResponse(
        {"status": "not ready", "missing": sorted({fault.code for fault in faults})}, status=503
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@login_not_required
@require_safe
def robots(request):
    """Allow search engines the programme, not pages of visitors."""
    private = ["/accounts/", "/admin/", "/links/", "/*/account/", "/*/cart/", "/*/checkout/", "/*/orders/"]
    text = "".join(["User-agent: *\n", *(f"Disallow: {path}\n" for path in private)])
    return _text(text)


@login_not_required
@require_safe
def security(request):
    """Return the contact for reports of security problems (RFC 9116)."""
    until = timezone.now() + timedelta(days=180)
    return _text(
        f"Contact: {settings.SECURITY_CONTACT}\nExpires: {until:%Y-%m-%dT00:00:00Z}\nPreferred-Languages: en, fr\n"
    )


def _text(text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response
