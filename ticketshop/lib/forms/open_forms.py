"""Protection of forms on pages without cookies, which are cached and shown to all visitors.

Django's CSRF token needs a cookie, so that a page could not be cached. These forms contain a signed token that is the same for
all visitors, and the view checks the origin of the request: browsers send it in ``Origin`` or ``Sec-Fetch-Site``, and another
site can't forge these headers. A request with neither of them but with a cookie must contain Django's own token.
"""

import time
from functools import lru_cache

from django.core import signing
from django.http import HttpRequest

FIELD = "form_token"
_SALT = "ticketshop.open-form"
_DAY = 24 * 3600


def token() -> str:
    """Return a token for forms of this shop, valid for a day. It is the same for all visitors in the same second."""
    return _token(int(time.time()))


@lru_cache(maxsize=2)
def _token(_second: int) -> str:
    return signing.TimestampSigner(salt=_SALT).sign("form")


def comes_from_us(request: HttpRequest) -> bool:
    """Return whether a POST comes from a page of this site, by its headers."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin == f"{request.scheme}://{request.get_host()}"
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    return not request.COOKIES


def token_is_ours(request: HttpRequest) -> bool:
    """Return whether the posted token is valid."""
    try:
        signing.TimestampSigner(salt=_SALT).unsign(request.POST.get(FIELD, ""), max_age=_DAY)
    except signing.BadSignature:
        return False
    return True
