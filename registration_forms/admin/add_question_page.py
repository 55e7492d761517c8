"""The page that adds a question: its text, type, choices and condition, and whether an answer is required."""

from django import forms
from django.contrib import messages
from django.contrib.admin.helpers import AdminForm
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.office.form_fields import OneLine
from ticketshop.office.translated_admin import in_language

from .. import definitions
from ..building import drafts
from ..definitions import parse
from ..field_types import CHOICES, TYPES
from ..models import Field, RegistrationForm
from ..models.definition import LONGEST_LABEL
from .condition_fields import FIELDS, NAMES, ConditionFields
from .question_form import check_number_of_choices, full_text, read_lines

KNOWN = "known:"
# Key of the new question while its condition is checked: it gets its own key when it is stored.
NEW = "-"


class AddForm(ConditionFields):
    """The form of a new question. The type ``known:phone`` adds a known field, ``text`` a new question.

    ``label`` and ``lines`` are in the organiser's first language; ``label_en``, ``lines_en`` … are in the others.
    """

    label = forms.CharField(
        max_length=LONGEST_LABEL,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=gettext_lazy(
            "What buyers read. It may hold a link: [our rules](https://www.example.org). A known field has its own text:"
            " leave this empty."
        ),
    )
    type = forms.ChoiceField(label=gettext_lazy("Type"))
    mandatory = forms.BooleanField(label=gettext_lazy("An answer is needed"), required=False)
    lines = forms.CharField(
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=gettext_lazy("One per line. For questions with choices."),
    )
    help_text = forms.CharField(
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=Field._meta.get_field("help_text").help_text,
    )

    def __init__(self, *args, row: RegistrationForm, **kwargs):
        super().__init__(*args, **kwargs)
        self.parent, self.built = row, definitions.build(row)
        self.draft = parse(self.built)
        self.first, *self.others = row.organiser.languages
        self._offer_types()
        self._name_languages()
        self.offer_terms({})

    def _offer_types(self) -> None:
        placed = set(self.parent.fields.filter(archived_at=None).values_list("system_ref", flat=True))
        known = [
            (f"{KNOWN}{ref}", capfirst(label)) for ref, label in Field.SystemRef.choices if ref not in placed
        ]
        choices = [("", _("Choose…")), (_("New questions"), CHOICES)]
        self.fields["type"].choices = [*choices, (_("Known fields"), known)] if known else choices
        with_choices = " ".join(code for code, kind in TYPES.items() if kind.has_choices)
        self.fields["type"].widget.attrs["data-choices"] = with_choices

    def _name_languages(self) -> None:
        """Add the language to each label, because the back office may be in another language."""
        labels = {"label": _("Question"), "lines": _("Choices"), "help_text": _("Help")}
        for name, label in labels.items():
            self.fields[name].label = in_language(label, self.first)
            self.fields[name].widget.attrs["lang"] = self.first
            for code in self.others if name != "help_text" else ():
                original = self.fields[name]
                attrs = {**original.widget.attrs, "lang": code}
                self.fields[f"{name}_{code}"] = forms.CharField(
                    label=in_language(label, code),
                    max_length=original.max_length,
                    required=False,
                    widget=type(original.widget)(attrs=attrs),
                    help_text=_("In the same order as above.") if name == "lines" else "",
                )

    def fieldsets(self) -> list:
        """Return the fieldsets of the page, as Django admin has them."""
        translations = [f"{name}_{code}" for code in self.others for name in ("label", "lines")]
        return [
            (None, {"fields": ["label", "type", "mandatory", "lines"]}),
            *(
                [(_("In other languages"), {"fields": translations, "classes": ["collapse"]})]
                if translations
                else []
            ),
            (_("Help for buyers"), {"fields": ["help_text"], "classes": ["collapse"]}),
            (
                _("When it is asked"),
                {
                    "fields": FIELDS,
                    "classes": ["collapse"],
                    "description": _("Without a condition it is always asked."),
                },
            ),
        ]

    # --- validation ---------------------------------------------------------------------------------
    def _clean_lines(self, name: str) -> list[str]:
        labels = read_lines(self.cleaned_data[name])
        check_number_of_choices(len(labels))
        return labels

    def clean_lines(self):
        return self._clean_lines("lines")

    def clean(self):
        values = super().clean()
        kind, label = values.get("type", ""), values.get("label", "").strip()
        if kind and not kind.startswith(KNOWN) and not label and "label" not in self.errors:
            self.add_error("label", _("Enter what the question asks."))
        self._clean_choices(values, kind)
        self.condition = self.read_condition(values) if NAMES & set(self.changed_data) else {}
        if self.condition and not self.errors:
            fields = [*self.built["fields"], {"key": NEW, "type": "text", "label": {self.first: label}}]
            fields[-1]["condition"] = self.condition
            self.check_condition(parse({**self.built, "fields": fields}), NEW)
        return values

    def _clean_choices(self, values: dict, kind: str) -> None:
        """Refuse choices of a type without choices, and translations that are not as many as the choices."""
        lines = values.get("lines") or []
        if lines and kind and not (kind in TYPES and TYPES[kind].has_choices):
            self.add_error(
                "lines",
                _(
                    "This type has no choices. Choose “One choice”, “One choice from a list” or “Several choices”."
                ),
            )
        for code in self.others:
            name = f"lines_{code}"
            if not values.get(name) or name in self.errors:
                continue
            try:
                values[name] = self._clean_lines(name)
            except forms.ValidationError as error:
                self.add_error(name, error)
                continue
            if len(values[name]) != len(lines):
                text = _(
                    "These are %(count)d lines, and there are %(first)d choices: enter one line for each."
                )
                self.add_error(name, text % {"count": len(values[name]), "first": len(lines)})

    # --- values to store -----------------------------------------------------------------------------------
    def columns(self) -> dict:
        """Return the column values of the new field."""
        values = self.cleaned_data
        texts = {f"label_{self.first}": _one_line(values["label"])}
        texts |= {f"label_{code}": _one_line(values[f"label_{code}"]) for code in self.others}
        columns = {name: text for name, text in texts.items() if text}
        if values["help_text"]:
            columns[f"help_text_{self.first}"] = values["help_text"].replace("\r\n", "\n")
        kind = values["type"]
        if kind.startswith(KNOWN):
            ref = kind.removeprefix(KNOWN)
            columns = {**drafts.known_columns(ref), **columns}
        else:
            columns["type"] = kind
        if values["mandatory"]:
            columns["visibility"] = Field.Visibility.MANDATORY
        return {**columns, "condition": self.condition}

    def choices(self) -> list[dict[str, str]]:
        """Return language -> label for each new choice."""
        values = self.cleaned_data
        lists = {self.first: values["lines"]}
        lists |= {code: values[f"lines_{code}"] for code in self.others if values.get(f"lines_{code}")}
        return [dict(zip(lists, texts, strict=True)) for texts in zip(*lists.values(), strict=True)]


