"""Payments that staff recorded by mistake and take back: the order, its tickets, its money, the books, and who is told."""

import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from privacy.erasure import erasing
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.sales.bank.bank import booked, entries, paying, singly, store
from tests.sales.exports.test_accounting import table, total
from tests.sales.papers.test_invoices import issue
from tests.staff import Staff, change, listing
from ticketshop.demo.bank_files import Paid
from ticketshop.history import history
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.bank import entries as bank_entries
from ticketshop.sales.bank import proposals
from ticketshop.sales.bank.proposals import What
from ticketshop.sales.counter import takings
from ticketshop.sales.door import answers
from ticketshop.sales.door import entries as door
from ticketshop.sales.door.check_ins import Device
from ticketshop.sales.exports import figures
from ticketshop.sales.models import BankEntry, Order, Payment, Refund, Reversal, Ticket
from ticketshop.sales.orders import orders, reversing, single_tickets
from ticketshop.sales.orders.reversing import CannotReverse
from ticketshop.sales.papers import receipts
from ticketshop.sales.payments import payments, refunds

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.scenario("PAY-15"),
    pytest.mark.usefixtures("the_books_add_up"),
]
NOW = timezone.now
WHY = Reversal.Reason.NOT_RECEIVED
PRICE = Decimal("35.00")


def ago(days: int):
    return NOW() - timedelta(days=days)


@pytest.fixture
def offer():
    return OfferFactory(pos=PointOfSaleFactory(), capacity=9, price=PRICE)


@pytest.fixture
def clerk(offer):
    return make_staff(offer.tariff.event.organiser, "owner")


def waiting(offer, count: int = 1, method: str = "bank_transfer", **values) -> Order:
    return make_order({offer: count}, method=method, now=ago(2), **values)


def marked_paid(offer, by=None, **values) -> Order:
    """Return an order that staff marked as paid a day after it was placed."""
    order = waiting(offer, **values)
    payments.confirm(order.payments.get(), by=by, now=ago(1))
    order.refresh_from_db()
    return order


def reverse(payment: Payment, by=None, reason: str = WHY) -> reversing.Result:
    return reversing.reverse(payment, reason, by=by, now=NOW())


def confirmed(order: Order) -> Payment:
    return order.payments.filter(state="confirmed").order_by("pk").last()


def fresh(order: Order) -> Order:
    return Order.objects.get(pk=order.pk)


def tickets(order: Order) -> set[str]:
    return set(order.tickets.values_list("state", flat=True))


def mails(order: Order, kind: str) -> list[Mail]:
    return list(Mail.objects.filter(kind=kind, about__order=order.pk).order_by("pk"))


def text_of(mail: Mail) -> str:
    return mime_messages.build(mail).body


# --- the order waits again ------------------------------------------------------------------------------------
def test_an_order_marked_paid_by_mistake_waits_again_with_its_places_and_tells_the_buyer(offer, clerk):
    order = marked_paid(offer, clerk, count=2)
    offer.allotment.refresh_from_db()
    sold = offer.allotment.sold
    assert sold == 2
    reference, codes = confirmed(order).reference, set(order.tickets.values_list("code", flat=True))
    result = reverse(confirmed(order), clerk)
    assert (result.state, result.missing, result.unpaid, result.closed) == ("pending", 2 * PRICE, True, 0)
    order = fresh(order)
    assert (order.state, order.paid_at, tickets(order)) == ("pending", None, {"reserved"})
    assert order.expires_at > NOW() + timedelta(days=5)
    offer.allotment.refresh_from_db()
    assert offer.allotment.sold == sold
    due = payments.due(order)
    assert (due.amount, due.reference, due.method) == (2 * PRICE, reference, "bank_transfer")
    reversal = Reversal.objects.get()
    assert (reversal.payment.state, reversal.made_by, reversal.reason) == ("confirmed", clerk, WHY)
    assert history.of(order).first().action == "payment_reversed"
    (mail,) = mails(order, "payment_reversed")
    assert "CHF\N{NO-BREAK SPACE}70.00 is still missing" in text_of(mail)
    assert "let in only once the order is paid" in text_of(mail)
    assert mime_messages.build(mails(order, "order_paid")[0]) is None
    # The money comes after all: the same codes are valid again, and the buyer gets them once more.
    payments.confirm(order.payments.get(state="started"), by=clerk, now=NOW())
    assert (fresh(order).state, tickets(order)) == ("paid", {"valid"})
    assert set(order.tickets.values_list("code", flat=True)) == codes
    assert len(mails(order, "order_paid")) == 2
    assert "attached as a PDF" in text_of(mails(order, "order_paid")[1])


