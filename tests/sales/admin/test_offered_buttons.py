"""Buttons of orders, tickets and dates are offered only where pressing them can succeed."""

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SeasonPassFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.bookings.conftest import make_holder
from tests.staff import Staff, change
from ticketshop.catalogue.models import Session
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.counter import selling
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import orders, single_tickets
from ticketshop.sales.orders.cancelled_lines import units_of

pytestmark = pytest.mark.django_db
NOW = timezone.now


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def offer(pos):
    """A tariff on Friday; the event has a Saturday, too."""
    friday = OfferFactory(pos=pos, capacity=20)
    OfferFactory(session=SessionFactory(event=friday.session.event), tariff=friday.tariff, capacity=20)
    return friday


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def offered(staff: Staff, row) -> set[str]:
    """Return the names of the buttons on a row's page."""
    staff.open(change(row))
    return set(re.findall(rf'href="[^"]*/{row.pk}/([a-z-]+)/"', staff.page.source))


def sold_without_a_person(offer) -> Order:
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos, code="cash")
    sale = selling.Sale(
        pos=pos,
        wanted={("offer", offer.pk): 1},
        prices={("offer", offer.pk): offer.tariff.price},
        key=uuid.uuid4(),
        person=None,
        typed={},
        method="cash",
    )
    order = selling.sell(sale, by=make_staff(pos.organiser), now=NOW())
    assert order.without_person
    return order


def use(order: Order, *, all_of_it: bool = True) -> None:
    tickets = order.tickets.order_by("pk")
    pks = list(tickets.values_list("pk", flat=True))[: None if all_of_it else 1]
    Ticket.objects.filter(pk__in=pks).update(state=Ticket.State.USED, used_at=NOW())


def ask_later(order: Order, product, *, kind: str = "tariff") -> None:
    """Give a tariff or season pass a form, and what the order holds of it empty answers."""
    form = make_form(kind, organiser=order.point_of_sale.organiser)
    ask(form, "Diet")
    publish(form)
    product.form = form
    product.save()
    assert missing_answers.add(order, by=None, now=NOW())


# --- exchange ---------------------------------------------------------------------------------------------
def test_exchange_is_offered_for_a_buyer_and_not_for_a_sale_without_a_name(staff, offer):
    assert "exchange" in offered(staff, make_order({offer: 1}, paid=True))
    without_person = sold_without_a_person(offer)
    assert "exchange" not in offered(staff, without_person)
    assert "cancel them, pay the money back, and sell others at the counter" in staff.page.text


def test_exchange_is_not_offered_without_another_date_or_tariff(staff, pos):
    only = OfferFactory(pos=pos, capacity=20)
    order = make_order({only: 1}, paid=True)
    assert "exchange" not in offered(staff, order)
    later = SessionFactory(event=only.session.event)
    OfferFactory(session=later, tariff=only.tariff)
    assert "exchange" in offered(staff, order)
    Session.objects.filter(pk=later.pk).update(state=Session.State.CANCELLED)
    assert "exchange" not in offered(staff, order)


def test_exchange_is_offered_for_a_group_only_while_none_of_its_tickets_is_used(staff, pos):
    group = OfferFactory(pos=pos, capacity=20, tariff__tickets_per_unit=3)
    OfferFactory(session=SessionFactory(event=group.session.event), tariff=group.tariff, capacity=20)
    order = make_order({group: 1}, paid=True)
    assert "exchange" in offered(staff, order)
    use(order, all_of_it=False)
    assert "exchange" not in offered(staff, order)


def test_exchange_is_not_offered_for_places_booked_with_a_pass_and_the_page_tells_what_to_do(offer):
    holder = make_holder(offer=offer, entries=5)
    staff = Staff(make_staff(holder.pos.organiser))
    assert "exchange" not in offered(staff, holder.book())
    assert "book another date with the pass" in staff.page.text


