"""``check_books``: true of a shop where everything happened once, and each rule noticed when it is broken on purpose."""

import copy
import io
import uuid
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from registration_forms.answers import limited_choices, responses
from registration_forms.models import Choice
from tests.factories.catalogue import OfferFactory, SeasonPassFactory, TariffFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import make_cart, make_order
from tests.migrated_database import once_per_file
from ticketshop.catalogue.models import Allotment, Hold
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail
from ticketshop.sales import notices
from ticketshop.sales.models import (
    ArchivedPaper,
    Cancellation,
    CancelledLine,
    Cart,
    Exchange,
    Invoice,
    InvoiceCounter,
    IssuedPass,
    Order,
    OrderLine,
    Payment,
    Refund,
    ReplacedCode,
    Reversal,
    Ticket,
)
from ticketshop.sales.orders import books, cancelled_lines, orders, reversing
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.papers import credit_notes, invoices
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


def make_shop() -> SimpleNamespace:
    """Orders in every state, each brought there by the actions; and a cart that holds places."""
    pos = PointOfSaleFactory()
    offer, free, last = (
        OfferFactory(pos=pos),
        OfferFactory(pos=pos, price=0),
        OfferFactory(pos=pos, capacity=1),
    )
    season_pass = SeasonPassFactory(pos=pos)
    now, by = timezone.now(), AnonymousUser()
    made = SimpleNamespace(
        pos=pos,
        offer=offer,
        pending=make_order({offer: 2}, pos=pos),
        paid=make_order({offer: 1, season_pass: 2}, pos=pos, paid=True),
        free=make_order({free: 1}, pos=pos),
        cancelled=make_order({offer: 3}, pos=pos, paid=True),
        expired=make_order({offer: 1}, pos=pos, method="bank_transfer"),
        late=make_order({last: 1}, pos=pos, method="bank_transfer"),
        cart=make_cart({offer: 4}, pos=pos),
    )
    orders.cancel(made.cancelled, by=by, now=now)
    payments.refund_done(Refund.objects.get(payment__order=made.cancelled), by=by, now=now)
    orders.expire(made.expired, now=now)
    orders.expire(made.late, now=now)
    made.instead = make_order({last: 1}, pos=pos, paid=True)  # so that late money can't bring the order back
    payments.confirm(made.late.payments.get(), by=by, now=now)
    for row in vars(made).values():
        row.refresh_from_db()
    return made


made_shop = once_per_file(make_shop)


@pytest.fixture
def shop(made_shop, db) -> SimpleNamespace:
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_shop)


def broken():
    return {code: found for code, found in books.check().items() if found}


def test_a_shop_that_did_everything_once_keeps_its_books(shop):
    states = {shop.pending.state, shop.paid.state, shop.free.state, shop.cancelled.state, shop.expired.state}
    assert states == {"pending", "paid", "cancelled", "expired"}
    assert broken() == {}


def a_place_too_many(shop):
    Allotment.objects.filter(pk=shop.offer.allotment_id).update(sold=F("sold") + 1)
    return f"allotment {shop.offer.allotment_id}"


def a_place_too_few(shop):
    Allotment.objects.filter(pk=shop.offer.allotment_id).update(sold=F("sold") - 1)
    return f"allotment {shop.offer.allotment_id}"


def held_beyond_the_capacity(shop):
    Hold.objects.filter(key=shop.cart.key).update(places=98)
    return f"allotment {shop.offer.allotment_id}"


def cancelled_by_hand(shop):
    Order.objects.filter(pk=shop.pending.pk).update(state="cancelled", cancelled_at=timezone.now())
    return f"allotment {shop.offer.allotment_id}"


def paid_without_money(shop):
    Payment.objects.filter(order=shop.paid).update(state="started")
    return f"order {shop.paid.pk}"


def paid_too_little(shop):
    Payment.objects.filter(order=shop.paid).update(amount=F("amount") - 1)
    return f"order {shop.paid.pk}"


