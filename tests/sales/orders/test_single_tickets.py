"""Single tickets and passes of a paid order are cancelled; what was sold stays as it was, the rest stays valid."""

from collections import Counter
from decimal import Decimal

import pytest
from django.utils import timezone

from registration_forms.answers import limited_choices, responses
from registration_forms.models import Choice, Response
from tests.exports import steps
from tests.factories.catalogue import OfferFactory, SeasonPassFactory, TariffFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import make_order
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import OrderForm
from ticketshop.exports import kinds
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.mail.tasks import send
from ticketshop.sales.models import Cancellation, Order, OrderLine, OrderResponse, Refund, Ticket
from ticketshop.sales.orders import books, cancelled_lines, orders, single_tickets
from ticketshop.sales.payments import refunds

pytestmark = pytest.mark.django_db
NOW = timezone.now


@pytest.fixture
def pos():
    return PointOfSaleFactory(slug="theatre")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=10, price=Decimal("33.35"))


def keys(order, *positions) -> list[str]:
    units = cancelled_lines.units_of(order)
    return [units[position].key for position in positions]


def cancel(order, *positions, **values):
    return single_tickets.cancel(order, keys(order, *positions), **{"by": None, "now": NOW(), **values})


def refusal(order, *positions) -> str:
    before = (Refund.objects.count(), Mail.objects.count(), history.of(order).count())
    with pytest.raises(single_tickets.CannotCancel) as error:
        cancel(order, *positions)
    assert (Refund.objects.count(), Mail.objects.count(), history.of(order).count()) == before
    return " ".join(error.value.problems)


@pytest.mark.scenario("TIC-02")
def test_one_ticket_of_three_is_cancelled_and_the_sale_stays_as_it_was(offer):
    order = make_order({offer: 3}, paid=True)
    sold = (list(OrderLine.objects.values()), Order.objects.values("total", "vat_total").get(pk=order.pk))
    result = cancel(order, 1)
    assert (result.back, result.ended) == (Decimal("33.35"), False)
    assert (
        list(OrderLine.objects.values()),
        Order.objects.values("total", "vat_total").get(pk=order.pk),
    ) == sold
    order.refresh_from_db()
    offer.allotment.refresh_from_db()
    assert (order.state, offer.allotment.sold) == ("paid", 2)
    assert Counter(order.tickets.values_list("state", flat=True)) == {"valid": 2, "cancelled": 1}
    assert list(Refund.objects.values_list("kind", "amount", "state")) == [
        ("paid_back", Decimal("33.35"), "requested")
    ]
    assert [row.action for row in history.of(order)][:2] == ["refund_requested", "tickets_cancelled"]
    assert Mail.objects.filter(kind="tickets_cancelled").count() == 1
    assert not any(books.check().values())


@pytest.mark.scenario("TIC-02")
def test_tickets_cancelled_one_by_one_end_the_order_and_their_vat_adds_up(offer):
    order = make_order({offer: 3}, paid=True)
    results = [cancel(order, position) for position in (2, 0, 1)]
    assert [result.ended for result in results] == [False, False, True]
    order.refresh_from_db()
    assert order.state == "cancelled"
    line = order.lines.get()
    assert sum(part.vat_amount for part in line.cancelled.all()) == line.vat_amount
    assert sum(refund.amount for refund in Refund.objects.all()) == order.total
    assert Counter(Mail.objects.values_list("kind", flat=True))["order_cancelled"] == 1
    assert not any(books.check().values())


def test_the_rest_is_cancelled_at_once_after_a_part(offer, pos):
    order = make_order({offer: 3, SeasonPassFactory(pos=pos): 1}, paid=True)
    cancel(order, 0, pay_back=Decimal(0))
    assert orders.cancel(order, by=None, now=NOW())
    assert Refund.objects.get().amount == order.total
    assert [cancellation.lines.count() for cancellation in Cancellation.objects.order_by("pk")] == [1, 2]
    assert not any(books.check().values())


@pytest.mark.scenario("PAY-08")
def test_the_amount_can_be_lowered_and_what_was_kept_is_proposed_again(offer):
    order = make_order({offer: 3}, paid=True)
    cancel(order, 0, pay_back=Decimal(10))
    assert cancelled_lines.proposed(order) == Decimal("23.35")
    with pytest.raises(refunds.TooMuch) as error:
        cancel(order, 1, pay_back=Decimal("56.71"))
    assert error.value.left == Decimal("56.70")
    assert Ticket.objects.filter(state="cancelled").count() == 1
    assert cancel(order, 1).back == Decimal("56.70")
    assert not any(books.check().values())


def test_a_used_ticket_and_a_cancelled_one_are_refused(offer):
    order = make_order({offer: 3}, paid=True)
    Ticket.objects.filter(pk=order.tickets.earliest("pk").pk).update(state="used", used_at=NOW())
    cancel(order, 1)
    assert "was used at the entrance" in refusal(order, 0)
    assert "is cancelled already" in refusal(order, 1)
    assert "Choose what to cancel" in refusal(order)
    # Everything that can go is chosen: the used one stays, and the order with it.
    assert not cancel(order, 2).ended
    order.refresh_from_db()
    assert order.state == "paid"
    assert not any(books.check().values())


def test_tickets_of_an_unpaid_order_are_refused_with_what_to_do(offer):
    order = make_order({offer: 3})
    assert "Cancel the whole order, and place a new one" in refusal(order, 0)
    orders.cancel(order, by=None, now=NOW())
    assert "over already" in refusal(order, 0)


