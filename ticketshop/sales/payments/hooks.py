"""Webhooks of payment providers: ``/hooks/<method>/<pos>/``.

A webhook only tells which payment to ask about: the provider is asked for the truth, so that it does not matter how often and
in which order webhooks come.
"""

import logging

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from ticketshop.organisers.models import PointOfSale

from ..models import Payment
from . import methods, provider_pages, refunds
from .methods.base import InvalidHook, PageUnknown, ProviderUnavailable

logger = logging.getLogger("ticketshop.payments")
# Webhooks contain one event; a larger body is not read.
MOST_BYTES = 200_000


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, method: str, pos: str) -> HttpResponse:
    """Ask about the payments that a webhook names. The origin is proven by the method.

    400: not proven, too old or not readable; 404: unknown method or shop; 413: too large; 503: the provider can't be asked
    now, and should send the webhook again. A page that is not ours is no error: an account may serve other shops, too. Nor is a page
    that the provider answers not to have: it would send the webhook for days. Staff see it among the differences.
    """
    shop = PointOfSale.objects.filter(slug=pos).first() if methods.redirects(method) else None
    redirecting = methods.redirecting(shop, method) if shop is not None else None
    if shop is None or redirecting is None:
        return _answer(404, "Unknown.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length[:20]) > MOST_BYTES:
        return _answer(413, "Too large.")
    try:
        pages = redirecting.read_hook(request.headers, request.body)
    except InvalidHook as error:
        logger.warning("payment webhook refused method=%s pos=%s why=%s", method, shop.pk, error)
        return _answer(400, "Refused.")
    except ProviderUnavailable:
        return _again_later(method, shop)
    money = redirecting.may_be_money(request.body)
    named = {page for page in pages if page}
    payments = Payment.objects.filter(method=method, provider_reference__in=named)
    known = list(payments.select_related("order__point_of_sale").order_by("pk"))
    try:
        for payment in known:
            if payment.order.point_of_sale_id == shop.pk:
                _settle(payment)
        for page in sorted(named - {payment.provider_reference for payment in known}):
            _settle_unknown(shop, method, page, money=money)
    except ProviderUnavailable:
        return _again_later(method, shop)
    return HttpResponse()


def _settle(payment: Payment) -> None:
    try:
        provider_pages.settle(payment, now=timezone.now())
        refunds.note_failed(payment, now=timezone.now())
    except PageUnknown:
        shop = payment.order.point_of_sale
        provider_pages.note_unknown(shop, payment.method, payment.provider_reference, now=timezone.now())


def _settle_unknown(shop: PointOfSale, method: str, page: str, *, money: bool) -> None:
    """Record the money of a page that no payment has. If the provider has no such page either, tell staff, unless the webhook says
    that nothing was paid. ``money``: whether it may have been.
    """
    try:
        provider_pages.settle_unknown(shop, method, page, now=timezone.now())
    except PageUnknown:
        logger.warning(
            "payment webhook of a page that the provider has not method=%s pos=%s", method, shop.pk
        )
        if money:
            provider_pages.note_unknown(shop, method, page, now=timezone.now())


def _again_later(method: str, shop: PointOfSale) -> HttpResponse:
    logger.warning("payment webhook waits method=%s pos=%s why=provider away", method, shop.pk)
    return _answer(503, "Again later.")


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")