def money_nobody_is_owed(shop):
    Payment.objects.filter(order=shop.pending).update(state="confirmed", confirmed_at=timezone.now())
    return f"order {shop.pending.pk}"


def money_of_the_order_called_not_owed(shop):
    Refund.objects.filter(payment__order=shop.cancelled).update(kind="returned")
    return f"order {shop.cancelled.pk}"


def money_not_owed_called_the_orders(shop):
    Refund.objects.filter(payment__order=shop.late).update(kind="paid_back")
    return f"order {shop.late.pk}"


def late_money_forgotten(shop):
    Refund.objects.filter(payment__order=shop.late).delete()
    return f"order {shop.late.pk}"


def more_given_back_than_came(shop):
    Refund.objects.filter(payment__order=shop.cancelled).update(amount=F("amount") + 1)
    return f"payment {shop.cancelled.payments.get().pk}"


def a_ticket_is_gone(shop):
    line = shop.pending.lines.get()
    line.tickets.first().delete()
    return f"line {line.pk}"


def a_pass_is_gone(shop):
    line = shop.paid.lines.get(season_pass__isnull=False)
    line.passes.first().delete()
    return f"line {line.pk}"


def an_empty_order(shop):
    Ticket.objects.filter(order=shop.expired).delete()
    OrderLine.objects.filter(order=shop.expired).delete()
    return f"order {shop.expired.pk}"


def a_ticket_for_another_session(shop):
    ticket = shop.paid.tickets.get()
    Ticket.objects.filter(pk=ticket.pk).update(session=OfferFactory(pos=shop.pos).session)
    return f"ticket {ticket.pk}"


def a_pass_of_another_order(shop):
    issued = shop.paid.passes.first()
    IssuedPass.objects.filter(pk=issued.pk).update(order=shop.pending)
    return f"pass {issued.pk}"


def one_code_opens_two_things(shop):
    ticket, issued = shop.paid.tickets.get(), shop.paid.passes.first()
    IssuedPass.objects.filter(pk=issued.pk).update(code=ticket.code)
    return f"pass {issued.pk}"


def a_replaced_code_that_opens_a_ticket(shop):
    ticket = shop.paid.tickets.get()
    replaced = ReplacedCode.objects.create(
        order=shop.paid, code=ticket.code, ticket=ticket, reason="exchanged", replaced_at=timezone.now()
    )
    return f"replaced code {replaced.pk}"


def one_key_placed_twice(shop):
    without_unique("sales_order", "checkout_key")
    Order.objects.filter(pk=shop.free.pk).update(checkout_key=shop.paid.checkout_key)
    return f"order {shop.free.pk}"


def one_reference_for_two(shop):
    without_unique("sales_order", "reference")
    Order.objects.filter(pk=shop.free.pk).update(reference=shop.paid.reference)
    return f"order {shop.paid.pk}"


