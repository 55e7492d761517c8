"""The page *Ready to open?* of a point of sale: what is there, what is missing, and the button that opens it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from ticketshop.office.buttons import OwnPage, always
from ticketshop.organisers.models import PointOfSale

from ...shop import opening
from ..points_of_sale import PointOfSaleAdmin
from . import missing

SEE, OPEN = "organisers.view_pointofsale", "organisers.change_pointofsale"


def view(page: PointOfSaleAdmin, request: HttpRequest, pos: PointOfSale) -> HttpResponse:
    """Show the list, or open the shop if nothing that it needs is missing."""
    if request.method == "POST":
        if not request.user.has_perm(OPEN, pos):
            raise PermissionDenied
        if _opened(request, pos):
            return page.back_to_button(pos, "ready")
    items = missing.read(pos, timezone.now())
    context = {
        **page.about_row(request, pos, str(READY.label)),
        "items": missing.for_user(items, request.user, pos),
        "done": sum(item.done for item in items),
        "refusals": missing.refusals(items),
        "may_open": request.user.has_perm(OPEN, pos),
        "basics": page.address_of(request, pos, "basics"),
        "shop_url": reverse("shop:index", args=[pos.slug]),
    }
    return TemplateResponse(request, "admin/sales/ready_to_open.html", context)


def _opened(request: HttpRequest, pos: PointOfSale) -> bool:
    """Open the shop and return True; if something is missing, queue a message and return False."""
    now = timezone.now()
    with transaction.atomic():
        locked = (
            PointOfSale.objects.select_for_update(of=("self",)).select_related("organiser").get(pk=pos.pk)
        )
        refused = missing.refusals(missing.read(locked, now))
        if not refused:
            opening.open_shop(locked, by=request.user, now=now)
    if refused:
        titles = ", ".join(item.title for item in refused)
        messages.error(request, _("It stays closed. Enter first: %(titles)s.") % {"titles": titles})
        return False
    messages.success(request, _("“%(shop)s” is open: visitors can buy.") % {"shop": pos.name})
    return True


@require_http_methods(["GET", "HEAD", "POST"])
def _safe(request: HttpRequest, page: PointOfSaleAdmin, pos: PointOfSale) -> HttpResponse:
    return view(page, request, pos)


READY = OwnPage(
    "ready",
    gettext_lazy("Ready to open?"),
    (SEE,),
    always,
    lambda page, request, pos: _safe(request, page, pos),
)
PointOfSaleAdmin.offer(READY)
