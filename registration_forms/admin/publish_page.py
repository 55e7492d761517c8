"""The page that publishes a draft: what changes, which texts are missing, who has not been asked."""

from django.conf import settings
from django.contrib import messages
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import definitions, publishing
from ..definitions import parse
from ..models import RegistrationForm
from . import words

NAMES = dict(settings.CONTENT_LANGUAGES)


def view(page, request, row: RegistrationForm):
    if request.method == "POST":
        try:
            version = publishing.publish(row, by=request.user, now=timezone.now())
        except publishing.CannotPublish:
            messages.error(request, _("The form was not published: first put right what stands below."))
        else:
            messages.success(request, _("Version %(number)d is published.") % {"number": version.number})
            return page.back_to(row)
    draft = parse(definitions.build(row))
    before = definitions.of_version(row.published) if row.published else None
    changes = publishing.diff(before, draft)
    asks_more = any(one.code in {"added", "mandatory"} for one in changes)
    answered = row.responses.filter(void=False).count() if asks_more and before else 0
    lacking = publishing.missing_translations(row, draft)
    context = {
        **page.about_row(request, row, _("Publish")),
        "problems": words.problems(publishing.problems_of(row, draft), draft, row),
        "differences": words.differences(changes),
        "missing": [words.missing(number, NAMES[code]) for code, number in lacking.items()],
        "without": words.without_the_new(row, answered) if answered else "",
        "differs": publishing.differs(row),
    }
    return TemplateResponse(request, "admin/registration_forms/publish.html", context)
