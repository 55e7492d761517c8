"""The keys of a payment service on the page of a point of sale: what is missing, whether they work, whose they are."""

from collections.abc import Callable

import pytest

from tests.at_once import at_once, meet
from tests.factories.accounts import SuperuserFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory
from tests.staff import Staff, change
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.admin import points_of_sale
from ticketshop.sales.models import PaymentMethod
from ticketshop.sales.payments.methods.stripe_checkout import StripeCheckout

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-10")]


# Does not tell that another organiser uses the account.
ANOTHERS = "This name can’t be used here. Ask who runs the shop."


@pytest.fixture
def pos(stripe):
    return PointOfSaleFactory(slug="theatre", active=False)


@pytest.fixture
def row(pos):
    return PaymentMethodFactory(point_of_sale=pos, code="stripe")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def test_page_tells_the_address_for_webhooks_the_test_mode_and_what_is_missing(staff, pos, row, settings):
    page = staff.open(change(pos))
    assert "Address for webhooks: http://testserver/hooks/stripe/theatre/" in page.text
    assert "Test mode: no money moves." in page.text
    assert "is not set" not in page.text
    assert "Visitors can’t pay in this way" not in page.text
    settings.STRIPE_ACCOUNTS = {}
    page = staff.open(change(pos))
    assert "The environment variable STRIPE_THEATRE_SECRET_KEY" in page.text
    assert "Visitors can’t pay in this way: its keys are missing or wrong." in page.text
    assert "can’t pay by “Card or TWINT”: its keys are missing or wrong.</a>" in page.source
    assert "Then use “Test the connection” at the top of this page." in page.text


def test_start_page_tells_of_test_mode_and_of_keys_that_are_missing(staff, row, pos, settings):
    pos.active = True
    pos.save(update_fields=["active"])
    PaymentMethodFactory(point_of_sale=PointOfSaleFactory(slug="foreign"), code="stripe")
    box_office = Staff(make_staff(pos.organiser, "box office"))
    test_mode = f"“Card or TWINT” of “{pos.name}” is in test mode: no money moves."
    for visitor in (staff, box_office):
        assert visitor.open("/admin/").text.count("is in test mode") == 1
        assert test_mode in visitor.page.text
    settings.STRIPE_ACCOUNTS = {}
    missing = f"Visitors of “{pos.name}” can’t pay by “Card or TWINT”: its keys are missing or wrong."
    assert f'{change(pos)}#payment_methods-group">{missing}' in staff.open("/admin/").source
    assert f"{missing} Your role can’t do this. Who can: owner." in box_office.open("/admin/").text
    assert change(pos) not in box_office.page.source


def test_button_asks_stripe_and_remembers_a_refused_key(staff, stripe, pos, row, settings):
    assert "works. Test mode: no money moves." in staff.press(pos, "test-payments").text
    stripe.behaviour.away = True
    assert "The payment service does not answer." in staff.press(pos, "test-payments").text
    settings.STRIPE_ACCOUNTS = {"THEATRE": {"SECRET_KEY": "sk_test_theatre", "WEBHOOK_SECRET": "oops"}}
    assert "STRIPE_THEATRE_WEBHOOK_SECRET is not a signing" in staff.press(pos, "test-payments").text
    stripe.behaviour.away = False
    settings.STRIPE_ACCOUNTS = {"THEATRE": {"SECRET_KEY": "sk_test_old", "WEBHOOK_SECRET": "whsec_x"}}
    assert (
        "Stripe has refused the key in STRIPE_THEATRE_SECRET_KEY." in staff.press(pos, "test-payments").text
    )
    assert "Stripe has refused the key" in staff.open(change(pos)).text
    settings.STRIPE_ACCOUNTS = {}
    assert "The environment variable STRIPE_THEATRE_SECRET_KEY" in staff.press(pos, "test-payments").text
    row.refresh_from_db()
    assert row.settings == {"account": "THEATRE"}


def test_button_is_there_only_with_a_method_that_has_a_provider(staff, pos):
    assert "Test the connection" not in staff.open(change(pos)).text
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    assert "Test the connection" in staff.open(change(pos)).text


