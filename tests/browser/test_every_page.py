"""Thresholds that hold on every page: accessible in light and dark, fits 320 px, nothing too small to hit."""

from decimal import Decimal

from django.utils import timezone
from playwright.sync_api import Page

from tests.accounts.second_factor.test_second_factor import code_of
from tests.browser import steps
from tests.browser.accessibility import axe, colours
from tests.browser.conftest import DESKTOP, NARROW
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import EventFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.sales.bookings.conftest import make_holder
from tests.sales.orders.giving.shop import Giving
from ticketshop.catalogue.models import OrderForm
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Order, Payment
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

SMALLEST = 24

# Links inside running text are exempt (WCAG 2.5.8); a box to tick is hit by its label too.
TARGETS = """() => [...document.querySelectorAll(
    'a[href],button,input:not([type=hidden]),select,textarea,summary,[role=button]')].flatMap((e) => {
  const style = getComputedStyle(e);
  let box = e.getBoundingClientRect();
  if (!box.width || !box.height || style.visibility === 'hidden' || e.disabled) return [];
  if (box.right <= 0 || box.bottom <= 0 || box.width <= 1 || box.height <= 1) return [];
  if (style.display === 'inline' && [...e.parentElement.childNodes].some(
      (n) => n.nodeType === 3 && n.textContent.trim().length > 1)) return [];
  const label = e.labels && e.labels[0];
  if (label && ['checkbox', 'radio'].includes(e.type)) {
    const l = label.getBoundingClientRect();
    const [x, y] = [Math.min(box.left, l.left), Math.min(box.top, l.top)];
    box = new DOMRect(x, y, Math.max(box.right, l.right) - x, Math.max(box.bottom, l.bottom) - y);
  }
  const side = Math.min(box.width, box.height);
  return side < %d ? [`${Math.round(side * 10) / 10} px: ${e.outerHTML.slice(0, 100)}`] : [];
})"""

# What lies at the middle of a link or button: itself, a part of it or what it is in, but no other link or field.
COVERED = """() => [...document.querySelectorAll('main :is(a[href], button, input:not([type=hidden]), select, textarea)')]
  .flatMap((e) => {
    e.scrollIntoView({block: 'center', behavior: 'instant'});
    const box = e.getClientRects()[0];
    if (!box || box.width <= 1 || box.height <= 1 || !e.checkVisibility({visibilityProperty: true})) return [];
    const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    if (!top || e.contains(top) || top.contains(e) || top.closest('label')?.control === e) return [];
    return [`${e.outerHTML.slice(0, 80)} lies under ${top.outerHTML.slice(0, 80)}`];
  })"""

