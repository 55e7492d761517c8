"""The HTML of form fields and of the widgets that most pages have, written in Python.

A template with an include for each part costs several times as much as building the form; a page of the checkout has a dozen
fields. Every other widget is rendered by its template. The functions get the context of Django's template and return HTML that
means the same (``tests/lib/forms/test_rendering.py`` compares them); texts are escaped as there.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.forms import BoundField
from django.forms.renderers import TemplatesSetting
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeData
from django.utils.translation import gettext

from ticketshop.lib.translated import lang_attribute

_WIDGETS = "django/forms/widgets/"


class Renderer(TemplatesSetting):
    """Renders fields and frequent widgets by the functions of this module, all others by the project's or Django's templates."""

    field_template_name = "rendering.field"  # a name of ``_FUNCTIONS``, no file

    def render(self, template_name, context, request=None):
        if function := _FUNCTIONS.get(template_name):
            return function(context)
        return super().render(template_name, context, request)


def _attribute(value: object) -> str:
    """Return the value of an attribute: as text without the elements that a composed text has elsewhere."""
    return value if isinstance(value, SafeData) else escape(str(value))  # type: ignore[return-value]


def _attributes(attrs: Mapping[str, object]) -> str:
    return "".join(
        f" {escape(name)}" if value is True else f' {escape(name)}="{_attribute(value)}"'
        for name, value in attrs.items()
        if value is not False
    )


def _input(context: dict[str, Any]) -> str:
    """Return an ``input``. ``context``: that of Django's ``input.html``."""
    widget = context["widget"]
    value = "" if widget["value"] is None else f' value="{_attribute(widget["value"])}"'
    return f'<input type="{escape(widget["type"])}" name="{escape(widget["name"])}"{value}{_attributes(widget["attrs"])}>'


def _choices(context: dict[str, Any]) -> str:
    """Return a group of radio buttons or check boxes. ``context``: that of Django's ``multiple_input.html``."""
    attrs, html = context["widget"]["attrs"], ""
    for group, options, _index in context["widget"]["optgroups"]:
        inputs = "".join(f"<div>{_option(option)}</div>" for option in options)
        html += f"<div><label>{conditional_escape(group)}</label>{inputs}</div>" if group else inputs
    shown = {name: attrs[name] for name in ("id", "class") if attrs.get(name)}
    return f"<div{_attributes(shown)}>{html}</div>"


def _of_option(context: dict[str, Any]) -> str:
    """Return one of ``_choices``. ``context``: that of Django's ``input_option.html``."""
    return _option(context["widget"])


def _option(widget: dict[str, Any]) -> str:
    """Return a radio button or check box with its label, which tells its language if that is not the page's."""
    html = _input({"widget": widget})
    if not widget.get("wrap_label"):
        return html
    of_input = f' for="{_attribute(widget["attrs"]["id"])}"' if widget["attrs"].get("id") else ""
    label = widget["label"]
    return f"<label{of_input}{lang_attribute(label)}>{html} {conditional_escape(label)}</label>"


def _select(context: dict[str, Any]) -> str:
    """Return a list to choose from. ``context``: that of Django's ``select.html``.

    An option tells its language if that is not the page's. A label made of several texts is shown without their languages, because
    an option can't contain elements.
    """
    widget, html = context["widget"], ""
    for group, options, _index in widget["optgroups"]:
        shown = "".join(
            f'<option value="{_attribute(option["value"])}"{_attributes(option["attrs"])}{lang_attribute(option["label"])}>'
            f"{_attribute(option['label'])}</option>"
            for option in options
        )
        html += f'<optgroup label="{_attribute(group)}">{shown}</optgroup>' if group else shown
    return f'<select name="{escape(widget["name"])}"{_attributes(widget["attrs"])}>{html}</select>'


def _field(context: dict[str, Any]) -> str:
    """Return a form field: label, hint, error, input. Django adds aria-describedby and aria-invalid to the input."""
    bound: BoundField = context["field"]
    field, errors = bound.field, bound.errors
    label: str = conditional_escape(getattr(field, "label_html", "") or bound.label)
    lang = lang_attribute(bound.label)
    hint = ""
    if bound.help_text:
        of_question = getattr(getattr(field, "question", None), "help_text", "")
        hint = (
            f'<div class="hint" id="{escape(bound.auto_id)}_helptext"{lang_attribute(of_question)}>'
            f"{conditional_escape(bound.help_text)}</div>"
        )
    invalid, error = (" field-invalid", str(errors)) if errors else ("", "")
    if bound.widget_type == "checkbox":
        return (
            f'<div class="field field-check{invalid}">{error}{bound} '
            f'<label for="{escape(bound.id_for_label)}"{lang}>{label}</label>{hint}</div>'
        )
    if not field.required and getattr(field, "marked_optional", True):
        label += f' <span class="optional">{gettext("(optional)")}</span>'
    if bound.use_fieldset:
        by = bound.aria_describedby
        described = f' aria-describedby="{escape(by)}"' if by else ""
        return f'<fieldset class="field{invalid}"{described}><legend{lang}>{label}</legend>{hint}{error}{bound}</fieldset>'
    return (
        f'<div class="field{invalid}"><label for="{escape(bound.id_for_label)}"{lang}>{label}</label>'
        f"{hint}{error}{bound}</div>"
    )


_FUNCTIONS: dict[str, Callable[[dict[str, Any]], str]] = {
    Renderer.field_template_name: _field,
    # Django's templates of these widgets include that of an input and nothing else.
    **{
        f"{_WIDGETS}{name}.html": _input
        for name in ("text", "email", "number", "hidden", "date", "checkbox", "input")
    },
    f"{_WIDGETS}select.html": _select,
    **{f"{_WIDGETS}{name}.html": _choices for name in ("radio", "checkbox_select")},
    **{f"{_WIDGETS}{name}.html": _of_option for name in ("radio_option", "checkbox_option")},
}
