"""The buttons *Pay now* and *Pay in another way* on the order's page."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits

from ...models import Order
from ...payments import form_targets, methods, payments
from ...payments.methods.base import ProviderUnavailable
from .. import other_method, paying
from ..views import order_or_404

NO_OTHER = gettext_lazy("This shop offers no other way to pay for this order.")
NOT_ENDED = gettext_lazy(
    "You can’t pay in another way at the moment: the payment that was begun may still succeed. Nothing has changed. Please try again in a few minutes."
)


class MethodForm(forms.Form):
    """Form: one of the payment methods that are offered."""

    method = forms.ChoiceField(
        label=gettext_lazy("How do you want to pay?"),
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose how you want to pay."),
            "invalid_choice": gettext_lazy(
                "This way to pay is not offered any more. Please choose another one."
            ),
        },
    )

    def __init__(self, data, offered: dict):
        super().__init__(data)
        self.fields["method"].choices = [(code, method.label) for code, method in offered.items()]


def _may_be_paid(order: Order) -> bool:
    """Return whether the buyer should pay: not for a date that is cancelled."""
    lines = order.lines.select_related("offer__session")
    return order.state == Order.State.PENDING and not any(line.date_cancelled for line in lines)


@form_targets.leads_to_provider
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, pos: str, reference: str, secret: str) -> HttpResponse:
    """Redirect to the page on which the order is paid. A link that is opened, not pressed, leads to the order's page."""
    order = order_or_404(request, reference, secret)
    if request.method != "POST" or not _may_be_paid(order):
        return redirect("shop:order", pos=pos, reference=reference, secret=secret)
    now = timezone.now()
    if not limits.hit("order_pay", network(request), now):
        return too_many_requests(request, limits.wait("order_pay", network(request), now))
    return paying.to_provider(request, order)


@form_targets.leads_to_provider
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def choose_method(request: HttpRequest, pos: str, reference: str, secret: str) -> HttpResponse:
    """Ask for another way to pay, and lead the buyer there."""
    order = order_or_404(request, reference, secret)
    page = redirect("shop:order", pos=pos, reference=reference, secret=secret)
    if not _may_be_paid(order):
        return page
    offered = other_method.choices(order)
    if not offered:
        messages.info(request, NO_OTHER)
        return page
    form = MethodForm(request.POST if request.method == "POST" else None, offered)
    if request.method == "POST" and form.is_valid():
        return _change(request, order, form.cleaned_data["method"])
    form_targets.allow(request, offered.values())
    context = {"order": order, "form": form, "methods": offered, "has_errors": bool(form.errors)}
    return render(request, "sales/order_method.html", context)


def _change(request: HttpRequest, order: Order, code: str) -> HttpResponse:
    now = timezone.now()
    page = redirect("shop:order", order.point_of_sale.slug, order.reference, order.secret)
    if not limits.hit("order_pay", network(request), now):
        return too_many_requests(request, limits.wait("order_pay", network(request), now))
    try:
        changed = other_method.change(order, code, by=request.user, now=now)
    except (ProviderUnavailable, payments.PageOpen):
        messages.error(request, NOT_ENDED)
        return page
    except other_method.NotOffered:
        messages.error(request, _("This way to pay is not offered any more. Please choose another one."))
        return page
    if not changed:
        return page
    if methods.redirects(code):
        return paying.to_provider(request, order)
    messages.success(
        request,
        _("You now pay by “%(method)s”. How to do it is below, and on the way to you by e-mail.")
        % {"method": methods.name_of(code)},
    )
    return page
