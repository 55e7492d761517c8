"""Fields and widgets written in Python mean the same as Django's templates, for all texts they show."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.test.html import parse_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy, override

from ticketshop.lib.forms.rendering import _FUNCTIONS, Renderer
from ticketshop.lib.translated import StandIn, compose

HOSTILE = "\"><script>alert('1')</script>&amp;{{ x }}%s"
ATTRS = {
    "class": "wide",
    "data-known": HOSTILE,
    "data-safe": mark_safe("a &amp; b"),
    "data-number": 1000,
    "required": True,
    "disabled": False,
    "placeholder": gettext_lazy("First name"),
}
CHOICES = [
    ("a", "Plain"),
    (HOSTILE, HOSTILE),
    (1000, gettext_lazy("First name")),
    (f"Group {HOSTILE}", [("b", "In a group"), ("c", mark_safe("<b>Bold</b>"))]),
]
WIDGETS = [
    forms.TextInput,
    forms.EmailInput,
    forms.NumberInput,
    forms.HiddenInput,
    forms.DateInput,
    forms.CheckboxInput,
    forms.PasswordInput,
    forms.Select,
    forms.SelectMultiple,
    forms.RadioSelect,
    forms.CheckboxSelectMultiple,
]


def widget(kind, attrs):
    return (
        kind(attrs, choices=CHOICES)
        if issubclass(kind, forms.Select | forms.SelectMultiple | forms.RadioSelect)
        else kind(attrs)
    )


@pytest.mark.parametrize("kind", WIDGETS)
@pytest.mark.parametrize("value", [None, "", "a", HOSTILE, 1000, True, ["a", "c"]])
@pytest.mark.parametrize("attrs", [{}, {"id": "id_x", **ATTRS}])
def test_widget_means_the_same_as_by_djangos_template(kind, value, attrs):
    name = f"ask-{HOSTILE}"
    mine, djangos = (
        widget(kind, attrs).render(name, value, renderer=one()) for one in (Renderer, DjangoTemplates)
    )
    assert parse_html(mine) == parse_html(djangos)
    assert mine.count("<script") == 0


def test_names_of_templates_are_those_of_widgets():
    """A template that Django renames would be rendered by Django again, slowly."""
    names = {kind.template_name for kind in WIDGETS} | {kind.option_template_name for kind in WIDGETS[-2:]}
    assert {name for name in _FUNCTIONS if name.startswith("django/")} <= names | {
        "django/forms/widgets/input.html"
    }


class Questions(forms.Form):
    name = forms.CharField(label=HOSTILE, help_text=HOSTILE, required=False)
    agreed = forms.BooleanField(label="Agreed", help_text=mark_safe("<p>Read it</p>"))
    day = forms.ChoiceField(label="Day", choices=CHOICES, widget=forms.RadioSelect, help_text="One of them")


def test_field_has_label_hint_and_input():
    html = str(Questions()["name"].as_field_group())
    shown = "&quot;&gt;&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt;&amp;amp;{{ x }}%s"
    assert parse_html(html) == parse_html(
        f'<div class="field"><label for="id_name">{shown} <span class="optional">(optional)</span></label>'
        f'<div class="hint" id="id_name_helptext">{shown}</div>'
        '<input type="text" name="name" id="id_name" aria-describedby="id_name_helptext"></div>'
    )


def test_check_box_stands_before_its_label():
    html = str(Questions()["agreed"].as_field_group())
    assert parse_html(html) == parse_html(
        '<div class="field field-check"><input type="checkbox" name="agreed" required id="id_agreed"'
        ' aria-describedby="id_agreed_helptext"> <label for="id_agreed">Agreed</label>'
        '<div class="hint" id="id_agreed_helptext"><p>Read it</p></div></div>'
    )


def test_group_of_radio_buttons_is_a_fieldset():
    html = str(Questions()["day"].as_field_group())
    start = (
        '<fieldset class="field" aria-describedby="id_day_helptext"><legend>Day</legend>'
        '<div class="hint" id="id_day_helptext">One of them</div><div id="id_day">'
    )
    assert html.startswith(start)
    assert html.endswith("</fieldset>")


@pytest.mark.parametrize("name", ["name", "agreed", "day"])
def test_error_is_shown_at_the_field(name):
    form = Questions({})
    form.add_error(name, HOSTILE)
    html = str(form[name].as_field_group())
    assert "field-invalid" in html
    assert str(form[name].errors) in html
    assert f"id_{name}_error" in html
    assert "<script" not in html


def test_optional_is_translated_and_left_out_for_parts_of_a_name():
    form = Questions()
    with override("fr"):
        assert "(facultatif)" in form["name"].as_field_group()
    form.fields["name"].marked_optional = False
    assert "optional" not in form["name"].as_field_group()


def test_text_in_another_language_has_its_language():
    form = Questions()
    form.fields["name"].label = StandIn("Ihr Name", "de")
    form.fields["day"].choices = [
        ("a", StandIn("Montag", "de")),
        ("b", compose("%(day)s!", day=StandIn("Freitag", "de"))),
    ]
    assert '<label for="id_name" lang="de">Ihr Name' in form["name"].as_field_group()
    html = form["day"].as_field_group()
    assert '<label for="id_day_0" lang="de">' in html
    assert '<span lang="de">Freitag</span>!' in html


def test_option_in_another_language_has_its_language_and_no_elements():
    label = compose("%(day)s!", day=StandIn("<Freitag>", "de"))
    html = forms.Select(choices=[("a", StandIn("Montag", "de")), ("b", label)]).render("day", "b")
    assert '<option value="a" lang="de">Montag</option>' in html
    assert '<option value="b" selected>&lt;Freitag&gt;!</option>' in html
