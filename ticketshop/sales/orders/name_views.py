"""The names on the tickets and passes of an order, corrected by whoever has its link: until the deadline, page by page."""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ticketshop.lib import language_choice
from ticketshop.lib.pages import page_number
from ticketshop.lib.refusals import TooManyTries
from ticketshop.limits import limits

from ..admission_lists import passes_of, tickets_of
from ..answers import late_changes
from ..models import Order
from ..tickets import names
from .views import order_or_404


def read_names(order: Order) -> names.Names:
    """The names of an order as its buyer may change them."""
    admissions = [*tickets_of(order), *passes_of(order)]
    for admission in admissions:
        admission.order = order
    return names.Names(admissions, who=names.Who.BUYER, now=timezone.now())


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def change(request, pos, reference, secret):
    """The names as they stand on the tickets; saved together, all or nothing."""
    order = order_or_404(request, reference, secret)
    back = redirect("shop:order", pos=request.pos.slug, reference=reference, secret=secret)
    return edit(request, lambda: read_names(order), f"order:{order.pk}", back, {"order": order})


def edit(request, read, limit_key: str, back, context: dict):
    """Show the names that ``read`` gives, or save them and go ``back``. Also for a parent's page."""
    sheet = read()
    number = page_number(request.GET.get("page"), len(sheet.pages()))
    entries = sheet.pages()[number - 1] if sheet.entries else []
    sheet.fill(entries, request.POST if request.method == "POST" else None)
    if language_choice.is_chosen(request):
        for entry in entries:
            if entry.form is not None and entry.form.is_bound:
                language_choice.as_typed(entry.form)
    elif request.method == "POST" and sheet.is_valid(entries, request.POST):
        if not limits.hit("names_change", limit_key, sheet.now):
            raise TooManyTries(limits.wait("names_change", limit_key, sheet.now))
        try:
            changed = sheet.save(entries, by=request.user)
        except names.Closed:
            messages.error(request, _("Nothing was saved: a name on this page can’t be changed any more."))
            return redirect(request.get_full_path())
        except names.Conflict:
            # Read once more, the page says who was quicker, and at which name.
            sheet = read()
            entries = sheet.pages()[number - 1]
            sheet.fill(entries, request.POST)
            sheet.is_valid(entries, request.POST)
        else:
            late_changes.say_outcome(request, entries, _("The names are saved.") if changed else "")
            if number < len(sheet.pages()):
                return redirect(f"{request.path}?page={number + 1}")
            return back
    forms = [entry.form for entry in entries if entry.form]
    context = {
        **context,
        "sheet": sheet,
        "entries": entries,
        "forms": forms,
        "has_errors": any(form.is_bound and form.errors for form in forms),
        "page_number": number,
        "pages": len(sheet.pages()),
        "back": back.url,
    }
    return render(request, "sales/names.html", context)
