"""Template tags every template may use."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from . import colour, days, open_forms, text, translated
from . import markdown as markdown_text

register = template.Library()


@register.simple_tag
def form_token():
    """The hidden field of a form on a page that carries no cookie; see ``open_forms``."""
    return format_html('<input type="hidden" name="{}" value="{}">', open_forms.FIELD, open_forms.token())


@register.filter
def markdown(source, top=3):
    """An organiser's markdown as safe HTML; its headings begin at level ``top``."""
    return markdown_text.to_html(source, top)


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """“CHF 35.00” in English, “35.00 CHF” with the language's separators in French."""
    number = number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)
    if (get_language() or "en").startswith("fr"):
        return f"{number}\N{NO-BREAK SPACE}{currency}"
    return f"{currency}\N{NO-BREAK SPACE}{number}"


@register.filter
def colon(label) -> str:
    """The label with its colon, which stands after a space in French; one that ends a sentence needs none."""
    if str(label).endswith((".", "?", "!", "…", ":")):
        return str(label)
    if isinstance(label, translated.Composed):
        return translated.compose(gettext("%(label)s:"), label=label)
    return gettext("%(label)s:") % {"label": label}


@register.filter
def lang(value) -> SafeString:
    """`` lang="de"`` for the element that holds a text in another language than the page's; else nothing.

    ``<bdi{{ event.title|lang }}>{{ event.title }}</bdi>``
    """
    code = getattr(value, "language", "") if isinstance(value, translated.StandIn) else ""
    return format_html(' lang="{}"', code) if code else format_html("{}", "")


@register.filter
def in_its_language(value):
    """A text as part of a sentence: inside a ``span`` with its language where that is not the page's."""
    return translated.compose("%(text)s", text=value) if lang(value) else value


@register.filter
def readable_email(address: str) -> str:
    """An e-mail address as people write it: the domain with its own letters."""
    return text.readable_email(address or "")


@register.filter
def until(instant) -> str:
    """A deadline as people read it: its day, or its day and time; see ``days``."""
    return days.until_text(instant)


@register.filter
def get(mapping, key):
    """``mapping[key]``, or None."""
    return mapping.get(key)


@register.filter
def fingerprint(brand: str) -> str:
    """Names a brand colour's stylesheet: another colour, another address."""
    return colour.fingerprint(brand)
