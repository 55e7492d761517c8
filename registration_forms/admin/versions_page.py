"""The published versions of a form, word for word: what buyers were asked, and since when."""

from django.conf import settings
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ticketshop.lib.text import number_in

from .. import condition_texts, definitions
from ..building import publishing
from ..definitions import Definition, Question
from ..field_types import TYPES
from ..models import Field, FormVersion, RegistrationForm
from . import publish_texts

NAMES = dict(settings.CONTENT_LANGUAGES)


def view(page, request, row: RegistrationForm):
    """All versions, the newest first, and one of them in full: ``?version=3``, else the one buyers see."""
    rows = FormVersion.objects.filter(form=row).select_related("published_by").defer("definition")
    versions = list(rows.order_by("-number"))
    context = {**page.about_row(request, row, _("Versions")), "versions": versions}
    if versions:
        wanted = number_in(request.GET.get("version"), digits=9)
        shown = next((one for one in versions if one.number == wanted), versions[0])
        before = next((one for one in versions if one.number < shown.number), None)
        now = definitions.of_version(shown)
        context |= {
            "shown": shown,
            "differences": publish_texts.differences(publishing.diff(definitions.of_version(before), now))
            if before
            else [],
            "questions": questions(now),
        }
    return TemplateResponse(request, "admin/registration_forms/versions.html", context)


def questions(definition: Definition) -> list[dict]:
    """Each question with its texts in every language they were published in."""
    return [
        {
            "label": question.label,
            "type": TYPES[question.type].label,
            "shown": Field.Visibility(question.visibility).label,
            "staff_only": question.staff_only,
            "condition": condition_texts.condition(question, definition),
            "texts": _texts(question),
        }
        for question in definition.questions
    ]


def _texts(question: Question) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(language code, its name, (what, text)) for each language that the question was published in."""
    parts = [
        (_("label"), question.labels),
        (_("help"), question.helps),
        (_("what it is needed for"), question.purposes),
        *((_("choice"), option.labels) for option in question.options if option.active),
    ]
    found = []
    for code, name in NAMES.items():
        texts = [(what, labels[code]) for what, labels in parts if labels.get(code)]
        if texts:
            found.append((code, str(name), texts))
    return found
