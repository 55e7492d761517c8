"""What holds for every answer of the installation."""

from django.middleware.gzip import GZipMiddleware

from ticketshop.lib import refusals


class CompressPages(GZipMiddleware):
    """Text goes out compressed; pictures and documents are so already."""

    def process_response(self, request, response):
        if response.headers.get("Content-Type", "").startswith("text/"):
            return super().process_response(request, response)
        return response


def private_pages(get_response):
    """A page with a name or a form of one person on it is never kept by anybody else."""

    def middleware(request):
        response = get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response

    return middleware


class Refuse:
    """Answers 429 when a limit was reached deep inside a page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        if isinstance(exception, refusals.TooManyTries):
            return refusals.too_many_requests(request)
        return None
