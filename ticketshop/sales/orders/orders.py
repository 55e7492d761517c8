"""Actions on orders: place, cancel, expire."""

from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy

from contacts import contacts
from registration_forms.answers import limited_choices, responses
from ticketshop.catalogue import places
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.database.constraints import violated_constraint

from .. import notices
from ..cart import caps
from ..models import Cart, Order, places_of, responses_of, withdrawal
from ..papers import credit_notes
from ..passes import bookings
from ..payments import payments, provider_pages, refunds
from ..tickets import tickets
from . import cancelled_lines, placing
from .buyers import CannotPlace, Moved, WithPass
from .cancelled_lines import ForDate

# PostgreSQL's own names of the constraints of columns with ``unique=True``.
CHECKOUT_KEY_ONCE, REFERENCE_ONCE = "sales_order_checkout_key_key", "sales_order_reference_key"
# What a new order needs was taken by others meanwhile.
SOLD_OUT = (
    places.NotEnoughPlaces,
    limited_choices.ChoiceSoldOut,
    caps.TooManyPlaces,
    bookings.NoEntry,
)


def place(
    cart: Cart,
    *,
    method: str,
    content_hash: str,
    user,
    language: str,
    now: datetime,
    shown: placing.Shown | None = None,
    capped: bool = False,
) -> Order:
    """Turn a cart into an order, in one transaction. The same cart placed twice is one order.

    ``content_hash`` is that of the page that the visitor saw (``Contents.content_hash``). ``shown``: what else the page
    showed; None where no page showed it. The order refers to the version of the terms. ``capped``: apply the limits for unpaid orders (``cart.caps``).
    ``user``: the signed-in buyer, AnonymousUser for a guest, AtCounter if staff place the order for a customer, or WithPass if
    the one offer in the cart is booked with a season pass, for no money.

    A free order is paid and its tickets are issued at once, and so is one whose money staff have taken. Raise CannotPlace.
    """
    booked_with = user.issued if isinstance(user, WithPass) else None
    buyer = user.user if isinstance(user, WithPass) else user
    request = placing.Request(cart, method, content_hash, shown, buyer, language, now, capped, booked_with)
    while True:
        try:
            with transaction.atomic():
                return placing.attempt(request)
        except Moved:
            continue
        except IntegrityError as error:
            if order := _placed_meanwhile(error, request):
                return order
        except SOLD_OUT as error:
            raise _refusal(error) from error


def _placed_meanwhile(error: IntegrityError, request: placing.Request) -> Order | None:
    """Return the order that took the checkout key meanwhile; None if another attempt is needed. Raise any other error again."""
    constraint = violated_constraint(error)
    # The connection was lost in an earlier COMMIT, or another worker placed the same key just now.
    if constraint == CHECKOUT_KEY_ONCE and (
        order := placing.placed_under(request.cart.checkout_key, request.content_hash)
    ):
        return order
    # Two of 78 billion random references were the same: another one is drawn.
    if constraint in (REFERENCE_ONCE, contacts.NUMBER_ONCE):
        return None
    raise error


def _refusal(error: Exception) -> CannotPlace:
    """Return the refusal for an error of ``SOLD_OUT``."""
    if isinstance(error, places.NotEnoughPlaces):
        return CannotPlace("sold_out", left=error.left)
    if isinstance(error, limited_choices.ChoiceSoldOut):
        return CannotPlace("choice")
    if isinstance(error, caps.TooManyPlaces):
        return CannotPlace("network")
    if isinstance(error, bookings.NoEntry):
        return CannotPlace("rules", problems=[error.refusal.text])
    raise error


class TicketsUsed(Exception):
    """A paid order can't be cancelled as a whole, because a ticket or pass in it was used. The rest can (``single_tickets``)."""


