"""Jazz 2027: the event of the RF scenarios, with two dates, three tariffs, a pass and their forms."""

import html
import re
from datetime import UTC, datetime
from decimal import Decimal

from registration_forms.models import RegistrationForm
from tests.factories import registration_forms as made
from tests.factories.catalogue import (
    AllotmentFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import Page, TestClientVisitor
from ticketshop.catalogue.models import OrderForm
from ticketshop.sales.models import Cart, Order


class Jazz:
    """The shop, and what it sells: ``third`` and ``fourth`` are dates, offers are asked for by tariff and date."""

    def __init__(self, price=Decimal(20), capacity=500):
        self.pos = PointOfSaleFactory(max_tickets_per_order=200, friends_family_enabled=False)
        self.organiser = self.pos.organiser
        PaymentMethodFactory(point_of_sale=self.pos)
        self.event = EventFactory(pos=self.pos, title="Jazz 2027")
        self.third = self._date(3)
        self.fourth = self._date(4)
        self.room = AllotmentFactory(organiser=self.organiser, capacity=capacity)
        self.adult = self._tariff("Adult", price)
        self.child = self._tariff("Child", price)
        self.family = self._tariff("Family", price, tickets_per_unit=4)
        self.season = SeasonPassFactory(pos=self.pos, name="Season")
        self.offers = {
            (tariff.pk, session.pk): OfferFactory(session=session, tariff=tariff, allotment=self.room)
            for tariff in (self.adult, self.child, self.family)
            for session in (self.third, self.fourth)
        }

    def _date(self, day: int):
        starts = datetime(2027, 7, day, 18, tzinfo=UTC)
        return SessionFactory(event=self.event, starts_at=starts, ends_at=starts.replace(hour=21))

    def _tariff(self, name: str, price, **values):
        return TariffFactory(event=self.event, name=name, price=price, max_per_order=200, **values)

    def form(self, kind: str = "tariff", *tariffs, **values) -> RegistrationForm:
        """A draft, given to the tariffs, to the pass or to the event's orders."""
        form = made.make_form(kind, organiser=self.organiser, name=f"{kind} form", **values)
        if kind == "order":
            OrderForm.objects.create(form=form, event=self.event)
        elif kind == "pass":
            self.season.form = form
            self.season.save()
        for tariff in tariffs:
            tariff.form = form
            tariff.save()
        return form

    def asked(self, kind: str = "tariff", *tariffs, label: str = "Menu", **values) -> RegistrationForm:
        """A published form with one question."""
        form = self.form(kind, *tariffs)
        made.ask(form, label, **values)
        made.publish(form)
        return form

    def add(self, visitor, tariff, number: int, session=None) -> None:
        offer = self.offers[tariff.pk, (session or self.third).pk]
        visitor.put_in_cart(self.pos.slug, **{f"offer_{offer.pk}": number})

    def add_pass(self, visitor) -> None:
        visitor.put_in_cart(self.pos.slug, **{f"pass_{self.season.pk}": 1})

    def details(self, visitor) -> Page:
        return visitor.open(f"/{self.pos.slug}/checkout/")


BUYER = {
    "buyer-first_name": "Ada",
    "buyer-last_name": "Lovelace",
    "buyer-email": "ada@example.org",
}


def visitor(**headers) -> TestClientVisitor:
    return TestClientVisitor(**headers)


def blocks(page: Page) -> list[str]:
    """The prefixes of the forms asked on a page, in order."""
    return re.findall(r'<div class="fields" id="ask-(ask-[^"]+)"', page.source)


def headings(page: Page) -> list[str]:
    found = re.findall(r'(?s)<h3 id="ask-[^"]+" tabindex="-1">\s*<bdi>(.*?)</bdi>', page.source)
    return [" ".join(one.split()) for one in found]


def fill(who, answers: dict | None = None, *, button=None, buyer=True, **more) -> Page:
    """Send the details: ``answers`` are by field name, such as ``ask-order-key``."""
    form = who.page.form(r"^checkout_key$")
    values = {**(BUYER if buyer and "buyer-first_name" in form.names else {}), **(answers or {}), **more}
    return who.submit(form, values, button=button)


def in_every(page: Page, field, value) -> dict:
    """The same answer in every block that asks ``field``."""
    names = page.form(r"^checkout_key$").names
    return {name: value for name in names if name.startswith("ask-") and name.endswith(f"-{field.key}")}


def of_blocks(page: Page, field) -> list[str]:
    """The names of ``field`` in the blocks of a page, in order."""
    names = page.form(r"^checkout_key$").names
    return [f"{one}-{field.key}" for one in blocks(page) if f"{one}-{field.key}" in names]


def draft() -> dict:
    return Cart.objects.get().details.get("answers", {})


def order() -> Order:
    return Order.objects.get()


def summary_links(page: Page) -> list[tuple[str, str]]:
    """The links of the summary of mistakes: the id they lead to, and what they say."""
    summary = re.search(r'(?s)<div class="error-summary".*?</div>', page.source)
    found = re.findall(r'(?s)<a href="#([^"]+)">(.*?)</a>', summary[0]) if summary else []
    return [(target, " ".join(html.unescape(text).split())) for target, text in found]


def tag(page: Page, id: str) -> str:
    """The tag with this id."""
    return next(one for one in re.findall(r"(?s)<[^>]+>", page.source) if f'id="{id}"' in one)
