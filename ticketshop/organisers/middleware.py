"""Which shop a page belongs to, and in which language it speaks."""

import re
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation.trans_real import parse_accept_lang_header

from . import access
from .models import PointOfSale

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
    if not url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}):
        return None
    return shop_at(target)


def enter(request, pos: PointOfSale) -> None:
    """Give the page the shop's look, language and time zone."""
    request.pos = pos
    translation.activate(choose_language(request, pos.languages))
    request.LANGUAGE_CODE = translation.get_language()
    timezone.activate(ZoneInfo(pos.organiser.time_zone))


class PointOfSaleMiddleware:
    """Sets ``request.pos`` for every address that begins with a shop's slug: 404 where none sells there."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        slug = kwargs.get("pos")
        if slug is not None:
            pos = access.point_of_sale(slug)
            if pos is None:
                raise Http404("no such point of sale")
        else:
            pos = shop_in_next(request) if request.path.startswith("/accounts/") else None
        if pos is not None:
            enter(request, pos)
