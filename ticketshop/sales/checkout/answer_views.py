"""The answers of an order, changed by whoever has its link: until the deadline, page by page where there are many."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from registration_forms.answers import changing
from ticketshop.lib import language_choice
from ticketshop.lib.pages import page_number
from ticketshop.lib.refusals import TooManyTries
from ticketshop.limits import limits

from ..admission_lists import passes_of, tickets_of
from ..answers import editing, late_changes
from ..models import Order
from ..orders.views import order_or_404
from .details_views import QUESTIONS_CHANGED


def read_sheet(request, order: Order) -> editing.Sheet:
    return editing.Sheet(order, tickets_of(order), passes_of(order), now=timezone.now())


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def change(request, pos, reference, secret):
    """The forms of the order with what was answered; saved together, all or nothing."""
    order = order_or_404(request, reference, secret)
    sheet = read_sheet(request, order)
    if not sheet.entries:
        raise Http404("nothing was asked")
    number = page_number(request.GET.get("page"), len(sheet.pages()))
    if language_choice.is_chosen(request):
        _fill_as_typed(sheet, sheet.page(number), request.POST)
        return _draw(request, order, sheet, number)
    if request.method == "POST":
        return _save(request, order, sheet, number)
    sheet.fill(sheet.page(number))
    return _draw(request, order, sheet, number)


def _fill_as_typed(sheet: editing.Sheet, entries: list[editing.Entry], post) -> None:
    sheet.fill(entries, post)
    for entry in entries:
        if entry.posted:
            language_choice.as_typed(entry.block)


def _save(request, order: Order, sheet: editing.Sheet, number: int):
    if not limits.hit("answers_change", f"order:{order.pk}", sheet.now):
        raise TooManyTries(limits.wait("answers_change", f"order:{order.pk}", sheet.now))
    entries = sheet.page(number)
    sheet.fill(entries, request.POST)
    if not sheet.is_valid(entries):
        if any(entry.outdated for entry in entries):
            messages.info(request, QUESTIONS_CHANGED)
        return _draw(request, order, sheet, number)
    try:
        changed = sheet.save(entries, by=request.user)
    except changing.SoldOut as sold:
        editing.mark_sold_out(entries, sold)
        return _draw(request, order, sheet, number)
    except changing.Conflict as conflict:
        sheet = read_sheet(request, order)
        sheet.fill_again(sheet.page(number), request.POST, conflict)
        return _draw(request, order, sheet, number)
    except changing.Closed:
        messages.error(request, _("Nothing was saved: these answers can’t be changed any more."))
        return redirect("shop:answers", pos=request.pos.slug, reference=order.reference, secret=order.secret)
    late_changes.say_outcome(request, entries, _saved(request, order, sheet) if changed else "")
    if number < len(sheet.pages()):
        return redirect(f"{request.path}?page={number + 1}")
    return redirect("shop:order", pos=request.pos.slug, reference=order.reference, secret=order.secret)


def _saved(request, order: Order, sheet: editing.Sheet) -> str:
    """That the answers are saved; for the buyer, logged in, also which of them their profile has now."""
    mine = request.user.is_authenticated and order.buyer and order.buyer.user_id == request.user.pk
    if not (mine and sheet.in_profile):
        return _("Your answers are saved.")
    return _("Your answers are saved, in your profile too: %(answers)s.") % {
        "answers": ", ".join(sheet.in_profile)
    }


def _draw(request, order: Order, sheet: editing.Sheet, number: int):
    entries, pages = sheet.page(number), len(sheet.pages())
    blocks = [entry.block for entry in entries if entry.block]
    context = {
        "order": order,
        "sheet": sheet,
        "entries": entries,
        "forms": blocks,
        "has_errors": any(block.is_bound and block.errors for block in blocks),
        "has_new": any(block.unseen for block in blocks),
        "page_number": number,
        "pages": pages,
    }
    return render(request, "sales/order_answers.html", context)
