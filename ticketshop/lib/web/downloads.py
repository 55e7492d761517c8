"""Responses with a file to be saved."""

from django.http import HttpResponse


def download(content: bytes, mime_type: str, name: str) -> HttpResponse:
    """Return a response with a file of this name, which the caller made: letters, digits, hyphens, dots."""
    response = HttpResponse(content, content_type=mime_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
