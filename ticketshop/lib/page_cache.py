"""Pages that are everybody's, kept for a second in each web process.

A page made for a visitor without a session carries no cookie and no token of their own
(``Cache-Control: public, max-age=1``), so the next visitor within the second gets the same bytes: in a
rush, a thousand visitors a second look at one event and the database sees one of them. Places left are
never older than ``PAGE_CACHE_SECONDS``.
"""

import time
from collections import OrderedDict

from django.conf import settings
from django.http import HttpResponse

PUBLIC = "public, max-age=1"
MOST_PAGES = 256
MOST_BYTES = 200_000


class PageCache:
    """Middleware; stands outside everything that reads the database, inside what sets headers."""

    def __init__(self, get_response):
        self.get_response = get_response
        self.pages: OrderedDict[tuple, tuple[float, bytes, dict[str, str]]] = OrderedDict()

    def __call__(self, request):
        if (
            not settings.PAGE_CACHE_SECONDS
            or request.method != "GET"
            or settings.SESSION_COOKIE_NAME in request.COOKIES
        ):
            return self.get_response(request)
        key = (
            request.get_host(),
            request.get_full_path(),
            request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")[:8],
            request.headers.get("Accept-Language", "")[:200],
            "gzip" in request.headers.get("Accept-Encoding", ""),
        )
        kept = self.pages.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return HttpResponse(kept[1], headers=kept[2])
        response = self.get_response(request)
        if self._may_keep(response):
            self._keep(key, response)
        return response

    @staticmethod
    def _may_keep(response) -> bool:
        return (
            response.status_code == 200
            and not response.streaming
            and response.headers.get("Cache-Control") == PUBLIC
            and not response.cookies
            and len(response.content) <= MOST_BYTES
        )

    def _keep(self, key: tuple, response) -> None:
        self.pages[key] = (
            time.monotonic() + settings.PAGE_CACHE_SECONDS,
            response.content,
            dict(response.items()),
        )
        self.pages.move_to_end(key)
        while len(self.pages) > MOST_PAGES:
            self.pages.popitem(last=False)
