"""The job that compares the last days with the lists of payment services, and the pages that show what differs."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import OrganiserFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.staff import Staff, change, listing
from tests.wallet import Provider, ProvidersPage
from ticketshop.history.models import Event
from ticketshop.jobs.models import Failure
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Payment, PaymentDifference
from ticketshop.sales.payments import provider_pages
from ticketshop.sales.payments.differences import COMPARE

pytestmark = pytest.mark.django_db
NOW = timezone.now
ON_START_PAGE = "1 difference to the list of a payment service is to be looked at"


def shop(provider: Provider, **values) -> PointOfSale:
    """A point of sale whose buyers pay at this provider."""
    return PaymentMethodFactory(code="wallet", settings={"origin": provider.origin}, **values).point_of_sale


def opened(pos: PointOfSale, provider: Provider) -> Payment:
    """A payment whose page was paid, and of which the shop has not heard."""
    order = make_order({OfferFactory(pos=pos, price=Decimal("35.00")): 1}, method="wallet")
    assert provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=NOW())
    provider.pay(provider.last_page)
    return Payment.objects.select_related("order__point_of_sale").get(order=order)


def paid(pos: PointOfSale, provider: Provider) -> Payment:
    payment = opened(pos, provider)
    provider_pages.settle(payment, now=NOW())
    return payment


def unknown_money(provider: Provider) -> ProvidersPage:
    page = ProvidersPage("page9", "", "12.00", "CHF", "", "")
    provider.pages[page.id] = page
    provider.pay(page)
    return page


def in_days(number: int) -> datetime:
    return NOW() + timedelta(days=number)


def compare(number: int = 1) -> None:
    """Run the job as in the night ``number`` days from now. Today's money is compared by the first of them."""
    COMPARE.run(in_days(number))
    assert not Failure.objects.exists()


def start_page(pos: PointOfSale, role: str = "accounting") -> str:
    return Staff(make_staff(pos.organiser, role)).open("/admin/").text


def test_a_difference_is_stored_once_and_shown_to_accounting_of_its_organiser_only(provider):
    pos = shop(provider)
    paid(pos, provider)
    compare()
    assert not PaymentDifference.objects.exists()
    staff = Staff(make_staff(pos.organiser, "accounting"))
    assert f"“Wallet” of “{pos.name}” is compared up to " in staff.open(listing(PaymentDifference)).text
    unknown_money(provider)
    compare(1)
    compare(2)
    row = PaymentDifference.objects.get()
    assert (row.point_of_sale, row.method, row.code) == (pos, "wallet", "unknown")
    assert (row.amount_there, row.currency_there, row.amount_here) == (Decimal(12), "CHF", None)
    page = staff.open("/admin/")
    assert "CHF 12.00" in staff.open(page.link(ON_START_PAGE)).text
    page = staff.open(change(row))
    assert "page9" in page.text and "Search for this reference" in page.text
    other = Staff(make_staff(OrganiserFactory(), "accounting"))
    assert ON_START_PAGE not in other.open("/admin/").text
    assert other.open(change(row)).status == 404
    assert "page9" not in other.open(listing(PaymentDifference)).text
    assert "is compared up to" not in other.page.text
    assert ON_START_PAGE not in start_page(pos, "box office")


def test_an_open_difference_closes_by_itself_days_later_when_it_is_gone(provider):
    pos = shop(provider)
    payment = opened(pos, provider)
    compare()
    row = PaymentDifference.objects.get()
    assert (row.code, row.amount_here, row.resolved_at) == ("not_confirmed", Decimal(35), None)
    compare(5)
    row.refresh_from_db()
    assert row.resolved_at is None
    provider_pages.settle(payment, now=NOW())
    compare(6)
    row.refresh_from_db()
    assert row.resolved_at
    assert PaymentDifference.objects.count() == 1
    assert ON_START_PAGE not in start_page(pos)


@pytest.mark.parametrize(("before", "codes"), [(3, []), (12, ["not_listed"])])
def test_a_payment_that_was_confirmed_days_after_it_began_is_no_difference(provider, before, codes):
    paid(shop(provider), provider)
    provider.only_page.paid_at -= timedelta(days=before).total_seconds()
    compare(1)
    compare(2)
    assert list(PaymentDifference.objects.values_list("code", flat=True)) == codes


def test_money_that_went_back_is_named_at_the_point_of_sale_of_its_payment_only(provider):
    pos, _other = shop(provider), shop(provider)
    page = provider.pages[paid(pos, provider).provider_reference]
    page.refunds["by hand"], page.refunded_at["by hand"] = "5.00", NOW().timestamp()
    compare()
    row = PaymentDifference.objects.get()
    assert (row.point_of_sale, row.code) == (pos, "refund_unknown")
    assert (row.amount_there, row.amount_here) == (Decimal(5), Decimal(0))
    assert row.payment.order.point_of_sale == pos
    page.refunds["again"], page.refunded_at["again"] = "5.00", NOW().timestamp()
    compare()
    assert PaymentDifference.objects.filter(code="refund_unknown", resolved_at=None).count() == 2


def test_what_staff_dealt_with_stays_so_until_its_amounts_change(provider):
    pos = shop(provider)
    page = unknown_money(provider)
    compare()
    row = PaymentDifference.objects.get()
    staff = Staff(make_staff(pos.organiser, "accounting"))
    assert "Noted." in staff.press(row, "done").text
    compare(2)
    row.refresh_from_db()
    assert (row.handled_by, row.resolved_at) == (staff.user, None)
    assert (
        Event.objects.filter(action="difference_done", by=staff.user, organiser_id=pos.organiser_id).count()
        == 1
    )
    assert ON_START_PAGE not in staff.open("/admin/").text
    assert "Nothing has changed" in staff.press(row, "done").text
    assert "to be looked at again" in staff.press(row, "reopen").text
    assert ON_START_PAGE in staff.open("/admin/").text
    staff.press(row, "done")
    page.paid = "13.00"
    compare(2)
    row.refresh_from_db()
    assert (row.amount_there, row.handled_at, row.handled_by) == (Decimal(13), None, None)
    assert ON_START_PAGE in staff.open("/admin/").text


def test_a_silent_provider_stops_no_other_and_is_asked_again_for_every_day(provider):
    pos = shop(provider)
    unknown_money(provider)
    provider.away = True
    with Provider() as answering:
        other = shop(answering)
        unknown_money(answering)
        COMPARE.run(in_days(1))
    assert PaymentDifference.objects.get().point_of_sale == other
    failure = Failure.objects.get()
    assert (failure.job, failure.organiser_id) == ("sales.compare_payments", pos.organiser_id)
    COMPARE.try_again(in_days(4))
    assert Failure.objects.get().times == 2
    provider.away = False
    COMPARE.try_again(in_days(6))
    assert not Failure.objects.exists()
    assert PaymentDifference.objects.get(point_of_sale=pos).code == "unknown"
