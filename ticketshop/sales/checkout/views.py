"""The checkout: details, then review and pay. What was typed waits on the cart, as typed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods

from ticketshop.lib.network import network
from ticketshop.lib.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.submissions import saved_forms

from .. import pricing
from ..answers import profile
from ..cart import carts, contents, session
from ..cart.views import TOO_MANY_OF_ONE_NETWORK, say_what_changed
from ..models import Cart
from ..orders import orders
from ..payments import methods as payment_methods
from . import details_context
from .details_views import QUESTIONS_CHANGED, DetailsPage, buyer_email, log_in
from .forms import IN_PROFILE, PaymentForm


def ready_cart(request, cart: Cart | None):
    """The visitor's cart and its contents, or a redirect to the page that says what is missing."""
    if cart is None and (waiting := session.of_a_log_in(request)):
        messages.info(
            request,
            _("You have been logged out. Log in to go on: your cart and what you typed are still there."),
        )
        return waiting, contents.read(waiting), log_in(request)
    if cart is None:
        messages.info(request, _("Your cart is empty."))
        return None, None, redirect("shop:cart", pos=request.pos.slug)
    now = timezone.now()
    refreshed = carts.refresh(cart, now=now)
    say_what_changed(request, refreshed)
    whole = contents.read(cart)
    if not whole.lines or refreshed.left or contents.problems(whole, now):
        return cart, whole, redirect("shop:cart", pos=request.pos.slug)
    return cart, whole, None


@saved_forms.shows_saved_form
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def details(request, pos):
    """Who orders, whose name stands on each ticket, and what the forms ask; at most 20 participants a page."""
    cart, whole, elsewhere = ready_cart(request, session.cart_of(request))
    if cart is None:
        return elsewhere
    if not elsewhere and not request.user.is_authenticated and not request.pos.guest_checkout:
        messages.info(request, _("Log in to order here."))
        elsewhere = log_in(request)
    page = DetailsPage(request, cart, whole)
    if request.method == "POST":
        # Kept in any case: places that are gone, or a log-in that is over, are no reason to type it again.
        onward = page.take(request.POST)
        elsewhere = elsewhere or onward
    if kept := saved_forms.find(request):
        saved_forms.delete(request)
        messages.info(
            request, _("You are logged in again. What you typed is here; nothing has been ordered.")
        )
        elsewhere = elsewhere or page.put_back(kept.data)
    if elsewhere:
        return elsewhere
    if request.method != "POST" and "check" in request.GET:
        page.look_again()
    return render(request, "sales/checkout.html", details_context.of_page(page))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def review(request, pos):
    """Everything once more, then place the order. Posting twice shows the one order."""
    cart = session.cart_of(request)
    if request.method == "POST" and (answer := placed_before(request, cart)):
        return answer
    cart, whole, elsewhere = ready_cart(request, cart)
    if elsewhere:
        # Another click may have placed the cart since it was looked up.
        return (placed_before(request, None) if request.method == "POST" else None) or elsewhere
    if not cart.details_complete:
        return redirect("shop:checkout", pos=pos)
    methods = payment_methods.offered(request.pos, whole.total, request.pos.organiser.currency)
    posted = request.POST if request.method == "POST" else None
    if posted and request.pos.terms and posted.get("terms_hash") != contents.terms_hash(request.pos):
        # Before anything else: a page that comes back for another reason would have them ticked.
        return refused(request, orders.CannotPlace("terms"))
    form = PaymentForm(posted, methods=methods, terms=bool(request.pos.terms))
    if request.method == "POST" and form.is_valid():
        answer = place(request, cart, form.cleaned_data["method"])
        if answer is not None:
            return answer
        whole = contents.read(cart)
    page = DetailsPage(request, cart, whole)
    if why := page.why_not_ready():
        return ask_again(request, orders.CannotPlace(why))
    context = {
        "contents": whole,
        "cart": cart,
        "details_hash": contents.details_hash(cart),
        "terms_hash": contents.terms_hash(request.pos),
        "form": form,
        "methods": methods,
        "buyer": cart.typed.buyer,
        "buyer_email": buyer_email(request, cart),
        "for_profile": profile.labels(page.asked) if IN_PROFILE in cart.typed.buyer else [],
        "groups": details_context.groups(page),
        "lines": [
            {"line": line, "title": line.product.title, "total": pricing.line_total(line)}
            for line in whole.lines
        ],
        "has_errors": bool(form.errors),
        "currency": request.pos.organiser.currency,
    }
    return render(request, "sales/review.html", context)