def test_the_door_refuses_the_tickets_until_the_money_has_come(offer):
    order = marked_paid(offer)
    ticket = order.tickets.get()
    reverse(confirmed(order))
    scan = Device(uuid.uuid4())
    assert door.enter(ticket.session, ticket.code, scan, by=None, now=NOW()).code == answers.UNPAID
    payments.confirm(order.payments.get(state="started"), by=None, now=NOW())
    assert door.enter(ticket.session, ticket.code, scan, by=None, now=NOW()).welcome


def test_an_order_that_waits_again_expires_and_its_buyer_gets_one_mail(offer):
    order = marked_paid(offer)
    reverse(confirmed(order))
    orders.expire(fresh(order), now=NOW())
    assert (fresh(order).state, tickets(order)) == ("expired", {"cancelled"})
    assert len(mails(order, "order_expired")) == 1
    offer.allotment.refresh_from_db()
    assert offer.allotment.sold == 0
    assert not Refund.objects.exclude(state="done").exists()


def test_an_order_may_be_marked_paid_by_mistake_twice(offer):
    order = marked_paid(offer)
    reverse(confirmed(order))
    for _time in range(2):
        payments.confirm(order.payments.get(state="started"), by=None, now=NOW())
        reverse(confirmed(order))
    payments.confirm(order.payments.get(state="started"), by=None, now=NOW())
    assert (fresh(order).state, Reversal.objects.count()) == ("paid", 3)
    assert len(mails(order, "order_paid")) == 4


def test_of_two_parts_only_the_one_that_did_not_come_is_missing(offer):
    order = waiting(offer, 2)
    payments.receive(order, Decimal(30), by=None, now=ago(1))
    payments.receive(order, Decimal(40), by=None, now=ago(1), method="cash")
    assert fresh(order).state == "paid"
    assert reverse(confirmed(order)).missing == 40
    assert (payments.received(fresh(order)), fresh(order).state) == (30, "pending")
    payments.receive(fresh(order), Decimal(40), by=None, now=NOW(), method="card_terminal")
    assert (fresh(order).state, Refund.objects.filter(state="requested").count()) == ("paid", 0)


def test_a_part_that_a_pending_order_got_is_taken_back(offer):
    order = waiting(offer)
    part = payments.receive(order, Decimal(10), by=None, now=ago(1))
    result = reverse(part)
    assert (result.state, result.missing, result.unpaid) == ("pending", PRICE, False)
    assert "CHF\N{NO-BREAK SPACE}35.00 is still missing" in text_of(mails(order, "payment_reversed")[0])


# --- other money ----------------------------------------------------------------------------------------------
def test_money_that_came_after_a_mistake_pays_the_order_and_is_not_paid_back(offer):
    order = marked_paid(offer)
    wrong = confirmed(order)
    payments.receive(fresh(order), PRICE, by=None, now=NOW(), method="cash")
    assert Refund.objects.get().state == "requested"
    result = reverse(wrong)
    assert (result.state, result.closed, result.unpaid) == ("paid", PRICE, False)
    refund = Refund.objects.get()
    assert (refund.state, refund.payment, refund.kind) == ("done", wrong, "returned")
    assert (tickets(order), payments.received_by_payment(fresh(order))) == (
        {"valid"},
        {confirmed(order): PRICE},
    )
    assert "paid all the same" in text_of(mails(order, "payment_reversed")[0])


def test_of_other_money_only_what_the_order_needs_is_kept(offer):
    order = marked_paid(offer)
    wrong = confirmed(order)
    payments.receive(fresh(order), PRICE + 5, by=None, now=NOW(), method="cash")
    reverse(wrong)
    still_open = Refund.objects.get(state="requested")
    assert (still_open.amount, still_open.payment.method) == (5, "cash")
    assert (fresh(order).state, tickets(order)) == ("paid", {"valid"})


