"""The form of a question's page: rules of its type as fields, and its condition picked from lists."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.organisers.scoped_admin import LocalDate, OneLine, ScopedForm

from .. import conditions, definitions, drafts
from ..definitions import Definition, parse
from ..field_types import CHOICES, TYPES
from ..field_types.birth_date import MOST_AGE
from ..field_types.text import TEXT
from ..models import Field, RegistrationForm
from ..models.definition import LONGEST_LABEL, MOST_CHOICES
from . import words

RULES = {
    "max_length": gettext_lazy("At most this many characters"),
    "min": gettext_lazy("At least"),
    "max": gettext_lazy("At most"),
    "decimals": gettext_lazy("Digits after the point"),
    "from": gettext_lazy("From this day"),
    "until": gettext_lazy("Until this day"),
    "age_from": gettext_lazy("From this age, on the day of the event"),
    "age_until": gettext_lazy("Up to this age, on the day of the event"),
}
# Whole numbers: the least and the most that may be entered.
WHOLE = {"max_length": (1, TEXT), "decimals": (0, 6), "age_from": (0, MOST_AGE), "age_until": (0, MOST_AGE)}
OF_CHOICES = {
    "min": (gettext_lazy("At least this many choices"), 0),
    "max": (gettext_lazy("At most this many choices"), 1),
}
TERMS = ("when1", "when2")
_one_line = OneLine(required=False)
# Rules that nothing fits, and the field where that is said.
AT_RULE = {"numbers": "rule_max", "days": "rule_until", "ages": "rule_age_until", "most": "rule_max"}
NEEDS_VALUE = {"is", "is_not"}


def _rule_field(name: str) -> forms.Field:
    label = RULES[name]
    if name in ("from", "until"):
        return forms.DateField(label=label, required=False, widget=LocalDate)
    if name in WHOLE:
        least, most = WHOLE[name]
        return forms.IntegerField(label=label, required=False, min_value=least, max_value=most)
    return forms.DecimalField(
        label=label, required=False, min_value=-(10**12), max_value=10**12, max_digits=18, decimal_places=6
    )


class _QuestionKey(forms.ChoiceField):
    """Any question of the form is taken, so that a refusal can name it."""

    known: frozenset[str] = frozenset()

    def valid_value(self, value):
        return value in self.known


def _term_fields(name: str, number: int) -> dict[str, forms.Field]:
    def label(text):
        return text if number == 1 else format_lazy("{number}. {text}", number=number, text=text)

    operators = [("", "–"), *((op, text) for op, text in words.OPERATORS.items() if op != "in")]
    return {
        f"{name}_question": _QuestionKey(label=label(gettext_lazy("Only if the question")), required=False),
        f"{name}_op": forms.ChoiceField(
            label=label(gettext_lazy("Its answer")), choices=operators, required=False
        ),
        f"{name}_choice": forms.ChoiceField(label=label(gettext_lazy("This choice")), required=False),
        f"{name}_text": forms.CharField(
            label=label(gettext_lazy("Or this text or number")), required=False, max_length=200
        ),
    }


RuleFields = type("RuleFields", (forms.Form,), {f"rule_{name}": _rule_field(name) for name in RULES})
TermFields = type(
    "TermFields",
    (forms.Form,),
    {key: field for number, name in enumerate(TERMS, 1) for key, field in _term_fields(name, number).items()},
)


class QuestionForm(ScopedForm, RuleFields, TermFields):
    """Made for a row that is there: a question is added with its type and its label alone."""

    type = forms.ChoiceField(label=gettext_lazy("Type"), choices=CHOICES)
    when_joined = forms.ChoiceField(
        label=gettext_lazy("If there are two conditions"),
        choices=[("all", gettext_lazy("both must hold")), ("any", gettext_lazy("one is enough"))],
        required=False,
    )

    lines = forms.CharField(
        label=gettext_lazy("Add choices"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=gettext_lazy(
            "One per line, in your first language; they come after those below, where you enter the other languages "
            "and the places. A line that is there already is left as it is."
        ),
    )

    class Meta:
        widgets = {"visibility": forms.RadioSelect}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.row: Field = self.instance
        self.parent: RegistrationForm = self.row.form
        built = definitions.build(self.parent)
        self.built, self.draft = built, parse(built)
        if not TYPES[self.row.type].has_choices:
            del self.fields["lines"]
        if "visibility" in self.fields:  # who may only look gets none
            self._tell_rules()
            self._tell_terms()
            self._tell_visibility()

    # --- what stands in the fields -----------------------------------------------------------------
    def _tell_rules(self) -> None:
        names = TYPES[self.row.type].rule_names
        if TYPES[self.row.type].column == "choices":
            for name, (label, least) in OF_CHOICES.items():
                self.fields[f"rule_{name}"] = forms.IntegerField(
                    label=label, required=False, min_value=least, max_value=MOST_CHOICES
                )
        for name in RULES:
            if name not in names:
                del self.fields[f"rule_{name}"]
            elif (value := self.row.rules.get(name)) is not None:
                self.initial[f"rule_{name}"] = date.fromisoformat(value) if names[name] == "date" else value
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

    def _tell_terms(self) -> None:
        others = [one for one in self.draft.questions if one.key != self.row.key and TYPES[one.type].answers]
        questions = [("", "–"), *((one.key, one.label) for one in others)]
        yes_no = [("yes", _("Yes")), ("no", _("No"))]
        choices = [("", "–"), (_("Yes or no"), yes_no)]
        choices += [
            (one.label, [(option.key, words.answer(one, option.key)) for option in one.options])
            for one in others
            if one.options
        ]
        known = frozenset(self.parent.fields.values_list("key", flat=True))
        joined = "any" if "any" in self.row.condition else "all"
        self.initial["when_joined"] = joined
        terms = self.row.condition.get(joined, [])
        for number, name in enumerate(TERMS):
            self.fields[f"{name}_question"].choices = questions
            self.fields[f"{name}_question"].known = known
            self.fields[f"{name}_choice"].choices = choices
            if number < len(terms):
                self._tell_term(name, terms[number])

    def _tell_term(self, name: str, term: dict) -> None:
        self.initial[f"{name}_question"], self.initial[f"{name}_op"] = term["field"], term["op"]
        value = term.get("value")
        other = self.draft.question(term["field"])
        is_choice = value in ("yes", "no") or (
            other is not None and isinstance(value, str) and other.option(value)
        )
        if isinstance(value, str):
            self.initial[f"{name}_{'choice' if is_choice else 'text'}"] = value

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
        labels, language = {}, self.parent.organiser.languages[0]
        for number, line in enumerate(self.cleaned_data["lines"].splitlines(), 1):
            label = _one_line.clean(line)
            if len(label) > LONGEST_LABEL:
                raise forms.ValidationError(
                    _("Line %(number)d has more than %(most)d characters.")
                    % {"number": number, "most": LONGEST_LABEL}
                )
            labels[label] = True
        offered = set(self.row.choices.filter(active=True).values_list(f"label_{language}", flat=True))
        new = [label for label in labels if label and label not in offered]
        if len(offered) + len(new) > MOST_CHOICES:
            raise forms.ValidationError(
                _("A question has at most %(most)d choices; these would be %(count)d.")
                % {"most": MOST_CHOICES, "count": len(offered) + len(new)}
            )
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
        self._clean_bounds()
        if any(name.startswith("when") for name in self.changed_data):
            self.condition = self._condition(values)
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

    def _clean_bounds(self) -> None:
        pairs = (("min", "max"), ("from", "until"), ("age_from", "age_until"))
        for low, high in pairs:
            one, two = (self.cleaned_data.get(f"rule_{name}") for name in (low, high))
            if one is not None and two is not None and two < one:
                self.add_error(f"rule_{high}", _("This lies before the lower bound."))
                return
        question, rules = (
            self.draft.question(self.row.key),
            [name for name in self.errors if name[:5] == "rule_"],
        )
        if question is None or rules or self.cleaned_data.get("type") != self.row.type:
            return
        code, numbers = TYPES[self.row.type].problem(replace(question, rules=self.rules()))
        # Choices may be added on the same page: they are counted when the form is published.
        if code in AT_RULE:
            found = [conditions.Problem(code, (self.row.key,), numbers)]
            for sentence in words.problems(found, self.draft, self.parent):
                self.add_error(AT_RULE[code], sentence)

    def _condition(self, values) -> dict:
        terms = []
        for name in TERMS:
            key, op = values.get(f"{name}_question"), values.get(f"{name}_op")
            if not key:
                continue
            if not op:
                self.add_error(f"{name}_op", _("Choose how the answer must be."))
                continue
            term = {"field": key, "op": op}
            if op in NEEDS_VALUE:
                term["value"] = value = values.get(f"{name}_choice") or values.get(f"{name}_text")
                if not value:
                    self.add_error(f"{name}_choice", _("Choose an answer, or enter one."))
                    continue
                term["value"] = self._as_answered(name, key, value)
            terms.append(term)
        return {values.get("when_joined") or "all": terms} if terms else {}

    def _as_answered(self, name: str, key: str, value: str) -> str:
        """The value as answers to the question are kept; one that can't be an answer is said at the field."""
        other = self.draft.question(key)
        if other is None or other.option(value) is not None:
            return value  # a question that is not there is refused below, by its name
        sentence = _("%(question)s has no such answer.") % {"question": words.quoted(other.label)}
        if TYPES[other.type].has_choices:
            self.add_error(f"{name}_choice", sentence)
            return value
        try:
            return str(TYPES[other.type].read(other, value))
        except forms.ValidationError as error:
            self.add_error(f"{name}_text", " ".join([sentence, *error.messages]))
            return value

    def _clean_condition(self, values) -> None:
        fields = [
            {**one, "condition": self.condition, "staff_only": bool(values.get("staff_only"))}
            if one["key"] == self.row.key
            else one
            for one in self.built["fields"]
        ]
        draft = parse({**self.built, "fields": fields})
        archived = frozenset(self.parent.fields.exclude(archived_at=None).values_list("key", flat=True))
        found = [one for one in conditions.problems(draft, archived) if self.row.key in one.fields]
        for sentence in words.problems(found, draft, self.parent):
            self.add_error("when1_question", sentence)
        self._clean_retention(values, draft)

    def _clean_retention(self, values, draft: Definition) -> None:
        """What depends on an answer tells of it: it is kept no longer."""
        days = {field.key: field for field in self.parent.fields.all()}
        mine = values.get("retention_days")
        for key in conditions.fields_of(self.condition):
            other = days.get(key)
            if other and other.retention_days and (not mine or mine > other.retention_days):
                text = _(
                    "This depends on %(question)s, which is kept for %(days)d days: keep it at most as long."
                )
                names = {"question": words.quoted(other.label), "days": other.retention_days}
                self.add_error("retention_days", text % names)
        for one in conditions.dependants(draft, self.row.key):
            kept = days[one.key].retention_days
            if mine and (not kept or kept > mine):
                text = _("%(question)s depends on this and is kept longer: shorten it first.")
                self.add_error("retention_days", text % {"question": words.quoted(one.label)})

    # --- what is written ------------------------------------------------------------------------------
    def rules(self) -> dict:
        """The rules of the type; a new type begins without."""
        if self.cleaned_data["type"] != self.row.type:
            return {}
        kept = {name: value for name, value in self.row.rules.items() if name not in RULES}
        for name in TYPES[self.row.type].rule_names:
            value = self.cleaned_data.get(f"rule_{name}")
            if value is not None:
                kept[name] = _plain(value)
        return kept


def _plain(value) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
