"""The pages of a ticket that was given to the visitor: code, PDF, calendar file, name and answers."""

from django.contrib import messages
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from registration_forms.answers import changing
from ticketshop.lib.web import language_choice
from ticketshop.lib.web.downloads import download
from ticketshop.lib.web.refusals import TooManyTries
from ticketshop.limits import limits
from ticketshop.sales.answers import editing, late_changes
from ticketshop.sales.models import OPEN_STATES, Admission, Ticket
from ticketshop.sales.orders.giving import offers
from ticketshop.sales.orders.pages.names import edit as edit_names
from ticketshop.sales.tickets import calendars, names

from .access import given_ticket


def _editable(ticket: Ticket) -> editing.EditableAnswers:
    """Return the answers of a given ticket, as its holder may change them."""
    ids = {ticket.response_id} - {None}
    return editing.EditableAnswers(ticket.order, [ticket], [], now=timezone.now(), of=ids, holder=True)


def _names(ticket: Ticket) -> names.EditableNames:
    return names.EditableNames([ticket], editor=names.Editor.HOLDER, now=timezone.now())


@require_safe
def ticket(request, pos, ticket_id):
    """Show a ticket that was given to the visitor."""
    mine, now = given_ticket(request, ticket_id), timezone.now()
    editable = _editable(mine)
    context = {
        "ticket": mine,
        "usable": mine.shown_state in OPEN_STATES and mine.session.ends_at > now,
        "editable": editable,
        "answered_form": next(iter(editable.answered_forms), None),
        "name_open": bool(_names(mine).open),
        "waiting": offers.open_offer_of(mine, now),
        "may_give_back": not offers.why_not_back(mine, now),
        "section": "orders",
    }
    return render(request, "accounts/ticket.html", context)


@require_safe
def pdf(request, pos, ticket_id):
    """Return the ticket as PDF, without price and order, made now and never stored."""
    from ticketshop.sales.tickets import ticket_pdf  # noqa: PLC0415  loads the PDF library

    mine = given_ticket(request, ticket_id)
    if mine.state not in (Admission.State.VALID, Admission.State.USED):
        raise Http404("not valid")
    return download(
        ticket_pdf.render(mine.order, [mine], [], for_holder=True), "application/pdf", "ticket.pdf"
    )


@require_safe
def calendar(request, pos, ticket_id):
    """Return the date of the ticket as a calendar file."""
    content = calendars.of_given_ticket(given_ticket(request, ticket_id))
    return download(content, "text/calendar; charset=utf-8", "ticket.ics")


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def name(request, pos, ticket_id):
    """Correct the name on the ticket, until the deadline that a buyer has."""

    def read() -> names.EditableNames:
        """Return the name as it is now. ``edit_names`` calls it again if it was changed meanwhile."""
        return _names(given_ticket(request, ticket_id))

    back = redirect("account:ticket", pos=pos, ticket_id=ticket_id)
    return edit_names(request, read, f"ticket:{ticket_id}", back, {"section": "orders"})


@require_http_methods(["GET", "HEAD", "POST"])
@language_choice.keeps_typed
def answers(request, pos, ticket_id):
    """Show the answers of the ticket, or save them, until the deadline."""
    mine = given_ticket(request, ticket_id)
    editable = _editable(mine)
    if not editable.answered_forms:
        raise Http404("nothing was asked")
    editable.fill(editable.answered_forms, request.POST if request.method == "POST" else None)
    if language_choice.is_chosen(request):
        for answered_form in editable.answered_forms:
            if answered_form.posted:
                language_choice.as_typed(answered_form.block)
    elif request.method == "POST" and (response := _save(request, mine, editable)):
        return response
    return _draw_answers(request, mine, editable)


def _save(request, mine: Ticket, editable: editing.EditableAnswers):
    """Save the posted answers and return the redirect; None if the page is to be shown again, with the reason."""
    if not limits.hit("answers_change", f"ticket:{mine.pk}", editable.now):
        raise TooManyTries(limits.wait("answers_change", f"ticket:{mine.pk}", editable.now))
    if not editable.is_valid(editable.answered_forms):
        return None
    try:
        changed = editable.save(editable.answered_forms, by=request.user)
    except changing.SoldOut as sold:
        editing.mark_sold_out(editable.answered_forms, sold)
        return None
    except changing.Conflict as conflict:
        again = _editable(given_ticket(request, mine.pk))
        again.fill_again(again.answered_forms, request.POST, conflict)
        return _draw_answers(request, mine, again)
    except changing.Closed:
        messages.error(request, _("Nothing was saved: these answers can’t be changed any more."))
    else:
        saved = _("Your answers are saved.") if changed else ""
        late_changes.say_outcome(request, editable.answered_forms, saved)
    return redirect("account:ticket", pos=request.pos.slug, ticket_id=mine.pk)


def _draw_answers(request, mine: Ticket, editable: editing.EditableAnswers):
    blocks = [answered_form.block for answered_form in editable.answered_forms if answered_form.block]
    context = {
        "ticket": mine,
        "editable": editable,
        "answered_forms": editable.answered_forms,
        "forms": blocks,
        "has_errors": any(block.is_bound and block.errors for block in blocks),
        "has_new": any(block.unseen for block in blocks),
        "page_number": 1,
        "pages": 1,
        "section": "orders",
    }
    return render(request, "accounts/ticket_answers.html", context)
