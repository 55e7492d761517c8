"""The draft as buyers would see it, in a language, for one or three tickets. Nothing typed here is stored."""

from django.conf import settings
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from .. import definitions
from ..blocks import Block
from ..definitions import parse
from ..field_types import Asked
from ..models import RegistrationForm

NAMES = dict(settings.CONTENT_LANGUAGES)
NUMBERS = (1, 3)


def view(page, request, row: RegistrationForm):
    languages = row.organiser.languages
    language = request.GET.get("language", "")
    language = language if language in languages else languages[0]
    wanted = request.GET.get("tickets", "")
    number = int(wanted) if wanted in {str(one) for one in NUMBERS} else 1
    number = 1 if row.kind == RegistrationForm.Kind.ORDER else number
    posted = request.POST if request.method == "POST" else None
    now = timezone.now()
    with translation.override(language):
        draft = parse(definitions.build(row))
        blocks = [
            Block(draft, posted, prefix=f"block{one}", asked=Asked(day=timezone.localdate(now), now=now))
            for one in range(1, number + 1)
        ]
        drawn = [
            {"heading": _heading(row, one, number), "rows": block.rows(), "errors": block.errors}
            for one, block in enumerate(blocks, 1)
        ]
        elsewhere = [
            question.label
            for question in draft.questions
            if question.system_ref in {"first_name", "last_name", "email"} and question.visibility != "hidden"
        ]
        body = render_to_string(
            "admin/registration_forms/preview_body.html",
            {
                "blocks": drawn,
                "elsewhere": ", ".join(elsewhere),
                "accepted": posted is not None and all(block.is_valid() for block in blocks),
            },
            request,
        )
    choices = [
        (code, NAMES[code], one, f"?language={code}&tickets={one}", (code, one) == (language, number))
        for code in languages
        for one in (NUMBERS if row.kind != RegistrationForm.Kind.ORDER else (1,))
    ]
    title = _("Preview as buyer")
    context = {
        **page.about_row(request, row, title),
        "body": body,
        "language": language,
        "choices": choices,
    }
    return TemplateResponse(request, "admin/registration_forms/preview.html", context)


def _heading(row: RegistrationForm, one: int, number: int) -> str:
    if row.kind == RegistrationForm.Kind.TARIFF:
        return _("Ticket %(number)d of %(count)d") % {"number": one, "count": number}
    return _("Pass %(number)d of %(count)d") % {"number": one, "count": number} if number > 1 else ""
