"""Periodic work of the shop. Every task may run twice without harm."""

from django.utils import timezone
from procrastinate.contrib.django import app

from ticketshop.catalogue import places
from ticketshop.limits import limits

from .actions import carts, orders


@app.periodic(cron="* * * * *")
@app.task(name="sales.expire_orders", queueing_lock="sales.expire_orders")
def expire_orders(timestamp: int) -> None:
    """Orders that were not paid in time give their places back."""
    orders.expire_overdue(timezone.now())


@app.periodic(cron="7 9 * * *")
@app.task(name="sales.remind", queueing_lock="sales.remind")
def remind(timestamp: int) -> None:
    """Remind the buyers of bank transfers, in the morning."""
    orders.remind(timezone.now())


@app.periodic(cron="*/10 * * * *")
@app.task(name="sales.tidy", queueing_lock="sales.tidy")
def tidy(timestamp: int) -> None:
    """Forget carts, holds and counters whose time is over."""
    now = timezone.now()
    carts.forget_expired(now)
    places.forget_expired()
    limits.forget_expired(now)
