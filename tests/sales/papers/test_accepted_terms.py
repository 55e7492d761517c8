"""Which terms of sale were accepted with an order stays readable after they changed."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from tests.factories.organisers import make_staff
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.staff import Staff
from tests.visitor import TestClientVisitor
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.cart import contents
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order
from ticketshop.sales.orders import orders, placing

pytestmark = pytest.mark.django_db


def change_terms(pos: PointOfSale, text: str) -> None:
    fresh = PointOfSale.objects.get(pk=pos.pk)
    fresh.terms_en = text
    fresh.save()


def test_buyer_and_staff_read_the_terms_as_they_were():
    order = make_order()
    pos = order.point_of_sale
    change_terms(pos, "Everything is *different* now.")
    page = TestClientVisitor().open(f"{order_mails.order_path(order)}terms/")
    staff = Staff(make_staff(order.organiser, "box office"))
    of_staff = staff.open(f"/admin/sales/order/{order.pk}/accepted-terms/")
    for text in (page.text, of_staff.text):
        assert "What is bought here is bought." in text
        assert "Version 1 of" in text
        assert "different" not in text
    assert "different" in TestClientVisitor().open(f"/{pos.slug}/about/terms/").text
    later = make_order(pos=pos)
    assert later.terms_version.number == 2


def test_order_from_before_versions_says_that_they_are_not_known():
    order = make_order()
    Order.objects.filter(pk=order.pk).update(terms_version=None)
    link = order_mails.order_path(order)
    visitor = TestClientVisitor()
    assert "terms of sale you accepted" not in visitor.open(link).text
    assert visitor.open(f"{link}terms/").status == 404
    staff = Staff(make_staff(order.organiser))
    assert "It is not known which terms" in staff.open(f"/admin/sales/order/{order.pk}/accepted-terms/").text


def placed(cart, terms_hash: str) -> Order:
    whole = contents.read(cart)
    return orders.place(
        cart,
        method="on_site",
        content_hash=whole.content_hash,
        shown=placing.Shown(contents.details_hash(cart), terms_hash),
        user=AnonymousUser(),
        language="en",
        now=timezone.now(),
    )


def test_terms_that_change_between_the_page_and_the_order_are_refused_in_the_transaction():
    """The view has compared the terms already; here they change after that."""
    cart = make_cart()
    PaymentMethodFactory(point_of_sale=cart.point_of_sale)
    read = contents.terms_hash(cart.point_of_sale)
    change_terms(cart.point_of_sale, "Changed a moment ago.")
    with pytest.raises(orders.CannotPlace) as refused:
        placed(cart, read)
    assert refused.value.code == "terms"
    fresh = PointOfSale.objects.get(pk=cart.point_of_sale_id)
    order = placed(cart, contents.terms_hash(fresh))
    assert order.terms_version.texts == {"en": "Changed a moment ago."}