def test_money_recorded_twice_is_taken_back_and_not_paid(offer):
    order = marked_paid(offer)
    twice = payments.receive(fresh(order), PRICE, by=None, now=NOW())
    result = reverse(twice, reason=Reversal.Reason.TWICE)
    assert (result.state, result.closed) == ("paid", PRICE)
    refund = Refund.objects.get()
    assert (refund.state, refund.kind, refund.done_as) == ("done", "returned", "")
    assert not refunds.is_for_staff(refund)
    assert refund.state_text == "not paid: recorded by mistake"


@pytest.mark.parametrize("ended", ["cancelled", "expired"])
def test_money_recorded_for_an_order_that_is_over_is_taken_back(offer, ended):
    order = waiting(offer)
    (orders.cancel(order, by=None, now=ago(1)) if ended == "cancelled" else orders.expire(order, now=ago(1)))
    offer.allotment.__class__.objects.filter(pk=offer.allotment_id).update(capacity=0)
    payments.confirm(order.payments.get(), by=None, now=NOW())
    result = reverse(confirmed(order))
    assert (result.state, result.closed) == (ended, PRICE)
    assert "order is over" in text_of(mails(order, "payment_reversed")[0])


def test_after_a_whole_order_was_cancelled_its_payment_is_taken_back_instead_of_paid_back(offer):
    order = marked_paid(offer)
    orders.cancel(order, by=None, now=NOW())
    assert reverse(confirmed(order)).closed == PRICE
    assert (fresh(order).state, refunds.kept(fresh(order))) == ("cancelled", 0)
    assert not Refund.objects.exclude(state="done").exists()
    assert "we pay" not in text_of(mails(order, "order_cancelled")[0]).lower()


def test_of_a_cancelled_order_that_kept_a_part_the_rest_is_paid_back_first(offer):
    order = marked_paid(offer)
    orders.cancel(order, by=None, now=NOW(), pay_back=Decimal(30))
    with pytest.raises(CannotReverse, match="Pay money back"):
        reverse(confirmed(order))
    refunds.pay_back(fresh(order), Decimal(5), before=Decimal(30), by=None, now=NOW())
    assert reverse(confirmed(order)).closed == PRICE


# --- refused --------------------------------------------------------------------------------------------------
def used(order, offer):
    ticket = order.tickets.first()
    assert door.enter(ticket.session, ticket.code, Device(uuid.uuid4()), by=None, now=NOW()).welcome


def a_part_cancelled(order, offer):
    single_tickets.cancel(
        order, [f"ticket{order.tickets.first().pk}"], by=None, now=NOW(), pay_back=Decimal(0)
    )


def the_date_has_begun(order, offer):
    type(offer.session).objects.filter(pk=offer.session_id).update(starts_at=ago(1))


def the_date_is_cancelled(order, offer):
    type(offer.session).objects.filter(pk=offer.session_id).update(state="cancelled")


def the_buyer_is_erased(order, offer):
    erasing.erase(order.buyer, by=None, now=NOW())


def an_invoice_says_it_is_paid(order, offer):
    issue(order)


CASES = [
    (used, "was used"),
    (a_part_cancelled, r"cancelled.*Cancel the order instead"),
    (the_date_has_begun, "has begun.*Cancel the order instead"),
    (the_date_is_cancelled, "is cancelled.*Cancel the order instead"),
    (the_buyer_is_erased, "erased.*Cancel the order instead"),
    (an_invoice_says_it_is_paid, "Take back the invoice first"),
]


@pytest.mark.parametrize(("happens", "sentence"), CASES, ids=[case[0].__name__ for case in CASES])
def test_an_order_that_can_not_wait_again_stays_paid_and_the_sentence_tells_what_to_do(
    offer, happens, sentence
):
    order = marked_paid(offer, count=2)
    happens(order, offer)
    before = (fresh(order).state, tickets(order), Refund.objects.count(), Mail.objects.count())
    with pytest.raises(CannotReverse, match=sentence):
        reverse(confirmed(order))
    assert (fresh(order).state, tickets(order), Refund.objects.count(), Mail.objects.count()) == before
    assert not Reversal.objects.exists()


def test_an_order_paid_as_it_was_placed_is_cancelled_first(offer, clerk):
    order = make_order({offer: 1}, method="bank_transfer", now=ago(1))
    payments.confirm(order.payments.get(), by=clerk, now=order.placed_at)
    with pytest.raises(CannotReverse, match=r"paid as it was placed.*Cancel the order instead"):
        reverse(confirmed(order))
    orders.cancel(fresh(order), by=clerk, now=NOW())
    assert reverse(confirmed(order)).closed == PRICE


