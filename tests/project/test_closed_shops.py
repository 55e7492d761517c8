"""The pages of a shop that is switched off: pages that sell are closed, pages of orders and tickets stay open."""

import pytest
from django.db import transaction
from django.urls import reverse

from accounts.links.claiming import shop_of_added_person
from tests.factories.organisers import PointOfSaleFactory
from tests.project.test_routes import ROWS, browser
from ticketshop.organisers.middleware import SELLING
from ticketshop.organisers.models import PointOfSale

pytestmark = pytest.mark.django_db
BELOW_A_SHOP = [name for name in ROWS if name.split(":")[0] in {"shop", "account", "data"}]
CONTACT = "box@ayeside.example"


@pytest.fixture
def house(world):
    PointOfSale.objects.filter(pk=world.aye.pos.pk).update(active=False, email_sender_address=CONTACT)
    return world.aye


def test_selling_pages_are_urls_of_a_shop():
    assert set(BELOW_A_SHOP) > SELLING


def asks_to_log_in(name: str) -> bool:
    return name.startswith("account:") or name == "shop:pass_booking"


SELLS_NOTHING = [name for name in BELOW_A_SHOP if name not in SELLING]


def test_pages_that_sell_nothing_stay_open_in_a_closed_shop(house):
    """As a visitor, every third page: ``test_routes.py`` opens them as a guest and sends forms."""
    assert_open(house, SELLS_NOTHING[::3])


@pytest.mark.soak
def test_all_pages_that_sell_nothing_stay_open_in_a_closed_shop(house):
    assert_open(house, SELLS_NOTHING)


def assert_open(house, names: list[str]) -> None:
    """Check that these pages have the status that they have in an open shop."""
    expected, found = {}, {}
    for name in names:
        row, url = ROWS[name], reverse(name, kwargs=ROWS[name].args(house))
        method, (_guest, expected[name]) = ("post", row.post) if row.get[1] == 405 else ("get", row.get)
        with transaction.atomic():
            found[name] = getattr(browser(house.visitor), method)(url).status_code
            transaction.set_rollback(True)
    assert found == expected


def test_selling_pages_of_a_closed_shop_tell_so(house):
    for name in sorted(SELLING):
        row, url = ROWS[name], reverse(name, kwargs=ROWS[name].args(house))
        for method, statuses in {"get": row.get, "post": row.post}.items():
            for user, status in zip([None, house.visitor], statuses, strict=True):
                page = getattr(browser(user), method)(url)
                if user is None and asks_to_log_in(name):
                    assert page.status_code == status, name
                    continue
                assert page.status_code == 404, name
                text = page.content.decode()
                assert "Nothing can be bought here at the moment." in text, name
                assert f'href="mailto:{CONTACT}"' in text, name
                assert "no-store" in page.headers["Cache-Control"], name


@pytest.mark.parametrize("language", ["en", "fr"])
def test_order_of_a_closed_shop_shows_tickets_and_no_link_to_the_shop(language, house):
    page = browser().get(
        reverse("shop:order", args=[house.pos.slug, house.order.reference, house.order.secret]),
        headers={"accept-language": language},
    )
    text = page.content.decode()
    assert house.order.reference in text
    assert "tickets.pdf" in text
    assert {"en": "This shop is closed", "fr": "Cette billetterie est fermée"}[language] in text
    assert f"/{house.pos.slug}/cart/" not in text


def test_account_of_a_closed_shop_has_no_links_to_buy(house):
    client = browser(house.visitor)
    for name in ("home", "orders", "friends"):
        text = client.get(reverse(f"account:{name}", args=[house.pos.slug])).content.decode()
        assert "This shop is closed" in text
        assert "See what’s on" not in text
        assert "friends-and-family/new/" not in text
    PointOfSale.objects.update(active=True)
    text = client.get(reverse("account:friends", args=[house.pos.slug])).content.decode()
    assert "This shop is closed" not in text
    assert "friends-and-family/new/" in text


def test_log_in_returns_to_a_closed_shop(house):
    text = browser().get(f"/accounts/login/?next=/{house.pos.slug}/account/orders/").content.decode()
    assert house.pos.name in text


def test_mailed_link_works_in_a_closed_shop(house):
    assert shop_of_added_person(house.link.child.email) == house.pos


def test_home_page_does_not_list_a_closed_shop(house):
    def home() -> str:
        return browser().get("/", follow=True).content.decode()

    assert house.pos.name not in home()
    PointOfSale.objects.filter(pk=house.pos.pk).update(active=True)
    assert house.pos.name in home()


def test_shop_that_was_never_switched_on_gives_404():
    pos = PointOfSaleFactory(active=False)
    for path in ("", "about/imprint/", "account/", "data/", "orders/AAAA-AAAA/x/"):
        page = browser().get(f"/{pos.slug}/{path}")
        assert page.status_code in (302, 404), path
        if page.status_code == 404:
            assert pos.name not in page.content.decode()
    pos.active = True
    pos.save(update_fields=["active"])
    pos.active = False
    pos.save(update_fields=["active"])
    assert pos.name in browser().get(f"/{pos.slug}/").content.decode()