def placed_before(request, cart: Cart | None):
    """The answer where something was placed under the posted key: double submit, back button, second tab."""
    key = session.posted_key(request)
    if key is None or (cart is not None and cart.checkout_key == key):
        return None
    try:
        order = orders.placed_under(key, request.POST.get("content_hash", ""))
    except orders.CannotPlace as error:
        return refused(request, error)
    return redirect_to(order) if order else None


def redirect_to(order):
    return redirect(
        "shop:order", pos=order.point_of_sale.slug, reference=order.reference, secret=order.secret
    )


def place(request, cart: Cart, method: str):
    """Place the order and go to its page; None when the review has to be shown again, with a message why."""
    now = timezone.now()
    if not limits.hit("order_place", network(request), now):
        return too_many_requests(request, limits.wait("order_place", network(request), now))
    if session.posted_key(request) != cart.checkout_key:
        return refused(request, orders.CannotPlace("changed"))
    try:
        order = orders.place(
            cart,
            method=method,
            content_hash=request.POST.get("content_hash", ""),
            details_hash=request.POST.get("details_hash", ""),
            user=request.user,
            language=get_language(),
            now=now,
            capped=True,
        )
    except orders.CannotPlace as error:
        return refused(request, error)
    session.ordered(request, order)
    return redirect_to(order)


CHANGED = {
    "changed": _lazy("Your cart has changed since you opened this page. Please check it and order again."),
    "retyped": _lazy(
        "Your details have changed since you opened this page. Please check them and order again."
    ),
    "terms": _lazy(
        "The terms of sale have changed since you opened this page. Please read them before you order."
    ),
}


def refused(request, error: orders.CannotPlace):
    """One defined answer for each reason: a message and the page to go on from."""
    pos = request.pos.slug
    if error.code == "sold_out":
        left = min(error.left.values(), default=0)
        text = ngettext(
            "Only %(left)d place is left. Nothing was ordered; what you typed is kept.",
            "Only %(left)d places are left. Nothing was ordered; what you typed is kept.",
            left,
        ) % {"left": left}
        messages.error(
            request,
            text if left else _("Sold out in the meantime. Nothing was ordered; what you typed is kept."),
        )
        return redirect("shop:cart", pos=pos)
    if error.code in CHANGED:
        messages.warning(request, CHANGED[error.code])
        return redirect("shop:review", pos=pos)
    if error.code == "conflict":
        return render(request, "sales/conflict.html", status=409)
    if error.code == "person":
        text = _(
            "Your data in this shop are being erased. Nothing was ordered. You can order again as a new customer."
        )
        messages.info(request, text)
        return redirect("shop:index", pos=pos)
    if error.code == "sign_in":
        messages.info(request, _("Log in to order here."))
        return log_in(request)
    if error.at_tickets or error.code in ("choice", "answers", "details"):
        return ask_again(request, error)
    if error.code == "method":
        messages.error(request, _("This way to pay is not offered any more. Please choose another one."))
        return redirect("shop:review", pos=pos)
    for problem in [TOO_MANY_OF_ONE_NETWORK] if error.code == "network" else error.problems:
        messages.error(request, conditional_escape(problem))
    return redirect("shop:cart", pos=pos)


def ask_again(request, error: orders.CannotPlace):
    """To the details, which say at the field what is missing by now."""
    code = error.code
    for problem in error.problems:
        messages.error(request, conditional_escape(problem))
    if code == "choice":
        messages.error(
            request, _("A choice you made has just been sold out. Choose another one; the rest is kept.")
        )
    elif code == "answers":
        messages.info(request, QUESTIONS_CHANGED)
    return redirect(f"/{request.pos.slug}/checkout/{'' if code == 'details' else '?check=1'}")
