"""Payments on a page of a provider: open the page, ask what has become of it, close it.

Everything here asks the provider first, outside of a transaction, and then records the answer in one. The answer only moves a
payment forward, so any of these functions may run twice, at the same time, and in any order.
"""

import logging
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import RowJob
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.dates import days
from ticketshop.organisers.models import PointOfSale

from ..models import Order, Payment, PaymentDifference
from . import disputes, methods, payments, waiting_payment
from .methods.base import Outcome, PageUnknown, PaymentPage, ProviderUnavailable, RedirectMethod, Status

logger = logging.getLogger("ticketshop.payments")
# How long the job waits until it asks again for the same page. The webhook and the return of the buyer are usually faster.
ASK_EVERY = timedelta(minutes=5)
# Providers end each page before that.
LONGEST_PAGE = timedelta(hours=25)
# A page of ours that is opened again and again asks the provider at most this often.
PAGE_ASKS_EVERY = timedelta(seconds=2)
# The ``last_answer`` of an open page whose latest attempt was refused; other answers are values of ``Outcome``.
DECLINED = "declined"
# The ``last_answer`` of a payment that was being processed and has failed: the buyer had done everything.
NOT_CONFIRMED = "refused"


def leave_transactions() -> None:
    """Raise RuntimeError within a transaction: it would hold its locks while the provider is waited for."""
    with transaction.atomic(durable=True):
        pass


def url_to_pay(order: Order, *, return_url: str, language: str, now: datetime) -> str | None:
    """Return the URL on which a pending order is paid, after opening a page with its provider if there is none.

    None if there is nothing to pay there: the order is paid or over, its payment is being processed, or its method has no such
    page. Raise ProviderUnavailable.
    """
    if order.state != Order.State.PENDING or not methods.redirects(order.payment_method):
        return None
    payment, due = payments.waiting_and_due(order)
    if payment is not None and payment.amount != due:
        # Part of the money has come in another way since.
        if payment.provider_url and _ask(payment, now, close=True).outcome != Outcome.FAILED:
            return None
        waiting_payment.ask_for_rest(order, now=now)
        payment = payments.open_payment(order)
    elif payment is not None and payment.provider_url:
        status = settle(payment, now=now)
        if status.outcome == Outcome.OPEN:
            # The order's page asks again when the buyer is back, however soon.
            Payment.objects.filter(pk=payment.pk).update(asked_at=None)
            return payment.provider_url
        # After a refusal there is a new payment, unless the order is over.
        payment = payments.open_payment(order) if status.outcome == Outcome.FAILED else None
    method = methods.redirecting(order.point_of_sale, payment.method) if payment is not None else None
    if payment is None or method is None:
        return None
    leave_transactions()
    page = method.open_page(payment, return_url=return_url, language=language)
    _check_url(method, page.url)
    kept = _keep(payment, page, now)
    if kept is None or kept.reference != page.reference:
        # The page just opened was shown to no buyer.
        payment.provider_reference = page.reference
        method.close_page(payment)
    return kept.url if kept else None


def _check_url(method: RedirectMethod, url: str) -> None:
    parts = urlsplit(url)
    if f"{parts.scheme}://{parts.netloc}" not in method.form_origins():
        logger.error("payment page refused method=%s why=another origin", method.code)
        raise ProviderUnavailable


@transaction.atomic
def _keep(payment: Payment, page: PaymentPage, now: datetime) -> PaymentPage | None:
    """Store the page of a payment. Return the page it has, which another request may have stored; None if the order or the
    payment is over.
    """
    order = payments.lock_order(payment)
    if order.state == Order.State.PENDING:
        without = Payment.objects.filter(pk=payment.pk, state=Payment.State.STARTED, provider_reference="")
        if without.update(provider_reference=page.reference, provider_url=page.url, asked_at=None):
            return page
    payment.refresh_from_db(fields=["state", "provider_reference", "provider_url"])
    if order.state != Order.State.PENDING or payment.state != Payment.State.STARTED:
        return None
    return PaymentPage(payment.provider_reference, payment.provider_url)


