"""The whole way without JavaScript: forms from nothing, a mixed order, and each answer where it belongs."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from registration_forms.answers import responses
from registration_forms.models import Field, RegistrationForm, Response
from tests.browser import steps
from tests.browser.steps import sign_in
from tests.exports.steps import Read, done
from tests.factories.catalogue import OfferFactory, TariffFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.staff import change, listing
from ticketshop.exports.models import Job
from ticketshop.sales.models import Order

FORMS = {
    "order": ("Our orders", "How did you hear of us?"),
    "tariff": ("Our guests", "What do you eat?"),
    "pass": ("Our subscribers", "Where do you like to sit?"),
}
GUESTS = [f"Guest{number}" for number in "ABCDEFG"]
SUBSCRIBER = "Subscriber"


def picture(page: Page, name: str) -> None:
    """Save a picture of the page into the folder that PICTURES names, if it is set."""
    if folder := os.environ.get("PICTURES"):
        page.screenshot(path=Path(folder) / f"nothing-{name}.png", full_page=True)


def build(page: Page, kind: str) -> None:
    """A form of this kind with one question that must be answered, published."""
    name, question = FORMS[kind]
    page.goto(listing(RegistrationForm))
    page.locator("#content a.addlink").click()
    page.get_by_label("Name").fill(name)
    page.get_by_label("Kind").select_option(kind)
    page.locator("[name=_save]").click()
    page.get_by_role("link", name="Add a question").first.click()
    page.get_by_label("Question (English)").fill(question)
    page.get_by_label("Type").select_option("text")
    page.get_by_label("An answer is needed").check()
    page.get_by_role("button", name="Add the question").click()
    page.get_by_role("link", name="Publish").click()
    page.locator("#content-main form input[type=submit]").click()
    expect(page.get_by_text("Version 1 is published.")).to_be_visible()


def make_forms(page: Page, organiser, built: Sequence[str]) -> None:
    """Make a form of each kind, those of ``built`` on the pages."""
    for kind, (name, question) in FORMS.items():
        if kind in built:
            build(page, kind)
        else:
            form = make_form(kind, organiser=organiser, name=name)
            ask(form, question, visibility="mandatory")
            publish(form)


def give(page: Page, row, field: str, name: str) -> None:
    """Choose a form on the page of what asks it."""
    page.goto(change(row))
    page.locator(f"[name={field}]").select_option(label=name)
    page.locator("[name=_save]").click()
    page.wait_for_url(lambda address: not address.endswith(change(row)))


def order_everything(page: Page, shop, family) -> None:
    """2 adults, 1 child, 1 family of 4 and a pass."""
    page.goto(shop.event)
    for offer, number in ((shop.adult, 2), (shop.child, 1), (family, 1)):
        page.locator(f"#offer-{offer.pk}").select_option(str(number))
    page.get_by_role("button", name="Add to cart").click()
    page.goto(shop.pass_page)
    page.get_by_label("How many passes?").select_option("1")
    page.get_by_role("button", name="Add to cart").click()
    steps.to_details(page)


def fill_in(page: Page) -> None:
    """The names, and answers that say whose they are."""
    page.locator("#id_buyer-first_name").fill("Ada")
    page.locator("#id_buyer-last_name").fill("Lovelace")
    page.locator("#id_buyer-email").fill("ada@example.org")
    expect(page.get_by_label(FORMS["order"][1])).to_have_count(1)
    expect(page.get_by_label(FORMS["tariff"][1])).to_have_count(7)
    expect(page.get_by_label(FORMS["pass"][1])).to_have_count(1)
    page.get_by_label(FORMS["order"][1]).fill("heard by Ada")
    holders = page.locator("fieldset.holder")
    expect(holders).to_have_count(8)
    for number, name in enumerate([*GUESTS, SUBSCRIBER]):
        holder = holders.nth(number)
        holder.get_by_label("First name").fill(name)
        holder.get_by_label("Last name").fill("Test")
        if name == SUBSCRIBER:
            holder.get_by_label(FORMS["pass"][1]).fill(f"seat of {name}")
        else:
            holder.get_by_label(FORMS["tariff"][1]).fill(f"dish of {name}")


def each_answer_has_its_place(page: Page) -> None:
    """Check that no other person's name is between the name of a participant and their answer."""
    text = page.locator("main").inner_text()
    for name in (*GUESTS, SUBSCRIBER):
        answer = text.rindex(f"{'seat' if name == SUBSCRIBER else 'dish'} of {name}")
        between = text[text.rindex(f"{name} Test", 0, answer) : answer]
        assert set(re.findall("Guest[A-G]|Subscriber", between)) == {name}, between
    assert "heard by Ada" in text