# --- cancel, names, codes ---------------------------------------------------------------------------------
def test_cancel_is_offered_until_everything_is_used(staff, offer):
    order = make_order({offer: 2}, paid=True)
    use(order, all_of_it=False)
    assert "cancel" in offered(staff, order)
    use(order)
    assert {"cancel", "pay-back"} & offered(staff, order) == {"pay-back"}


def test_names_and_answers_of_a_cancelled_order_are_not_offered_for_change(staff, offer):
    order = make_order({offer: 2}, paid=True)
    ask_later(order, offer.tariff)
    ticket = order.tickets.order_by("pk").first()
    both = {"names", "answers"}
    assert both <= offered(staff, order) & offered(staff, ticket)
    single_tickets.cancel(order, [units_of(order)[0].key], by=None, now=NOW())
    assert both <= offered(staff, order)
    assert not both & offered(staff, ticket)
    orders.cancel(Order.objects.get(pk=order.pk), by=None, now=NOW())
    assert not both & offered(staff, order)


def test_names_and_answers_of_a_pass_are_offered_until_it_is_cancelled(staff, pos):
    season_pass = SeasonPassFactory(pos=pos)
    order = make_order({season_pass: 1}, paid=True)
    ask_later(order, season_pass, kind="pass")
    issued = order.passes.get()
    both = {"names", "answers"}
    assert both <= offered(staff, order) & offered(staff, issued)
    orders.cancel(order, by=None, now=NOW())
    assert not both & (offered(staff, order) | offered(staff, issued))


def test_a_new_code_is_not_offered_after_the_date(staff, offer):
    order = make_order({offer: 1}, paid=True)
    assert "new-codes" in offered(staff, order)
    past = NOW() - timedelta(days=2)
    Session.objects.filter(pk=offer.session_id).update(starts_at=past, ends_at=past + timedelta(hours=1))
    assert "new-codes" not in offered(staff, order)


# --- invoices ---------------------------------------------------------------------------------------------
def test_an_invoice_is_not_offered_when_nothing_that_costs_money_is_left(staff, offer, client):
    free = OfferFactory(
        session=offer.session, tariff=TariffFactory(event=offer.session.event, price=0), capacity=5
    )
    order = make_order({offer: 1, free: 1}, paid=True)
    url = f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/"
    assert "invoice" in offered(staff, order)
    assert f"{url}invoice/" in client.get(url).text
    costs = next(unit for unit in units_of(order) if unit.line.total)
    single_tickets.cancel(order, [costs.key], by=None, now=NOW())
    assert "invoice" not in offered(staff, order)
    assert f"{url}invoice/" not in client.get(url).text


def test_the_link_to_invoices_of_a_cancelled_order_is_shown_only_if_there_is_one(offer, client):
    order = make_order({offer: 1}, paid=True)
    url = f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/"
    assert f"{url}invoice/" in client.get(url).text
    orders.cancel(order, by=None, now=NOW())
    assert f"{url}invoice/" not in client.get(url).text
    assert client.get(f"{url}invoice/").status_code == 404


# --- dates and passes ----------------------------------------------------------------------------------------
def test_a_message_is_offered_for_a_date_with_a_ticket(staff, offer):
    assert "message" not in offered(staff, offer.session)
    make_order({offer: 1}, paid=True)
    assert "message" in offered(staff, offer.session)


def test_booking_is_not_offered_with_a_pass_that_is_used_up_or_over():
    holder = make_holder(entries=1)
    order, visitor = holder.issued.order, holder.visitor()
    pages = [
        f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/",
        f"/{holder.pos.slug}/account/",
    ]
    link = "Book a date with this pass"
    assert [link in visitor.open(page).text for page in pages] == [True, True]
    holder.book()
    assert [link in visitor.open(page).text for page in pages] == [False, False]
    IssuedPass.objects.filter(pk=holder.issued.pk).update(entries=5, entries_left=4)
    assert link in visitor.open(pages[0]).text
    IssuedPass.objects.filter(pk=holder.issued.pk).update(
        valid_until=timezone.localdate() - timedelta(days=1)
    )
    assert link not in visitor.open(pages[0]).text
