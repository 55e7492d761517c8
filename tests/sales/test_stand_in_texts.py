"""A text in another language than the page, shown because a translation is missing, is marked with its language
everywhere.
"""

from html.parser import HTMLParser

import pytest
from django.utils import timezone

from tests.factories.catalogue import CategoryFactory, SessionFactory
from tests.factories.registration_forms import ask, publish
from tests.sales import jazz
from tests.sales.mails.test_order_mails import deliver, html_of
from tests.visitor import VOID
from ticketshop.catalogue.models import Category, Event, SeasonPass, Tariff
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Order
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
WORD = "Deutsch"
TEXTS = {
    Category: ("name",),
    Event: ("title", "teaser", "description"),
    Tariff: ("name", "description"),
    SeasonPass: ("name", "teaser", "description"),
    PointOfSale: ("name", "tagline", "terms", "privacy_notice", "imprint", "accessibility_statement"),
}


class Texts(HTMLParser):
    """The texts of a page with the language that a screen reader reads each in."""

    def __init__(self, source: str):
        super().__init__()
        self.open: list[tuple[str, str]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            before = self.open[-1][1] if self.open else ""
            self.open.append((tag, dict(attrs).get("lang") or before))

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if self.open and self.open[-1][0] not in {"title", "style", "script"} and data.strip():
            self.texts.append((" ".join(data.split()), self.open[-1][1]))


def of_the_word(source: str) -> list[tuple[str, str]]:
    """The texts with something an organiser wrote in them, headings made of several included."""
    return [found for found in Texts(source).texts if WORD in found[0]]


@pytest.fixture
def shop():
    """Everything that an organiser writes is there in German alone."""
    shop = jazz.Jazz()
    Event.objects.update(category=CategoryFactory(organiser=shop.organiser))
    SessionFactory(event=shop.event)
    form = shop.form("tariff", shop.adult)
    question = ask(form, "", "single_choice", label_de=f"{WORD}e Frage", help_text_de=f"{WORD}e Hilfe")
    question.choices.create(label_de=f"{WORD}e Antwort", label_en="", label_fr="")
    publish(form)
    for model, columns in TEXTS.items():
        values = {f"{column}_{code}": "" for column in columns for code in ("en", "fr", "it")}
        model.objects.update(**values, **{f"{column}_de": f"{WORD} {column}" for column in columns})
    shop.question = question
    return shop


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_text_that_stands_in_carries_its_language_on_every_page_and_mail(shop, language, mailoutbox):
    who = jazz.visitor(accept_language=language)
    slug = shop.pos.slug
    pages = {
        address: who.open(f"/{slug}/{address}").source
        for address in ("", f"events/{shop.event.slug}/", f"passes/{shop.season.slug}/", "about/terms/", "about/imprint/")
    }  # fmt: skip
    pages["home"] = who.open("/").source
    shop.add(who, shop.adult, 2)
    shop.add_pass(who)
    pages["cart"] = who.open(f"/{slug}/cart/").source
    pages["details"] = shop.details(who).source
    pages["details with errors"] = who.fill("^checkout_key$").source
    assert 'id="error-summary"' in pages["details with errors"]
    answers = {
        name: shop.question.choices.get().key
        for name in who.page.form("^checkout_key$").names
        if name.endswith(shop.question.key)
    }
    pages["review"] = jazz.fill(who, answers).source
    pages["order"] = who.place("on_site").source
    order = Order.objects.get()
    pages |= {page: who.open(f"{order_path(order)}{page}/").source for page in ("names", "answers")}
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    pages["tickets"] = who.open(f"{order_path(order)}tickets/").source
    for name, source in pages.items():
        found = of_the_word(source)
        assert found, name
        assert [text for text, code in found if code != "de"] == [], name
    assert Order.objects.get().lines.order_by("pk").first().title == f"{WORD} title"
    for letter in deliver(mailoutbox):
        found = of_the_word(html_of(letter))
        assert found
        assert [text for text, code in found if code != "de"] == [], letter.subject


def test_a_text_in_the_language_of_the_page_is_not_marked(shop):
    Event.objects.update(title_fr=f"{WORD} en français")
    who = jazz.visitor(accept_language="fr")
    found = dict(Texts(who.open(f"/{shop.pos.slug}/events/{shop.event.slug}/").source).texts)
    assert found[f"{WORD} en français"] == "fr"
    assert found[f"{WORD} teaser"] == "de"