def cancel(
    order: Order, *, by, now: datetime, pay_back: Decimal | None = None, for_date: ForDate | None = None
) -> bool:
    """Cancel a pending or paid order. Its places are free again.

    ``pay_back``: how much of a paid order is to be paid back; None for everything that is left of it. Money of a pending order
    goes back in any case. ``for_date``: its dates are cancelled; then what is left of its tickets' price goes back
    (``cancelled_lines.owed``).

    Return False, and change nothing, if the order was cancelled or had expired already, or if it turns out to have been
    paid at its provider. Raise ProviderUnavailable or PageOpen, and change nothing, while a payment may still succeed.
    Raise ``refunds.TooMuch``, and change nothing, if less than ``pay_back`` is left; TicketsUsed.
    """
    waits = order.state == Order.State.PENDING
    provider_pages.close(order, now=now)
    if waits and order.state == Order.State.PAID:
        return False
    before: list[str] = [Order.State.PENDING, Order.State.PAID]
    return _end(order, Order.State.CANCELLED, before, by, now, pay_back, for_date)


def expire(order: Order, *, now: datetime) -> bool:
    """Expire a pending order that was not paid in time. Its places are free again.

    Return False if it is not pending, or a payment is being processed. Raise ProviderUnavailable, and change nothing, if its
    provider can't be asked to end the payment.
    """
    try:
        provider_pages.close(order, now=now)
        return _end(order, Order.State.EXPIRED, [Order.State.PENDING], None, now)
    except payments.PageOpen:
        return False


@transaction.atomic
def _end(
    order: Order,
    state: str,
    before: list[str],
    by,
    now: datetime,
    pay_back: Decimal | None = None,
    for_date: ForDate | None = None,
) -> bool:
    changed = Order.objects.filter(pk=order.pk, state__in=before).update(
        state=state, cancelled_at=now, network=""
    )
    if not changed:
        order.refresh_from_db()
        return False
    order.refresh_from_db()
    told = for_date is not None and for_date.told
    if not told:
        # Before the tickets change: this locks the people who get a mail, and an erasure locks people before
        # tickets.
        notices.queue(order, f"order_{state}", now)
    history.record(order, state, by=by, now=now)
    if order.paid_at is None:
        payments.stop(order, now=now)
        tickets.cancel(order)
        withdrawal.settle(order, by=history.author(by), now=now)
        freed = places_of(order)
        if for_date:
            for_date.change.ended.add(order)
    else:
        payments.check_pages(order)
        freed = _cancel_rest(order, by, now, pay_back, for_date)
    responses.cancel(responses_of(order))
    credit_notes.credit_cancelled(order, by=by, now=now)
    places.release(freed)
    return True


def _cancel_rest(
    order: Order, by, now: datetime, pay_back: Decimal | None, for_date: ForDate | None
) -> dict[int, int]:
    """Cancel what is left of a paid order, and plan to pay back. Return the places that are free again. Raise TicketsUsed."""
    rest = [unit for unit in cancelled_lines.units_of(order) if not unit.is_cancelled]
    cancellation = cancelled_lines.begin(order, by=by, now=now, for_date=for_date)
    if not (for_date and for_date.told):
        notices.cancelled_for_others(order, cancellation, cancelled_lines.admissions_of(rest), now)
    cancelled_lines.lock(rest)
    if any(unit.is_used for unit in rest):
        raise TicketsUsed
    freed = cancelled_lines.write(cancellation, rest)
    back = cancelled_lines.owed(order, rest) if for_date else refunds.kept(order)
    refunds.plan(order, back if pay_back is None else pay_back, by=by, now=now)
    return freed


EXPIRE = RowJob(
    "sales.expire_orders",
    gettext_lazy("End an order that was not paid in time"),
    rows=lambda now: Order.objects.filter(state=Order.State.PENDING, expires_at__lte=now).order_by(
        "expires_at"
    ),
    act=lambda order, now: expire(order, now=now),
    atomic=False,
)


def expire_overdue(now: datetime) -> int:
    """Expire every pending order after its deadline, each in its own transaction. Return their number."""
    return EXPIRE.run(now)
