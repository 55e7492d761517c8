"""Which shop a page belongs to, and in which language it speaks."""

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
# The pages that sell or prepare a sale. All others of a shop that is switched off stay: what was sold there, and the
# visitor's own data.
SELLING = frozenset(
    {
        "shop:index",
        "shop:event",
        "shop:pass",
        "shop:cart",
        "shop:cart_add",
        "shop:cart_people",
        "shop:cart_update",
        "shop:checkout",
        "shop:review",
        "account:friends_new",
    }
)
_SLUG = re.compile(r"/([-\w]{1,40})/", re.ASCII)


def choose_language(request, offered: list[str]) -> str:
    """The visitor's own choice (a cookie), else what the browser asks for, else the first one offered."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME)
    if chosen in offered:
        return chosen
    for wanted, _priority in parse_accept_lang_header(request.headers.get("Accept-Language", "")[:200]):
        base = wanted.split("-")[0]
        if base in offered:
            return base
    return offered[0]


def language(get_response):
    """Speak the visitor's language; on a shop's pages ``PointOfSaleMiddleware`` narrows it to the shop's."""
    everything = [code for code, _name in settings.LANGUAGES]

    def middleware(request):
        request.pos = None
        translation.activate(choose_language(request, everything))
        request.LANGUAGE_CODE = translation.get_language()
        response = get_response(request)
        # Pages speak a language; a picture or the theme is the same for everybody and stays in the browser.
        if response.headers.get("Content-Type", "").startswith("text/html"):
            patch_vary_headers(response, ["Accept-Language", "Cookie"])
            response.headers.setdefault("Content-Language", translation.get_language())
        translation.deactivate()
        timezone.deactivate()
        return response

    return middleware


def shop_at(address: str) -> PointOfSale | None:
    """The point of sale whose slug a path of this site begins with, if it is one."""
    found = _SLUG.match(address)
    return access.point_of_sale(found[1]) if found else None


def shop_in_next(request) -> PointOfSale | None:
    """The point of sale named in ``next``: the log-in pages take its look and language."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    # Whoever types the password once more goes back to a page of the log-in, which has a ``next`` of its own.
    for _ in range(2):
        if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
            return None
        if not target.startswith(LOG_IN):
            break
        target = parse_qs(urlsplit(target).query).get("next", [""])[0]
    return shop_at(target)


def keep_next(request, response) -> None:
    """Let a redirect from one log-in page to another carry ``next`` along, and with it look, language and way back."""
    target = response.headers.get("Location", "")
    if request.pos and target.startswith(LOG_IN) and "next=" not in target:
        joint = "&" if "?" in target else "?"
        response.headers["Location"] = f"{target}{joint}{next_query(request)[1:]}"


def next_query(request) -> str:
    """``?next=…`` as the log-in page has it, for its links to other log-in pages; empty where it leads to no shop."""
    if not request.path.startswith(LOG_IN) or not getattr(request, "pos", None):
        return ""
    return f"?{urlencode({'next': request.POST.get('next') or request.GET.get('next')})}"


def enter(request, pos: PointOfSale) -> None:
    """Give the page the shop's look, language and time zone."""
    request.pos = pos
    translation.activate(choose_language(request, pos.languages))
    request.LANGUAGE_CODE = translation.get_language()
    timezone.activate(ZoneInfo(pos.organiser.time_zone))


def closed(request):
    """Say that the shop is switched off, with the organiser's contact."""
    return render(request, "closed.html", {"says_closed": True}, status=404)


class PointOfSaleMiddleware:
    """Sets ``request.pos`` for every address that begins with a shop's slug.

    404 where there is no shop, or one that was never switched on; of a shop that is switched off now, the pages in
    ``SELLING`` answer 404 with a page that says so.
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
        else:
            pos = shop_in_next(request) if request.path.startswith(LOG_IN) else None
        if pos is None:
            return None
        enter(request, pos)
        if not pos.active and request.resolver_match.view_name in SELLING:
            return closed(request)
        return None
