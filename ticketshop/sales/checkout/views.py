"""The checkout: details, then review and payment. The cart stores what was typed, as typed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import conditional_escape
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy
from django.views.decorators.http import require_http_methods

from ticketshop.lib.web.network import network
from ticketshop.lib.web.refusals import too_many_requests
from ticketshop.limits import limits
from ticketshop.submissions import saved_forms

from .. import pricing
from ..answers import profile
from ..cart import carts, contents, session
from ..cart.views import TOO_MANY_OF_ONE_NETWORK, report_changes
from ..models import Cart
from ..orders import orders, paying, placing
from ..payments import form_targets
from ..payments import methods as payment_methods
from . import details_context
from .details_views import QUESTIONS_CHANGED, DetailsPage, buyer_email, log_in
from .forms import IN_PROFILE, PaymentForm


def ready_cart(request, cart: Cart | None = None):
    """Return the cart, its contents, and a redirect to the page that states what is missing (or None).

    ``cart``: the visitor's cart if it was read already.
    """
    cart, cart_contents = (cart, None) if cart else session.contents_of(request)
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
    if cart_contents is None or not carts.is_held(cart, now):
        refreshed = carts.refresh(cart, now=now)
        report_changes(request, refreshed)
        cart_contents = contents.read(cart)
        if refreshed.left:
            return cart, cart_contents, redirect("shop:cart", pos=request.pos.slug)
    if not cart_contents.lines or contents.problems(cart_contents, now):
        return cart, cart_contents, redirect("shop:cart", pos=request.pos.slug)
    return cart, cart_contents, None


@saved_forms.shows_saved_form
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def details(request, pos):
    """Show or store the details: buyer, holder of each ticket, forms. At most 20 participants a page."""
    cart, cart_contents, elsewhere = ready_cart(request)
    if cart is None:
        return elsewhere
    if not elsewhere and not request.user.is_authenticated and not request.pos.guest_checkout:
        messages.info(request, _("Log in to order here."))
        elsewhere = log_in(request)
    page = DetailsPage(request, cart, cart_contents)
    if request.method == "POST":
        # Stored in any case: if places are gone, or the log-in has ended, nothing has to be typed again.
        onward = page.take(request.POST)
        elsewhere = elsewhere or onward
    if saved_form := saved_forms.find(request):
        saved_forms.delete(request)
        messages.info(
            request, _("You are logged in again. What you typed is here; nothing has been ordered.")
        )
        elsewhere = elsewhere or page.put_back(saved_form.data)
    if elsewhere:
        return elsewhere
    if request.method != "POST" and "check" in request.GET:
        page.look_again()
    return render(request, "sales/checkout.html", details_context.of_page(page))


@form_targets.leads_to_provider
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def review(request, pos):
    """Show everything for confirmation, then place the order. Posting twice leads to the same order."""
    cart = session.cart_of(request) if request.method == "POST" else None
    if request.method == "POST":
        if answer := placed_before(request, cart):
            return answer
        complete = cart is not None and _is_complete(request, cart)
        # ``orders.place`` checks everything else, with the cart locked.
        if complete and (answer := place(request, cart, request.POST["method"])):
            return answer
    cart, cart_contents, elsewhere = ready_cart(request, cart)
    if elsewhere:
        # Another request may have ordered the cart since it was read.
        return (placed_before(request, None) if request.method == "POST" else None) or elsewhere
    if not cart.details_complete:
        return redirect("shop:checkout", pos=pos)
    methods = payment_methods.offered(request.pos, cart_contents.total, request.pos.organiser.currency)
    posted = request.POST if request.method == "POST" else None
    if posted and request.pos.terms and posted.get("terms_hash") != contents.terms_hash(request.pos):
        # Before anything else: if the form is shown again for another reason, the box is ticked already.
        return refused(request, orders.CannotPlace("terms"))
    form = PaymentForm(posted, methods=methods, terms=bool(request.pos.terms))
    if request.method == "POST" and form.is_valid():
        answer = place(request, cart, form.cleaned_data["method"])
        return answer or refused(request, orders.CannotPlace("method"))
    page = DetailsPage(request, cart, cart_contents)
    if why := page.why_not_ready():
        return ask_again(request, orders.CannotPlace(why))
    form_targets.allow(request, methods.values())
    return render(request, "sales/review.html", _review_context(page, form, methods))


def _is_complete(request, cart: Cart) -> bool:
    """Return whether a posted review needs no question back: places held, details complete, today's terms accepted, a way to
    pay chosen.
    """
    pos, post = request.pos, request.POST
    accepted = not pos.terms or (post.get("terms") and post.get("terms_hash") == contents.terms_hash(pos))
    return bool(
        carts.is_held(cart, timezone.now())
        and cart.details_complete
        and accepted
        and post.get("method") in payment_methods.METHODS
    )


def _review_context(page: DetailsPage, form: PaymentForm, methods) -> dict:
    """Return what the template of the review shows. Call ``page.why_not_ready`` before."""
    request, cart, cart_contents = page.request, page.cart, page.cart_contents
    return {
        "contents": cart_contents,
        "cart": cart,
        "details_hash": contents.details_hash(cart),
        "terms_hash": contents.terms_hash(request.pos),
        "form": form,
        "methods": methods,
        "buyer": cart.typed.buyer,
        "buyer_email": buyer_email(request, cart),
        "for_profile": profile.labels(page.blocks) if IN_PROFILE in cart.typed.buyer else [],
        "groups": details_context.groups(page),
        "lines": [
            {"line": line, "title": line.product.title, "total": pricing.line_total(line)}
            for line in cart_contents.lines
        ],
        "has_errors": bool(form.errors),
        "currency": request.pos.organiser.currency,
    }


def placed_before(request, cart: Cart | None):
    """Return a response if the posted checkout key has an order already (double submit, back button, second
    tab), else None.
    """
    key = session.posted_key(request)
    if key is None or (cart is not None and cart.checkout_key == key):
        return None
    try:
        order = placing.placed_under(key, request.POST.get("content_hash", ""))
    except orders.CannotPlace as error:
        return refused(request, error)
    return redirect_to(order) if order else None


def redirect_to(order):
    """Redirect to the page of the order."""
    return redirect(
        "shop:order", pos=order.point_of_sale.slug, reference=order.reference, secret=order.secret
    )


def place(request, cart: Cart, method: str):
    """Place the order and redirect to its page, or to a page that states why it was refused.

    Return None if the method is not offered any more: the form shows that best.
    """
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
            shown=placing.Shown(request.POST.get("details_hash", ""), request.POST.get("terms_hash", "")),
            user=request.user,
            language=get_language(),
            now=now,
            capped=True,
        )
    except orders.CannotPlace as error:
        return refused(request, error) if error.code != "method" else None
    session.ordered(request, order)
    return paying.to_provider(request, order) if payment_methods.redirects(method) else redirect_to(order)


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
    """Return a redirect or page for a refused order, with a message that states why."""
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
    """Redirect to the details, which show at each field what is missing."""
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