@pytest.mark.scenario("RF-11", "RF-12")
@pytest.mark.parametrize("built", [("tariff",), pytest.param(tuple(FORMS), marks=pytest.mark.soak)])
def test_forms_from_nothing_to_answers_in_their_places(built, shop, browse):
    """`make test` builds one of the three forms, gives it to one tariff and exports one list on the pages, `make soak` all."""
    event, adult = shop.adult.session.event, shop.adult
    tariff = TariffFactory(event=event, name="Family", tickets_per_unit=4)
    family = OfferFactory(session=adult.session, tariff=tariff, allotment=adult.allotment)
    owner = make_staff(shop.pos.organiser)
    with browse(script=False) as page:
        sign_in(page, owner, "/admin/")
        make_forms(page, shop.pos.organiser, built)
        give(page, event, "order_form-0-form", FORMS["order"][0])
        for offer in (adult, shop.child, family)[: len(built)]:
            give(page, offer.tariff, "form", FORMS["tariff"][0])
        event.tariffs.update(form=RegistrationForm.objects.get(kind="tariff"))
        give(page, shop.season_pass, "form", FORMS["pass"][0])
        page.goto(change(RegistrationForm.objects.get(kind="tariff")))
        expect(page.locator("#content-main")).to_contain_text("3 tariffs")
    with browse(script=False) as page:
        order_everything(page, shop, family)
        fill_in(page)
        picture(page, "details")
        page.get_by_role("button", name="Check your order").first.click()
        expect(page.get_by_role("heading", name="Check your order")).to_be_visible()
        steps.accept(page)
        steps.order(page)
        each_answer_has_its_place(page)
        picture(page, "order")
    stored_where_it_belongs()
    with browse(script=False) as page:
        sign_in(page, owner, listing(Order))
        page.get_by_role("link", name=Order.objects.get().reference).click()
        each_answer_has_its_place(page)
        picture(page, "back-office")
        guests = exported(page, event, "Participants: a row for every ticket")
        if "pass" in built:
            passes = exported(page, shop.season_pass, "Season passes: a row for every pass sold")
    heard, dish, seat = (Field.objects.get(label=question).key for _name, question in FORMS.values())
    assert sorted(guests.column(dish)) == [f"dish of {name}" for name in GUESTS]
    assert guests.column(f"order.{heard}") == ["heard by Ada"] * 7
    if "pass" in built:
        assert passes.column(seat) == [f"seat of {SUBSCRIBER}"]


def exported(page: Page, row, kind: str) -> Read:
    """The export of this kind, asked for at a row's page, written by the worker, and fetched."""
    page.goto(change(row))
    page.locator(".row-buttons").get_by_role("link", name="Export").click()
    page.get_by_label(kind).check()
    page.get_by_label("CSV for programs").check()
    page.locator("#content-main").get_by_role("button", name="Export").click()
    done(Job.objects.latest("pk"))
    page.get_by_role("link", name="Look again").click()
    with page.expect_download() as fetched:
        page.get_by_role("button", name="Download").click()
    return Read(fetched.value.path().read_bytes())


def stored_where_it_belongs() -> None:
    order = Order.objects.get()

    def said(response: Response) -> list:
        return list(responses.read(response).values())

    assert Response.objects.count() == 9
    assert said(order.responses.get().response) == ["heard by Ada"]
    tickets = order.tickets.order_by("pk")
    assert [(one.holder_first_name, said(one.response)) for one in tickets] == [
        (name, [f"dish of {name}"]) for name in GUESTS
    ]
    assert Counter(one.line.tariff_name for one in tickets) == {"Adult": 2, "Child": 1, "Family": 4}
    assert said(order.passes.get().response) == [f"seat of {SUBSCRIBER}"]