@pytest.mark.scenario("TIC-02")
def test_a_child_does_not_stay_without_an_adult(offer, pos):
    session = offer.session
    child = OfferFactory(
        pos=pos,
        session=session,
        tariff=TariffFactory(event=session.event, name="Child", only_with=offer.tariff),
    )
    order = make_order({offer: 2, child: 1}, paid=True)
    adult_name = offer.tariff.name
    assert cancel(order, 0).ended is False
    assert f"“Child” is sold only together with “{adult_name}”" in refusal(order, 1)
    assert cancel(order, 1, 2).ended is True
    assert not any(books.check().values())


@pytest.mark.scenario("TIC-02")
def test_the_tickets_of_a_group_are_cancelled_together(offer, pos):
    session = offer.session
    family = OfferFactory(
        pos=pos,
        session=session,
        tariff=TariffFactory(event=session.event, tickets_per_unit=4, price=Decimal("99.90")),
        allotment=offer.allotment,
    )
    order = make_order({offer: 1, family: 2}, paid=True)
    single, *groups = cancelled_lines.units_of(order)
    assert [len(unit.admissions) for unit in (single, *groups)] == [1, 4, 4]
    Ticket.objects.filter(pk=groups[1].admissions[3].pk).update(state="used", used_at=NOW())
    assert "was used" in refusal(order, 2)
    # A single ticket of a group has no key of its own.
    with pytest.raises(single_tickets.CannotCancel):
        single_tickets.cancel(order, [f"ticket{groups[0].admissions[1].pk}"], by=None, now=NOW())
    assert cancel(order, 1).back == Decimal("99.90")
    offer.allotment.refresh_from_db()
    assert offer.allotment.sold == 5
    assert not any(books.check().values())


def test_answers_of_what_is_cancelled_go_and_their_choices_are_free_again(offer, pos):
    other = OfferFactory(pos=pos)
    form = make_form("order", organiser=pos.organiser)
    bus = ask(form, "Bus", "dropdown", choices=[("18:00", 5)]).choices.get()
    version = publish(form)
    order = make_order({offer: 2, other: 1}, paid=True)
    OrderForm.objects.create(form=form, event=offer.session.event)
    response = answered(order, version, bus)
    cancel(order, 0)
    response.refresh_from_db()
    assert response.void is False
    cancel(order, 1)
    response.refresh_from_db()
    assert response.void is True
    assert Choice.objects.get(pk=bus.pk).used == 0
    assert not any(books.check().values())


def answered(order, version, choice) -> Response:
    given = make_given(version, {choice.field.key: choice.key})
    (response,) = responses.store([given], organiser=order.organiser, language="en", now=NOW())
    limited_choices.reserve(None, Counter({choice.pk: 1}))
    OrderResponse.objects.create(order=order, response=response)
    return response


def test_the_mail_names_the_cancelled_ticket_by_its_code_and_brings_the_rest(offer, mailoutbox):
    buyer = ContactFactory(organiser=offer.session.event.organiser, first_name="Ada", email="ada@example.org")
    order = make_order({offer: 2}, buyer=buyer, paid=True)
    cancel(order, 0)
    gone, left = order.tickets.order_by("pk")
    send(Mail.objects.get(kind="tickets_cancelled").pk)
    (letter,) = [letter for letter in mailoutbox if "cancelled" in letter.subject]
    assert gone.code[:5] in letter.body
    assert left.code[:5] not in letter.body
    assert "33.35" in letter.body
    ((name, _pdf, _kind),) = letter.attachments
    assert name == f"tickets-{order.reference}.pdf"


def test_the_page_of_the_order_shows_what_is_cancelled_and_what_goes_back(offer):
    order = make_order({offer: 3}, paid=True)
    page_of = f"/theatre/orders/{order.reference}/{order.secret}/"
    visitor = TestClientVisitor()
    assert "Cancelled" not in visitor.open(page_of).text
    cancel(order, 0)
    page = visitor.open(page_of)
    assert "Of which cancelled: CHF 33.35" in page.text
    assert "The organiser pays CHF 33.35 back" in page.text
    assert page.source.count("badge-off") == 2  # the ticket, and the row below its line
    gone = order.tickets.earliest("pk")
    assert gone.code not in visitor.open(f"{page_of}tickets/").source
    # The calendar file keeps the date until its last ticket is cancelled.
    assert b"STATUS:CONFIRMED" in visitor.client.get(f"{page_of}calendar.ics").content
    cancel(order, 1), cancel(order, 2)
    assert b"STATUS:CANCELLED" in visitor.client.get(f"{page_of}calendar.ics").content


def test_the_list_of_orders_says_what_is_cancelled_and_paid_back(offer):
    order = make_order({offer: 3}, paid=True)
    cancel(order, 0, pay_back=Decimal(10))
    found = kinds.KINDS["orders"].table(steps.ask("orders", offer.session.event, "event"))
    keys = [column.key for column in found.columns]
    (row,) = (dict(zip(keys, row, strict=True)) for page in found.pages for row in page.rows)
    assert (row["total"], row["cancelled_total"], row["paid_back"], row["tickets"]) == (
        order.total,
        Decimal("33.35"),
        Decimal(10),
        2,
    )


def test_a_second_staff_member_finds_the_ticket_cancelled(offer):
    order = make_order({offer: 3}, paid=True)
    chosen = keys(order, 0)
    single_tickets.cancel(order, chosen, by=None, now=NOW())
    with pytest.raises(single_tickets.CannotCancel, match="cancelled already"):
        single_tickets.cancel(order, chosen, by=None, now=NOW())
