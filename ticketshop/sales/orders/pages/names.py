"""Page on which the names on an order's tickets and passes are corrected, until the deadline. The link of the
order gives access.
"""

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from ticketshop.lib.web import language_choice
from ticketshop.lib.web.pages import page_number
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits

from ...admission_lists import passes_of, tickets_of
from ...answers import late_changes
from ...models import Order
from ...tickets import names
from ..views import order_or_404


def read_names(order: Order) -> names.EditableNames:
    """Return the names of an order as its buyer may change them."""
    admissions = [*tickets_of(order), *passes_of(order)]
    for admission in admissions:
        admission.order = order
    return names.EditableNames(admissions, editor=names.Editor.BUYER, now=timezone.now())


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def change(request, pos, reference, secret):
    """Show the names on the tickets and passes, or save them: all or none."""
    order = order_or_404(request, reference, secret)
    back = redirect("shop:order", pos=request.pos.slug, reference=reference, secret=secret)
    return edit(request, lambda: read_names(order), f"order:{order.pk}", back, {"order": order})


def edit(request, read, limit_key: str, back, context: dict):
    """Show the names that ``read()`` returns, or save them and redirect to ``back``. Also used for the page of a parent."""
    editable = read()
    number = page_number(request.GET.get("page"), len(editable.pages()))
    editable_names = editable.pages()[number - 1] if editable.editable_names else []
    editable.fill(editable_names, request.POST if request.method == "POST" else None)
    if language_choice.is_chosen(request):
        for editable_name in editable_names:
            if editable_name.form is not None and editable_name.form.is_bound:
                language_choice.as_typed(editable_name.form)
    elif request.method == "POST" and editable.is_valid(editable_names, request.POST):
        if not limits.hit("names_change", limit_key, editable.now):
            raise TooManyTries(limits.wait("names_change", limit_key, editable.now))
        try:
            changed = editable.save(editable_names, by=request.user)
        except names.Closed:
            messages.error(request, _("Nothing was saved: a name on this page can’t be changed any more."))
            return redirect(request.get_full_path())
        except names.Conflict:
            # Read again: the page then shows the other person's change, at the name concerned.
            editable = read()
            editable_names = editable.pages()[number - 1]
            editable.fill(editable_names, request.POST)
            editable.is_valid(editable_names, request.POST)
        else:
            late_changes.say_outcome(request, editable_names, _("The names are saved.") if changed else "")
            if number < len(editable.pages()):
                return redirect(f"{request.path}?page={number + 1}")
            return back
    forms = [editable_name.form for editable_name in editable_names if editable_name.form]
    context = {
        **context,
        "editable": editable,
        "editable_names": editable_names,
        "forms": forms,
        "has_errors": any(form.is_bound and form.errors for form in forms),
        "page_number": number,
        "pages": len(editable.pages()),
        "back": back.url,
    }
    return render(request, "sales/names.html", context)
