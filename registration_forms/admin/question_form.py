"""The form of a question's page: texts, rules of its type, condition, and new choices one per line."""

from dataclasses import replace

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.office.form_fields import OneLine
from ticketshop.office.scoped_admin import ScopedForm

from .. import conditions, definitions
from ..building import drafts
from ..definitions import Definition, parse
from ..field_types import CHOICES, TYPES
from ..models import Answer, Field, RegistrationForm
from ..models.definition import LONGEST_LABEL, MOST_CHOICES, MOST_FIELDS
from . import publish_texts
from .condition_fields import NAMES, ConditionFields
from .rule_fields import AT_RULE, RuleFields, offer_rules, read_rules

_one_line = OneLine(required=False)


def full_text() -> str:
    """Return the sentence for a form to which no question can be added."""
    return _("A form has at most %(most)d questions.") % {"most": MOST_FIELDS}


def read_lines(text: str) -> list[str]:
    """Return the labels that were entered one per line, each once. Raise ValidationError for a label that is too long."""
    labels = {}
    for number, line in enumerate(text.splitlines(), 1):
        label = _one_line.clean(line)
        if len(label) > LONGEST_LABEL:
            raise forms.ValidationError(
                _("Line %(number)d has more than %(most)d characters.")
                % {"number": number, "most": LONGEST_LABEL}
            )
        labels[label] = True
    return [label for label in labels if label]


def check_number_of_choices(number: int) -> None:
    """Raise ValidationError if a question would have too many choices."""
    if number > MOST_CHOICES:
        raise forms.ValidationError(
            _("A question has at most %(most)d choices; these would be %(count)d.")
            % {"most": MOST_CHOICES, "count": number}
        )


