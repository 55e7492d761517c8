"""The yardsticks, served by the shop's own process: *hello* and *plain*.

*hello* is an empty view without middleware. *plain* is a page like those of small Django sites: three indexed queries, a
template of 10 KB, Django's usual middleware.
"""

from pathlib import Path

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.template.backends.django import DjangoTemplates
from django.test import override_settings
from django.urls import path

from ticketshop.catalogue.models import Allotment, Venue

ROWS = 10
USUAL = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
_TEMPLATES = DjangoTemplates(
    {
        "NAME": "yardstick",
        "DIRS": [Path(__file__).parent],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
)


def hello(request):
    """Return an empty page."""
    return HttpResponse(b"", headers={"Content-Length": "0"})


def plain(request, pk):
    """Return a page with three indexed queries and a list of ten rows, twice."""
    allotment = Allotment.objects.get(pk=pk)
    context = {
        "allotment": allotment,
        "venues": Venue.objects.filter(organiser_id=allotment.organiser_id)[:ROWS],
        "allotments": Allotment.objects.filter(organiser_id=allotment.organiser_id)[:ROWS],
    }
    return HttpResponse(_TEMPLATES.get_template("plain.html").render(context, request))


urlpatterns = [path("hello/", hello), path("plain/<int:pk>/", plain)]


def ours(get_response):
    """Middleware that serves these two URLs instead of those of the shop."""

    def middleware(request):
        request.urlconf = __name__
        return get_response(request)

    return middleware


def handler(middleware: list[str]) -> WSGIHandler:
    """Return Django's application with other middleware than the shop's."""
    with override_settings(MIDDLEWARE=[f"{__name__}.ours", *middleware]):
        return WSGIHandler()
