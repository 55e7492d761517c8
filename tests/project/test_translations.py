"""The tool that collects texts and checks their French finds what is missing or wrong.

That each text of ours has a translation is a step of `make check`, with which `make test` begins.
"""

import copy
import re
from pathlib import Path

import django
import polib
import pytest
from django.utils.translation import trans_real

from tests.project import catalogues

# Parts of packages whose texts stand on our pages. Their French comes with them.
OF_OTHERS = (
    "allauth/account",
    "allauth/core",
    "allauth/templates",
    "django/contrib/admin",
    "django/contrib/auth",
    "django/contrib/postgres",
    "django/core",
    "django/db/models",
    "django/forms",
)


def test_third_party_texts_on_pages_are_translated():
    """A new version of a package may bring texts without a translation: translate those in the catalogue here."""
    french = trans_real.translation("fr")._catalog
    missing = []
    for message in catalogues.collect(Path(django.__file__).parents[1], OF_OTHERS).values():
        text = f"{message.context}\x04{message.singular}" if message.context else message.singular
        if (text, 0) not in french and text not in french:
            missing.append((sorted(message.files), message.singular))
    assert missing == []


def keys(messages):
    return [(message.context, message.singular, message.plural) for message in messages]


def test_texts_of_a_python_file_are_found_under_import_aliases():
    source = """
from django.utils import translation as t
from django.utils.translation import gettext as _, ngettext_lazy as many, pgettext
from elsewhere import gettext as not_ours
_("one" " text")
many("%(n)d seat", "%(n)d seats", "n")
pgettext("verb", "order")
t.gettext_lazy("by the module")
not_ours("another function")
_(a_name)
"""
    assert sorted(keys(catalogues.of_python(source)), key=str) == [
        ("verb", "order", None),
        (None, "%(n)d seat", "%(n)d seats"),
        (None, "by the module", None),
        (None, "one text", None),
    ]


def test_text_composed_at_run_time_is_refused():
    with pytest.raises(catalogues.NoText, match="literal"):
        list(catalogues.of_python('from django.utils.translation import gettext as _\n_(f"{n} seats")'))


def test_texts_of_a_template_are_found():
    source = """{% load i18n %}{% translate "It’s on" %} {% translate "Order" context "noun" %} <b>gettext(</b>
{% include "x.html" with label=_("In a tag") %} {{ x|default:_("In a filter") }}
{% blocktranslate trimmed with a=b %}
  Two lines,
  {{ a }} at 50 %
{% endblocktranslate %}
{% blocktranslate count n=n trimmed %}{{ n }} seat{% plural %}{{ n }} seats{% endblocktranslate %}"""
    assert sorted(keys(catalogues.of_template(source)), key=str) == [
        ("noun", "Order", None),
        (None, "%(n)s seat", "%(n)s seats"),
        (None, "In a filter", None),
        (None, "In a tag", None),
        (None, "It’s on", None),
        (None, "Two lines, %(a)s at 50 %%", None),
    ]


def entry(english, french, *, plural="", flags=()):
    made = polib.POEntry(msgid=english, msgid_plural=plural, flags=list(flags))
    if plural:
        made.msgstr_plural = dict(enumerate(french))
    else:
        made.msgstr = french
    return made


@pytest.mark.parametrize(
    "good",
    [
        entry("Open at %(time)s: go!", "Ouvert à %(time)s\u00a0: allez-y\u202f!"),
        entry("“a”", "«\u00a0a\u00a0», à 20:00, voir https://example.org"),
        entry("%(n)d seat", ["une place", "%(n)d places"], plural="%(n)d seats"),
    ],
)
def test_correct_french_is_accepted(good):
    assert list(catalogues.faults(good)) == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (entry("Go", ""), "not translated"),
        (entry("%(n)d seat", ["%(n)d place", ""], plural="%(n)d seats"), "not translated"),
        (entry("Go", "Allez", flags=["fuzzy"]), "fuzzy"),
        (entry("At %(time)s", "À %(heure)s"), "placeholders"),
        (entry("%(n)d seat", ["%(n)d place", "des places"], plural="%(n)d seats"), "placeholders"),
        (entry("Go ", "Allez"), "white space"),
        (entry("Go!", "Allez !"), "spaces"),
        (entry("Go!", "Allez!"), "spaces"),
        (entry("Go:", "Allez:"), "spaces"),
        (entry("“Go”", "«Allez»"), "spaces"),
        (entry("It’s on", "C'est l’heure"), "spaces"),
    ],
)
def test_typographic_mistakes_are_found(bad, why):
    assert any(why in fault for fault in catalogues.faults(bad))


def test_merging_keeps_translations_and_drops_unused_texts():
    old = polib.POFile()
    old.extend([entry("Stay", "Restez !"), entry("Gone", "Parti")])
    found = {(None, text): catalogues.Message(None, text, files={"b.py", "a.py"}) for text in ("Stay", "New")}
    new = catalogues.merged(copy.copy(old), found)
    assert {one.msgid: one.msgstr for one in new} == {"New": "", "Stay": "Restez\u202f!"}
    assert new.find("Stay").occurrences == [("a.py", ""), ("b.py", "")]
    assert str(catalogues.merged(new, found)) == str(new)


def test_colon_after_a_text_depends_on_the_language():
    """French has a space before it: write ``{{ label|colon }}``, or put the colon into the text."""
    written = re.compile(r"(?:\}\}|%\}|</bdi>|</a>|</strong>)\s*:(?=\s|<)")
    assert written.search("{{ label }}: <b>")
    templates = Path(catalogues.ROOT, "templates").rglob("*.html")
    found = {
        f"{path.relative_to(catalogues.ROOT)}: {hit[0]}"
        for path in templates
        if path.name != "styles.html"
        for hit in written.finditer(
            re.sub(r"(?s){% blocktranslate.*?endblocktranslate %}", "", path.read_text())
        )
    }
    assert found == set()
