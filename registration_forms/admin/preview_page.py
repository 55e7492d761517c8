"""The draft as buyers would see it: drawn as the shop draws it, in a language, for some tickets. Nothing is stored."""

from dataclasses import dataclass

from django import forms
from django.conf import settings
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.lib.pages import page_number

from .. import definitions
from ..answers.blocks import Block
from ..definitions import STORED_ELSEWHERE, Definition, parse
from ..field_types import QuestionContext
from ..models import RegistrationForm

NAMES = dict(settings.CONTENT_LANGUAGES)
MOST_TICKETS = 20


@dataclass
class Shown:
    """What the shop's template of a form takes."""

    heading: str
    block: Block
    copies: tuple = ()


class LookForm(forms.Form):
    """In which language, for how many. What is asked for in the address is taken where it is sound."""

    language = forms.ChoiceField(label=gettext_lazy("Language"))
    tickets = forms.IntegerField(label=gettext_lazy("Tickets"), min_value=1)

    def __init__(self, wanted, *, row: RegistrationForm, most: int):
        languages = row.organiser.languages
        self.language = wanted.get("language") if wanted.get("language") in languages else languages[0]
        self.number = (
            1 if row.kind == RegistrationForm.Kind.ORDER else page_number(wanted.get("tickets"), most)
        )
        super().__init__(initial={"language": self.language, "tickets": self.number})
        self.fields["language"].choices = [(code, NAMES[code]) for code in languages]
        self.fields["tickets"].widget.attrs["max"] = most
        if row.kind == RegistrationForm.Kind.ORDER:
            del self.fields["tickets"]


def view(page, request, row: RegistrationForm):
    draft = parse(definitions.build(row))
    look = LookForm(request.GET, row=row, most=min(MOST_TICKETS, draft.fits))
    posted = request.POST if request.method == "POST" else None
    with translation.override(look.language):
        shown = _shown(row, draft, posted, look.number)
        body = render_to_string("registration_forms/preview_body.html", _body(draft, shown, posted), request)
    context = {
        **page.about_row(request, row, _("Preview as buyer")),
        "pos": row.organiser.points_of_sale.order_by("pk").first(),
        "body": body,
        "language": look.language,
        "look": look,
        "has_errors": any(one.block.errors for one in shown),
    }
    return TemplateResponse(request, "registration_forms/preview.html", context)


def _shown(row: RegistrationForm, draft: Definition, posted, number: int) -> list[Shown]:
    now = timezone.now()
    question_context = QuestionContext(day=timezone.localdate(now), now=now, country=row.organiser.country)
    found = []
    for one in range(1, number + 1):
        of_reader = row.kind == RegistrationForm.Kind.ORDER
        block = Block(
            draft, posted, prefix=f"block{one}", question_context=question_context, of_reader=of_reader
        )
        block.seen = None if posted is None else block.was_shown(posted)
        block.heading = _heading(row, one, number)
        found.append(Shown(block.heading, block))
    return found


def _body(draft: Definition, shown: list[Shown], posted) -> dict:
    elsewhere = [
        question.label
        for question in draft.questions
        if question.system_ref in STORED_ELSEWHERE and question.visibility != "hidden"
    ]
    return {
        "asks": shown,
        "forms": [one.block for one in shown],
        "has_errors": any(one.block.errors for one in shown),
        "has_new": any(one.block.unseen for one in shown),
        "accepted": posted is not None and all(one.block.is_valid() for one in shown),
        "elsewhere": ", ".join(elsewhere),
    }


def _heading(row: RegistrationForm, one: int, number: int) -> str:
    if row.kind == RegistrationForm.Kind.ORDER:
        return _("Your order")
    text = (
        _("Ticket %(number)d of %(count)d")
        if row.kind == RegistrationForm.Kind.TARIFF
        else _("Pass %(number)d of %(count)d")
    )
    return text % {"number": one, "count": number}