def test_a_used_pass_keeps_its_payment(offer):
    season = SeasonPassFactory(pos=offer.tariff.event.points_of_sale.get(), opens="all", booking_needed=False)
    order = make_order({season: 1}, method="bank_transfer", now=ago(2))
    payments.confirm(order.payments.get(), by=None, now=ago(1))
    issued = order.passes.get()
    device = Device(uuid.uuid4())
    assert door.enter(offer.session, issued.code, device, by=None, now=NOW()).welcome
    with pytest.raises(CannotReverse, match="was used"):
        reverse(confirmed(order))
    issued.refresh_from_db()
    assert issued.state == "valid"


@pytest.mark.parametrize("how", ["paid_back", "reversed", "provider", "free", "exchange"])
def test_a_payment_that_was_partly_refunded_or_not_recorded_by_staff_stays(offer, how):
    order = marked_paid(offer)
    payment = confirmed(order)
    if how == "paid_back":
        orders.cancel(order, by=None, now=NOW())
        payments.refund_done(Refund.objects.get(), by=None, now=NOW(), done_as="cash")
    elif how == "reversed":
        reverse(payment)
    elif how == "provider":
        Payment.objects.filter(pk=payment.pk).update(method="stripe", provider_reference="cs_1")
    elif how == "exchange":
        payment.method = "exchange"
        assert not reversing.may_be_reversed(payment)
        return
    else:
        payment = make_order({OfferFactory(price=0): 1}).payments.get()
    sentence = "paid back or credited already" if how == "paid_back" else "or it was already"
    assert sentence in reversing.why_not(Payment.objects.get(pk=payment.pk), now=NOW())
    with pytest.raises(CannotReverse, match=sentence):
        reverse(payment)


# --- bank files -----------------------------------------------------------------------------------------------
def test_a_payment_of_a_bank_file_for_the_wrong_order_is_recorded_for_the_right_one(offer, clerk):
    wrong, right = (
        waiting(offer),
        waiting(offer, buyer={"first_name": "Zed", "last_name": "Other", "email": "z@example.org"}),
    )
    store(wrong.organiser, *singly(paying(wrong)))
    (entry,) = entries()
    assert bank_entries.record(entry, wrong, by=clerk, now=ago(1))
    reverse(confirmed(wrong), clerk, Reversal.Reason.OTHER_ORDER)
    entry.refresh_from_db()
    assert (entry.state, entry.order, entry.payment, entry.references) == ("open", None, None, "")
    assert proposals.propose([entry])[entry.pk].what is What.UNKNOWN
    assert bank_entries.request_exact(BankEntry.objects.all(), by=clerk, now=NOW()) == (0, 0)
    assert bank_entries.record(entry, right, by=clerk, now=NOW())
    assert (fresh(wrong).state, fresh(right).state) == ("pending", "paid")


def test_a_part_of_a_divided_payment_is_recorded_for_another_order(offer, clerk):
    first, second, third = (
        waiting(offer, buyer={"first_name": "Zed", "last_name": name, "email": f"{name}@example.org"})
        for name in ("one", "two", "three")
    )
    text = f"{first.reference} {second.reference}"
    store(first.organiser, booked(Paid(2 * PRICE, text=text, payer="Zq Payer")))
    (entry,) = entries()
    bank_entries.divide(entry, {first.pk: PRICE, second.pk: PRICE}, by=clerk, now=ago(1))
    reverse(confirmed(second), clerk, Reversal.Reason.OTHER_ORDER)
    part = BankEntry.objects.get(state="open")
    assert (part.part_of, part.payer) == (entry, "Zq Payer")
    assert bank_entries.record(part, third, by=clerk, now=NOW())
    assert [fresh(order).state for order in (first, second, third)] == ["paid", "pending", "paid"]


