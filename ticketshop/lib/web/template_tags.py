"""Tags and filters that all templates may use."""

from decimal import Decimal

from django import template
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from ticketshop.lib import colour, translated
from ticketshop.lib.dates import days
from ticketshop.lib.forms import open_forms
from ticketshop.lib.values import text

from . import markdown as markdown_text

register = template.Library()


@register.simple_tag
def form_token():
    """Return the hidden field of a form on a page without cookies; see ``open_forms``."""
    return format_html('<input type="hidden" name="{}" value="{}">', open_forms.FIELD, open_forms.token())


@register.filter
def markdown(source, top=3):
    """Return an organiser's markdown as safe HTML; its headings begin at level ``top``."""
    return markdown_text.to_html(source, top)


@register.filter
def money(amount: Decimal, currency: str) -> str:
    """Return “CHF 35.00” in English, “35.00 CHF” with the language's separators in French. A minus sign stands first."""
    text = number_format(amount, decimal_pos=2, use_l10n=True, force_grouping=True)
    number = text.removeprefix("-")
    sign = "\N{MINUS SIGN}" if number != text else ""
    if (get_language() or "en").startswith("fr"):
        return f"{sign}{number}\N{NO-BREAK SPACE}{currency}"
    return f"{sign}{currency}\N{NO-BREAK SPACE}{number}"


@register.filter
def rate(per_cent: Decimal | int) -> str:
    """Return a percentage, such as a VAT rate: “8.1%” in English, with the language's separators and a space in French."""
    number = number_format(Decimal(per_cent).normalize() if per_cent else 0, use_l10n=True)
    space = "\N{NO-BREAK SPACE}" if (get_language() or "en").startswith("fr") else ""
    return f"{number}{space}%"


@register.filter
def colon(label) -> str:
    """Return the label with a colon, in French after a space; unchanged if it ends a sentence."""
    if str(label).endswith((".", "?", "!", "…", ":")):
        return str(label)
    if isinstance(label, translated.Composed):
        return translated.compose(gettext("%(label)s:"), label=label)
    return gettext("%(label)s:") % {"label": label}


@register.filter
def lang(value) -> SafeString:
    """Return the attribute `` lang="de"`` for an element with a text in another language than the page; else an empty text.

    ``<bdi{{ event.title|lang }}>{{ event.title }}</bdi>``
    """
    return translated.lang_attribute(value)


@register.filter
def in_its_language(value):
    """Return a text for the middle of a sentence: in a ``span`` with its language if that is not the page's."""
    return translated.compose("%(text)s", text=value) if lang(value) else value


@register.filter
def readable_email(address: str) -> str:
    """Return an e-mail address with a readable domain (IDN)."""
    return text.readable_email(address or "")


@register.filter
def until(instant) -> str:
    """Return a deadline as its day, or as day and time; see ``days.until_text``."""
    return days.until_text(instant)


@register.filter
def get(mapping, key):
    """Return ``mapping[key]``, or None."""
    return mapping.get(key)


@register.filter
def fingerprint(brand: str) -> str:
    """Return the hash in the URL of a brand colour's stylesheet."""
    return colour.fingerprint(brand)