def test_settings_that_are_saved_while_the_service_is_asked_stay(staff, pos, row, monkeypatch):
    ask = StripeCheckout.test_connection

    def ask_while_saved(method: StripeCheckout):
        PaymentMethod.objects.filter(pk=row.pk).update(settings={"account": "FESTIVAL"})
        return ask(method)

    monkeypatch.setattr(StripeCheckout, "test_connection", ask_while_saved)
    assert "works. Test mode: no money moves." in staff.press(pos, "test-payments").text
    row.refresh_from_db()
    assert row.settings == {"account": "FESTIVAL"}


def prefix_of_stripe(form) -> str:
    """Return with what the names of the fields of Stripe begin in the form of a point of sale."""
    return next(
        name.removesuffix("-code")
        for name, value in form.values.items()
        if name.startswith("payment_methods-") and value == "stripe"
    )


def test_name_of_an_account_belongs_to_one_organiser(staff, stripe, pos):
    foreign = PointOfSaleFactory(slug="festival")
    PaymentMethodFactory(point_of_sale=foreign, code="stripe")
    form = staff.open(change(pos)).form("^_save$")
    prefix = prefix_of_stripe(form)
    values = {f"{prefix}-enabled": "on", f"{prefix}-setting_account": " theatre "}
    staff.submit(form, values, button=("_save", "Save"))
    assert staff.errors == [ANOTHERS]
    staff.submit(form, {**values, f"{prefix}-setting_account": "the theatre"}, button=("_save", "Save"))
    assert "Letters and digits only, at most 30." in staff.errors
    PaymentMethod.objects.all().delete()
    staff.submit(form, values, button=("_save", "Save"))
    assert PaymentMethod.objects.get(point_of_sale=pos, code="stripe").settings == {"account": "THEATRE"}
    # The organiser's other shop may use it, too.
    second = PointOfSaleFactory(slug="kids", organiser=pos.organiser, active=False)
    form = staff.open(change(second)).form("^_save$")
    staff.submit(form, values, button=("_save", "Save"))
    assert PaymentMethod.objects.filter(point_of_sale=second, code="stripe").exists()


def test_account_of_another_organiser_is_refused_under_a_second_name_for_the_same_key(
    staff, pos, row, settings
):
    keys = settings.STRIPE_ACCOUNTS["THEATRE"]
    settings.STRIPE_ACCOUNTS = {"THEATRE": keys, "STAGE": keys, "FESTIVAL": {"SECRET_KEY": "sk_test_other"}}
    foreign = PointOfSaleFactory(slug="festival", active=False)
    owner = Staff(make_staff(foreign.organiser, "owner"))
    form = owner.open(change(foreign)).form("^_save$")
    values = {f"{prefix_of_stripe(form)}-setting_account": "stage"}
    owner.submit(form, values, button=("_save", "Save"))
    assert owner.errors == [ANOTHERS]
    owner.submit(form, {f"{prefix_of_stripe(form)}-setting_account": "festival"}, button=("_save", "Save"))
    assert owner.errors == []
    # The organiser whose key it is may use both names.
    second = PointOfSaleFactory(slug="kids", organiser=pos.organiser, active=False)
    form = staff.open(change(second)).form("^_save$")
    staff.submit(form, values, button=("_save", "Save"))
    assert PaymentMethod.objects.get(point_of_sale=second, code="stripe").settings == {"account": "STAGE"}


