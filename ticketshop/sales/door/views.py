"""The pages at ``/door/``: the dates, and for each date the page that scans."""

import uuid
from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ticketshop.catalogue.models import Session
from ticketshop.lib.values.text import normalise_line
from ticketshop.lib.web.template_tags import colon
from ticketshop.submissions import saved_forms

from ..models import CheckIn, Ticket
from . import access, answers, counts, entries, offline
from . import people as people_search
from .check_ins import Device
from .forms import ActionForm, GroupForm, ScanForm

GATE = "door_gate"  # in the log-in session: the gate at which this device stands
SHOWN = 100  # dates in the list
JSON = "application/json"


def of_date(view: Callable) -> Callable:
    """Give a view its date, if the staff member may see it, and show the page in the time zone of its organiser."""

    @wraps(view)
    def with_session(request: HttpRequest, session: int, **kwargs) -> HttpResponse:
        found = access.session_or_404(request.user, session)
        with timezone.override(found.event.organiser.zone):
            return view(request, found, **kwargs)

    return with_session


def device(request: HttpRequest, values: dict) -> Device:
    """Return the device of a posted form, and remember its gate for the next page."""
    gate = values["gate"]
    if gate != request.session.get(GATE, ""):
        request.session[GATE] = gate
    return Device(values["key"], gate)


def fresh(request: HttpRequest) -> dict:
    """Return the first values of a form: a new key, and the gate of this device."""
    return {"key": uuid.uuid4(), "gate": request.session.get(GATE, "")}


@require_safe
def dates(request: HttpRequest) -> HttpResponse:
    """List the dates of today and the coming ones, with the number of people in."""
    now = timezone.now()
    found = list(access.sessions(request.user, now)[: SHOWN + 1])
    figures = counts.of_sessions(found)
    rows = []
    for session in found[:SHOWN]:
        with timezone.override(session.event.organiser.zone):
            # As text, because the page with dates of several organisers has no time zone of its own.
            starts_at = timezone.localtime(session.starts_at)
            day, clock = date_format(starts_at, "D j F"), date_format(starts_at, "H:i")
            today = session.starts_at <= now or starts_at.date() == timezone.localdate(now)
        rows.append(
            {
                "session": session,
                "day": day,
                "clock": clock,
                "today": today,
                "figures": figures.get(session.pk) or counts.Figures("", 0, 0),
            }
        )
    organisers = {session.event.organiser_id for session in found}
    context = {"rows": rows, "more": len(found) > SHOWN, "several": len(organisers) > 1}
    return render(request, "sales/door/dates.html", context)


@saved_forms.shows_saved_form
@require_http_methods(["GET", "HEAD", "POST"])
@of_date
def scan(request: HttpRequest, session: Session) -> HttpResponse:
    """Show the field for a code; answer a posted one, as a page or for the page's script as JSON.

    The answer is the response to the POST, without a redirect: a page sent again has the same key and gets the same answer.
    """
    answer = None
    form = ScanForm(initial=fresh(request))
    if request.method == "POST":
        posted = ScanForm(request.POST)
        if posted.is_valid():
            values = posted.cleaned_data
            answer = entries.enter(
                session, values["code"], device(request, values), by=request.user, now=timezone.now()
            )
        else:
            form = posted
    figures = counts.of_session(session)
    if request.method == "POST" and request.headers.get("Accept") == JSON:
        return JsonResponse(
            {
                "answer": as_json(session, answer) if answer else refused_input(form),
                "count": {"in": figures.people_in, "sold": figures.sold},
            }
        )
    context = {
        "session": session,
        "form": form,
        "answer": answer,
        "url": url_of(session, answer) if answer else "",
        "link": link_text(answer) if answer else "",
        "figures": figures,
        # Codes are not kept over the log-in: the last one must be scanned again.
        "unchecked": saved_forms.find(request) is not None,
    }
    response = render(request, "sales/door/scan.html", context)
    response.uses_camera = True
    return response


def as_json(session: Session, answer: answers.Answer) -> dict:
    """Return the answer for the page's script: the texts that ``answer.html`` shows."""
    url = url_of(session, answer)
    return {
        "code": answer.code,
        "welcome": answer.welcome,
        "word": answer.word,
        "detail": answer.detail,
        "tariff": answer.tariff,
        "name": answer.name,
        "age": answer.age if answer.welcome else "",
        "questions": [[colon(label), text] for label, text in answer.questions],
        "url": url,
        "link": link_text(answer),
    }


def url_of(session: Session, answer: answers.Answer) -> str:
    """Return the URL of the page of the ticket or pass; empty for a ticket of another date and an unknown code."""
    if answer.issued:
        return reverse("door:pass", args=[session.pk, answer.issued.pk])
    ticket = answer.ticket
    here = ticket is not None and ticket.session_id == session.pk
    return reverse("door:ticket", args=[session.pk, ticket.pk]) if here else ""


