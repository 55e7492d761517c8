"""The cart page: add products, change quantities, keep the places a little longer."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ticketshop.lib import translated
from ticketshop.lib.forms import open_forms
from ticketshop.lib.values.text import number_in
from ticketshop.lib.web.network import network
from ticketshop.lib.web.redirects import is_a_path_of_ours
from ticketshop.lib.web.refusals import csrf_failure, too_many_requests
from ticketshop.limits import limits

from .. import pricing
from . import caps, carts, contents, session

MOST = 500
TOO_MANY_OF_ONE_NETWORK = gettext_lazy(
    "Many places of this date are being kept for people on the same network as you (a household, a company, a school or a mobile provider). Log in to go on at once, or try again in a few minutes. Your cart is as it was."
)


def quantity(text: str) -> int | None:
    """Return a whole number from 0 to 500 as people type it, or None."""
    text = text.strip()
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 3:
        return None
    return min(int(text), MOST + 1)


def quantities(post, prefixes: dict[str, str]) -> tuple[dict, bool]:
    """Return the posted quantities as (kind, id) -> number, and whether all of them were numbers.

    ``prefixes``: prefix of the field names -> kind, for fields such as ``offer-12``.
    """
    numbers, all_numbers = {}, True
    for name, text in post.items():
        prefix, _dash, number = name.partition("-")
        if prefix not in prefixes or (pk := number_in(number, digits=18)) is None:
            continue
        value = quantity(text)
        if value is None:
            all_numbers = False
        else:
            numbers[prefixes[prefix], pk] = value
    return numbers, all_numbers


def reason(error: carts.CannotAdd, pos) -> str:
    """Return why something could not be added, in a sentence."""
    if error.reason == "sold_out":
        left = min(error.left.values(), default=0)
        if left == 0:
            return _("Sold out in the meantime: no places are left. Your cart is as it was.")
        return ngettext(
            "Only %(left)d place is left. Your cart is as it was.",
            "Only %(left)d places are left. Your cart is as it was.",
            left,
        ) % {"left": left}
    if error.reason == "too_many":
        most = pos.max_tickets_per_order
        return ngettext(
            "One order holds at most %(count)d ticket.", "One order holds at most %(count)d tickets.", most
        ) % {"count": most}
    if error.reason == "group":
        return _("“%(name)s” is for %(count)d people: choose it for %(count)d of them.") % {
            "name": error.tariff.name,
            "count": error.tariff.tickets_per_unit,
        }
    if error.reason == "network":
        return TOO_MANY_OF_ONE_NETWORK
    if error.reason == "gone":
        return _("This cart was ordered meanwhile. To order more, choose again.")
    return _("This is not on sale at the moment. Your cart is as it was.")


@csrf_exempt  # pages without a cookie have no token of Django's: see open_forms
@login_not_required
@require_POST
def add(request, pos):
    """Add the quantities from the page of an event or a pass, then show the cart, or the details of the order."""
    if settings.SESSION_COOKIE_NAME in request.COOKIES and open_forms.FIELD not in request.POST:
        refused = CsrfViewMiddleware(lambda _request: None).process_view(request, _checked_by_token, (), {})
        if refused is not None:
            return refused
    elif not (open_forms.comes_from_us(request) and open_forms.token_is_ours(request)):
        return csrf_failure(request)
    now = timezone.now()
    if not limits.hit("cart_add", network(request), now):
        return too_many_requests(request, limits.wait("cart_add", network(request), now))
    wanted, sound = quantities(request.POST, {"offer": "offer", "pass": "pass"})
    wanted = {key: number for key, number in wanted.items() if number}
    if not wanted:
        text = (
            _("Choose how many tickets you want, then add them.")
            if sound
            else _("Enter the number of tickets in digits, such as 2.")
        )
        messages.warning(request, text)
        return redirect(back(request))
    cart = session.cart_of(request)
    try:
        if cart is None:
            cart, changed = carts.open_with(
                request.pos, wanted, user=request.user, now=now, network=caps.network_of(request, now)
            )
            session.remember(request, cart)
        else:
            changed = carts.add(cart, wanted, now=now)
    except carts.CannotAdd as error:
        messages.error(request, reason(error, request.pos))
        return redirect(back(request))
    session.count(request, changed.admissions)
    report_changes(request, changed)
    return redirect("shop:checkout" if "checkout" in request.POST else "shop:cart", pos=pos)


def _checked_by_token(request):
    """A stand-in for a view that Django's CSRF middleware does not exempt."""


def report_changes(request, changed: carts.Changed | carts.Refreshed) -> None:
    """Show messages for changed prices and numbers of tickets, after a hold had expired."""
    for title in changed.repriced:
        text = translated.compose(
            _("The price of “%(title)s” has changed. Please check the total."), title=title
        )
        # As HTML: a message that is stored for the next page keeps no other kind of markup.
        messages.warning(request, conditional_escape(text))
    for title in changed.resized:
        text = translated.compose(
            _("“%(title)s”: one price gives another number of tickets now. Please check them."), title=title
        )
        messages.warning(request, conditional_escape(text))


def back(request) -> str:
    """Return the path of the page with the form, if it is a page of this shop, else the shop's first page."""
    target = request.POST.get("back", "")
    home = f"/{request.pos.slug}/"
    return target if target.startswith(home) and is_a_path_of_ours(target) else home


@login_not_required
@require_safe
def show(request, pos):
    """Show the cart. An expired hold is renewed where the places are still free."""
    cart, cart_contents = session.contents_of(request)
    now = timezone.now()
    if cart is None:
        session.count(request, 0) if session.counted(request) else None
        return render(request, "sales/cart.html", {"contents": None, "ordered": session.last_order(request)})
    held = carts.is_held(cart, now)
    refreshed = carts.refresh(cart, now=now)
    if cart_contents is None or not held:
        cart_contents = contents.read(cart)
    if session.counted(request) != cart_contents.admissions:
        session.count(request, cart_contents.admissions)
    context = {
        "contents": cart_contents,
        "cart": cart,
        "lines": [line_row(line, refreshed) for line in cart_contents.lines],
        "problems": contents.problems(cart_contents, now),
        "repriced": refreshed.repriced,
        "resized": refreshed.resized,
        "sold_out": refreshed.left,
        "currency": cart.point_of_sale.organiser.currency,
        "can_extend": cart.held_until is not None and not cart.held_last,
    }
    return render(request, "sales/cart.html", context)


def line_row(line, refreshed: carts.Refreshed) -> dict:
    """Return a cart line for the page; ``left`` is a number where too few places are left, else None."""
    return {
        "line": line,
        "title": line.product.title,
        "total": pricing.line_total(line),
        "left": refreshed.left.get(line.product.allotment_id),
    }


@login_not_required
@require_POST
def update(request, pos):
    """Set new quantities, remove a line, or keep the places longer."""
    cart = session.cart_of(request)
    if cart is None:
        return redirect("shop:cart", pos=pos)
    wanted, sound = quantities(request.POST, {"line": "line"})
    if (gone := number_in(request.POST.get("remove"), digits=18)) is not None:
        wanted["line", gone] = 0
    numbers = {pk: number for (_kind, pk), number in wanted.items()}
    try:
        changed = carts.set_quantities(cart, numbers, now=timezone.now())
    except carts.CannotAdd as error:
        messages.error(request, reason(error, request.pos))
    else:
        report_changes(request, changed)
        if not sound:
            messages.warning(request, _("Enter the number of tickets in digits, such as 2."))
    return redirect("shop:checkout" if "checkout" in request.POST and sound else "shop:cart", pos=pos)