# --- books, figures, takings ----------------------------------------------------------------------------------
def test_the_export_and_the_figures_keep_past_days_and_take_everything_back_on_its_own(offer, clerk):
    order = marked_paid(offer, clerk, count=2)
    organiser = order.organiser
    day = timezone.localdate(ago(1), organiser.zone)
    today = timezone.localdate(NOW(), organiser.zone)
    before = table(organiser, day, day), figures.read(organiser, day, day)
    reverse(confirmed(order), clerk)
    assert (table(organiser, day, day), figures.read(organiser, day, day)) == before
    rows = table(organiser, today, today)
    assert sorted((row["entry"], row["gross"]) for row in rows) == [
        ("cancellation", -2 * PRICE),
        ("reversal", -2 * PRICE),
    ]
    now_figures = figures.read(organiser, today, today)
    assert (now_figures.total.cancelled, now_figures.total.cancelled_gross) == (2, 2 * PRICE)
    assert (now_figures.money.came, now_figures.methods["bank_transfer"].came) == (-2 * PRICE, -2 * PRICE)
    payments.confirm(order.payments.get(state="started"), by=clerk, now=NOW())
    both = table(organiser, day, today)
    assert total(both, "sale") + total(both, "cancellation") == 2 * PRICE
    assert total(both, "payment") + total(both, "reversal") == 2 * PRICE
    of_both = figures.read(organiser, day, today)
    assert (of_both.total.orders, of_both.total.left, of_both.total.net) == (1, 2, 2 * PRICE)
    assert of_both.money.came == 2 * PRICE
    of_event = figures.read(organiser, day, today, offer.tariff.event)
    assert (of_event.total.orders, of_event.total.left) == (1, 2)


def test_cash_recorded_by_mistake_is_taken_back_from_the_till_of_who_recorded_it(clerk):
    offer = OfferFactory(price=Decimal("12.33"))
    organiser = offer.tariff.event.organiser
    cashier, accountant = UserFactory(), UserFactory()
    order = waiting(offer, method="on_site")
    payments.confirm(order.payments.get(), by=cashier, now=NOW(), method="cash")
    since = takings.begins_at(organiser, cashier, NOW())
    first = takings.count(
        organiser, opening=Decimal(0), counted=Decimal(0), since=since, by=cashier, now=NOW()
    )
    assert first.difference == Decimal("-12.35")
    reverse(confirmed(order), accountant)
    later = takings.begins_at(organiser, cashier, NOW())
    second = takings.count(
        organiser, opening=Decimal(0), counted=Decimal(0), since=later, by=cashier, now=NOW()
    )
    assert (second.paid_out, second.difference) == (Decimal("12.35"), Decimal("12.35"))
    today = timezone.localdate(NOW(), organiser.zone)
    (line,) = takings.lines(organiser, today, today, cashier)
    assert (line.taken, line.paid_out, line.rounding, line.left) == (Decimal("12.33"), Decimal("12.33"), 0, 0)
    assert takings.lines(organiser, today, today, accountant) == []
    rounded = [row["gross"] for row in table(organiser, today, today) if row["entry"] == "rounding"]
    assert sorted(rounded) == [Decimal("-0.02"), Decimal("0.02")]


def test_receipt_and_invoice_show_what_came(offer):
    order = waiting(offer, 2)
    part = payments.receive(order, Decimal(30), by=None, now=ago(1))
    reverse(part)
    payments.confirm(order.payments.get(state="started"), by=None, now=NOW())
    sections = receipts.of_order(fresh(order)).sections
    texts = {movement.text: movement.amount for section in sections for movement in section.movements}
    assert [amount for text, amount in texts.items() if "recorded by mistake, taken back" in text] == [-30]
    assert sum(texts.values()) == 2 * PRICE


# --- erasure --------------------------------------------------------------------------------------------------
def test_an_order_that_waits_again_defers_the_erasure_of_its_buyer_as_any_unpaid_order(offer):
    order = marked_paid(offer)
    reverse(confirmed(order))
    buyer = order.buyer
    erasing.erase(buyer, by=None, now=NOW())
    assert fresh(order).buyer is not None
    orders.cancel(fresh(order), by=None, now=NOW())
    reversal = Reversal.objects.get()
    assert (reversal.reason, reversal.payment.amount) == (WHY, PRICE)