def test_page_with_an_account_that_two_organisers_have_already_can_be_saved(
    staff, stripe, pos, row, settings
):
    foreign = PointOfSaleFactory(slug="festival", active=False)
    PaymentMethodFactory(point_of_sale=foreign, code="stripe", settings={"account": "STAGE"})
    keys = settings.STRIPE_ACCOUNTS["THEATRE"]
    settings.STRIPE_ACCOUNTS = {"THEATRE": keys, "STAGE": keys}
    for owner, shop in ((staff, pos), (Staff(make_staff(foreign.organiser, "owner")), foreign)):
        form = owner.open(change(shop)).form("^_save$")
        owner.submit(form, {"tagline_en": "All year"}, button=("_save", "Save"))
        assert owner.errors == []
        assert PointOfSale.objects.get(pk=shop.pk).tagline_en == "All year"
    # The other name of the key, newly entered, is refused.
    form = owner.open(change(foreign)).form("^_save$")
    values = {f"{prefix_of_stripe(form)}-setting_account": "theatre"}
    owner.submit(form, values, button=("_save", "Save"))
    assert owner.errors == [ANOTHERS]


def test_new_point_of_sale_without_an_organiser_is_refused_for_that_alone(stripe, row):
    administrator = Staff(SuperuserFactory())
    OrganiserFactory()
    form = administrator.open("/admin/organisers/pointofsale/add/").form("^_save$")
    values = {"name_en": "New", "slug": "new", f"{prefix_of_stripe(form)}-setting_account": "THEATRE"}
    administrator.submit(form, {**values, "organiser": ""}, button=("_save", "Save"))
    assert administrator.errors == ["This field is required."]


def test_new_point_of_sale_can_not_have_the_account_of_another_organiser(stripe, row, pos):
    administrator = Staff(SuperuserFactory())
    form = administrator.open("/admin/organisers/pointofsale/add/").form("^_save$")
    values = {"name_en": "New", "slug": "new", f"{prefix_of_stripe(form)}-setting_account": "THEATRE"}
    other = OrganiserFactory()
    administrator.submit(form, {**values, "organiser": str(other.pk)}, button=("_save", "Save"))
    assert administrator.errors == [ANOTHERS]
    assert not PointOfSale.objects.filter(slug="new").exists()
    administrator.submit(form, {**values, "organiser": str(pos.organiser_id)}, button=("_save", "Save"))
    assert administrator.errors == []
    new = PaymentMethod.objects.get(point_of_sale__slug="new", code="stripe")
    assert (new.settings, new.point_of_sale.organiser) == ({"account": "THEATRE"}, pos.organiser)


def saving_the_account(pos: PointOfSale) -> Callable[[], list[str]]:
    """Return a call in which the owner saves the account THEATRE for a point of sale. It returns the errors of the page."""
    owner = Staff(make_staff(pos.organiser, "owner"))
    form = owner.open(change(pos)).form("^_save$")
    prefix = prefix_of_stripe(form)
    values = {f"{prefix}-enabled": "on", f"{prefix}-setting_account": "THEATRE"}

    def save() -> list[str]:
        owner.submit(form, values, button=("_save", "Save"))
        return owner.errors

    return save


def saved_by_two_organisers_at_once(monkeypatch) -> tuple[list[str], int]:
    """Let two organisers save one account; both have looked for it before either writes. Return the errors, and how many have it."""
    looked = points_of_sale.PaymentMethodForm._is_anothers

    def meeting(*args) -> bool:
        is_anothers = looked(*args)
        meet()
        return is_anothers

    monkeypatch.setattr(points_of_sale.PaymentMethodForm, "_is_anothers", meeting)
    shops = [PointOfSaleFactory(slug=slug, active=False) for slug in ("theatre", "festival")]
    errors = at_once(*(saving_the_account(pos) for pos in shops))
    sentences = [sentence for of_page in errors for sentence in of_page]
    return sentences, PaymentMethod.objects.filter(settings__account="THEATRE").count()


@pytest.mark.django_db(transaction=True)
def test_account_that_two_organisers_save_at_once_belongs_to_one(stripe, monkeypatch):
    errors, number = saved_by_two_organisers_at_once(monkeypatch)
    assert errors == [ANOTHERS]
    assert number == 1


@pytest.mark.django_db(transaction=True)
def test_account_without_the_lock_would_belong_to_both(stripe, monkeypatch):
    monkeypatch.setattr(points_of_sale.advisory, "lock", lambda key: None)
    assert saved_by_two_organisers_at_once(monkeypatch) == ([], 2)
