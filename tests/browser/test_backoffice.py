"""The back office in a real Chromium: no complaint under the strict policy, nothing wrong for assistive technology, at any width."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import RequestFactory
from django.utils import timezone
from playwright.sync_api import Page

from contacts.models import Contact
from privacy.models import RetentionRecord
from tests.browser.accessibility import axe, colours
from tests.browser.conftest import DESKTOP, NARROW
from tests.browser.steps import sign_in
from tests.browser.test_every_page import OVERFLOW, SMALLEST, TARGETS
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.staff import change, listing
from ticketshop.catalogue.models import Event, SeasonPass, Session
from ticketshop.organisers import permissions
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order, Payment, PaymentDifference
from ticketshop.sales.orders import orders

# Without preload: axe would load again what Django's sheets import, and the policy forbids what it does with it.
ALL = {"preload": False}
# Their list and a row are looked at with all the rules; other lists and rows are drawn by the same templates.
OF_ITS_KIND = {Order, Contact, Event, PointOfSale}
# What `make test` takes of the lists, rows and pages that add a row. Pages with a template of their own that are missing here are
# looked at in the file of their subject: forms and questions, connections, exports, bank files, customers, erasures.
KINDS = {
    (Order, "list"),  # filters, a search, the figures of the list
    (Order, "row"),  # tables of other rows, buttons
    (Contact, "list"),
    (Event, "row"),  # texts in several languages, rows that are edited in the page, dates
    (PointOfSale, "row"),  # many groups of fields
    (Payment, "row"),  # nothing to edit
    (PaymentDifference, "list"),
    (RetentionRecord, "list"),
    (SeasonPass, "add"),
}


def faults(page: Page, *, rules: bool = True) -> list[str]:
    """Everything that is wrong with the page on screen, on a narrow phone and on a desk; without ``rules`` what is measured alone."""
    found = []
    # As wide as the page before was left, then the other way: each change of the width lays the page out again.
    for viewport in sorted((NARROW, DESKTOP), key=lambda one: one != page.viewport_size):
        page.set_viewport_size(viewport)
        width = viewport["width"]
        if rules and viewport == NARROW:
            found += axe(page, ALL) + colours(page)
            page.emulate_media(color_scheme="dark")
            found += colours(page)
            page.emulate_media(color_scheme="light")
        found += [f"{width} px wide, sticks out: {fault}" for fault in page.evaluate(OVERFLOW)]
        found += [f"{width} px wide, too small: {fault}" for fault in page.evaluate(TARGETS % SMALLEST)]
    return [f"{page.url} {fault}" for fault in found]


def lists_and_rows(shop) -> Iterator[tuple[type[Model], str, str]]:
    """Of each model the page with its list, its latest row and the page that adds one: model, name of the page, URL."""
    for model, page in admin.site._registry.items():
        if not hasattr(model, "organiser_path"):
            continue
        yield model, "list", listing(model)
        rows = permissions.within(page.get_queryset(_Request(shop.owner)), {shop.pos.organiser_id})
        if (row := rows.order_by("-pk").first()) is not None:
            yield model, "row", change(row, model)
        if page.has_add_permission(_Request(shop.owner)):
            yield model, "add", f"{listing(model)}add/"


def other_pages(shop, order) -> list[str]:
    """The start page, and pages of buttons that no other file looks at."""
    return [
        "/admin/",
        f"/admin/sales/order/{order.pk}/cancel/",
        f"/admin/sales/order/{order.pk}/pay-back/",
        "/admin/sales/order/figures/",
        f"/admin/contacts/contact/{order.buyer_id}/merge/?q=a",
        f"/admin/contacts/contact/{order.buyer_id}/history/",
        *(
            f"/admin/catalogue/session/{shop.adult.session_id}/{button}/"
            for button in ("cancel", "message", "messages")
        ),
    ]


class _Request:
    """The part of a request that permissions read."""

    def __init__(self, user):
        self.user = user


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.soak)])
def test_every_page_of_the_owner(everything, shop, browse):
    """`make test` takes a page of each kind, `make soak` the list, a row and the page to add one of all models."""
    shop.owner = make_staff(shop.pos.organiser)
    shop.form = make_form("order", organiser=shop.pos.organiser, name="A form with a name of some length")
    ask(shop.form, "How did you hear of us?", "dropdown", choices=["a poster", "a friend"])
    publish(shop.form)
    order = make_order({shop.adult: 2}, paid=True)
    orders.cancel(make_order({shop.adult: 1}, paid=True), by=None, now=timezone.now())
    wrong = []
    with browse() as page:
        sign_in(page, shop.owner, "/admin/")
        assert shop.owner.email in page.locator("#user-tools").inner_text()
        for address in other_pages(shop, order):
            assert page.goto(address).status == 200, address
            wrong += faults(page)
        looked_at = set()
        for model, name, address in lists_and_rows(shop):
            if everything or (model, name) in KINDS:
                assert page.goto(address).status == 200, address
                wrong += faults(page, rules=model in OF_ITS_KIND and name != "add")
                looked_at.add((model, name))
    assert looked_at >= KINDS
    assert wrong == [], "\n".join(wrong)


def test_a_page_of_the_back_office_that_is_wrong_is_noticed(shop, browse):
    """The twin: the looks find something when there is something."""
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), "/admin/")
        page.evaluate(
            """() => { document.querySelector('#content-main').insertAdjacentHTML('beforeend',
              '<div><img src="/favicon.ico"><a href="/" class="tiny">x</a><b class="wide">w</b></div>');
              document.querySelector('.tiny').style.cssText = 'display:block;min-height:0;width:9px;height:9px;overflow:hidden';
              document.querySelector('.wide').style.cssText = 'display:block;width:1900px'; }"""
        )
        found = " ".join(faults(page))
    for words in (
        "image-alt",
        "320 px wide, sticks out",
        "1280 px wide, sticks out",
        "wide, too small: 9 px",
    ):
        assert words in found


def test_every_list_is_reached_by_the_menu_without_scripts(shop, browse):
    owner = make_staff(shop.pos.organiser)
    request = RequestFactory().get("/admin/")
    request.user = owner
    lists = {one["admin_url"] for room in admin.site.get_app_list(request) for one in room["models"]}
    assert len(lists) > 15
    with browse(script=False, viewport=NARROW) as page:
        sign_in(page, owner, "/admin/")
        menu = page.locator("details.menu")
        addresses = set(
            menu.locator("li a").evaluate_all("(links) => links.map((a) => a.getAttribute('href'))")
        )
        assert lists <= addresses
        for viewport, name in ((NARROW, "Orders"), (DESKTOP, "History")):
            page.set_viewport_size(viewport)
            assert menu.locator("a").first.is_visible() == (viewport == DESKTOP)
            if viewport == NARROW:
                menu.locator("summary").click()
            menu.get_by_text(name, exact=True).last.click()
            assert page.locator("h1").inner_text() == name
        assert menu.locator("[aria-current=page]").count() == 1


def test_sums_of_the_start_page_never_break(shop, browse):
    shop.adult.tariff.price = Decimal("99999.95")
    shop.adult.tariff.save()
    make_order({shop.adult: 10})
    with browse() as page:
        sign_in(page, make_staff(shop.pos.organiser), "/admin/")
        for width in (320, 390, 768, 1024, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 800})
            sums = page.evaluate(
                """() => [...document.querySelectorAll('.figure')].map((e) => [e.textContent,
                  e.getBoundingClientRect().height / parseFloat(getComputedStyle(e).fontSize), e.scrollWidth - e.clientWidth])"""
            )
            assert any("999,999.50" in text for text, _lines, _wider in sums)
            assert [text for text, lines, wider in sums if lines > 1.5 or wider > 0] == [], width


def test_a_date_is_added_with_the_scripts_of_the_page(shop, browse):
    owner = make_staff(shop.pos.organiser)
    event = Event.objects.get(pk=shop.adult.session.event_id)
    count = event.sessions.count()
    with browse() as page:
        sign_in(page, owner, change(event))
        page.get_by_role("button", name="Add another Date").click()
        number = count + 1  # one empty row exists already
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
        sign_in(page, owner, "/admin/")
        page.locator("#user-tools button[value=fr]").click()
        assert page.locator("html").get_attribute("lang") == "fr"
        page.goto(change(order))
        page.locator(".row-buttons").get_by_role("link", name="Marquer comme payée").click()
        page.locator("[name=method]").first.check()
        page.locator("#content-main form input[type=submit]").click()
        page.wait_for_url(f"**{change(order)}")
        assert Order.objects.get(pk=order.pk).state == Order.State.PAID
        page.locator("#logout-form button").click()
        page.wait_for_url("**/accounts/login/**")
