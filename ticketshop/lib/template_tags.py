"""Template tags every template may use."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.translation import get_language

from . import markdown as markdown_text
from . import open_forms

register = template.Library()


@register.simple_tag
def form_token():
    """The hidden field of a form on a page that carries no cookie; see ``open_forms``."""
    return format_html('<input type="hidden" name="{}" value="{}">', open_forms.FIELD, open_forms.token())


@register.filter
def markdown(source):
    """An organiser's markdown as safe HTML."""
    return markdown_text.to_html(source)


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """“CHF 35.00” in English, “35.00 CHF” with the language's separators in French."""
    number = number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)
    if (get_language() or "en").startswith("fr"):
        return f"{number}\N{NO-BREAK SPACE}{currency}"
    return f"{currency}\N{NO-BREAK SPACE}{number}"


@register.filter
def get(mapping, key):
    """``mapping[key]``, or None."""
    return mapping.get(key)
