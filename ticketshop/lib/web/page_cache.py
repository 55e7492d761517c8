"""A cache of pages for visitors without a session, in each web process, for ``PAGE_CACHE_SECONDS``.

Such pages contain no cookie and no personal token (``Cache-Control: public, max-age=1``), so the next visitor gets the same
bytes. In a rush a thousand visitors a second look at one event, with one query. Numbers of places left are at most as old as
the cache.
"""

import time
from collections import OrderedDict

from django.conf import settings
from django.http import HttpResponse

PUBLIC = "public, max-age=1"
MOST_PAGES = 256
MOST_BYTES = 200_000


class PageCache:
    """The first middleware: what is cached is the complete response, compressed and with all headers.

    Only visitors without a log-in session get cached pages, so no middleware has to see their requests. The key contains
    what the other middleware would look at: scheme, host, language. A request they refuse is no 200, and is not cached.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self.pages: OrderedDict[tuple, tuple[float, bytes, dict[str, str]]] = OrderedDict()

    def __call__(self, request):
        if not self._is_shared(request):
            return self.get_response(request)
        headers = request.META
        key = (
            request.scheme,
            headers.get("HTTP_HOST"),
            request.path,
            headers.get("QUERY_STRING"),
            request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")[:8],
            headers.get("HTTP_ACCEPT_LANGUAGE", "")[:200],
            "gzip" in headers.get("HTTP_ACCEPT_ENCODING", ""),
        )
        cached = self.pages.get(key)
        if cached is not None and cached[0] > time.monotonic():
            return HttpResponse(cached[1], headers=cached[2])
        response = self.get_response(request)
        if self._may_keep(response):
            self._keep(key, response)
        return response

    @staticmethod
    def _is_shared(request) -> bool:
        return (
            settings.PAGE_CACHE_SECONDS > 0
            and request.method == "GET"
            and settings.SESSION_COOKIE_NAME not in request.COOKIES
        )

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
        self.pages.pop(key, None)  # in order of age, also while other threads drop pages
        self.pages[key] = (
            time.monotonic() + settings.PAGE_CACHE_SECONDS,
            response.content,
            dict(response.items()),
        )
        while len(self.pages) > MOST_PAGES:
            self.pages.popitem(last=False)
