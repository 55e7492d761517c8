"""Page on which the answers of an order are changed, until the deadline. The link of the order gives access."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from registration_forms.answers import changing
from ticketshop.lib.web import language_choice
from ticketshop.lib.web.pages import page_number
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits

from ..admission_lists import passes_of, tickets_of
from ..answers import editing, late_changes
from ..models import Order
from ..orders.views import order_or_404
from .details_views import QUESTIONS_CHANGED


def read_editable(request, order: Order) -> editing.EditableAnswers:
    """Return the answers of the order as its buyer may change them."""
    return editing.EditableAnswers(order, tickets_of(order), passes_of(order), now=timezone.now())


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def change(request, pos, reference, secret):
    """Show the forms of the order with their answers, or save a page of them: all or none."""
    order = order_or_404(request, reference, secret)
    editable = read_editable(request, order)
    if not editable.answered_forms:
        raise Http404("nothing was asked")
    number = page_number(request.GET.get("page"), len(editable.pages()))
    if language_choice.is_chosen(request):
        _fill_as_typed(editable, editable.page(number), request.POST)
        return _draw(request, order, editable, number)
    if request.method == "POST":
        return _save(request, order, editable, number)
    editable.fill(editable.page(number))
    return _draw(request, order, editable, number)


def _fill_as_typed(
    editable: editing.EditableAnswers, answered_forms: list[editing.AnsweredForm], post
) -> None:
    editable.fill(answered_forms, post)
    for answered_form in answered_forms:
        if answered_form.posted:
            language_choice.as_typed(answered_form.block)


def _save(request, order: Order, editable: editing.EditableAnswers, number: int):
    if not limits.hit("answers_change", f"order:{order.pk}", editable.now):
        raise TooManyTries(limits.wait("answers_change", f"order:{order.pk}", editable.now))
    answered_forms = editable.page(number)
    editable.fill(answered_forms, request.POST)
    if not editable.is_valid(answered_forms):
        if any(answered_form.outdated for answered_form in answered_forms):
            messages.info(request, QUESTIONS_CHANGED)
        return _draw(request, order, editable, number)
    try:
        changed = editable.save(answered_forms, by=request.user)
    except changing.SoldOut as sold:
        editing.mark_sold_out(answered_forms, sold)
        return _draw(request, order, editable, number)
    except changing.Conflict as conflict:
        editable = read_editable(request, order)
        editable.fill_again(editable.page(number), request.POST, conflict)
        return _draw(request, order, editable, number)
    except changing.Closed:
        messages.error(request, _("Nothing was saved: these answers can’t be changed any more."))
        return redirect("shop:answers", pos=request.pos.slug, reference=order.reference, secret=order.secret)
    late_changes.say_outcome(request, answered_forms, _saved(request, order, editable) if changed else "")
    if number < len(editable.pages()):
        return redirect(f"{request.path}?page={number + 1}")
    return redirect("shop:order", pos=request.pos.slug, reference=order.reference, secret=order.secret)


def _saved(request, order: Order, editable: editing.EditableAnswers) -> str:
    """Return the message that the answers are saved; for a signed-in buyer also which of them their profile
    contains now.
    """
    mine = request.user.is_authenticated and order.buyer and order.buyer.user_id == request.user.pk
    if not (mine and editable.in_profile):
        return _("Your answers are saved.")
    return _("Your answers are saved, in your profile too: %(answers)s.") % {
        "answers": ", ".join(editable.in_profile)
    }


def _draw(request, order: Order, editable: editing.EditableAnswers, number: int):
    answered_forms, pages = editable.page(number), len(editable.pages())
    blocks = [answered_form.block for answered_form in answered_forms if answered_form.block]
    context = {
        "order": order,
        "editable": editable,
        "answered_forms": answered_forms,
        "forms": blocks,
        "has_errors": any(block.is_bound and block.errors for block in blocks),
        "has_new": any(block.unseen for block in blocks),
        "page_number": number,
        "pages": pages,
    }
    return render(request, "sales/order_answers.html", context)
