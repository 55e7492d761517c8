"""The page of a point of sale: its characteristics, its ways to pay, and what was changed by whom."""

import re

import pytest
from modeltranslation.fields import TranslationField

from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.history import history
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.admin.points_of_sale import PointOfSaleAdmin
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import PaymentMethod
from ticketshop.sales.payments import methods

pytestmark = pytest.mark.django_db
IBAN = "CH93 0076 2011 6238 5295 7"


@pytest.fixture
def pos():
    return PointOfSaleFactory(name="Theatre", slug="theatre")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser))


def fieldset(source: str, heading: str) -> str:
    """Return what is below a heading of the form, until the next heading."""
    after = source.split(f">{heading}</h2>", 1)[1]
    return after.split("</h2>", 1)[0]


@pytest.mark.parametrize(("language", "heading"), [("en", "Characteristics"), ("fr", "Paramètres")])
def test_the_characteristics_stand_in_a_fieldset_of_that_name(language, heading, pos):
    source = Staff(make_staff(pos.organiser), language).open(change(pos)).source
    below = fieldset(source, heading)
    for name in (
        "friends_family_enabled",
        "friends_family_mode",
        "friends_family_max",
        "guest_checkout",
        "hold_minutes",
        "max_tickets_per_order",
    ):
        assert f'name="{name}"' in below, name


def test_every_column_that_staff_may_change_has_a_field_on_the_page(staff, pos):
    source = staff.open(change(pos)).source
    # A translated column has a field per language; the organiser of a row can't be changed.
    others = {"id", "organiser", *PointOfSaleAdmin.translated}
    columns = [
        column.name
        for column in PointOfSale._meta.fields
        if column.editable and column.name not in others and not isinstance(column, TranslationField)
    ]
    assert "guest_checkout" in columns
    # Several checkboxes, as for the languages, may have a number behind the name.
    missing = [name for name in columns if not re.search(rf'name="{name}(_\w+)?"', source)]
    assert missing == [], "name it in PointOfSaleAdmin.fieldsets"


def test_a_change_is_recorded_with_old_and_new_values(staff, pos):
    staff.open(change(pos))
    staff.save(friends_family_enabled="on", hold_minutes=20)
    pos.refresh_from_db()
    assert (pos.friends_family_enabled, pos.hold_minutes) == (True, 20)
    event = history.of(pos).get()
    assert event.by == staff.user
    assert event.organiser_id == pos.organiser_id
    assert event.details == {"changes": {"friends_family_enabled": [False, True], "hold_minutes": [15, 20]}}
    text = staff.open(change(pos)).text
    assert "Friends and family: no → yes" in text
    assert "15 → 20" in text


def test_saving_without_a_change_leaves_no_trace(staff, pos):
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    staff.open(change(pos))
    staff.save()
    assert staff.page.status == 200
    assert not history.of(pos)


def test_a_way_to_pay_is_offered_with_its_settings(staff, pos):
    page = staff.open(change(pos))
    assert "Bank transfer" in page.text
    form = page.form("^_save$")
    number = next(
        name.split("-")[1]
        for name, value in form.values.items()
        if name.endswith("-code") and value == "bank_transfer"
    )
    prefix = f"payment_methods-{number}"
    staff.submit(form, {f"{prefix}-enabled": "on"}, button=("_save", "Save"))
    assert staff.errors.count("Needed to offer this way to pay.") == 2
    values = {f"{prefix}-enabled": "on", f"{prefix}-setting_account_holder": "The Theatre"}
    staff.submit(form, {**values, f"{prefix}-setting_iban": IBAN[:-1] + "8"}, button=("_save", "Save"))
    assert any("check digits" in error for error in staff.errors)
    staff.submit(
        form, {**values, f"{prefix}-setting_iban": "CH44 3199 9123 0008 8901 2"}, button=("_save", "Save")
    )
    assert any("This is a QR-IBAN" in error for error in staff.errors)
    assert not PaymentMethod.objects.exists()
    pasted = f"iban\u00a0{IBAN.lower().replace(' ', chr(0xA0))}"
    staff.submit(form, {**values, f"{prefix}-setting_iban": pasted}, button=("_save", "Save"))
    method = PaymentMethod.objects.get()
    assert (method.code, method.enabled) == ("bank_transfer", True)
    assert method.settings == {"account_holder": "The Theatre", "iban": IBAN.replace(" ", "")}
    assert "bank_transfer" in methods.offered(pos, 10, "CHF")
    assert IBAN in staff.open(change(pos)).source
    assert "paymentmethod.bank_transfer.setting_iban" in history.of(pos).get().details["changes"]


