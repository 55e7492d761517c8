"""The button *Pay now* on the order's page."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits

from ..payments import form_targets
from . import paying
from .views import order_or_404


@form_targets.leads_to_provider
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, pos: str, reference: str, secret: str) -> HttpResponse:
    """Redirect to the page on which the order is paid. A link that is opened, not pressed, leads to the order's page."""
    order = order_or_404(request, reference, secret)
    lines = order.lines.select_related("offer__session")
    if request.method != "POST" or any(line.date_cancelled for line in lines):
        return redirect("shop:order", pos=pos, reference=reference, secret=secret)
    now = timezone.now()
    if not limits.hit("order_pay", network(request), now):
        return too_many_requests(request, limits.wait("order_pay", network(request), now))
    return paying.to_provider(request, order)
