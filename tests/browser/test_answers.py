"""Answers are changed in a real browser: by the buyer, scripts on and off, and looked through by staff."""

from playwright.sync_api import expect

from registration_forms.answers import responses
from registration_forms.models import Response
from tests.browser.conftest import PHONE
from tests.browser.steps import sign_in
from tests.browser.test_backoffice import faults
from tests.browser.test_every_page import look_at
from tests.browser.test_forms import every_type, picture
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import make_order
from tests.staff import change
from ticketshop.sales.mails.order_mails import order_path


def answered(shop, form, **columns):
    """An order of one adult whose form was answered with the version there is."""
    tariff = shop.adult.tariff
    type(tariff).objects.filter(pk=tariff.pk).update(form=None)
    ticket = make_order({shop.adult: 1}, paid=True).tickets.get()
    type(tariff).objects.filter(pk=tariff.pk).update(form=form)
    given = make_given(form.published, columns, ticket.order.buyer_id)
    (ticket.response,) = responses.store(
        [given], organiser=form.organiser, language="en", now=ticket.order.placed_at
    )
    ticket.save(update_fields=["response"])
    return ticket


def test_a_buyer_changes_answers_on_a_phone_without_scripts(shop, browse):
    form = make_form("tariff", organiser=shop.pos.organiser)
    menu = ask(form, "Menu")
    publish(form)
    ticket = answered(shop, form, **{menu.key: "meat"})
    with browse(viewport=PHONE, script=False) as page:
        page.goto(order_path(ticket.order))
        expect(page.get_by_text("meat")).to_be_visible()
        page.get_by_role("link", name="Change answers").click()
        expect(page.get_by_role("heading", name="Your answers")).to_be_visible()
        page.get_by_label("Menu").fill("vegan")
        picture(page, "answers-phone")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Your answers are saved.")).to_be_visible()
        expect(page.get_by_text("vegan")).to_be_visible()
    assert responses.read(Response.objects.get()) == {menu.key: "vegan"}


def test_the_page_with_every_type_and_with_mistakes(shop, browse):
    form = every_type(shop)
    order = answered(shop, form).order
    wrong = []
    with browse() as page:
        page.goto(f"{shop.home}orders/{order.reference}/{order.secret}/answers/")
        picture(page, "answers")
        page.get_by_role("button", name="Save").click()
        summary = page.locator("#error-summary")
        expect(summary).to_be_focused()
        for link in summary.get_by_role("link").all():
            expect(page.locator(f"[id='{link.get_attribute('href')[1:]}']")).to_have_count(1)
        wrong += look_at(page, "answers with mistakes")
        order.state = "cancelled"
        order.save(update_fields=["state"])
        page.goto(page.url)
        expect(page.get_by_text("the order is cancelled")).to_be_visible()
        wrong += look_at(page, "answers that stay")
    assert wrong == [], "\n".join(wrong)


def test_staff_change_and_look_through_answers(shop, browse):
    form = every_type(shop)
    ticket = answered(shop, form)
    owner = make_staff(shop.pos.organiser)
    wrong = []
    with browse() as page:
        sign_in(page, owner, change(ticket))
        page.get_by_role("link", name="Change answers").click()
        expect(page.get_by_role("heading", name="Change answers")).to_be_visible()
        picture(page, "staff")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Please correct what is marked below.")).to_be_visible()
        wrong += faults(page)
        page.goto(f"{change(form).removesuffix('change/')}answers/?state=paid")
        expect(page.get_by_role("link", name=ticket.order.reference)).to_be_visible()
        wrong += faults(page)
        picture(page, "consulting")
    assert wrong == [], "\n".join(wrong)
