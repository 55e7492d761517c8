"""Paying an order on the page of a provider: the way there, and what the order's page tells after the way back."""

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy

from ticketshop.lib.values.money import ZERO

from ..models import Order
from ..payments import form_targets, methods, payments, provider_pages
from ..payments.methods.base import Outcome, ProviderUnavailable

AWAY = gettext_lazy(
    "The payment service does not answer at the moment. Nothing is lost: your order stays as it is. Please try again in a few minutes."
)
UNKNOWN = gettext_lazy(
    "The payment service does not answer at the moment, so this page can’t show yet whether you have paid. If you have paid, there is nothing to do: you get your tickets by e-mail. If not, please try again in a few minutes."
)
PROCESSING = gettext_lazy(
    "We are waiting for the confirmation of your payment. There is nothing to do: you get your tickets by e-mail as soon as it comes."
)
NOT_PAID = gettext_lazy("Your payment was declined or stopped. You can try again.")


@dataclass(frozen=True)
class Paying:
    """The payment on the page of an order: a sentence, and whether there is a button to pay."""

    sentence: str | Promise = ""
    possible: bool = False
    amount: Decimal = ZERO
    test_mode: bool = False

    @property
    def processing(self) -> bool:
        """Return whether the buyer has paid, and the confirmation is waited for."""
        return bool(self.sentence) and not self.possible


def state_of(request: HttpRequest, order: Order) -> Paying:
    """Ask the provider about a pending order, and return what its page shows. If it has been paid, ``order`` is read again.

    No query for methods without a provider.
    """
    if order.state != Order.State.PENDING or not methods.redirects(order.payment_method):
        return Paying()
    method = methods.redirecting(order.point_of_sale, order.payment_method)
    test_mode = method is not None and method.test_mode
    form_targets.allow(request, [method] if method else [])
    try:
        status = provider_pages.status_for_page(order, method, now=timezone.now())
    except ProviderUnavailable:
        return Paying(UNKNOWN, True, payments.still_due(order), test_mode)
    if order.state != Order.State.PENDING:
        return Paying()
    outcome = status.outcome if status else Outcome.OPEN
    if outcome == Outcome.PROCESSING:
        return Paying(PROCESSING, test_mode=test_mode)
    refused = outcome == Outcome.FAILED or (status is not None and status.declined)
    return Paying(NOT_PAID if refused else "", True, payments.still_due(order), test_mode)


def to_provider(request: HttpRequest, order: Order) -> HttpResponse:
    """Redirect to the provider's page (303). Redirect to the order's page if there is nothing to pay or the provider does not
    answer; that page then tells why.
    """
    page = reverse("shop:order", args=[order.point_of_sale.slug, order.reference, order.secret])
    try:
        url = provider_pages.url_to_pay(
            order, return_url=settings.BASE_URL + page, language=get_language(), now=timezone.now()
        )
    except ProviderUnavailable:
        # With an open page at the provider, the order's page asks again and explains what it could not learn.
        if not provider_pages.has_open_page(order):
            messages.error(request, AWAY)
        return redirect(page)
    if url is None:
        return redirect(page)
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response
