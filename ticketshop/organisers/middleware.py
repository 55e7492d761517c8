"""The point of sale that a page belongs to, and the language of the page."""

import re
from urllib.parse import parse_qs, urlencode, urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation.trans_real import parse_accept_lang_header

from . import access
from .models import PointOfSale

LOG_IN = "/accounts/"
# Names of the pages that sell or prepare a sale. The other pages of a shop that is switched off stay open: orders, tickets
# and the visitor's own data.
SELLING = frozenset(
    {
        "shop:index",
        "shop:event",
        "shop:pass",
        "shop:pass_booking",
        "shop:cart",
        "shop:cart_add",
        "shop:cart_people",
        "shop:cart_update",
        "shop:checkout",
        "shop:review",
        "account:friends_new",
    }
)
HOOK = "payment_hook"
_SLUG = re.compile(r"/([-\w]{1,40})/", re.ASCII)


def choose_language(request, offered: list[str]) -> str:
    """Return the language from the cookie, else one that the browser asks for, else the first of ``offered``."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen in offered:
        return chosen
    for tag, _priority in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:200]):
        base = tag.split("-")[0]
        if base in offered:
            return base
    return offered[0]


def language(get_response):
    """Middleware that activates the visitor's language. ``PointOfSaleMiddleware`` limits it to the shop's languages."""
    all_languages = [code for code, _name in settings.LANGUAGES]

    def middleware(request):
        request.pos = None
        translation.activate(choose_language(request, all_languages))
        request.LANGUAGE_CODE = translation.get_language()
        response = get_response(request)
        # Only pages depend on the language; pictures and style sheets may be cached for all.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
            response.headers.setdefault("Content-Language", translation.get_language())
        translation.deactivate()
        timezone.deactivate()
        return response

    return middleware


def shop_at(path: str) -> PointOfSale | None:
    """Return the point of sale whose slug begins this path and that is or was open, or None."""
    match = _SLUG.match(path)
    pos = access.point_of_sale(match[1]) if match else None
    return pos if pos and pos.reachable else None


def shop_in_next(request) -> PointOfSale | None:
    """Return the point of sale in the parameter ``next``. Log-in pages take the look and the language of that shop."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    # When the password is asked once more, ``next`` is a log-in page that has another ``next``.
    for _ in range(2):
        if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
            return None
        if not target.startswith(LOG_IN):
            break
        target = parse_qs(urlsplit(target).query).get("next", [""])[0]
    return shop_at(target)


def keep_next(request, response) -> None:
    """Add ``next`` to a redirect from one log-in page to another, so that the look, the language and the way back stay."""
    target = response.headers.get("Location", "")
    if request.pos and target.startswith(LOG_IN) and "next=" not in target:
        joint = "&" if "?" in target else "?"
        response.headers["Location"] = f"{target}{joint}{next_query(request)[1:]}"


def next_query(request) -> str:
    """Return the query string ``?next=…`` of a log-in page, for its links to other log-in pages; empty without a shop."""
    if not request.path.startswith(LOG_IN) or not getattr(request, "pos", None):
        return ""
    return f"?{urlencode({'next': request.POST.get('next') or request.GET.get('next')})}"


def enter(request, pos: PointOfSale) -> None:
    """Activate the shop's look, language and time zone for the request."""
    request.pos = pos
    translation.activate(choose_language(request, pos.languages))
    request.LANGUAGE_CODE = translation.get_language()
    timezone.activate(ZoneInfo(pos.organiser.time_zone))


def closed(request):
    """Return the page of a shop that is switched off, with the contact of the organiser."""
    return render(request, "closed.html", {"says_closed": True}, status=404)


def not_open_yet(request):
    """Return the page of a shop that was never opened. It tells nothing of the shop."""
    return render(request, "not_open_yet.html", status=404)


class PointOfSaleMiddleware:
    """Sets ``request.pos`` for every URL that begins with the slug of a shop.

    404 if there is no such shop. One that was never opened is for its staff; everybody else gets a 404 that explains it. In a shop
    that is switched off now, the pages in ``SELLING`` answer 404 with a page that explains it.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.path.startswith(LOG_IN):
            keep_next(request, response)
        return response

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.get("pos")
        if slug is not None:
            pos = access.point_of_sale(slug)
            if pos is None:
                raise Http404("no such point of sale")
            # A payment service has no log-in; its messages are checked by their signature.
            is_hook = request.resolver_match.view_name == HOOK
            if pos.in_trial and not is_hook and not access.may_try(request.user, pos):
                return not_open_yet(request)
        else:
            pos = shop_in_next(request) if request.path.startswith(LOG_IN) else None
        if pos is None:
            return None
        enter(request, pos)
        if not pos.sells and request.resolver_match.view_name in SELLING:
            return closed(request)
        return None