def without_unique(table, column):
    """Take away what the database itself refuses."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for name, found in connection.introspection.get_constraints(cursor, table).items():
            if found["unique"] and found["columns"] == [column]:
                cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def a_total_that_does_not_add_up(shop):
    Order.objects.filter(pk=shop.pending.pk).update(total=F("total") + 1)
    return f"order {shop.pending.pk}"


def tax_that_does_not_add_up(shop):
    Order.objects.filter(pk=shop.pending.pk).update(vat_total=F("vat_total") + 1)
    return f"order {shop.pending.pk}"


def a_payment_that_asks_too_much(shop):
    Payment.objects.filter(order=shop.pending).update(amount=F("amount") + 1)
    return f"order {shop.pending.pk}"


def a_payment_in_another_currency(shop):
    Payment.objects.filter(order=shop.pending).update(currency="EUR")
    return f"order {shop.pending.pk}"


def a_line_with_the_wrong_tax(shop):
    line = shop.pending.lines.get()
    OrderLine.objects.filter(pk=line.pk).update(vat_amount=F("vat_amount") + 1)
    return f"line {line.pk}"


def a_mail_never_queued(shop):
    assert Mail.objects.filter(once=f"order_paid:{shop.paid.pk}").delete()[0] == 1
    return f"order {shop.paid.pk}"


def a_mail_of_the_end_never_queued(shop):
    assert Mail.objects.filter(once=f"order_expired:{shop.expired.pk}").delete()[0] == 1
    return f"order {shop.expired.pk}"


def a_mail_twice(shop):
    mail = Mail.objects.get(once=f"order_paid:{shop.paid.pk}")
    twin = Mail.objects.get(pk=mail.pk)
    twin.pk, twin.once = None, "order_paid:another"
    twin.save()
    return f"mail {twin.pk}"


def a_hold_without_a_cart(shop):
    hold = Hold.objects.create(
        allotment_id=shop.offer.allotment_id,
        key=uuid.uuid4(),
        places=1,
        expires_at=timezone.now() + timedelta(minutes=5),
    )
    return f"hold {hold.pk}"


def a_hold_that_lasts_too_long(shop):
    hold = Hold.objects.get(key=shop.cart.key)
    Hold.objects.filter(pk=hold.pk).update(expires_at=F("expires_at") + timedelta(minutes=1))
    return f"hold {hold.pk}"


def a_place_of_a_choice_not_counted(shop):
    form = make_form(organiser=shop.pos.organiser)
    choice = ask(form, "Bus", "dropdown", choices=[("18:00", 5)]).choices.get()
    given = make_given(publish(form), {choice.field.key: choice.key})
    responses.store([given], organiser=form.organiser, language="en", now=timezone.now())
    assert broken() == {"I9": [f"choice {choice.pk}"]}
    limited_choices.reserve(None, Counter({choice.pk: 1}))
    assert broken() == {}
    Choice.objects.filter(pk=choice.pk).update(used=0)
    return f"choice {choice.pk}"


def one_more_cancelled_than_sold(shop):
    part = CancelledLine.objects.get(cancellation__order=shop.cancelled)
    CancelledLine.objects.filter(pk=part.pk).update(
        quantity=F("quantity") + 1, places=F("places") + 1, total=F("total") + part.unit_price
    )
    return f"line {part.line_id}"


def a_cancelled_price_that_was_never_asked(shop):
    part = CancelledLine.objects.get(cancellation__order=shop.cancelled)
    CancelledLine.objects.filter(pk=part.pk).update(unit_price=1, total=F("quantity"), vat_amount=0)
    return f"cancelled line {part.pk}"


def cancelled_tax_that_does_not_add_up(shop):
    part = CancelledLine.objects.get(cancellation__order=shop.cancelled)
    CancelledLine.objects.filter(pk=part.pk).update(vat_amount=F("vat_amount") + Decimal("0.01"))
    return f"line {part.line_id}"


def a_ticket_of_a_cancelled_line_left_out(shop):
    ticket = shop.cancelled.tickets.first()
    Ticket.objects.filter(pk=ticket.pk).update(cancellation=None)
    assert f"ticket {ticket.pk}" in broken()["I10"]
    return f"cancelled line {CancelledLine.objects.get(line=ticket.line_id).pk}"


def a_cancelled_ticket_still_valid(shop):
    ticket = shop.cancelled.tickets.first()
    Ticket.objects.filter(pk=ticket.pk).update(state="valid")
    return f"ticket {ticket.pk}"


def a_ticket_cancelled_without_a_cancellation(shop):
    ticket = shop.paid.tickets.get()
    Ticket.objects.filter(pk=ticket.pk).update(state="cancelled")
    return f"ticket {ticket.pk}"


def an_empty_cancellation(shop):
    return f"cancellation {Cancellation.objects.create(order=shop.paid, made_at=timezone.now()).pk}"


def a_cancellation_of_an_unpaid_order(shop):
    cancellation = cancelled_lines.begin(shop.pending, by=None, now=timezone.now())
    cancelled_lines.write(cancellation, cancelled_lines.units_of(shop.pending)[:1])
    return f"cancellation {cancellation.pk}"


def nothing_left_of_a_paid_order(shop):
    cancellation = cancelled_lines.begin(shop.paid, by=None, now=timezone.now())
    cancelled_lines.write(cancellation, cancelled_lines.units_of(shop.paid))
    return f"order {shop.paid.pk}"


def something_left_of_a_cancelled_order(shop):
    IssuedPass.objects.filter(order=shop.paid).update(state="cancelled")
    Order.objects.filter(pk=shop.paid.pk).update(state="cancelled")
    return f"order {shop.paid.pk}"


def invoiced(shop) -> Invoice:
    recipient = {"name": "Acme", "street": "Lane", "city": "Bern", "country": "CH"}
    invoice = invoices.issue(shop.paid, recipient, by=None, now=timezone.now())
    assert broken() == {}
    return invoice


def an_invoice_is_gone(shop):
    first = invoiced(shop)
    note = credit_notes.withdraw(shop.paid, by=None, now=timezone.now())
    ArchivedPaper.objects.filter(invoice=note).delete()
    note.delete()
    counter = InvoiceCounter.objects.get()
    assert broken() == {"I11": [f"invoice counter {counter.pk}"]}
    invoices.issue(
        make_order({shop.offer: 1}, pos=shop.pos, paid=True), first.recipient, by=None, now=timezone.now()
    )
    return f"invoice {Invoice.objects.latest('pk').pk}"


def an_archived_paper_is_gone(shop):
    invoice = invoiced(shop)
    ArchivedPaper.objects.filter(invoice=invoice).delete()
    return f"invoice {invoice.pk}"


def an_archived_paper_with_other_bytes(shop):
    invoice = invoiced(shop)
    ArchivedPaper.objects.filter(invoice=invoice).delete()
    paper = ArchivedPaper.objects.create(invoice=invoice, content=b"other", sha256="0" * 64)
    return f"archived paper {paper.pk}"


def exchanged(shop) -> Exchange:
    ticket = shop.paid.tickets.get()
    tariff = TariffFactory(event=ticket.session.event, name="Other", price=ticket.line.unit_price)
    OfferFactory(session=ticket.session, tariff=tariff, allotment=ticket.line.allotment)
    wish = exchanges.Wish([f"ticket{ticket.pk}"], tariff=tariff)
    exchanges.exchange(shop.paid, wish, by=None, now=timezone.now())
    assert broken() == {}
    return Exchange.objects.get()


def a_credit_that_never_left(shop):
    exchange = exchanged(shop)
    Refund.objects.filter(kind="exchanged").delete()
    return f"order {exchange.cancellation.order_id}"


def a_credit_that_never_came(shop):
    exchange = exchanged(shop)
    Payment.objects.filter(order=exchange.order).update(method="on_site")
    return f"order {exchange.order_id}"


def an_exchange_for_another_buyer(shop):
    exchange = exchanged(shop)
    Order.objects.filter(pk=exchange.order_id).update(buyer=None)
    return f"exchange {exchange.pk}"


def untold(order, action):
    assert Event.objects.filter(model="sales.order", object_id=str(order.pk), action=action).delete()[0] == 1
    return f"order {order.pk}"


def an_entry_nobody_took(shop):
    issued = IssuedPass.objects.filter(state="valid").first()
    IssuedPass.objects.filter(pk=issued.pk).update(entries=5, entries_left=4)
    return f"pass {issued.pk}"


def a_booking_that_costs(shop):
    ticket = shop.paid.tickets.get()
    issued = IssuedPass.objects.filter(order__organiser=shop.paid.organiser_id).first()
    Ticket.objects.filter(pk=ticket.pk).update(booked_with=issued)
    return f"ticket {ticket.pk}"


def taken_back(shop) -> Reversal:
    """Record a part for a pending order by mistake, and take it back."""
    part = payments.receive(shop.pending, Decimal(5), by=None, now=timezone.now())
    reversing.reverse(part, Reversal.Reason.TWICE, by=None, now=timezone.now())
    return part.reversals.get()


def a_payment_taken_back_in_part(shop):
    reversal = taken_back(shop)
    Refund.objects.filter(reversal=reversal).update(amount=4)
    return f"payment recorded by mistake {reversal.payment_id}"


def a_payment_taken_back_without_a_refund(shop):
    reversal = taken_back(shop)
    Refund.objects.filter(reversal=reversal).delete()
    return f"payment recorded by mistake {reversal.payment_id}"


def a_refund_of_another_payment_taken_back(shop):
    reversal = taken_back(shop)
    Refund.objects.filter(reversal=reversal).update(payment=shop.paid.payments.get())
    return f"payment recorded by mistake {reversal.payment_id}"


def an_order_still_paid_by_money_that_never_came(shop):
    payment = shop.paid.payments.get()
    Reversal.objects.create(
        payment=payment, reason="twice", made_at=timezone.now(), order_paid_at=shop.paid.paid_at
    )
    return f"payment recorded by mistake {payment.pk}"


def a_valid_ticket_that_is_not_paid(shop):
    ticket = shop.pending.tickets.first()
    Ticket.objects.filter(pk=ticket.pk).update(state="valid")
    return f"ticket {ticket.pk}"


CASES = {
    "I1": [a_place_too_many, a_place_too_few, held_beyond_the_capacity, cancelled_by_hand],
    "I2": [
        paid_without_money,
        paid_too_little,
        money_nobody_is_owed,
        money_of_the_order_called_not_owed,
        money_not_owed_called_the_orders,
        late_money_forgotten,
        more_given_back_than_came,
    ],
    "I3": [
        a_ticket_is_gone,
        a_pass_is_gone,
        an_empty_order,
        a_ticket_for_another_session,
        a_pass_of_another_order,
    ],
    "I4": [
        one_code_opens_two_things,
        a_replaced_code_that_opens_a_ticket,
        one_key_placed_twice,
        one_reference_for_two,
    ],
    "I5": [
        a_total_that_does_not_add_up,
        tax_that_does_not_add_up,
        a_payment_that_asks_too_much,
        a_payment_in_another_currency,
        a_line_with_the_wrong_tax,
    ],
    "I6": [a_mail_never_queued, a_mail_of_the_end_never_queued, a_mail_twice],
    "I7": [a_hold_without_a_cart, a_hold_that_lasts_too_long],
    "I9": [a_place_of_a_choice_not_counted],
    "I10": [
        one_more_cancelled_than_sold,
        a_cancelled_price_that_was_never_asked,
        cancelled_tax_that_does_not_add_up,
        a_ticket_of_a_cancelled_line_left_out,
        a_cancelled_ticket_still_valid,
        a_ticket_cancelled_without_a_cancellation,
        an_empty_cancellation,
        a_cancellation_of_an_unpaid_order,
        nothing_left_of_a_paid_order,
        something_left_of_a_cancelled_order,
    ],
    "I12": [a_credit_that_never_left, a_credit_that_never_came, an_exchange_for_another_buyer],
    "I13": [an_entry_nobody_took, a_booking_that_costs],
    "I14": [
        a_payment_taken_back_in_part,
        a_payment_taken_back_without_a_refund,
        a_refund_of_another_payment_taken_back,
        an_order_still_paid_by_money_that_never_came,
        a_valid_ticket_that_is_not_paid,
    ],
    "I11": [an_invoice_is_gone, an_archived_paper_is_gone, an_archived_paper_with_other_bytes],
}


@pytest.mark.parametrize(
    ("code", "break_it"),
    [
        pytest.param(code, case, id=f"{code}-{case.__name__}")
        for code, cases in CASES.items()
        for case in cases
    ],
)
def test_each_rule_is_noticed_when_it_is_broken(shop, code, break_it):
    offender = break_it(shop)
    assert offender in broken().get(code, [])


@pytest.mark.parametrize(
    ("order", "action"),
    [
        ("pending", "placed"),
        ("paid", "paid"),
        ("cancelled", "cancelled"),
        ("cancelled", "refunded"),
        ("expired", "expired"),
        ("late", "paid_too_late"),
    ],
)
def test_a_change_of_state_that_is_not_told_is_noticed(shop, order, action):
    offender = untold(getattr(shop, order), action)
    assert broken() == {"I8": [offender]}


def test_a_payment_taken_back_that_is_not_told_is_noticed(shop):
    taken_back(shop)
    assert broken() == {}
    offender = untold(shop.pending, "payment_reversed")
    assert broken() == {"I8": [offender]}


def test_money_to_pay_back_without_a_refund_is_noticed(shop):
    Refund.objects.filter(payment__order=shop.cancelled).delete()
    assert broken() == {"I8": [f"order {shop.cancelled.pk}"]}


def test_a_refund_without_a_decision_is_noticed(shop):
    Refund.objects.create(
        payment=shop.paid.payments.get(), kind="paid_back", amount=1, requested_at=timezone.now()
    )
    assert broken() == {"I8": [f"order {shop.paid.pk}"]}


def test_a_refund_of_an_earlier_version_is_explained_by_the_end_of_its_order(shop):
    assert Event.objects.filter(action="refund_requested", object_id=str(shop.cancelled.pk)).delete()[0] == 1
    assert broken() == {}


def test_every_rule_has_a_case():
    assert {*CASES, "I8"} == {invariant.code for invariant in books.INVARIANTS}


def test_a_prepared_cursor_finds_what_a_new_one_finds(shop):
    with connection.prepared_cursor() as cursor:
        assert books.check(cursor) == {invariant.code: [] for invariant in books.INVARIANTS}
        a_ticket_is_gone(shop)
        assert books.check(cursor) == books.check()
        assert broken()


def test_a_hold_that_has_run_out_counts_no_longer(shop):
    held_beyond_the_capacity(shop)
    Hold.objects.filter(key=shop.cart.key).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert broken() == {}


def test_a_cart_that_was_thrown_away_breaks_nothing_once_its_hold_is_over(shop):
    Cart.objects.filter(pk=shop.cart.pk).delete()
    Hold.objects.update(expires_at=timezone.now())
    assert broken() == {}


def test_books_expect_no_mail_for_a_buyer_without_an_email_address(shop):
    Contact.objects.filter(pk=shop.paid.buyer_id).update(email=None)
    Mail.objects.filter(about={"order": shop.paid.pk}).delete()
    assert broken() == {}


def test_an_address_that_came_after_the_order_was_not_there_to_be_written_to(shop):
    buyer = ContactFactory(organiser=shop.pos.organiser, email="")
    Mail.objects.filter(about={"order": shop.paid.pk}).delete()
    Order.objects.filter(pk=shop.paid.pk).update(buyer=buyer)
    contacts.change(buyer, {"email": "new@example.org"}, by=AnonymousUser(), now=timezone.now())
    assert broken() == {}


def test_a_mail_sent_again_on_demand_is_no_second_one(shop):
    notices.queue(shop.paid, "order_paid", timezone.now(), again=True)
    assert broken() == {}


def test_the_command_says_each_rule_and_ends_well(shop):
    out = io.StringIO()
    call_command("check_books", stdout=out)
    lines = out.getvalue().splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"{invariant.code} ok" for invariant in books.INVARIANTS
    ]


def test_the_command_names_what_offends_by_number_only_and_ends_with_an_error(shop):
    a_ticket_is_gone(shop)
    offenders = books.offending(books.CONTENTS)
    out = io.StringIO()
    with pytest.raises(CommandError, match=f"1 of {len(books.INVARIANTS)} ") as error:
        call_command("check_books", stdout=out)
    assert error.value.returncode == 1
    assert f"I3 BROKEN by {', '.join(offenders)}: " in out.getvalue()
    assert shop.pending.buyer.last_name not in out.getvalue()
