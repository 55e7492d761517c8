"""The rules of a question's type as form fields."""

from datetime import date
from decimal import Decimal

from django import forms
from django.utils.translation import gettext_lazy

from ticketshop.lib.dates.typed_days import PlausibleDateField
from ticketshop.lib.values.numbers import NumberField
from ticketshop.office.form_fields import LocalDate

from ..field_types import TYPES
from ..field_types.birth_date import MOST_AGE
from ..field_types.text import TEXT
from ..models.definition import MOST_CHOICES

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
# Rules that are whole numbers -> least and greatest value.
WHOLE = {"max_length": (1, TEXT), "decimals": (0, 6), "age_from": (0, MOST_AGE), "age_until": (0, MOST_AGE)}
OF_CHOICES = {
    "min": (gettext_lazy("At least this many choices"), 0),
    "max": (gettext_lazy("At most this many choices"), 1),
}
# Code of a problem with rules -> the field that shows the error.
AT_RULE = {"numbers": "rule_max", "days": "rule_until", "ages": "rule_age_until", "most": "rule_max"}


def _rule_field(name: str) -> forms.Field:
    label = RULES[name]
    if name in ("from", "until"):
        return PlausibleDateField(label=label, required=False, widget=LocalDate)
    if name in WHOLE:
        least, most = WHOLE[name]
        return forms.IntegerField(label=label, required=False, min_value=least, max_value=most)
    return NumberField(
        label=label, required=False, min_value=-(10**12), max_value=10**12, max_digits=18, decimal_places=6
    )


RuleFields = type("RuleFields", (forms.Form,), {f"rule_{name}": _rule_field(name) for name in RULES})


def offer_rules(form: forms.Form, kind: str, rules: dict) -> None:
    """Remove the fields of rules that the type does not have, and fill in the rules that are set."""
    names = TYPES[kind].rule_names
    if TYPES[kind].column == "choices":
        for name, (label, least) in OF_CHOICES.items():
            form.fields[f"rule_{name}"] = forms.IntegerField(
                label=label, required=False, min_value=least, max_value=MOST_CHOICES
            )
    for name in RULES:
        if name not in names:
            del form.fields[f"rule_{name}"]
        elif (value := rules.get(name)) is not None:
            form.initial[f"rule_{name}"] = date.fromisoformat(value) if names[name] == "date" else value


def read_rules(values: dict, kind: str, stored: dict) -> dict:
    """Return the entered rules as the question stores them. Rules without a field keep their value."""
    rules = {name: value for name, value in stored.items() if name not in RULES}
    for name in TYPES[kind].rule_names:
        value = values.get(f"rule_{name}")
        if value is not None:
            rules[name] = _plain(value)
    return rules


def _plain(value) -> object:
    """Return the value as JSON."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
