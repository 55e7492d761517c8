"""The contract of payment methods: each method of the list, and one that redirects, can do what its callers rely on."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.template import Context, Template
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.mails.test_order_mails import deliver
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from tests.wallet import Wallet
from ticketshop.lib.values.money import ZERO
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, Payment, PaymentMethod
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import methods, payments
from ticketshop.sales.payments.methods.base import Method, RedirectMethod

pytestmark = pytest.mark.django_db
CODES = [*methods.METHODS, Wallet.code]
# Orders at the counter, which use the other methods, are tested in tests/sales/counter; test orders in tests/sales/orders/trials.
FOR_BUYERS = [
    code
    for code in CODES
    if code == Wallet.code or not (methods.METHODS[code].staff_only or code == methods.Trial.code)
]
REDIRECTS = {"open_page", "status", "close_page", "read_hook", "form_origins"}


@pytest.fixture(autouse=True)
def with_wallet(provider, stripe):
    """Have the method of the tests in the list, too, and the fake Stripe running."""


@pytest.fixture(params=CODES)
def any_class(request) -> type[Method]:
    return methods.METHODS[request.param]


@pytest.fixture(params=FOR_BUYERS)
def code(request) -> str:
    return request.param


@pytest.fixture
def method_class(code) -> type[Method]:
    return methods.METHODS[code]


@pytest.fixture
def order(code, provider) -> Order:
    pos = PointOfSaleFactory(slug="theatre")
    settings = {"settings": {"origin": provider.origin}} if code == Wallet.code else {}
    if code != "free":
        PaymentMethodFactory(point_of_sale=pos, code=code, **settings)
    price = ZERO if code == "free" else Decimal("35.00")
    return make_order({OfferFactory(pos=pos, price=price): 1}, method=code)


def test_method_has_a_code_that_fits_and_texts_for_people(any_class):
    code, method_class = any_class.code, any_class
    assert methods.METHODS[code] is method_class
    assert len(code) <= Order._meta.get_field("payment_method").max_length
    assert code.isascii()
    assert str(method_class.label).strip()
    shown = Template("{{ method.label }}|{{ method.hint }}").render(Context({"method": method_class}))
    assert shown.split("|")[0]
    assert methods.name_of(code) == str(method_class.label)


def test_method_declares_what_a_mail_needs(any_class):
    if any_class.reminder_days is not None:
        assert "ABC" in str(any_class.reminder_text) % {"reference": "ABC"}
    if any_class.code != "free" and not any_class.paid_at_once:
        assert str(any_class.mail_text).strip()


def test_method_that_redirects_implements_all_of_the_contract(any_class):
    method_class = any_class
    assert method_class.redirects == issubclass(method_class, RedirectMethod)
    if method_class.redirects:
        own = {*REDIRECTS, *(["refund"] if method_class.refunds else [])}
        assert [name for name in own if getattr(method_class, name) is getattr(RedirectMethod, name)] == []
    else:
        assert not method_class.refunds


def test_offered_only_for_totals_it_takes(code, order):
    offered = methods.offered(order.point_of_sale, order.total, order.currency)
    assert code in offered
    assert code not in methods.offered(
        order.point_of_sale, ZERO if order.total else Decimal(1), order.currency
    )


def test_deadline_is_later_than_now_and_an_order_without_money_expires(code, order, method_class):
    configured = methods.of_order(order.point_of_sale, code)
    now = timezone.now()
    for first_start in (None, now + timedelta(minutes=5), now + timedelta(days=90)):
        deadline = configured.expires_at(order.organiser, first_start, now)
        assert deadline is None if code == "free" else deadline > now
    if order.expires_at:
        assert orders.expire_overdue(order.expires_at) == 1
        assert books.check() == {name: [] for name in books.check()}


def test_order_page_and_mail_tell_how_to_pay_and_then_the_tickets(code, order, method_class, mailoutbox):
    path = order_mails.order_path(order)
    if code != "free":
        page, (letter,) = TestClientVisitor().open(path), deliver(mailoutbox)
        assert "How to pay" in page.text
        explained = method_class.hint if method_class.redirects else method_class.mail_text
        assert " ".join(str(explained).split()) in page.text
        assert " ".join(str(method_class.mail_text).split()) in " ".join(letter.body.split())
        assert any(form.action.endswith("/pay/") for form in page.forms) == method_class.redirects
        payments.confirm(order.payments.get(), by=None, now=timezone.now())
    assert "Your order is complete" in TestClientVisitor().open(path).text
    assert len(deliver(mailoutbox)[-1].attachments) == 1
    assert Payment.objects.get().method == code


def test_settings_of_the_method_are_on_the_page_of_the_point_of_sale(code, order, method_class):
    staff = Staff(make_staff(order.organiser, "owner"))
    page = staff.open(change(order.point_of_sale))
    assert (str(method_class.label) in page.text) == (code != "free")
    for name, (label, _needed) in method_class.setting_fields.items():
        assert str(label) in page.text
        stored = PaymentMethod.objects.get(code=code).settings.get(name, "")
        assert method_class.shown(name, stored) in page.source
        assert (
            method_class.normalised({**dict.fromkeys(method_class.setting_fields, ""), name: stored})[name]
            == stored
        )
    if code != "free":
        stored = PaymentMethod.objects.get(code=code).settings
        assert method_class.is_set_up(stored), (
            f"{stored} is not accepted: add settings of {code} to EXAMPLES in tests/factories/sales.py"
        )


def test_bank_transfer_is_named_only_in_its_own_file_and_the_list():
    """Only the demo and the migrations may name a method outside its file; others use ``methods.TRANSFER``."""
    root = Path(methods.__file__).parents[3]
    naming = {
        str(file.relative_to(root))
        for file in root.rglob("*.py")
        if "bank_transfer" in file.read_text() or "BankTransfer" in file.read_text()
    }
    assert {name for name in naming if not name.startswith("demo/") and "/migrations/" not in name} == {
        "sales/payments/methods/__init__.py",
        "sales/payments/methods/bank_transfer.py",
        "sales/payments/methods/invoice.py",  # a kind of it
    }
