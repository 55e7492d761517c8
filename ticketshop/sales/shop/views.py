"""The public pages: the programme, an event, a pass. Pages for visitors without a log-in session set no cookie."""

from collections import Counter

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from ticketshop.catalogue import availability, pass_dates, programme
from ticketshop.lib import colour
from ticketshop.lib.forms import open_forms
from ticketshop.lib.web import language_choice, page_cache
from ticketshop.lib.web.redirects import is_a_path_of_ours
from ticketshop.lib.web.refusals import csrf_failure
from ticketshop.organisers import access

from .. import visitor_contact
from ..bookings import own_passes
from ..cart import contents, session
from ..checkout import people
from ..orders import person_limits
from . import group_proposal

ABOUT = {
    "terms": "terms",
    "privacy": "privacy_notice",
    "imprint": "imprint",
    "accessibility": "accessibility_statement",
}
# The number of next events that show their poster on the shop's page.
POSTERS = 4
# Passes of a visitor on the page of an event.
MOST_PASSES = 5


def shared(request, response: HttpResponse) -> HttpResponse:
    """Allow caches to keep a page for a second if it was made for a visitor without a session."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        response.headers["Cache-Control"] = page_cache.PUBLIC
    return response


@login_not_required
@require_safe
def home(request):
    """Show the points of sale, or redirect to the shop if there is only one."""
    shops = list(access.points_of_sale())
    if len(shops) == 1:
        return redirect("shop:index", pos=shops[0].slug)
    return shared(request, render(request, "sales/home.html", {"shops": shops}))


@login_not_required
@require_safe
def index(request, pos):
    """Show the programme by date, with search and categories, and the passes."""
    now = timezone.now()
    query = request.GET.get("q", "").replace("\x00", "")[:80].strip()
    category = request.GET.get("category", "")[:60]
    shown = programme.programme(request.pos, now)
    narrowed = bool(query or category)
    if narrowed:
        listing = programme.Listing(programme.narrow(shown.events, query, category), [], posters=0)
    else:
        listing = programme.Listing(shown.events, shown.passes, POSTERS)
    context = {
        "listing": listing,
        "categories": shown.categories,
        "query": query,
        "category": category,
        "narrowed": narrowed,
    }
    return shared(request, render(request, "sales/index.html", context))


@login_not_required
@require_safe
def event(request, pos, slug):
    """Show an event: dates, tariffs with quantities, places left."""
    now = timezone.now()
    shown = availability.event(request.pos, slug, now)
    if shown is None:
        raise Http404("no such event")
    dates = shown.dates(now)
    context = {
        "shown": shown,
        "dates": dates,
        "form_is_open": is_open(request),
        "own_passes": passes_for(request, shown, dates.rows, now),
        **who_is_coming(request, dates.rows),
    }
    return shared(request, render(request, "sales/event.html", context))


def passes_for(request, shown: availability.EventOffers, sessions, now) -> list:
    """Return (pass, its dates) for the passes of a signed-in visitor that open a date of the event.

    No query if the organiser has no season pass; else one, and five for each pass of the visitor.
    """
    if is_open(request) or not request.user.is_authenticated or not (sessions and shown.passes_exist):
        return []
    coming = {row.session.pk: row.session for row in sessions if row.session.starts_at > now}
    found = []
    for issued in own_passes.usable(visitor_contact.of_request(request), request.pos, now, MOST_PASSES):
        pks = pass_dates.to_come(issued.season_pass, now).filter(pk__in=coming).values_list("pk", flat=True)
        opened = [coming[pk] for pk in pks]
        if opened:
            found.append((issued, own_passes.of_sessions(issued, opened, now)))
    return found


def who_is_coming(request, sessions) -> dict:
    """Return the people to tick and the proposed tickets, for a signed-in visitor with friends and family."""
    if is_open(request) or not request.user.is_authenticated:
        return {}
    contact = visitor_contact.of_request(request)
    known = people.of(contact, request.pos)
    ticked = request.GET.getlist("who")[:50]
    wanted = request.GET.get("session", "")
    row = next((row for row in sessions if str(row.session.pk) == wanted and row.state == "on_sale"), None)
    chosen = [person for person in known if person.value in ticked]
    context = {
        "people": known,
        "ticked": ticked,
        "coming": row,
        "nobody_ticked": bool(wanted) and not chosen,
        "coming_offers": group_proposal.buyable(row) if row else [],
    }
    if row and chosen:
        context["proposed"] = group_proposal.propose(
            chosen,
            row,
            most_tickets=request.pos.max_tickets_per_order,
            already=already(request, contact, chosen, row),
        )
    return context


def already(request, contact, chosen: list[people.Person], row) -> group_proposal.Already:
    """Return what else counts: the visitor's cart, and earlier orders for the chosen people."""
    limited = {
        tariff_row.offer.tariff_id for tariff_row in row.offers if tariff_row.offer.tariff.max_per_person
    }
    had = Counter(person_limits.had(contact, [person.value for person in chosen], limited))
    cart = session.cart_of(request)
    if cart is None:
        return group_proposal.Already(had=had)
    cart_contents, holders = contents.read(cart), cart.typed.holders
    for line in cart_contents.lines:
        for slot in line.slots if line.offer else ():
            # A ticket without a beneficiary counts for the buyer.
            had[holders.get(slot, {}).get("person") or person_limits.ME, line.offer.tariff_id] += 1
    units = {line.offer_id: line.quantity for line in cart_contents.lines if line.offer}
    return group_proposal.Already(units, cart_contents.admissions, had)


@login_not_required
@require_safe
def season_pass(request, pos, slug):
    """Show a pass: what it gives entry to, its price, how many are left."""
    found = availability.season_pass(request.pos, slug)
    if found is None:
        raise Http404("no such pass")
    row = programme.pass_row(found, timezone.now())
    return shared(
        request,
        render(
            request,
            "sales/season_pass.html",
            {"row": row, "season_pass": found, "form_is_open": is_open(request)},
        ),
    )


def is_open(request) -> bool:
    """Return whether the page's forms carry the open token instead of Django's; see ``open_forms``."""
    return settings.SESSION_COOKIE_NAME not in request.COOKIES


@login_not_required
@require_safe
def about(request, pos, page):
    """Show the organiser's terms, privacy notice, imprint or accessibility statement."""
    if page not in ABOUT:
        raise Http404("no such page")
    titles = {
        "terms": _("Terms of sale"),
        "privacy": _("Privacy notice"),
        "imprint": _("Imprint"),
        "accessibility": _("Accessibility statement"),
    }
    text = getattr(request.pos, ABOUT[page])
    return shared(
        request, render(request, "sales/about.html", {"title": titles[page], "text": text, "page": page})
    )


@login_not_required
@require_safe
def theme(request, pos, fingerprint):
    """Return the shop's colour as a stylesheet. Its URL changes with the colour, so caches may keep it for ever."""
    response = HttpResponse(
        colour.stylesheet(request.pos.accent_colour), content_type="text/css; charset=utf-8"
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@csrf_exempt  # it checks the origin and the open token itself
@login_not_required
@require_POST
def language(request):
    """Remember the visitor's language and redirect back."""
    if not (open_forms.comes_from_us(request) and open_forms.token_is_ours(request)):
        return csrf_failure(request)
    target = request.POST.get("next", "")
    response = HttpResponseRedirect(target if is_a_path_of_ours(target) else reverse("home"))
    return language_choice.remember(response, request.POST.get("language", ""))