# --- the page -------------------------------------------------------------------------------------------------
def test_staff_read_what_will_happen_then_take_the_payment_back(offer, clerk):
    order = marked_paid(offer, clerk)
    payment = confirmed(order)
    staff = Staff(make_staff(order.organiser, "box office"))
    assert "Recorded by mistake" in staff.open(change(payment)).text
    page = staff.open(f"{change(payment).removesuffix('change/')}reverse/")
    assert "waits for CHF 35.00 again" in page.text
    assert fresh(order).state == "paid"
    assert not Reversal.objects.exists()
    assert not Mail.objects.filter(kind="payment_reversed").exists()
    staff.press(payment, "reverse")
    assert staff.errors == ["This field is required."]
    page = staff.press(payment, "reverse", reason=WHY)
    assert "Taken back. The order waits for CHF 35.00 again" in page.text
    assert "the money did not come" in page.text
    assert staff.user.email in page.text
    assert "/reverse/" not in page.source
    assert (
        "can’t be taken back, or it was already"
        in staff.open(f"{change(payment).removesuffix('change/')}reverse/").text
    )
    assert "recorded by mistake" in staff.open(change(order)).text
    assert order.reference in staff.open(f"{listing(Payment)}?reversed=yes").text


def test_the_button_is_there_only_while_the_payment_can_be_taken_back(offer, clerk):
    order = marked_paid(offer, clerk)
    staff = Staff(make_staff(order.organiser, "accounting"))
    link = f"{change(confirmed(order)).removesuffix('change/')}reverse/"
    assert link in staff.open(change(confirmed(order))).source
    Ticket.objects.filter(order=order).update(state="used", used_at=NOW())
    assert link not in staff.open(change(confirmed(order))).source
    assert "Not possible now: Recorded by mistake A ticket or pass of this order was used" in staff.page.text


@pytest.mark.parametrize(("what", "number"), [("tickets", 17), ("passes", 21)])
def test_the_page_of_a_payment_asks_the_same_for_three_tickets_or_passes_as_for_one(
    offer, clerk, what, number
):
    pos = offer.tariff.event.points_of_sale.get()
    product = offer if what == "tickets" else SeasonPassFactory(pos=pos)
    staff = Staff(make_staff(pos.organiser, "accounting"))
    numbers = []
    for quantity in (1, 1, 3):
        url = change(confirmed(marked_paid(product, clerk, count=quantity)))
        with CaptureQueriesContext(connection) as queries:
            page = staff.open(url)
        assert "/reverse/" in page.source
        numbers.append(len(queries))
    # The first page also fills caches.
    assert numbers[1:] == [number, number]


def test_an_order_whose_pass_is_over_can_not_wait_again(offer, clerk):
    order = marked_paid(SeasonPassFactory(pos=offer.tariff.event.points_of_sale.get()), clerk)
    staff = Staff(make_staff(order.organiser, "accounting"))
    assert "/reverse/" in staff.open(change(confirmed(order))).source
    order.passes.update(valid_from=ago(9).date(), valid_until=ago(2).date())
    assert "or a pass is over" in staff.open(change(confirmed(order))).text
    with pytest.raises(CannotReverse, match="a pass is over"):
        reverse(confirmed(order))


def test_a_refusal_stands_on_the_page_and_in_the_answer(offer, clerk):
    order = marked_paid(offer, clerk)
    Ticket.objects.filter(order=order).update(state="used", used_at=NOW())
    staff = Staff(make_staff(order.organiser, "accounting"))
    page = staff.open(f"{change(confirmed(order)).removesuffix('change/')}reverse/")
    assert "was used, so its price is owed" in page.text
    assert "was used, so its price is owed" in staff.press(confirmed(order), "reverse", reason=WHY).text
    assert not Reversal.objects.exists()


def test_a_payment_of_a_bank_file_is_taken_back_by_those_who_may_record_it(offer, clerk):
    order = waiting(offer)
    store(order.organiser, *singly(paying(order)))
    assert bank_entries.record(entries()[0], order, by=clerk, now=ago(1))
    box_office = Staff(make_staff(order.organiser, "box office"))
    link = f"{change(confirmed(order)).removesuffix('change/')}reverse/"
    assert link not in box_office.open(change(confirmed(order))).source
    page = box_office.press(confirmed(order), "reverse", reason=WHY)
    assert "Who can: owner, back office or accounting." in page.text
    assert not Reversal.objects.exists()
    page = Staff(make_staff(order.organiser, "accounting")).open(
        f"{change(confirmed(order)).removesuffix('change/')}reverse/"
    )
    assert "The payment of the bank file is to be looked at again" in page.text
