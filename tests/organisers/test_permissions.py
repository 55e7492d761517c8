"""Permissions per organiser: one person may own one organiser and work in the box office of another."""

import pytest

from tests.factories.accounts import SuperuserFactory, UserFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change, listing
from ticketshop.organisers import permissions
from ticketshop.organisers.models import PointOfSale, StaffMembership
from ticketshop.sales.models import Order, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def a():
    return PointOfSaleFactory(name="Aye shop", organiser__name="Aye")


@pytest.fixture
def b():
    return PointOfSaleFactory(name="Bee shop", organiser__name="Bee")


@pytest.fixture
def both(a, b):
    """Owner of A, box office of B."""
    user = make_staff(a.organiser, "owner")
    StaffMembershipFactory(user=user, organiser=b.organiser, role="box office")
    return user


@pytest.fixture
def stranger():
    """A third organiser, whose rows none of these users may see."""
    return PointOfSaleFactory(name="Sea shop", organiser__name="Sea")


def test_has_perm_with_a_row_checks_its_organiser(both, a, b):
    assert both.has_perm("organisers.change_pointofsale")
    assert both.has_perm("organisers.change_pointofsale", a)
    assert not both.has_perm("organisers.change_pointofsale", b)
    assert both.has_perm("sales.change_order", make_order(pos=b))
    assert not both.has_perm("accounts.view_user")


def test_organiser_is_found_by_the_path_of_each_model(a):
    order = make_order(pos=a, paid=True)
    ticket = order.tickets.get()
    for row in (a.organiser, a, order, ticket, ticket.session, order.payments.get(), order.buyer):
        assert permissions.organiser_id_of(row) == a.organiser_id, row._meta.label
    assert permissions.organiser_id_of(UserFactory()) is None


def test_list_shows_orders_of_both_own_organisers_only(both, a, b, stranger):
    mine = [make_order(pos=a).reference, make_order(pos=b).reference]
    theirs = make_order(pos=stranger)
    staff = Staff(both)
    page = staff.open(listing(Order))
    assert all(reference in page.source for reference in mine)
    assert theirs.reference not in page.source
    assert theirs.reference in Staff(make_staff(stranger.organiser)).open(listing(Order)).source


def test_orders_can_be_marked_paid_only_where_the_role_allows_it(both, a, b, stranger):
    for pos in (a, b):
        order = make_order(pos=pos)
        Staff(both).press(order, "mark-paid", method="card_terminal")
        order.refresh_from_db()
        assert order.state == Order.State.PAID
    foreign = make_order(pos=stranger)
    assert Staff(both).open(f"/admin/sales/order/{foreign.pk}/mark-paid/").status == 404


def test_only_points_of_sale_of_the_own_organiser_can_be_changed(both, a, b):
    staff = Staff(both)
    assert staff.open(change(a)).status == 200
    staff.save(hold_minutes=20)
    a.refresh_from_db()
    assert a.hold_minutes == 20
    assert staff.open(change(b)).status == 404
    assert "Bee shop" not in staff.open(listing(PointOfSale)).source


def test_view_permission_does_not_allow_changes(a, b):
    """Back office sees the points of sale of its organiser; only the owner changes them."""
    user = make_staff(a.organiser, "back office")
    StaffMembershipFactory(user=user, organiser=b.organiser, role="owner")
    staff = Staff(user)
    page = staff.open(change(a))
    assert page.status == 200
    assert 'name="_save"' not in page.source
    token = {name: value for form in page.forms for name, value in form.values.items() if "csrf" in name}
    assert staff.send("POST", change(a), {**token, "hold_minutes": "20"}).status == 403
    assert 'name="_save"' in staff.open(change(b)).source


def test_ended_membership_has_no_effect_at_the_next_request(both, a):
    order = make_order(pos=a)
    staff = Staff(both)
    assert staff.open(change(order)).status == 200
    StaffMembership.objects.filter(user=both).delete()
    assert staff.open("/admin/").status == 403


def test_visitors_and_guests_cannot_open_the_back_office(a):
    visitor = UserFactory()
    ContactFactory(organiser=a.organiser, user=visitor)
    assert Staff(visitor).open("/admin/").status == 403
    assert Staff(UserFactory(is_active=False)).send("GET", "/admin/").status == 302


def test_back_office_uses_the_shops_log_in_and_returns(a):
    user = make_staff(a.organiser, email="owner@example.org")
    staff = Staff(user)
    staff.client.logout()
    page = staff.open("/admin/sales/order/")
    assert page.url.startswith("/accounts/login/?next=")
    staff.fill("^login$", {"login": "owner@example.org", "password": "a-long-test-password"})
    assert staff.page.url == "/admin/sales/order/"
    assert "owner@example.org" in staff.page.source


def test_log_out_ends_the_session(a):
    staff = Staff(make_staff(a.organiser))
    staff.open("/admin/")
    staff.submit(staff.page.form(r"/admin/logout/"))
    assert staff.open("/admin/").url.startswith("/accounts/login/")


def test_superuser_sees_everything(a, b):
    first, second = make_order(pos=a), make_order(pos=b)
    page = Staff(SuperuserFactory()).open(listing(Order))
    assert first.reference in page.source
    assert second.reference in page.source


def test_inactive_superuser_sees_nothing(a):
    order = make_order(pos=a)
    active = SuperuserFactory()
    assert permissions.for_staff(Order.objects.all(), active, "sales.view_order").get() == order
    assert active.has_perm("sales.view_order", order)
    user = SuperuserFactory(is_active=False)
    assert not permissions.for_staff(Order.objects.all(), user, "sales.view_order")
    assert not user.has_perm("sales.view_order", order)


def test_for_staff_limits_a_queryset_by_the_path(both, a, b, stranger):
    orders = [make_order(pos=pos) for pos in (a, b, stranger)]
    found = permissions.for_staff(Ticket.objects.all(), both, "sales.view_ticket")
    assert {ticket.order_id for ticket in found} == {order.pk for order in orders[:2]}
