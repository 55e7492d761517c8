"""A date with many orders is paid back by a job that is killed after each step: refunds once, mails once, other dates untouched.

What a killed process leaves is what it had committed. So the process dies after each commit, before the next one, and the worker
starts its job again. Six orders run with the other tests, 300 with ``make soak``.
"""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SessionFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import BUYER, PaymentMethodFactory, make_order
from tests.sales.orders.dates.changing import cancel_date
from ticketshop.catalogue.models import Session
from ticketshop.mail import tasks as mail_tasks
from ticketshop.mail.models import Mail
from ticketshop.sales.models import DateChange, Order, Refund, Ticket
from ticketshop.sales.orders import books
from ticketshop.sales.orders.dates import date_change_job
from ticketshop.sales.payments import provider_pages, refunds

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.scenario("TIC-06"),
    pytest.mark.timeout(1800),
]
NOW = timezone.now
TASK = "sales.carry_out_change"


class Killed(BaseException):
    """Nothing catches it: as if the process had ended here."""


class Commits:
    """Let some transactions be committed, and end the process before the next commit."""

    def __init__(self, number: int, monkeypatch):
        self.commit, self.left = connection.commit, number
        monkeypatch.setattr(connection, "commit", self)

    def __call__(self):
        if not self.left:
            connection.rollback()
            raise Killed
        self.left -= 1
        self.commit()


def killed_again_and_again(monkeypatch, work) -> int:
    """Call ``work`` until it ends without being killed. Return how often it was killed.

    The first commit of a call may only end a lock, so every second call has two commits.
    """
    for kills in range(5000):
        with monkeypatch.context() as patch:
            Commits(1 + kills % 2, patch)
            try:
                work()
            except Killed:
                continue
        return kills
    raise AssertionError("the job never comes to an end")


def made(number: int, provider) -> tuple[list[Order], Session, Session]:
    """Orders for one date, each third also for another; paid by transfer and by wallet, some unpaid."""
    pos = PointOfSaleFactory()
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    offer = OfferFactory(pos=pos, capacity=2 * number)
    other = OfferFactory(
        session=SessionFactory(event=offer.session.event), tariff=offer.tariff, capacity=2 * number
    )
    orders_made = []
    for index in range(number):
        wanted = {offer: 1 + index % 2} if index % 3 else {offer: 1, other: 1}
        buyer = {**BUYER, "first_name": f"Ada{index}", "email": f"ada{index}@example.org"}
        method = "wallet" if index % 4 == 0 else "bank_transfer"
        order = make_order(wanted, buyer=buyer, method=method, paid=method != "wallet" and index % 6 != 5)
        if method == "wallet":
            provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=NOW())
            provider.pay(provider.last_page)
            provider_pages.settle(order.payments.get(), now=NOW())
        orders_made.append(order)
    Mail.objects.update(state="sent", sent_at=NOW())
    return orders_made, offer.session, other.session


def kills_of_job(change: DateChange, monkeypatch) -> int:
    """Run the job of a change, and the jobs that it queues, as the worker does. Return how often they were killed."""
    queued: list[dict] = []
    monkeypatch.setattr(date_change_job.carry_out_change, "defer", lambda **values: queued.append(values))

    def work(values: dict) -> None:
        queued.clear()
        date_change_job.carry_out_change(**values)

    arguments, kills = [{"change_id": change.pk}], 0
    while arguments:
        kills += killed_again_and_again(monkeypatch, partial(work, arguments.pop()))
        arguments += queued
    return kills


def prove(number: int, provider, monkeypatch) -> None:
    orders_made, session, other = made(number, provider)
    others = list(Ticket.objects.filter(session=other).order_by("pk").values())
    change = cancel_date(session, refund=True)
    monkeypatch.setattr(date_change_job, "PAGE", max(number // 4, 1))
    kills = kills_of_job(change, monkeypatch)
    kills += killed_again_and_again(monkeypatch, lambda: refunds.PAY_BACK.run(NOW()))
    assert kills >= number
    check(orders_made, session, provider)
    assert list(Ticket.objects.filter(session=other).order_by("pk").values()) == others
    # And once more: nothing changes.
    before = (Refund.objects.count(), Mail.objects.count())
    date_change_job.carry_out_change(change.pk)
    refunds.PAY_BACK.run(NOW() + timedelta(minutes=1))
    assert (Refund.objects.count(), Mail.objects.count()) == before


def check(orders_made: list[Order], session: Session, provider) -> None:
    assert not any(books.check().values())
    for order in orders_made:
        order.refresh_from_db()
        cost = sum((ticket.line.unit_price for ticket in order.tickets.filter(session=session)), Decimal(0))
        back = [refund.amount for refund in Refund.objects.filter(payment__order=order)]
        assert back == ([cost] if order.paid_at else []), order
    paid_by_provider = [amount for page in provider.pages.values() for amount in page.refunds.values()]
    assert len(paid_by_provider) == sum(order.payment_method == "wallet" for order in orders_made)
    told = Counter(Mail.objects.filter(kind__startswith="date_changed").values_list("recipient", flat=True))
    assert told == Counter(order.buyer.email for order in orders_made)
    assert not Mail.objects.filter(kind__in=["order_cancelled", "tickets_cancelled"]).exists()


def test_a_date_with_six_orders_is_paid_back_once_by_a_job_killed_at_each_step(
    provider, monkeypatch, mailoutbox
):
    prove(6, provider, monkeypatch)
    # The mails are built from what the killed jobs left.
    queued = Mail.objects.filter(kind="date_changed", state="queued").order_by("pk")
    for pk in list(queued.values_list("pk", flat=True)[:2]):
        mail_tasks.send(pk)
    assert ["Cancelled" in letter.subject for letter in mailoutbox] == [True, True]


@pytest.mark.soak
def test_a_date_with_300_orders_is_paid_back_once_by_a_job_killed_at_each_step(provider, monkeypatch):
    prove(300, provider, monkeypatch)
