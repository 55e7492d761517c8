"""A point of sale is switched on only when visitors can order there: a way to pay, terms, a legal name."""

from decimal import Decimal

import pytest

from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import EventFactory, OfferFactory, SeasonPassFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from tests.factories.registration_forms import make_form
from tests.factories.sales import PaymentMethodFactory, make_cart
from tests.project.world import staff_with
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import OrderForm
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order, PaymentMethod
from ticketshop.sales.payments.methods import METHODS, OnSite
from ticketshop.sales.shop import opening

pytestmark = pytest.mark.django_db
IBAN = "CH93 0076 2011 6238 5295 7"
NO_METHOD = "Visitors can’t pay: offer at least one way to pay, and fill in what it needs."
NO_TERMS = "Needed while the point of sale is switched on: visitors accept them when they order."
NO_NAME = "The organiser has no legal name, and visitors must know from whom they buy."


@pytest.fixture
def pos():
    """Everything is there, and it is switched off."""
    pos = PointOfSaleFactory(active=False)
    PaymentMethodFactory(point_of_sale=pos)
    return pos


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser))


def method_field(form, code: str, name: str) -> str:
    """The name of a field of one way to pay."""
    code_field = next(key for key, value in form.values.items() if key.endswith("-code") and value == code)
    return f"{code_field.removesuffix('code')}{name}"


def test_new_shop_is_off_until_it_is_switched_on(pos):
    root = Staff(SuperuserFactory())
    organiser = OrganiserFactory(legal_name="")
    form = root.open(f"{listing(PointOfSale)}add/?organiser={organiser.pk}").form("^_save$")
    assert "active" not in form.values, "the box is there, and empty"
    assert "active" in form.names
    values = {"organiser": organiser.pk, "slug": "new", "name_en": "New"}
    root.submit(form, values | {"active": "on"}, button=("_save", "Save"))
    assert NO_METHOD in root.errors
    assert NO_TERMS in root.errors
    assert any(error.startswith(NO_NAME) for error in root.errors)
    assert not PointOfSale.objects.filter(slug="new").exists()
    root.submit(form, values, button=("_save", "Save"))
    made = PointOfSale.objects.get(slug="new")
    assert not made.active
    assert TestClientVisitor().open("/new/").status == 404
    text = root.open(change(made)).text
    assert "What is missing before visitors can order:" in text
    for sentence in (NO_METHOD, "There are no terms of sale.", NO_NAME, "Nothing is on sale here"):
        assert sentence in text
    assert change(organiser) in root.page.source, "where it is entered"


def test_shop_with_everything_is_switched_on(pos, staff):
    staff.open(change(pos))
    staff.save(active="on")
    assert staff.errors == []
    pos.refresh_from_db()
    assert pos.active


def without_method(pos):
    PaymentMethod.objects.all().delete()


def method_not_offered(pos):
    PaymentMethod.objects.update(enabled=False)


def terms_of_spaces(pos):
    for code in ("en", "fr", "de", "it"):
        setattr(pos, f"terms_{code}", " \n " if code == "en" else "")
    pos.save()


def without_legal_name(pos):
    pos.organiser.legal_name = ""
    pos.organiser.save()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (without_method, NO_METHOD),
        (method_not_offered, NO_METHOD),
        (terms_of_spaces, NO_TERMS),
        (without_legal_name, NO_NAME),
    ],
)
def test_shop_that_lacks_one_thing_stays_off(fault, sentence, pos, staff):
    fault(pos)
    staff.open(change(pos))
    staff.save(active="on", tagline_en="Typed")
    assert len(staff.errors) == 1
    assert staff.errors[0].startswith(sentence)
    assert staff.page.form("^_save$").values["tagline_en"] == "Typed"
    pos.refresh_from_db()
    assert not pos.active


def test_shop_that_lacks_everything_is_changed_while_it_is_off(pos, staff):
    for fault in (without_method, terms_of_spaces, without_legal_name):
        fault(pos)
    staff.open(change(pos))
    staff.save(tagline_en="Saved while it is off")
    assert staff.errors == []