def _one_line(text: str) -> str:
    return OneLine(required=False).clean(text) or ""


def view(page, request, row: RegistrationForm):
    """Show the page, or add the question and go to the next page."""
    posted = request.method == "POST"
    form = AddForm(request.POST if posted else None, row=row)
    if posted and form.is_valid():
        try:
            field = drafts.add(
                row, choices=form.choices(), by=request.user, now=timezone.now(), **form.columns()
            )
        except drafts.Full:
            form.add_error(None, full_text())
        else:
            return _next_page(request, page, row, field)
    context = {
        **page.about_row(request, row, _("Add a question")),
        "form": AdminForm(form, form.fieldsets(), {}),
        "errors": form.errors,
        "refused": form.non_field_errors(),
    }
    return TemplateResponse(request, "admin/registration_forms/add_question.html", context)


def _next_page(request, page, row: RegistrationForm, field: Field):
    """Return the redirect after adding: to the form, to this page again, or to the page of the new question."""
    if "_save" in request.POST or "_addanother" in request.POST:
        messages.success(request, _("“%(question)s” is added.") % {"question": str(field)})
        if "_addanother" in request.POST:
            return redirect(request.path)
        return redirect(f"{page.back_to(row).url}#question-{field.pk}")
    messages.success(request, _("The question is there. Say more about it here."))
    return redirect(reverse("admin:registration_forms_field_change", args=[field.pk]))
