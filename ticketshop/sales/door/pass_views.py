"""The page of one season pass at the door of a date."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from ticketshop.catalogue.models import Session

from ..models import CheckIn, IssuedPass
from ..passes import entries as entries_of_passes
from ..passes import refusals
from . import access, entries, pass_entries
from .answers import Answer
from .forms import ActionForm
from .views import device, fresh, of_date


@require_http_methods(["GET", "HEAD", "POST"])
@of_date
def season_pass(request: HttpRequest, session: Session, issued: int) -> HttpResponse:
    """Show a season pass with its entries at this date, and let the person in, out again, or undo an entry."""
    found = access.pass_or_404(session, issued)
    form = ActionForm(initial=fresh(request))
    answer, failed = None, False
    if request.method == "POST":
        posted = ActionForm(request.POST)
        if posted.is_valid():
            answer, failed = act(request, session, found, posted.cleaned_data)
            if not failed:
                return redirect("door:pass", session=session.pk, issued=found.pk)
            found.refresh_from_db()
        else:
            form = posted
    at_door = entries_of_passes.at_door(found, session)
    context = {
        "session": session,
        "ticket": found,
        "title": found.shown_name,
        "detail": refusals.left_text(found),
        "may_enter": may_enter(found, session),
        "may_leave": at_door.inside,
        "form": form,
        "answer": answer,
        "failed": failed,
        "check_ins": CheckIn.objects.filter(issued_pass=found, session=session).order_by("-pk"),
    }
    return render(request, "sales/door/ticket.html", context)


def may_enter(issued: IssuedPass, session: Session) -> bool:
    """Return whether the button that lets the holder of a pass in is shown."""
    if session.state == Session.State.CANCELLED or refusals.of_date(issued, session):
        return False
    booked = pass_entries.booked_tickets(issued, session)
    return not issued.season_pass.booking_needed or any(row.state == row.State.VALID for row in booked)


def act(
    request: HttpRequest, session: Session, issued: IssuedPass, values: dict
) -> tuple[Answer | None, bool]:
    """Do what the button of a pass's page stands for. Return the answer to *let in*, and whether nothing was changed."""
    now, by, this = timezone.now(), request.user, device(request, values)
    if values["action"] == ActionForm.IN:
        answer = entries.enter_with_pass(session, issued, this, by=by, now=now)
        return answer, not answer.welcome
    kind = CheckIn.Kind(values["action"])
    note = values["note"] if kind == CheckIn.Kind.UNDONE else ""
    return None, not pass_entries.take_back(session, issued, kind, this, by=by, now=now, note=note)