def test_terms_in_one_language_are_enough_though_it_is_none_of_the_interface(pos, staff):
    terms_of_spaces(pos)
    pos.terms_de = "Bedingungen"
    pos.save()
    staff.open(change(pos))
    staff.save(active="on")
    assert staff.errors == []
    pos.refresh_from_db()
    assert pos.active


def test_shop_that_is_on_cannot_lose_what_it_needs(pos, staff):
    PointOfSale.objects.update(active=True)
    form = staff.open(change(pos)).form("^_save$")
    del form.values[method_field(form, "on_site", "enabled")]
    staff.submit(form, {"terms_en": ""}, button=("_save", "Save"))
    assert staff.errors == [NO_TERMS, NO_METHOD]
    assert PaymentMethod.objects.get().enabled
    staff.open(change(pos.organiser))
    staff.save(legal_name="")
    assert staff.errors == [f"Needed while a point of sale is switched on: {pos.name}."]
    PointOfSale.objects.update(active=False)
    staff.open(change(pos.organiser))
    staff.save(legal_name="")
    assert staff.errors == []


def test_another_way_to_pay_takes_the_place_of_the_first(pos, staff):
    PointOfSale.objects.update(active=True)
    form = staff.open(change(pos)).form("^_save$")
    del form.values[method_field(form, "on_site", "enabled")]
    values = {
        method_field(form, "bank_transfer", "enabled"): "on",
        method_field(form, "bank_transfer", "setting_account_holder"): "The Theatre",
        method_field(form, "bank_transfer", "setting_iban"): IBAN,
    }
    staff.submit(form, values, button=("_save", "Save"))
    assert staff.errors == []
    assert {row.code: row.enabled for row in PaymentMethod.objects.all()} == {
        "on_site": False,
        "bank_transfer": True,
    }


def test_shop_that_was_on_before_keeps_its_other_settings(pos, staff):
    """Shops from before this rule stay on; their page says what is missing."""
    PointOfSale.objects.update(active=True)
    for fault in (without_method, without_legal_name):
        fault(pos)
    PointOfSale.objects.update(terms="", terms_en="")
    staff.open(change(pos))
    staff.save(tagline_en="Changed")
    assert staff.errors == []
    text = staff.open(change(pos)).text
    assert "What stands in the way of ordering here:" in text
    for sentence in (NO_METHOD, "There are no terms of sale.", NO_NAME):
        assert sentence in text


class SmallSums(OnSite):
    """Takes francs, up to fifty."""

    def takes(self, total, currency):
        return 0 < total <= 50 and currency == "CHF"


def test_method_that_does_not_take_every_price_is_not_enough(pos, staff, monkeypatch):
    monkeypatch.setitem(METHODS, "on_site", SmallSums)
    OfferFactory(pos=pos, price=Decimal("35.00"))
    staff.open(change(pos))
    staff.save(active="on")
    assert staff.errors == []
    PointOfSale.objects.update(active=False)
    SeasonPassFactory(pos=pos, price=Decimal("120.00"))
    staff.open(change(pos))
    staff.save(active="on")
    assert staff.errors == ["No way to pay takes CHF\N{NO-BREAK SPACE}120.00. Offer another one."]
    pos.organiser.currency = "EUR"
    pos.organiser.save()
    assert opening.unpayable(pos, opening.enabled_methods(pos)) == [Decimal("35.00"), Decimal("120.00")]


def test_who_does_not_see_the_ways_to_pay_switches_on_only_with_one(pos):
    few = Staff(staff_with(pos.organiser, {"organisers.view_pointofsale", "organisers.change_pointofsale"}))
    assert "payment_methods" not in few.open(change(pos)).source
    without_method(pos)
    few.save(active="on")
    assert few.errors == [NO_METHOD]


def test_page_of_a_shop_tells_of_an_order_form_that_is_not_published(pos, staff):
    OfferFactory(pos=pos)
    assert "What is missing" not in staff.open(change(pos)).text
    OrderForm.objects.create(
        form=make_form("order", organiser=pos.organiser, name="Parking"), point_of_sale=pos
    )
    assert "Nobody is asked the form “Parking”" in staff.open(change(pos)).text


