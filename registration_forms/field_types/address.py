"""A postal address in four parts: street and number, postcode, town, country.

Stored as one text, its parts separated by tabs; no part contains a tab. Answers from before there were parts are texts of
several lines and stay so until they are changed.
"""

import re

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.forms.fields import printable
from ticketshop.lib.values import countries
from ticketshop.lib.values.text import fold, normalise_line, normalise_text

from .base import FieldType

PARTS = ("street", "postcode", "city", "country")
LABELS = {
    "street": _("Street and number"),
    "postcode": _("Postcode"),
    "city": _("Town"),
    "country": _("Country"),
}
# Least number of letters that count as the beginning of a country's name.
SHORTEST = 4
# The lengths of the columns of a contact.
LONGEST = {"street": 160, "postcode": 12, "city": 80, "country": 2}
AUTOCOMPLETE = {
    "street": "address-line1",
    "postcode": "postal-code",
    "city": "address-level2",
    "country": "country",
}
# Matches “1204 Genève”, “CH-1204 Genève”, “D-10115 Berlin”; not “SW1A 1AA London”, whose postcode contains a space.
_TOWN = re.compile(r"(?:[A-Z]{1,2}-)?(\d{4,6})\s+(\D.*)")


def joined(parts: list[str]) -> str:
    """Return the stored text of four parts; empty if all parts are empty."""
    return "\t".join(parts) if any(parts) else ""


def parts_of(text: str) -> list[str]:
    """Return the four parts of a stored text.

    In a text of several lines, a last line such as “1204 Genève” becomes postcode and town, the lines before it the street.
    """
    if "\t" in text:
        return [*text.split("\t"), "", "", ""][:4]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    town = _TOWN.fullmatch(lines[-1]) if len(lines) > 1 else None
    if town is None:
        return [", ".join(lines), "", "", ""]
    return [", ".join(lines[:-1]), town[1], town[2], ""]


class Parts(forms.MultiWidget):
    """A widget with an input for each part, named after the question: ``<name>_street``, ``<name>_postcode`` and so on."""

    template_name = "registration_forms/address.html"
    use_fieldset = True

    def __init__(self, country: str):
        inputs = {part: forms.TextInput(attrs={"autocomplete": AUTOCOMPLETE[part]}) for part in PARTS[:3]}
        choices = [("", _("Choose…")), *countries.choices(get_language() or "en", country)]
        select = forms.Select(attrs={"autocomplete": AUTOCOMPLETE["country"]}, choices=choices)
        super().__init__({**inputs, "country": select})

    def get_context(self, name, value, attrs):
        context = super().get_context(name, value, attrs)
        known = self.attrs.get("data-known")
        for part, subwidget in zip(PARTS, context["widget"]["subwidgets"], strict=True):
            subwidget["label"] = LABELS[part]
            if known:
                subwidget["attrs"]["data-known"] = f"{known}.{part}"
        return context

    def value_from_datadict(self, data, files, name):
        # Posted under the name of the question alone: the page was opened when the address was one input.
        return (
            parts_of(data.get(name) or "") if name in data else super().value_from_datadict(data, files, name)
        )

    def value_omitted_from_data(self, data, files, name):
        return name not in data and super().value_omitted_from_data(data, files, name)

    def decompress(self, value):
        return parts_of(value or "")

    def format_value(self, value):
        return value if isinstance(value, list) else self.decompress(value)


class AddressField(forms.Field):
    """A field of four texts whose cleaned value is the stored text. An address that was begun must be complete."""

    def to_python(self, value) -> list[str]:
        return [normalise_line(normalise_text(text or "", lines=False)) for text in value or [""] * 4]

    def clean(self, value) -> str | None:
        parts = self.to_python(value)
        if not any(parts):
            return None
        self.run_validators(" ".join(parts))
        for part, text in zip(PARTS, parts, strict=True):
            if len(text) > LONGEST[part]:
                raise ValidationError(
                    _("%(part)s: at most %(count)d characters."),
                    code="max_length",
                    params={"part": LABELS[part], "count": LONGEST[part]},
                )
        if parts[3] and parts[3] not in countries.names("en"):
            raise ValidationError(_("Choose a country from the list."), code="invalid_choice")
        missing = [part for part, text in zip(PARTS, parts, strict=True) if not text]
        if parts[3] in countries.WITHOUT_POSTCODE and "postcode" in missing:
            missing.remove("postcode")
        if missing:
            raise ValidationError(
                _("Complete the address, or leave all of it empty. Still missing: %(parts)s.")
                if not self.due
                else _("Complete the address. Still missing: %(parts)s."),
                code="incomplete",
                params={"parts": ", ".join(str(LABELS[part]) for part in missing)},
            )
        return joined(parts)

    def __init__(self, *args, due: bool, **kwargs):
        self.due = due
        super().__init__(*args, **kwargs)

    def has_changed(self, initial, data):
        return self.to_python(
            initial if isinstance(initial, list) else parts_of(initial or "")
        ) != self.to_python(data)


class Address(FieldType):
    code = "address"
    label = _("Address")

    def form_field(self, question, context):
        return AddressField(
            widget=Parts(context.country),
            validators=[printable] if question.on_ticket else [],
            due=question.mandatory,
            **self.common(question),
        )

    def initial(self, value):
        return parts_of(value or "")

    def posted(self, post, name):
        if name in post:
            return [post[name]]
        names = [f"{name}_{part}" for part in PARTS]
        return (
            [post.get(part_name, "") for part_name in names]
            if any(part_name in post for part_name in names)
            else []
        )

    def as_posted(self, name, texts):
        if len(texts) == 1:
            return {name: texts}
        return {f"{name}_{part}": [text] for part, text in zip(PARTS, texts, strict=False)}

    def texts(self, value):
        return parts_of(value)

    def text_of(self, texts):
        return joined([text.strip() for text in (parts_of(texts[0]) if len(texts) == 1 else texts)])

    def read(self, question, text):
        field = self.form_field(question, self.anywhere())
        return self.to_json(field.clean(parts_of(text)))

    def candidates(self, question):
        yield from (joined([f"Rue du Lac {number}", "1204", "Genève", "CH"]) for number in range(1, 41))

    def display(self, question, value):
        if not value or "\t" not in value:
            return value or ""
        street, postcode, city, country = parts_of(value)
        return "\n".join(filter(None, (street, f"{postcode} {city}".strip(), countries.named(country))))

    def export(self, question, value):
        return self.display(question, value)

    def in_copy(self, question, value):
        if not value or "\t" not in value:
            return value
        return dict(zip(PARTS, parts_of(value), strict=True))

    def contains(self, text):
        """Find the address as it is displayed, in lines or with commas. The name of the country may come last, or alone."""
        words = re.findall(r"[^\s,]+", text)
        condition = _with(words)
        for number in range(len(words)):
            codes = _countries_named(" ".join(words[number:]))
            if codes:
                condition |= _with(words[:number]) & Q(v_text__regex=rf"\t({'|'.join(codes)})$")
        return condition


def _with(words: list[str]) -> Q:
    """Return the condition for answers in which these words follow each other, across the parts."""
    return Q(v_text__iregex=r"[\s,]+".join(map(re.escape, words)))


def _countries_named(text: str) -> list[str]:
    """Return the codes (two letters) of the countries whose name in the active language begins with ``text``."""
    names = countries.names(get_language() or "en")
    folded = fold(text)
    return (
        [code for code, name in names.items() if fold(name).startswith(folded)]
        if len(folded) >= SHORTEST
        else []
    )