def link_text(answer: answers.Answer) -> str:
    """Return the text of the link to the page of the ticket or pass."""
    if answer.welcome:
        return gettext("Undo the entry")
    return gettext("More about this pass") if answer.issued else gettext("More about this ticket")


def refused_input(form: ScanForm) -> dict:
    """Return the first error of the form for the page's script."""
    (error, *_others) = next(iter(form.errors.values()))
    return {"code": "input", "welcome": False, "word": error}


@require_http_methods(["GET", "HEAD", "POST"])
@of_date
def ticket(request: HttpRequest, session: Session, ticket: int) -> HttpResponse:
    """Show one ticket of the date with its entries, and let the person in, out again, or undo an entry."""
    found = access.ticket_or_404(session, ticket)
    form = ActionForm(initial=fresh(request))
    outcome = None
    if request.method == "POST":
        posted = ActionForm(request.POST)
        if posted.is_valid():
            outcome = act(request, session, found, posted.cleaned_data)
            if outcome:
                return redirect("door:ticket", session=session.pk, ticket=found.pk)
            found.refresh_from_db()
        else:
            form = posted
    context = {
        "session": session,
        "ticket": found,
        "title": found.line.shown_tariff,
        "may_enter": found.state == Ticket.State.VALID and session.state != Session.State.CANCELLED,
        "may_leave": found.state == Ticket.State.USED and not found.cancellation_id,
        "form": form,
        "failed": outcome is False,
        "check_ins": CheckIn.objects.filter(ticket=found).order_by("-pk"),
    }
    return render(request, "sales/door/ticket.html", context)


@require_safe
@of_date
def people(request: HttpRequest, session: Session) -> HttpResponse:
    """Find people by name or order number, with tickets or passes. A button for each order lets all people with its tickets in."""
    typed = normalise_line(request.GET.get("q", "").replace("\x00", ""))[:80]
    groups, more = people_search.search(session, typed)
    passes, more_passes = people_search.search_passes(session, typed)
    context = {
        "session": session,
        "typed": typed,
        "groups": groups,
        "passes": passes,
        "more": more or more_passes,
        "form": GroupForm(initial=fresh(request)),
    }
    return render(request, "sales/door/people.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@of_date
def group(request: HttpRequest, session: Session, order: int) -> HttpResponse:
    """Let in all people of an order who have not come yet, and show their tickets.

    As in ``scan``, the answer is the response to the POST. A GET, such as after a log-in, leads to the search.
    """
    found = access.order_or_404(session, order)
    posted = GroupForm(request.POST)
    if request.method != "POST" or not posted.is_valid():
        return redirect(f"{reverse('door:people', args=[session.pk])}?{urlencode({'q': found.reference})}")
    given = entries.enter_group(
        session, found, device(request, posted.cleaned_data), by=request.user, now=timezone.now()
    )
    context = {
        "session": session,
        "order": found,
        "answers": [(answer, url_of(session, answer), link_text(answer)) for answer in given],
        "entered": entries.entered(given),
        "text": answers.group_text(entries.entered(given), len(given)),
        "figures": counts.of_session(session),
    }
    return render(request, "sales/door/group.html", context)


@require_safe
@of_date
def count(request: HttpRequest, session: Session) -> HttpResponse:
    """Show how many people are in, by tariff."""
    context = {
        "session": session,
        "figures": counts.of_session(session),
        "tariffs": counts.by_tariff(session),
        "with_passes": counts.with_passes(session),
        "conflicts": [(row, answers.word_of(row.refusal)) for row in offline.conflicts(session)],
        "now": timezone.now(),
    }
    return render(request, "sales/door/count.html", context)


@require_safe
@of_date
def codes(request: HttpRequest, session: Session) -> HttpResponse:
    """Return the list that a device takes along for the time without network, as JSON."""
    return JsonResponse(offline.code_list(session))


@require_POST
@of_date
def queue(request: HttpRequest, session: Session) -> HttpResponse:
    """Decide the entries that a device made without network.

    The name of the field ends in ``code``: at the end of a log-in session the posted values are not saved, because they stay on the device.
    """
    now, seen, conflicts = timezone.now(), [], 0
    for key, code, device in offline.read(request.POST.get("entries-code", ""), now):
        answer = offline.record(session, code, device, by=request.user, now=now)
        seen.append(key)
        conflicts += not answer.welcome
    figures = counts.of_session(session)
    return JsonResponse(
        {
            "seen": seen,
            "conflicts": conflicts,
            "count": {"in": figures.people_in, "sold": figures.sold},
        }
    )


def act(request: HttpRequest, session: Session, found, values: dict) -> bool:
    """Do what the button of a ticket's page stands for. Return False if the ticket is in another state now."""
    now, by, this = timezone.now(), request.user, device(request, values)
    if values["action"] == ActionForm.IN:
        return entries.enter_ticket(session, found, this, by=by, now=now).welcome
    kind = CheckIn.Kind(values["action"])
    note = values["note"] if kind == CheckIn.Kind.UNDONE else ""
    return entries.take_back(found, kind, this, by=by, now=now, note=note)
