"""The back office in a real Chromium: no complaint under the strict policy, nothing critical for assistive technology."""

from django.contrib import admin
from playwright.sync_api import Page

from contacts.models import Contact
from tests.browser.test_every_page import AXE
from tests.factories.accounts import PASSWORD
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.staff import change, listing
from ticketshop.catalogue.models import Allotment, Event, Session
from ticketshop.organisers import permissions
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order

# Django's own admin is known for small targets and the like; what bars somebody from using a page is not accepted.
BARS = {"critical"}
# Without preload: axe would load again what Django's sheets import, and the policy forbids what it does with it.
ALL = {"resultTypes": ["violations"], "preload": False}
CONTRAST = {**ALL, "runOnly": ["color-contrast"]}
# Looked at with axe; all others are opened, so that the browser may complain.
LOOKED_AT = {Order, Contact, Event, PointOfSale, Allotment}


def log_in(page: Page, user) -> None:
    page.goto("/admin/")
    page.locator("[name=login]").fill(user.email)
    page.locator("[name=password]").fill(PASSWORD)
    page.locator("main form").get_by_role("button").first.click()
    page.wait_for_url("**/admin/")


def faults(page: Page) -> list[str]:
    """What bars somebody from using the page on screen; contrast in light and dark."""
    page.evaluate(AXE)
    found = page.evaluate("(options) => axe.run(options)", ALL)["violations"]
    page.emulate_media(color_scheme="dark")
    # A colour that is just changing is no colour of the page.
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished))")
    found += page.evaluate("(options) => axe.run(options)", CONTRAST)["violations"]
    page.emulate_media(color_scheme="light")
    page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished))")
    return [
        f"{page.url} {violation['id']}: {node['html'][:120]} {node['any'][0]['message'][:120] if node['any'] else ''}"
        for violation in found
        if violation["impact"] in BARS or violation["id"] == "color-contrast"
        for node in violation["nodes"][:3]
    ]


def test_every_page_of_the_owner(shop, browse):
    owner = make_staff(shop.pos.organiser)
    order = make_order({shop.adult: 1}, paid=True)
    wrong = []
    with browse() as page:
        log_in(page, owner)
        assert owner.email in page.locator("#user-tools").inner_text()
        wrong += faults(page)
        for model in (model for model in admin.site._registry if hasattr(model, "organiser_path")):
            page.goto(listing(model))
            wrong += faults(page) if model in LOOKED_AT else []
            row = permissions.within(model._default_manager.order_by("-pk"), {shop.pos.organiser_id}).first()
            if row is not None:
                page.goto(change(row, model))
                wrong += faults(page) if model in LOOKED_AT else []
        page.goto(f"/admin/sales/order/{order.pk}/cancel/")
        wrong += faults(page)
    assert wrong == [], "\n".join(wrong)


def test_a_date_is_added_with_the_scripts_of_the_page(shop, browse):
    owner = make_staff(shop.pos.organiser)
    event = Event.objects.get(pk=shop.adult.session.event_id)
    count = event.sessions.count()
    with browse() as page:
        log_in(page, owner)
        page.goto(change(event))
        page.get_by_role("button", name="Add another Session").click()
        number = count + 1  # one empty row stands there already
        page.locator(f"[name=sessions-{number}-starts_at]").fill("2037-05-01T20:00")
        page.locator(f"[name=sessions-{number}-ends_at]").fill("2037-05-01T22:00")
        page.locator(f"[name=sessions-{number}-places]").fill("70")
        page.locator("[name=_save]").click()
        page.wait_for_url(f"**{listing(Event)}")
    assert event.sessions.count() == count + 1
    added = Session.objects.latest("starts_at")
    assert added.offers.first().allotment.capacity == 70


def test_an_order_is_marked_paid_and_the_log_out_works_in_french(shop, browse):
    owner = make_staff(shop.pos.organiser)
    order = make_order({shop.adult: 1})
    with browse() as page:
        log_in(page, owner)
        page.locator("#user-tools button[value=fr]").click()
        assert page.locator("html").get_attribute("lang") == "fr"
        page.goto(change(order))
        page.locator(".row-buttons a").first.click()
        page.locator("#content-main form input[type=submit]").click()
        page.wait_for_url(f"**{change(order)}")
        assert Order.objects.get(pk=order.pk).state == Order.State.PAID
        page.locator("#logout-form button").click()
        page.wait_for_url("**/accounts/login/**")
