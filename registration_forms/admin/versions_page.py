"""The published versions of a form, with their full texts."""

from django.conf import settings
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from ticketshop.lib.values.text import number_in

from .. import condition_texts, definitions
from ..building import publishing
from ..definitions import Definition, Question
from ..field_types import TYPES
from ..models import Field, FormVersion, RegistrationForm
from . import publish_texts

NAMES = dict(settings.CONTENT_LANGUAGES)


def view(page, request, row: RegistrationForm):
    """Show the list of versions, newest first, and one of them in full: ``?version=3``, or the published one."""
    rows = FormVersion.objects.filter(form=row).select_related("published_by").defer("definition")
    versions = list(rows.order_by("-number"))
    number = number_in(request.GET.get("version"), digits=9)
    shown = next((version for version in versions if version.number == number), versions[0])
    before = next((version for version in versions if version.number < shown.number), None)
    now = definitions.of_version(shown)
    context = {
        **page.about_row(request, row, _("Versions")),
        "versions": versions,
        "shown": shown,
        "differences": publish_texts.differences(publishing.diff(definitions.of_version(before), now))
        if before
        else [],
        "questions": questions(now),
    }
    return TemplateResponse(request, "admin/registration_forms/versions.html", context)


def questions(definition: Definition) -> list[dict]:
    """Return each question with its texts in every language of the version."""
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
    """Return (language code, language name, [(kind of text, text), …]) for each language of the question."""
    parts = [
        (_("label"), question.labels),
        (_("help"), question.helps),
        (_("what it is needed for"), question.purposes),
        *((_("choice"), option.labels) for option in question.options if option.active),
    ]
    texts_by_language = []
    for code, name in NAMES.items():
        texts = [(kind, labels[code]) for kind, labels in parts if labels.get(code)]
        if texts:
            texts_by_language.append((code, str(name), texts))
    return texts_by_language
