"""The page that publishes a draft. Shows the changes, the missing translations, and the earlier buyers."""

from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ticketshop.lib.values.text import number_in
from ticketshop.office.forms import SHOWN

from .. import definitions
from ..building import drafts, earlier_buyers, publishing
from ..definitions import parse
from ..models import FormVersion, RegistrationForm
from . import publish_texts, used_by

NAMES = dict(settings.CONTENT_LANGUAGES)


def view(page, request, row: RegistrationForm):
    """Show the page, or publish the draft and go to the next step."""
    if request.method == "POST":
        try:
            seen = number_in(request.POST.get("revision"), digits=17)
            version, asks_earlier_buyers = _publish(row, "ask_earlier" in request.POST, request.user, seen)
        except publishing.CannotPublish:
            messages.error(request, _("The form was not published: first put right what stands below."))
        except drafts.Changed:
            messages.error(
                request,
                _(
                    "Somebody else changed this form meanwhile. Nothing was published: look at what changes now."
                ),
            )
            return redirect(request.path)
        else:
            messages.success(request, _("Version %(number)d is published.") % {"number": version.number})
            if asks_earlier_buyers:
                messages.success(request, _("Earlier buyers get an e-mail with a link to answer."))
            where = _next_step(page, request, version)
            return redirect(where) if where else page.back_to(row)
    draft = parse(definitions.build(row))
    before = definitions.of_version(row.published) if row.published else None
    changes = publishing.diff(before, draft)
    asks_more = any(change.code in {"added", "mandatory"} for change in changes)
    answered = row.responses.filter(void=False, erased_on=None).count() if asks_more and before else 0
    missing = publishing.missing_translations(row, draft)
    # The interface does not have the other languages yet.
    lacking = {code: number for code, number in missing.items() if code in SHOWN}
    context = {
        **page.about_row(request, row, _("Publish")),
        "problems": publish_texts.problems(publishing.problems_of(row, draft), draft, row),
        "differences": publish_texts.differences(changes),
        "missing": [publish_texts.missing(number, NAMES[code]) for code, number in lacking.items()],
        "without": publish_texts.without_the_new(row, answered) if answered else "",
        "may_ask": bool(answered) and earlier_buyers.adds_mandatory_questions(before, draft),
        "differs": publishing.differs(row),
    }
    return TemplateResponse(request, "admin/registration_forms/publish.html", context)


def _next_step(page, request, version: FormVersion) -> str:
    """Return the URL of the page where the next choice is made; empty if there is none.

    A form that is asked nowhere goes to the choice of places, a first version to the choice whether earlier sales are asked too.
    """
    form = RegistrationForm.objects.get(pk=version.form_id)
    if not used_by.is_used(form):
        return page.address_of(request, form, used_by.ASSIGN)
    return page.address_of(request, form, used_by.SOLD_BEFORE) if version.number == 1 else ""


@transaction.atomic
def _publish(row: RegistrationForm, ask_earlier: bool, by, revision: int | None) -> tuple[FormVersion, bool]:
    """Return the new version, and whether earlier buyers are asked for it.

    ``revision`` is the revision of the draft that the person saw.
    """
    before, now = row.published, timezone.now()
    version = publishing.publish(row, by=by, now=now, revision=revision)
    old = definitions.of_version(before) if before else None
    asks_earlier_buyers = (
        ask_earlier
        and version != before
        and earlier_buyers.adds_mandatory_questions(old, definitions.of_version(version))
    )
    if asks_earlier_buyers:
        earlier_buyers.require_answers(version, by=by, now=now)
    return version, asks_earlier_buyers
