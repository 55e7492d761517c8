"""What is on: the shop, an event, a pass. Pages of visitors without a session carry no cookie."""

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

from ticketshop.catalogue import availability, programme
from ticketshop.lib import colour, language_choice, open_forms, page_cache
from ticketshop.lib.addresses import is_a_path_of_ours
from ticketshop.lib.refusals import csrf_failure
from ticketshop.organisers import access

from .. import visitor_contact
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
# How many of the next events show their poster on the shop's page.
POSTERS = 4


def shared(request, response: HttpResponse) -> HttpResponse:
    """Let a page be kept for a second if it was made for a visitor without a session: it is everybody's."""
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        response.headers["Cache-Control"] = page_cache.PUBLIC
    return response


@login_not_required
@require_safe
def home(request):
    """The points of sale; straight to the shop when there is one."""
    shops = list(access.points_of_sale())
    if len(shops) == 1:
        return redirect("shop:index", pos=shops[0].slug)
    return shared(request, render(request, "sales/home.html", {"shops": shops}))


@login_not_required
@require_safe
def index(request, pos):
    """The programme by date, with search and category, and the passes."""
    now = timezone.now()
    query = request.GET.get("q", "").replace("\x00", "")[:80].strip()
    category = request.GET.get("category", "")[:60]
    whole = programme.programme(request.pos, now)
    rows = programme.narrow(whole.events, query, category)
    narrowed = bool(query or category)
    # The next ones with their posters, the rest as a list: a page of all posters would weigh too much.
    featured = [] if narrowed else rows[:POSTERS]
    context = {
        "featured": featured,
        "months": programme.by_month(rows[len(featured) :]),
        "categories": whole.categories,
        "passes": whole.passes,
        "query": query,
        "category": category,
        "narrowed": narrowed,
    }
    return shared(request, render(request, "sales/index.html", context))


@login_not_required
@require_safe
def event(request, pos, slug):
    """An event: its dates, tariffs with quantity, places left."""
    found = availability.event(request.pos, slug)
    if found is None:
        raise Http404("no such event")
    sessions = availability.sessions_of(found, timezone.now())
    context = {
        "event": found,
        "sessions": sessions,
        # The first date that can be bought stands open; None where nothing is on sale.
        "buyable": next((row for row in sessions if row.state == "on_sale"), None),
        "form_is_open": is_open(request),
        **who_is_coming(request, sessions),
    }
    return shared(request, render(request, "sales/event.html", context))


def who_is_coming(request, sessions) -> dict:
    """For a signed-in visitor with friends and family: whom to tick, and the tickets proposed for those ticked."""
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
    """What counts besides the people ticked: the visitor's cart, and what these people have ordered."""
    limited = {one.offer.tariff_id for one in row.offers if one.offer.tariff.max_per_person}
    had = Counter(person_limits.had(contact, [person.value for person in chosen], limited))
    cart = session.cart_of(request)
    if cart is None:
        return group_proposal.Already(had=had)
    whole, holders = contents.read(cart), cart.typed.holders
    for line in whole.lines:
        for slot in line.slots if line.offer else ():
            # A ticket for nobody in particular counts for whoever orders.
            had[holders.get(slot, {}).get("person") or person_limits.ME, line.offer.tariff_id] += 1
    units = {line.offer_id: line.quantity for line in whole.lines if line.offer}
    return group_proposal.Already(units, whole.admissions, had)


@login_not_required
@require_safe
def season_pass(request, pos, slug):
    """A pass: what it opens, its price, how many are left."""
    found = availability.season_passes(request.pos).filter(slug=slug).select_related("allotment").first()
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
    """Whether the page's forms carry the open token instead of Django's: see ``open_forms``."""
    return settings.SESSION_COOKIE_NAME not in request.COOKIES


@login_not_required
@require_safe
def about(request, pos, page):
    """Terms, privacy notice, imprint, accessibility statement: the organiser's own words."""
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
    """The shop's colour as a stylesheet; its address changes with the colour, so it may be kept for ever."""
    response = HttpResponse(
        colour.stylesheet(request.pos.accent_colour), content_type="text/css; charset=utf-8"
    )
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@csrf_exempt  # checks the origin and the open token itself
@login_not_required
@require_POST
def language(request):
    """Remember the visitor's language and go back."""
    if not (open_forms.comes_from_us(request) and open_forms.token_is_ours(request)):
        return csrf_failure(request)
    target = request.POST.get("next", "")
    response = HttpResponseRedirect(target if is_a_path_of_ours(target) else reverse("home"))
    return language_choice.remember(response, request.POST.get("language", ""))
