"""Messages at the top of back-office pages: what visitors can't buy, and why."""

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ..sale_checks import Problem

# A message after saving names this many problems; the page itself names all.
MOST = 5


def notes(request: HttpRequest, heading: str, problems: Iterable[Problem]) -> list[str]:
    """Return ``heading`` and the problems' sentences, with links to the rows that solve them; empty without a problem."""
    sentences = [_sentence(request, problem) for problem in problems]
    return [heading, *sentences] if sentences else []


def warn(request: HttpRequest, name: object, problems: Iterable[Problem]) -> None:
    """Queue messages for the next page: what visitors can't buy of the row called ``name``."""
    for problem in list(problems)[:MOST]:
        text = format_html("{}", _sentence(request, problem))
        messages.warning(request, format_html("{}: {}", name, text))


def _sentence(request: HttpRequest, problem: Problem) -> str:
    row = problem.row
    if row is None:
        return problem.sentence
    meta = row._meta
    if not request.user.has_perm(f"{meta.app_label}.change_{meta.model_name}", row):
        return problem.sentence
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    return format_html('{} <a href="{}">{}</a>', problem.sentence, url, _("Change it there"))