def settle(payment: Payment, *, now: datetime, by=None) -> Status:
    """Ask the payment service about a payment, record the answer, and return it. Raise ProviderUnavailable.

    Called when the buyer returns, by the webhook, by a job and by a button of the back office.
    """
    return _ask(payment, now, by=by)


def _ask(
    payment: Payment,
    now: datetime,
    *,
    by=None,
    close: bool = False,
    method: RedirectMethod | None = None,
) -> Status:
    """Ask about a payment, after closing its page with ``close``, and record the answer."""
    if method is None or method.code != payment.method:
        method = methods.redirecting(payment.order.point_of_sale, payment.method)
    if method is None or not payment.provider_reference:
        raise ValueError(f"payment {payment.pk} has no page at a provider")
    leave_transactions()
    try:
        status = method.close_page(payment) if close else method.status(payment)
    except PageUnknown:
        if payment.started_at > now - LONGEST_PAGE:
            raise
        # Otherwise the order would wait for it for ever. Money that came for it nevertheless is found by the nightly comparison.
        note_unknown(payment.order.point_of_sale, payment.method, payment.provider_reference, now=now)
        status = Status(Outcome.FAILED)
    _record(payment, status, by, now)
    return status


@transaction.atomic
def _record(payment: Payment, status: Status, by, now: datetime) -> None:
    if status.outcome == Outcome.PAID:
        payments.confirm_page(payment, status.amount, status.currency, by=by, now=now)
        if status.disputes:
            disputes.record(_confirmed_on_page(payment), status.disputes, now=now)
        return
    order = payments.lock_order(payment)
    rows = Payment.objects.filter(pk=payment.pk)
    processing = rows.filter(last_answer=Outcome.PROCESSING.value)
    if status.outcome == Outcome.FAILED and processing.update(last_answer=NOT_CONFIRMED):
        rows.update(asked_at=now)
    else:
        rows.update(asked_at=now, last_answer=DECLINED if status.declined else status.outcome.value)
    if status.outcome == Outcome.FAILED:
        rows.update(provider_url="")
        if rows.filter(state=Payment.State.STARTED).update(state=Payment.State.FAILED):
            payments.start_again(order, now=now)


def _confirmed_on_page(payment: Payment) -> Payment:
    """Return the payment that has the page now: another one if another amount was paid than was asked for."""
    return Payment.objects.select_related("order").get(
        method=payment.method, provider_reference=payment.provider_reference
    )


def settle_unknown(pos: PointOfSale, code: str, reference: str, *, now: datetime) -> bool:
    """Ask about a page that no payment has, and record its money if it belongs to an order of this shop.

    Such a page was opened after the last backup, or its answer was lost. Return whether money was recorded. Raise
    ProviderUnavailable.
    """
    method = methods.redirecting(pos, code)
    if method is None:
        return False
    leave_transactions()
    order_reference, status = method.look_up(reference)
    order = Order.objects.filter(point_of_sale=pos, reference=order_reference).first()
    if status.outcome != Outcome.PAID or not order_reference or order is None:
        return False
    logger.warning("payment of an unknown page method=%s order=%s", code, order.pk)
    return payments.receive_page(order, code, reference, status.amount, status.currency, now=now)


def note_unknown(pos: PointOfSale, code: str, reference: str, *, now: datetime) -> None:
    """List a page for staff that its provider answers not to have; once, whatever becomes of it."""
    known = {"point_of_sale": pos, "method": code, "provider_reference": reference}
    unknown = PaymentDifference.Code.PAGE_UNKNOWN
    with transaction.atomic():
        if PaymentDifference.objects.filter(code=unknown, **known).exists():
            return
        payment = Payment.objects.filter(
            method=code, provider_reference=reference, order__point_of_sale=pos
        ).first()
        PaymentDifference.objects.get_or_create(
            code=unknown,
            day=days.day_of(now, pos.organiser.zone),
            **known,
            defaults={"found_at": now, "payment": payment},
        )


