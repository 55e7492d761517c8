"""The page *Ready to open?* of a point of sale: what is there, what is missing, and the button that opens it."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods

from ticketshop.lib.web.waits import again_in
from ticketshop.limits import limits
from ticketshop.office.buttons import OwnPage, always
from ticketshop.organisers import role_names
from ticketshop.organisers.models import PointOfSale

from ...mails import mail_checks
from ...models import Order
from ...orders.trials import emptying
from ...payments.methods.base import ProviderUnavailable
from ...payments.payments import PageOpen
from ...shop import opening
from ..points_of_sale import PointOfSaleAdmin
from . import missing

SEE, OPEN = "organisers.view_pointofsale", "organisers.change_pointofsale"


def view(page: PointOfSaleAdmin, request: HttpRequest, pos: PointOfSale) -> HttpResponse:
    """Show the list, or open the shop if nothing that it needs is missing."""
    if request.method == "POST":
        # A test e-mail goes to the member of staff alone and changes nothing of the shop: everybody who sees the page may send it.
        if "mail" not in request.POST and not request.user.has_perm(OPEN, pos):
            raise PermissionDenied
        if _done(request, pos):
            return page.back_to_button(pos, "ready")
    items, may_open = missing.read(pos, timezone.now()), request.user.has_perm(OPEN, pos)
    context = {
        **page.about_row(request, pos, str(READY.label)),
        "items": missing.for_user(items, request.user, pos),
        "done": sum(item.done for item in items),
        "refusals": missing.refusals(items),
        "may_open": may_open,
        "who_opens": "" if may_open or pos.active else role_names.ask_them(OPEN),
        "basics": page.address_of(request, pos, "basics"),
        "mail_outcome": mail_checks.outcome(pos, request.user),
        "test_orders": Order.objects.filter(point_of_sale=pos).count() if pos.in_trial else 0,
        "shop_url": reverse("shop:index", args=[pos.slug]),
    }
    return TemplateResponse(request, "admin/sales/ready_to_open.html", context)


def _opened(request: HttpRequest, pos: PointOfSale) -> bool:
    """Delete the test orders, open the shop and return True; if something is in the way, queue a message and return False."""
    now = timezone.now()
    refused = missing.refusals(missing.read(pos, now))
    done = False
    while not refused and not done:
        if pos.in_trial:
            emptying.cancel_all(pos, by=request.user, now=now)
        with transaction.atomic():
            rows = PointOfSale.objects.select_for_update(of=("self",)).select_related("organiser")
            locked = rows.get(pk=pos.pk)
            refused = missing.refusals(missing.read(locked, now))
            if not refused and (
                locked.reachable or emptying.delete_all(locked, by=request.user, now=now) is not None
            ):
                opening.open_shop(locked, by=request.user, now=now)
                done = True
    if refused:
        titles = ", ".join(item.title for item in refused)
        messages.error(request, _("It stays closed. Enter first: %(titles)s.") % {"titles": titles})
        return False
    messages.success(request, _("“%(shop)s” is open: visitors can buy.") % {"shop": pos.name})
    return True


def _emptied(request: HttpRequest, pos: PointOfSale) -> bool:
    """Delete the test orders of a shop that stays closed, and return True."""
    number = emptying.empty(pos, by=request.user, now=timezone.now())
    text = ngettext("%(count)d test order was deleted.", "%(count)d test orders were deleted.", number)
    messages.success(request, text % {"count": number})
    return True


def _mail_sent(request: HttpRequest, pos: PointOfSale) -> bool:
    """Send the staff member a test e-mail, and return True; the page then tells what became of it."""
    now, key = timezone.now(), f"user:{request.user.pk}"
    if limits.hit(mail_checks.KIND, key, now):
        mail_checks.send(pos, by=request.user, now=now)
    else:
        wait = limits.wait(mail_checks.KIND, key, now)
        messages.error(request, f"{_('You have sent several test e-mails already.')} {again_in(wait)}")
    return True


def _done(request: HttpRequest, pos: PointOfSale) -> bool:
    """Do what the pressed button stands for. Return False, with a message, if something is in the way."""
    if "mail" in request.POST:
        return _mail_sent(request, pos)
    try:
        return _emptied(request, pos) if "empty" in request.POST else _opened(request, pos)
    except (ProviderUnavailable, PageOpen):
        sentence = _(
            "The payment service does not answer, so test orders can’t be deleted now. Nothing is lost; try again in a few minutes."
        )
    except emptying.CannotEmpty as error:
        sentence = _(
            "A payment of a bank file, or a place in another shop, belongs to a test order. Take it back or cancel it first: %(orders)s."
        ) % {"orders": ", ".join(error.references)}
    messages.error(request, sentence)
    return False


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