def test_shop_with_nothing_on_sale_shows_a_message(pos, staff):
    EventFactory(pos=pos)
    assert "Nothing is on sale here" in staff.open(change(pos)).text
    OfferFactory(pos=pos)
    assert "Nothing is on sale here" not in staff.open(change(pos)).text


# --- visitors of a shop from before the rule ------------------------------------------------------------------
def to_review(pos) -> TestClientVisitor:
    visitor = TestClientVisitor()
    offer = OfferFactory(pos=pos)
    visitor.put_in_cart(pos.slug, **{f"offer_{offer.pk}": 1})
    visitor.open(f"/{pos.slug}/checkout/")
    visitor.give_details(email="ada@example.org")
    return visitor


def test_visitor_who_cannot_pay_reads_why_and_what_to_do(pos):
    PointOfSale.objects.update(active=True)
    without_method(pos)
    visitor = to_review(pos)
    assert "This shop offers no way to pay for this order at the moment." in visitor.page.text
    assert visitor.page.link("Ask the organiser") == f"/{pos.slug}/about/imprint/"
    assert not any("checkout_key" in form.names for form in visitor.page.forms)
    PaymentMethodFactory(point_of_sale=pos)
    assert visitor.open(visitor.page.url).form("^checkout_key$")


def test_checkout_asks_for_no_terms_if_there_are_none(pos):
    PointOfSale.objects.update(active=True)
    visitor = to_review(pos)
    assert "terms" in visitor.page.form("^checkout_key$").names
    PointOfSale.objects.update(terms="", terms_en="")
    form = visitor.open(visitor.page.url).form("^checkout_key$")
    assert "terms" not in form.names
    visitor.submit(form, {"method": "on_site"})
    assert Order.objects.get().point_of_sale == pos


def test_payment_method_switched_off_during_the_review_is_refused(pos):
    PointOfSale.objects.update(active=True)
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    visitor = to_review(pos)
    PaymentMethod.objects.filter(code="bank_transfer").update(enabled=False)
    page = visitor.place("bank_transfer")
    assert "This way to pay is not offered any more. Please choose another one." in page.text
    visitor.place("on_site")
    assert Order.objects.get().payment_method == "on_site"


def test_guest_who_may_no_longer_order_is_asked_to_log_in_with_the_reason(pos):
    PointOfSale.objects.update(active=True)
    visitor = to_review(pos)
    PointOfSale.objects.update(guest_checkout=False)
    page = visitor.place("on_site")
    assert page.url.startswith("/accounts/login/")
    assert "Log in to order here." in page.text
    assert not Order.objects.exists()


@pytest.mark.parametrize(("column", "also_missing"), [("terms_en", {"method": "none"}), ("terms_fr", {})])
def test_terms_are_accepted_only_in_the_words_the_page_led_to(pos, column, also_missing):
    PointOfSale.objects.update(active=True, terms_fr="Ce qui est acheté est acheté.")
    visitor = to_review(pos)
    PointOfSale.objects.update(**{column: "Other words."})
    page = visitor.fill("^content_hash$", {"method": "on_site", "terms": "on", **also_missing})
    assert "The terms of sale have changed since you opened this page." in page.text
    assert "terms" not in page.form("^content_hash$").values
    assert not Order.objects.exists()
    visitor.place("on_site")
    assert Order.objects.count() == 1


def test_terms_added_during_the_review_must_be_accepted(pos):
    PointOfSale.objects.update(active=True, terms="", terms_en="")
    visitor = to_review(pos)
    PointOfSale.objects.update(terms="Words.", terms_en="Words.")
    assert "The terms of sale have changed" in visitor.fill("^content_hash$", {"method": "on_site"}).text
    visitor.place("on_site")
    assert Order.objects.count() == 1


def test_settings_that_would_shut_a_function_are_refused(staff, pos):
    staff.open(change(pos.organiser))
    staff.save(link_request_days=0, bank_expiry_days=0, link_adds_per_day=0)
    assert staff.errors.count("Ensure this value is greater than or equal to 1.") == 3


def test_factories_make_shops_that_may_be_on_once_they_have_a_way_to_pay():
    pos = make_cart().point_of_sale
    assert opening.has_terms(pos)
    assert pos.organiser.legal_name