def status_for_page(order: Order, method: RedirectMethod | None, *, now: datetime) -> Status | None:
    """Ask about the payment of a pending order, by this method, whose page is shown, and read the order again if it has changed.

    None if there is nothing to ask. If the provider was asked just now, for example after a webhook, its answer of then. After a
    refusal the status stays FAILED until the next page is opened: a webhook may have recorded it before the buyer is back. Raise
    ProviderUnavailable. No query for other methods.
    """
    if order.state != Order.State.PENDING or not methods.redirects(order.payment_method):
        return None
    payment = _OPEN_PAGES.first(order=order.pk)
    if payment is None and _was_refused(order):
        return Status(Outcome.FAILED)
    if payment is None:
        return None
    if payment.asked_at and payment.asked_at > now - PAGE_ASKS_EVERY:
        return _last_status(payment)
    status = _ask(payment, now, method=method)
    if status.outcome == Outcome.PAID:
        ((order.state, order.paid_at, order.cancelled_at),) = _STATE.rows(order=order.pk)
    return status


def _last_status(payment: Payment) -> Status:
    """Return the status of an open page as the provider told it when it was asked last."""
    processing = payment.last_answer == Outcome.PROCESSING.value
    return Status(
        Outcome.PROCESSING if processing else Outcome.OPEN, declined=payment.last_answer == DECLINED
    )


def _was_refused(order: Order) -> bool:
    """Return whether a payment on a page of the order's provider has failed."""
    rows = Payment.objects.filter(order=order, method=order.payment_method, state=Payment.State.FAILED)
    return rows.exclude(provider_reference="").exists()


def was_not_confirmed(order: Order) -> bool:
    """Return whether the buyer has paid on a page, and the bank or the provider has refused it afterwards."""
    return Payment.objects.filter(order=order, last_answer=NOT_CONFIRMED).exists()


def has_open_page(order: Order) -> bool:
    """Return whether a payment of the order has a page that its provider has not ended."""
    return with_open_page(order).exists()


def with_open_page(order: Order | Parameter) -> QuerySet[Payment]:
    """Return the payments of the order whose pages their providers have not ended, with order and point of sale."""
    rows = Payment.objects.filter(order=order).exclude(provider_url="")
    return rows.select_related("order__point_of_sale").order_by("pk")


_STATE = Compiled(
    lambda: Order.objects.filter(pk=Parameter("order")).values_list("state", "paid_at", "cancelled_at")
)
_OPEN_PAGES = Compiled(lambda: with_open_page(Parameter("order")))


def close(order: Order, *, now: datetime) -> None:
    """Close the open pages of an order that is to end, so that ``payments.stop`` may free its places.

    What was paid meanwhile is recorded, and the order may be paid then. Raise ProviderUnavailable, or PageOpen if a payment
    may still succeed. No query for other methods.
    """
    if not methods.redirects(order.payment_method):
        return
    for payment in with_open_page(order):
        if _ask(payment, now, close=True).outcome in (Outcome.OPEN, Outcome.PROCESSING):
            raise payments.PageOpen
    order.refresh_from_db(fields=["state"])


# --- the job ---------------------------------------------------------------------------------------------
def _to_ask(now: datetime) -> QuerySet[Payment]:
    """Return the payments with an open page that was not asked about for a while, or that the order no longer needs."""
    due = Q(asked_at=None, started_at__lte=now - ASK_EVERY) | Q(asked_at__lte=now - ASK_EVERY)
    rows = Payment.objects.filter(due | ~Q(order__state=Order.State.PENDING)).exclude(provider_url="")
    return rows.select_related("order__point_of_sale").order_by("asked_at", "pk")


def _ask_or_close(payment: Payment, now: datetime) -> bool:
    needed = payment.order.state == Order.State.PENDING and payment.state == Payment.State.STARTED
    status = _ask(payment, now, close=not needed)
    return status.outcome in (Outcome.PAID, Outcome.FAILED)


ASK = RowJob(
    "sales.ask_providers",
    gettext_lazy("Ask the payment service about a payment"),
    rows=_to_ask,
    act=_ask_or_close,
    atomic=False,
    most=50,  # each may wait for PROVIDER_SECONDS
)