class QuestionForm(ScopedForm, RuleFields, ConditionFields):
    """The form of an existing question. ``add_question_page`` has the form of a new one."""

    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=CHOICES)
    lines = forms.CharField(
        label=gettext_lazy("Add choices"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "One per line, in your first language; they come after those in the table, where you enter the other languages "
            "and the places. A line that is there already is left as it is."
        ),
    )

    class Meta:
        widgets = {"visibility": forms.RadioSelect}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.row: Field = self.instance
        self.parent: RegistrationForm = self.row.form
        self.own_key = self.row.key
        built = definitions.build(self.parent)
        self.built, self.draft = built, parse(built)
        if not TYPES[self.row.type].has_choices:
            del self.fields["lines"]
        elif "lines" in self.fields:
            self.fields["lines"].widget.attrs["lang"] = self.parent.organiser.languages[0]
        if "visibility" in self.fields:  # who may only look gets none
            offer_rules(self, self.row.type, self.row.rules)
            self.offer_terms(self.row.condition)
            self._tell_visibility()
            if self.row.system_ref:
                self.fields["type"].disabled = True

    def _tell_visibility(self) -> None:
        if self._must_stay_mandatory():
            self.fields["visibility"].help_text = _(
                "An order form always asks for the e-mail address: the tickets are sent there."
            )

    def _must_stay_mandatory(self) -> bool:
        return (
            self.row.system_ref == Field.SystemRef.EMAIL and self.parent.kind == RegistrationForm.Kind.ORDER
        )

    # --- what is refused ----------------------------------------------------------------------------
    def clean_type(self):
        code = self.cleaned_data["type"]
        if code != self.row.type and drafts.is_published(self.row):
            raise forms.ValidationError(
                _(
                    "The type stays: the question was published or answered. Archive it, and add a new one of the other type."
                )
            )
        return code

    def clean_lines(self):
        """New labels, each once; what is offered already is none."""
        language = self.parent.organiser.languages[0]
        labels = read_lines(self.cleaned_data["lines"])
        offered = set(self.row.choices.filter(active=True).values_list(f"label_{language}", flat=True))
        new = [label for label in labels if label not in offered]
        check_number_of_choices(len(offered) + len(new))
        self.row.lines = new  # the rows below count them in
        return new

    def clean_visibility(self):
        visibility = self.cleaned_data["visibility"]
        if self._must_stay_mandatory() and visibility != Field.Visibility.MANDATORY:
            raise forms.ValidationError(
                _("An order form always asks for the e-mail address: the tickets are sent there.")
            )
        return visibility

    def clean(self):
        values = super().clean()
        if "visibility" not in self.fields:
            return values
        self._clean_sensitive(values)
        self._clean_promised_days(values)
        self._clean_bounds()
        if NAMES & set(self.changed_data):
            self.condition = self.read_condition(values)
        else:
            self.condition = self.row.condition
        self._clean_condition(values)
        return values

    def _clean_sensitive(self, values) -> None:
        if not values.get("sensitive"):
            return
        purpose = f"purpose_{self.parent.organiser.languages[0]}"
        if purpose in self.fields and not values.get(purpose) and purpose not in self.errors:
            self.add_error(purpose, _("Say what this sensitive answer is needed for."))
        if not values.get("retention_days") and "retention_days" not in self.errors:
            self.add_error("retention_days", _("Say how long this sensitive answer is kept."))
        if values.get("on_ticket"):
            self.add_error("on_ticket", _("A sensitive answer is never shown on the ticket."))
        if values.get("at_door"):
            self.add_error("at_door", _("A sensitive answer is never shown at the door."))

    def _clean_promised_days(self, values) -> None:
        """Refuse a longer retention for a question with answers: people were told the shorter time."""
        promised, entered = self.row.retention_days, values.get("retention_days")
        if not self.row.pk or promised is None or (entered and entered <= promised):
            return
        given = Answer.objects.filter(field=self.row, state__in=(Answer.State.ANSWERED, Answer.State.BLANK))
        if (count := given.count()) and "retention_days" not in self.errors:
            text = ngettext(
                "%(count)d answer was given when this said %(days)d days: keep it at most as long, or ask a new question.",
                "%(count)d answers were given when this said %(days)d days: keep them at most as long, or ask a new question.",
                count,
            )
            self.add_error("retention_days", text % {"count": count, "days": promised})

    def _clean_bounds(self) -> None:
        pairs = (("min", "max"), ("from", "until"), ("age_from", "age_until"))
        for low, high in pairs:
            least, greatest = (self.cleaned_data.get(f"rule_{name}") for name in (low, high))
            if least is not None and greatest is not None and greatest < least:
                self.add_error(f"rule_{high}", _("This lies before the lower bound."))
                return
        question = self.draft.question(self.row.key)
        wrong = any(name.startswith("rule_") for name in self.errors)
        if question is None or wrong or self.cleaned_data.get("type") != self.row.type:
            return
        code, numbers = TYPES[self.row.type].problem(replace(question, rules=self.rules()))
        # Too few choices are no error here, because choices may be added on the same page; publishing checks their number.
        if code in AT_RULE:
            problems = [conditions.Problem(code, (self.row.key,), numbers)]
            for sentence in publish_texts.problems(problems, self.draft, self.parent):
                self.add_error(AT_RULE[code], sentence)

    def _clean_condition(self, values) -> None:
        fields = [
            {**data, "condition": self.condition, "staff_only": bool(values.get("staff_only"))}
            if data["key"] == self.row.key
            else data
            for data in self.built["fields"]
        ]
        draft = parse({**self.built, "fields": fields})
        if self.row.key in draft.by_key:
            self.check_condition(draft, self.row.key)
            self._clean_retention(values, draft)

    def _clean_retention(self, values, draft: Definition) -> None:
        """Refuse a longer retention than that of a question on which this one depends, because its answer reveals the other."""
        days = {field.key: field for field in self.parent.fields.all()}
        mine = values.get("retention_days")
        for key in conditions.fields_of(self.condition):
            other = days.get(key)
            if other and other.retention_days and (not mine or mine > other.retention_days):
                text = _(
                    "This depends on %(question)s, which is kept for %(days)d days: keep it at most as long."
                )
                names = {"question": publish_texts.quoted(str(other)), "days": other.retention_days}
                self.add_error("retention_days", text % names)
        for dependant in conditions.dependants(draft, self.row.key):
            dependant_days = days[dependant.key].retention_days
            if mine and (not dependant_days or dependant_days > mine):
                text = _("%(question)s depends on this and is kept longer: shorten it first.")
                self.add_error("retention_days", text % {"question": publish_texts.quoted(dependant.label)})

    # --- values to store ------------------------------------------------------------------------------
    def rules(self) -> dict:
        """Return the rules of the type. A new type starts without rules."""
        if self.cleaned_data["type"] != self.row.type:
            return {}
        return read_rules(self.cleaned_data, self.row.type, self.row.rules)
