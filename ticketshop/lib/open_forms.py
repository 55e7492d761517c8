"""Forms on pages that carry no cookie, so that a page may be kept for a second and shown to everybody.

Django's CSRF token needs a cookie and thereby makes a page personal. Such a form instead carries a
token that the shop signed for everybody, and its view checks where the request came from: a browser
says so in ``Origin`` or ``Sec-Fetch-Site`` and a foreign page can't forge either. A request without
both and with a session cookie must bring Django's own token.
"""

from django.core import signing
from django.http import HttpRequest

FIELD = "form_token"
_SALT = "ticketshop.open-form"
_DAY = 24 * 3600


def token() -> str:
    """A token for forms of this shop, good for a day."""
    return signing.TimestampSigner(salt=_SALT).sign("form")


def comes_from_us(request: HttpRequest) -> bool:
    """Whether an unsafe request may be believed to come from a page of this shop."""
    origin = request.headers.get("Origin")
    if origin is not None:
        return origin == f"{request.scheme}://{request.get_host()}"
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in {"same-origin", "none"}
    return not request.COOKIES


def token_is_ours(request: HttpRequest) -> bool:
    """Whether the posted token is one of ours and not older than a day."""
    try:
        signing.TimestampSigner(salt=_SALT).unsign(request.POST.get(FIELD, ""), max_age=_DAY)
    except signing.BadSignature:
        return False
    return True