OVERFLOW = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  return [...document.body.querySelectorAll('*')].filter((e) => e.getBoundingClientRect().right > width + 1)
    .slice(0, 3).map((e) => e.outerHTML.slice(0, 100));
}"""


def look_at(page: Page, name: str) -> list[str]:
    """Everything that is wrong with the page on screen."""
    wrong = [f"{name}: {fault}" for fault in axe(page, {}) + colours(page)]
    page.emulate_media(color_scheme="dark")
    wrong += [f"{name}, dark: {fault}" for fault in colours(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(NARROW)
    wrong += [f"{name}, 320 px wide, sticks out: {fault}" for fault in page.evaluate(OVERFLOW)]
    wrong += [f"{name}, too small to hit: {fault}" for fault in page.evaluate(TARGETS % SMALLEST)]
    wrong += [f"{name}, covered: {fault}" for fault in page.evaluate(COVERED)]
    page.set_viewport_size(DESKTOP)
    return wrong


def test_on_the_way_to_a_ticket(shop, browse):
    event = shop.adult.session.event
    event.teaser = "Words, words, words."
    event.description = "A play in **five acts**.\n\n* with an interval\n* in English"
    event.save()
    EventFactory(pos=shop.pos, title="Soon", slug="soon")
    shop.child.tariff.price = Decimal(0)
    shop.child.tariff.save()
    wrong = []
    with browse() as page:
        for name, address in {
            "shop": shop.home,
            "search without a result": f"{shop.home}?q=nothing",
            "event": shop.event,
            "event without a date": f"{shop.home}events/soon/",
            "pass": shop.pass_page,
            "empty cart": shop.cart,
            "terms": f"{shop.home}about/terms/",
            "sign up": f"/accounts/signup/?next={shop.home}",
            "not found": f"{shop.home}events/nothing/",
        }.items():
            page.goto(address)
            wrong += look_at(page, name)
        steps.choose(page, shop)
        wrong += look_at(page, "cart")
        # The details, with and without mistakes: test_forms.py.
        steps.to_details(page)
        steps.give_details(page)
        page.get_by_role("button", name="Order and pay").click()
        wrong += look_at(page, "review with errors")
        steps.accept(page, "Bank transfer")
        steps.order(page)
        wrong += look_at(page, "order, waiting")
        payments.confirm(Payment.objects.get(), by=None, now=timezone.now())
        page.reload()
        wrong += look_at(page, "order, paid")
        page.get_by_role("link", name="Show or print them here").click()
        wrong += look_at(page, "tickets")
        orders.cancel(Order.objects.get(), by=None, now=timezone.now())
        page.go_back()
        page.reload()
        wrong += look_at(page, "order, cancelled")
    assert wrong == []


def test_bookings_with_a_pass(shop, browse):
    holder = make_holder(offer=shop.adult, entries=5, entries_per_date=2)
    order = holder.book()
    tariff, form = shop.adult.tariff, make_form("tariff", organiser=shop.pos.organiser)
    ask(form, "Meal", "dropdown", choices=["soup", "bread"])
    publish(form)
    tariff.form = form
    tariff.save()
    of_orders = make_form("order", organiser=shop.pos.organiser)
    ask(of_orders, "How did you hear of us?")
    publish(of_orders)
    OrderForm.objects.create(form=of_orders, point_of_sale=shop.pos)
    page_of_order = order_path(order)
    wrong = []
    with browse() as page:
        steps.sign_in(page, holder.contact.user, holder.url)
        for name, address in {
            "dates of a pass": holder.url,
            "booking": f"{holder.url_of_date}?places=1",
            "event with a pass": shop.event,
            "order of a booking": page_of_order,
            "cancel a booking": f"{page_of_order}bookings/{order.tickets.get().pk}/cancel/",
        }.items():
            page.goto(address)
            wrong += look_at(page, name)
    assert wrong == []


def test_papers_of_an_order(shop, browse):
    order = make_order({shop.adult: 1}, paid=True)
    wrong = []
    with browse() as page:
        for name in ("receipt", "terms", "invoice"):
            page.goto(f"{order_path(order)}{name}/")
            if name != "invoice":
                wrong += look_at(page, name)
        page.get_by_role("button", name="Issue the invoice").click()
        wrong += look_at(page, "invoice with errors")
        for name, text in {"name": "Acme", "street": "Lane", "postcode": "3000", "city": "Bern"}.items():
            page.locator(f"[name={name}]").fill(text)
        page.get_by_role("button", name="Issue the invoice").click()
        wrong += look_at(page, "invoice issued")
    assert wrong == []


def test_withdrawal(shop, browse):
    organiser = shop.pos.organiser
    organiser.withdrawal = True
    organiser.save()
    wrong = []
    with browse() as page:
        page.goto(f"{shop.home}withdraw/")
        page.get_by_role("button", name="Continue").click()
        wrong += look_at(page, "withdrawal with errors")
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Order number").fill("7KQ4-M9XD")
        page.get_by_role("button", name="Continue").click()
        wrong += look_at(page, "withdrawal to be confirmed")
        page.get_by_role("button", name="Confirm withdrawal").click()
        wrong += look_at(page, "withdrawal confirmed")
    assert wrong == []


def test_in_the_account(shop, browse):
    user = UserFactory()
    wrong = []
    with browse() as page:
        page.goto(f"/accounts/login/?next={shop.home}account/")
        page.locator("[name=login]").fill(user.email)
        page.locator("[name=password]").fill("wrong")
        page.locator("main form").get_by_role("button").first.click()
        wrong += look_at(page, "log in with errors")
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("main form").get_by_role("button").first.click()
        page.wait_for_url(f"**{shop.home}account/")
        wrong += look_at(page, "account")
        make_order({shop.adult: 2, shop.child: 1, shop.season_pass: 1}, user=user)
        for name in ("", "orders/", "profile/"):
            page.goto(f"{shop.home}account/{name}")
            wrong += look_at(page, f"account/{name} with an order")
        for name in ("security", "2fa/totp/activate", "2fa/webauthn/add"):
            page.goto(f"/accounts/{name}/?next={shop.home}account/")
            wrong += look_at(page, name)
    assert wrong == []


def test_of_a_staff_member_with_a_second_factor(shop, browse):
    user = make_staff(shop.pos.organiser, "back office")
    wrong = []
    with browse() as page:

        def log_in() -> None:
            page.goto("/accounts/login/?next=/accounts/security/")
            page.locator("[name=login]").fill(user.email)
            page.locator("[name=password]").fill(PASSWORD)
            page.locator("main form").get_by_role("button").first.click()

        def enter_code(secret: str) -> None:
            page.locator("[name=code]").fill(code_of(secret))
            page.locator("main form").get_by_role("button").first.click()

        log_in()
        page.goto("/accounts/2fa/totp/activate/")
        secret = page.locator(".secret").inner_text()
        enter_code(secret)
        wrong += look_at(page, "recovery codes, new")
        for name in (
            "security",
            "2fa/recovery-codes",
            "2fa/recovery-codes/generate",
            "2fa/totp/deactivate",
            "2fa/webauthn",
            f"staff/{user.memberships.get().pk}/leave",
        ):
            answer = page.goto(f"/accounts/{name}/")
            assert answer.status == 200, name
            wrong += look_at(page, name)
        page.context.clear_cookies()
        log_in()
        page.locator("[name=code]").fill("000000")
        page.locator("main form").get_by_role("button").first.click()
        wrong += look_at(page, "wrong code")
    assert wrong == []


def test_with_tickets_that_are_given(shop, browse):
    giving = Giving(quantity=3, form=True, now=timezone.now())
    given = giving.accepted(post=giving.answer)
    giving.ticket = giving.order.tickets.exclude(pk=given.pk).first()
    offered, account = giving.offered(), f"/{giving.pos.slug}/account"
    # More pages about friends: test_friends.py; about a person's data: test_my_data.py.
    pages = {
        giving.alice: [order_path(giving.order), f"{account}/orders/tickets/{giving.ticket.pk}/give/"],
        giving.bob: [
            f"{account}/",
            *(
                f"{account}/orders/tickets/{given.pk}/{end}"
                for end in ("", "answers/", "name/", "give-back/")
            ),
        ],
    }
    last = giving.order.tickets.get(gift=None, gifts=None)
    pages[giving.alice].append(f"{account}/orders/tickets/{last.pk}/give/")
    friends = f"{account}/friends-and-family/"
    pages[giving.alice] += [
        friends,
        *(f"{friends}{giving.link.pk}/{end}" for end in ("", "edit/", "remove/")),
    ]
    pages[giving.bob] += [friends, *(f"{friends}{giving.link.pk}/{end}" for end in ("seen/", "stop/"))]
    wrong = []
    with browse() as page:
        for contact, (first, *others) in pages.items():
            steps.sign_in(page, contact.user, first)
            wrong += look_at(page, first)
            for address in others:
                page.goto(address)
                wrong += look_at(page, address)
        page.goto(f"{account}/orders/offers/{offered.pk}/")
        page.get_by_role("button", name="Accept the ticket").click()
        wrong += look_at(page, "offer with errors")
    assert wrong == []


def test_in_a_shop_that_is_switched_off(shop, browse):
    order = make_order({shop.adult: 1}, paid=True)
    PointOfSale.objects.update(active=False, email_sender_address="box@theatre.example")
    wrong = []
    with browse() as page:
        for address in (shop.home, order_path(order), f"{shop.home}data/"):
            page.goto(address)
            assert "This shop is closed" in page.locator("main").inner_text()
            wrong += look_at(page, f"closed: {address}")
    assert wrong == []


def test_a_page_that_is_wrong_is_noticed(shop, browse):
    """The twin: the looks find something when there is something, in colours too where they were good before."""
    with browse() as page:
        page.goto(shop.home)
        # The same colours where axe measures nothing, and where they are good, tell nothing about those below.
        page.evaluate(
            """() => { document.querySelector('main').insertAdjacentHTML('beforeend',
              '<p>words</p><p class="letter">x</p><p><a href="/" class="alone">alone</a></p>');
              document.querySelector('.letter').style.color = '#aaa';
              document.querySelector('.alone').style.cssText = 'color:#444;text-decoration:none;display:block;min-height:24px'; }"""
        )
        faults = look_at(page, "good")
        # In the dark the two colours are faults.
        ours = [
            fault
            for fault in faults
            if fault.startswith("good, dark") and ("letter" in fault or "alone" in fault)
        ]
        assert [fault for fault in faults if fault not in ours] == []
        page.evaluate(
            """() => { document.querySelector('main').insertAdjacentHTML('afterbegin',
              '<div class="row"><h3 class="row-title"><a href="/">over</a></h3><b><a href="/">under</a></b></div>');
              document.querySelector('b a').style.cssText = 'position:static'; document.querySelector('main').insertAdjacentHTML('beforeend',
              '<div><img src="/favicon.ico"><a href="/" class="tiny">x</a><b class="wide">w</b></div>' +
              '<p class="pale">pale</p><p class="dark">dark</p><p>This link is among other words: <a href="/" class="same">words</a></p>');
              document.querySelector('.tiny').style.cssText = 'display:block;width:9px;height:9px;overflow:hidden';
              document.querySelector('.wide').style.cssText = 'display:block;width:900px';
              document.querySelector('.pale').style.color = '#aaa';
              document.querySelector('.dark').style.color = '#444';
              document.querySelector('.same').style.cssText = 'color:#444;text-decoration:none'; }"""
        )
        for _time in range(2):
            found = " ".join(look_at(page, "broken"))
            assert "image-alt" in found
            assert "9 px" in found
            assert "sticks out" in found
            assert "under</a> lies under" in found
            assert 'broken: color-contrast: <p class="pale"' in found
            assert 'dark: color-contrast: <p class="dark"' in found
            assert 'broken: link-in-text-block: <a href="/" class="same"' in found
