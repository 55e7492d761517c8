"""Sentences about money for staff who may see it and may not deal with it: they name who can."""

from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change
from ticketshop.sales.models import Refund
from ticketshop.sales.orders import orders

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-08")]
WHO = "Your role can’t do this. Who can: owner, back office or accounting."
BUTTON = "Refund done"


@pytest.fixture
def refund():
    offer = OfferFactory(pos=PointOfSaleFactory(slug="theatre"), capacity=4, price=Decimal("35.00"))
    order = make_order({offer: 1}, method="bank_transfer", paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    return Refund.objects.select_related("payment__order__organiser").get()


def staff(refund, role: str) -> Staff:
    return Staff(make_staff(refund.payment.order.organiser, role))


@pytest.mark.parametrize("state", ["requested", "failed"])
def test_box_office_reads_who_pays_a_refund_back(refund, state):
    Refund.objects.filter(pk=refund.pk).update(state=state)
    box_office = staff(refund, "box office")
    assert (
        f"1 refund {'has to be paid' if state == 'requested' else 'was refused'}"
        in box_office.open("/admin/").text
    )
    assert WHO in box_office.page.text
    page = box_office.open(change(refund))
    assert WHO in page.text and BUTTON not in page.text


@pytest.mark.parametrize("role", ["owner", "back office", "accounting"])
def test_those_who_pay_refunds_back_read_what_to_do(refund, role):
    user = staff(refund, role)
    assert WHO not in user.open("/admin/").text
    page = user.open(change(refund))
    assert "Pay it, then note it here with “Refund done”." in page.text and WHO not in page.text
    user.press(refund, "done")
    assert "Pay it, then" not in user.open(change(refund)).text


def test_cancelling_tells_the_box_office_who_notes_the_refund(refund):
    offer = OfferFactory(pos=refund.payment.order.point_of_sale, price=Decimal("35.00"))
    order = make_order({offer: 1}, method="bank_transfer", paid=True)
    page = staff(refund, "box office").open(f"{change(order).removesuffix('change/')}cancel/")
    assert (
        "where it is noted once it is paid back by hand. Who can: owner, back office or accounting."
        in page.text
    )
