"""The preview of a draft: drawn like in the shop, in a chosen language and for some tickets. Nothing is stored."""

from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.web.pages import page_number

from .. import definitions
from ..answers.blocks import Block
from ..definitions import STORED_ELSEWHERE, Definition, parse
from ..field_types import QuestionContext
from ..models import RegistrationForm

NAMES = dict(settings.CONTENT_LANGUAGES)
MOST_TICKETS = 20


@dataclass
class PreviewForm:
    """A form as the shop's template expects it."""

    heading: str
    block: Block
    copies: tuple = ()


class PreviewOptions(forms.Form):
    """The language and the number of tickets, read from the query string. Invalid values become the nearest valid ones."""

    language = forms.ChoiceField(label=gettext_lazy("Language"))
    tickets = forms.IntegerField(label=gettext_lazy("Tickets"), min_value=1)

    def __init__(self, query, *, row: RegistrationForm, most: int):
        languages = row.organiser.languages
        self.language = query.get("language") if query.get("language") in languages else languages[0]
        self.number = (
            1 if row.kind == RegistrationForm.Kind.ORDER else page_number(query.get("tickets"), most)
        )
        super().__init__(initial={"language": self.language, "tickets": self.number})
        self.fields["language"].choices = [(code, NAMES[code]) for code in languages]
        self.fields["tickets"].widget.attrs["max"] = most
        if row.kind == RegistrationForm.Kind.ORDER:
            del self.fields["tickets"]


def view(page, request, row: RegistrationForm):
    """Show the preview. A POST shows what a buyer would see after sending the form."""
    draft = parse(definitions.build(row))
    options = PreviewOptions(request.GET, row=row, most=min(MOST_TICKETS, draft.fits))
    posted = request.POST if request.method == "POST" else None
    with translation.override(options.language):
        shown = _preview_forms(row, draft, posted, options.number)
        body = render_to_string("registration_forms/preview_body.html", _body(draft, shown, posted), request)
    context = {
        **page.about_row(request, row, _("Preview as buyer")),
        "pos": row.organiser.points_of_sale.order_by("pk").first(),
        "body": body,
        "language": options.language,
        "look": options,
        "has_errors": any(preview_form.block.errors for preview_form in shown),
    }
    return TemplateResponse(request, "registration_forms/preview.html", context)


def _preview_forms(row: RegistrationForm, draft: Definition, posted, number: int) -> list[PreviewForm]:
    """Return a form for each ticket."""
    now = timezone.now()
    question_context = QuestionContext(day=timezone.localdate(now), now=now, country=row.organiser.country)
    preview_forms = []
    for ticket in range(1, number + 1):
        of_reader = row.kind == RegistrationForm.Kind.ORDER
        block = Block(
            draft, posted, prefix=f"block{ticket}", question_context=question_context, of_reader=of_reader
        )
        block.seen = None if posted is None else block.was_shown(posted)
        block.heading = _heading(row, ticket, number)
        preview_forms.append(PreviewForm(block.heading, block))
    return preview_forms


def _body(draft: Definition, shown: list[PreviewForm], posted) -> dict:
    """Return the template context of the preview."""
    elsewhere = [
        question.label
        for question in draft.questions
        if question.system_ref in STORED_ELSEWHERE and question.visibility != "hidden"
    ]
    return {
        "asks": shown,
        "forms": [preview_form.block for preview_form in shown],
        "has_errors": any(preview_form.block.errors for preview_form in shown),
        "has_new": any(preview_form.block.unseen for preview_form in shown),
        "accepted": posted is not None and all(preview_form.block.is_valid() for preview_form in shown),
        "elsewhere": ", ".join(elsewhere),
    }


def _heading(row: RegistrationForm, ticket: int, number: int) -> str:
    if row.kind == RegistrationForm.Kind.ORDER:
        return _("Your order")
    text = (
        _("Ticket %(number)d of %(count)d")
        if row.kind == RegistrationForm.Kind.TARIFF
        else _("Pass %(number)d of %(count)d")
    )
    return text % {"number": ticket, "count": number}