def test_a_way_to_pay_is_switched_off_and_keeps_its_settings(staff, pos):
    method = PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    PaymentMethodFactory(point_of_sale=pos, code="on_site")  # a shop that is on keeps a way to pay
    form = staff.open(change(pos)).form("^_save$")
    code = next(name for name, value in form.values.items() if value == "bank_transfer")
    del form.values[code.replace("-code", "-enabled")]
    staff.submit(form, button=("_save", "Save"))
    method.refresh_from_db()
    assert (method.enabled, method.settings["iban"]) == (False, "CH9300762011623852957")


def test_a_code_that_is_no_way_to_pay_is_refused(staff, pos):
    form = staff.open(change(pos)).form("^_save$")
    page = staff.submit(
        form, {"payment_methods-0-code": "gold", "payment_methods-0-enabled": "on"}, button=("_save", "Save")
    )
    assert page.status == 200
    assert not PaymentMethod.objects.exists()


def test_the_first_language_and_the_others(staff, pos):
    staff.open(change(pos))
    staff.save(languages_1="fr")
    pos.refresh_from_db()
    assert pos.languages[0] == "fr"
    assert history.of(pos).get().details["changes"]["languages"][1][0] == "fr"


def test_bad_input_is_a_sentence(staff, pos):
    """In every field at once, and then the other ways to be wrong."""
    PointOfSaleFactory(slug="taken")
    everywhere = {
        "slug": ("admin", "address of the shop itself"),
        "hold_minutes": (2, "greater than or equal to 3"),
        "friends_family_max": (0, "greater than or equal to 1"),
        "friends_family_mode": ("loud", "loud is not one of the available choices"),
        "max_tickets_per_order": ("", "required"),
        "accent_colour": ("red", "valid value"),
        "email_sender_address": ("nobody", "Enter an e-mail address such as"),
        "languages_1": ("xx", "xx is not one of the available choices"),
    }
    others = [
        {"slug": ("../x", "slug"), "hold_minutes": (10**9, "less than or equal to")},
        {"slug": ("taken", "already exists")},
    ]
    for wrong in (everywhere, *others):
        staff.open(change(pos))
        page = staff.save(**{field: value for field, (value, _sentence) in wrong.items()})
        assert page.status == 200
        for field, (_value, sentence) in wrong.items():
            assert any(sentence in error for error in staff.errors), (field, staff.errors)
        assert len(staff.errors) == len(wrong), staff.errors
        assert not history.of(pos)


def test_name_of_the_sender_is_one_line(staff, pos):
    staff.open(change(pos))
    assert staff.save(email_sender_name="The\r\nBcc: all@example.org").status == 200
    pos.refresh_from_db()
    assert pos.email_sender_name.startswith("The") and "\n" not in pos.email_sender_name


def test_back_office_looks_at_the_settings_and_changes_none(pos):
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    page = Staff(make_staff(pos.organiser, "back office")).open(change(pos))
    assert page.status == 200
    assert "Characteristics" in page.source
    assert 'name="_save"' not in page.source
    assert "CH9300762011623852957" not in page.source, "payment methods are the owner's matter"


def test_the_web_address_stays_once_something_was_ordered(staff, pos):
    staff.open(change(pos))
    staff.save(slug="other")
    pos.refresh_from_db()
    assert pos.slug == "other"
    order = make_order(pos=pos)
    staff.open(change(pos))
    staff.save(slug="third", name_en="Still a theatre")
    assert staff.errors == [
        "It can’t be changed any more: the links in e-mails about the orders of this shop lead to “other”."
        " Under another address, open another point of sale."
    ]
    staff.save(slug="other")
    assert TestClientVisitor().open(order_mails.order_path(order)).status == 200
    pos.refresh_from_db()
    assert (pos.slug, pos.name) == ("other", "Still a theatre")
