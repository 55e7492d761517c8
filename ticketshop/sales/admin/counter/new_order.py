"""The page of a new order: dates and quantities, the person, the payment. One page, which also works without a script."""

import uuid
from decimal import Decimal, InvalidOperation

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from contacts.admin.picking import SEARCH_HELP
from contacts.models import Contact
from ticketshop.lib.values.text import number_in
from ticketshop.office import time_zones
from ticketshop.organisers.models import PointOfSale

from ... import access
from ...cart import carts
from ...cart.views import quantities
from ...counter import finding, offered, selling
from ...models import Order
from ...orders.buyers import CannotPlace
from ...payments import methods
from . import refusals
from .forms import OF_A_PERSON, CounterForm

ADD = "sales.add_order"
# The most people that a search shows.
MOST = 10
# A total for which every method is shown: that of the order is not known before it is sent.
ANY_TOTAL = Decimal(1)
NO_PRICE = Decimal(-1)


def page(request: HttpRequest):
    """Show the page, show it again with another date or the people found, or place the order."""
    shops = list(access.counters(request.user))
    if not shops:
        raise PermissionDenied
    new_order = NewOrder(request, _chosen_shop(request, shops))
    if request.method == "POST" and not new_order.asks_again() and (answer := new_order.sell()):
        return answer
    context = {
        **admin.site.each_context(request),
        **new_order.context(),
        "shops": shops if len(shops) > 1 else [],
    }
    return TemplateResponse(request, "admin/sales/counter.html", context)


def _chosen_shop(request: HttpRequest, shops: list[PointOfSale]) -> PointOfSale:
    slug = request.POST.get("pos") or request.GET.get("pos")
    chosen = [pos for pos in shops if pos.slug == slug] if slug else shops
    if not chosen:
        raise Http404("no such point of sale")
    return chosen[0]


def _numbers(texts: list[str]) -> list[int]:
    numbers = (number_in(text, digits=17) for text in texts[: offered.MOST_DATES])
    return list(dict.fromkeys(number for number in numbers if number is not None))


class NewOrder:
    """One request to the page."""

    def __init__(self, request: HttpRequest, pos: PointOfSale):
        self.request, self.pos, self.now = request, pos, timezone.now()
        time_zones.activate(request.user, pos.organiser_id)
        self.post = request.POST if request.method == "POST" else None
        self.problems: list[str] = []
        self.dates = offered.dates(pos, self.now)
        self.passes = offered.passes(pos, self.now)
        self.shown, self.shows_passes = self._shown()

    # --- what the page shows ---------------------------------------------------------------------------
    def _shown(self) -> tuple[list[int], bool]:
        """Return the ids of the dates on the page, and whether the passes are on it: the next date at first."""
        data = self.post if self.post is not None else self.request.GET
        wanted = _numbers([*data.getlist("shown"), data.get("date", "")])
        with_passes = "passes" in (data.get("date", ""), data.get("with", ""))
        if not wanted and not with_passes and self.post is None:
            wanted = [session.pk for session in self.dates[:1]]
            with_passes = not wanted
        return wanted, with_passes

    @cached_property
    def groups(self) -> list[offered.Group]:
        """Return the dates and passes on the page, with the quantities typed."""
        passes = self.passes if self.shows_passes else []
        groups = offered.groups(self.pos, self.shown, passes, self.now)
        for row in (row for group in groups for row in group.rows):
            row.typed = (self.post or {}).get(row.name, "")[:5]
        return groups

    def _focused(self) -> str:
        """Return the name of the quantity that has the cursor: the first one of the date that was just added, or of a new page."""
        if chosen := (self.post or {}).get("date", ""):
            groups = [
                group
                for group in self.groups
                if chosen == (str(group.session.pk) if group.session else "passes")
            ]
        else:
            groups = [] if self.form.is_bound or self.searched else self.groups
        return groups[0].rows[0].name if groups else ""

    @property
    def key(self) -> uuid.UUID:
        """Return the key under which the page makes one order."""
        try:
            return uuid.UUID((self.post or {}).get("key", ""))
        except ValueError:
            return uuid.uuid4()

    @property
    def may_search(self) -> bool:
        """Return whether the user may see the people of the organiser."""
        return self.request.user.has_perm("contacts.view_contact", self.pos)

    @cached_property
    def person(self) -> Contact | None:
        """Return the chosen contact of the organiser, or None."""
        number = number_in((self.post or self.request.GET).get("person", ""), digits=17)
        if number is None or not self.may_search:
            return None
        return Contact.objects.known().filter(organiser=self.pos.organiser_id, pk=number).first()

    @cached_property
    def searched(self) -> str:
        """Return the text of the search for a person."""
        return (self.post or {}).get("who", "").replace("\x00", "").strip()[:200]

    @cached_property
    def people(self) -> list[Contact]:
        """Return the chosen contact and the contacts found."""
        found: list[Contact] = []
        if self.searched and self.may_search:
            rows = Contact.objects.known().filter(organiser=self.pos.organiser_id)
            found = list(rows.search_for_page(self.searched)[: MOST + 1])
        chosen = [self.person] if self.person and self.person not in found else []
        return [*chosen, *found]

    @cached_property
    def form(self) -> CounterForm:
        """Return the form with what was sent; checked only if the page was sent to sell."""
        offers = methods.offered_at_counter(self.pos, ANY_TOTAL, self.pos.organiser.currency)
        post = self.post
        typed = (
            {name: post.get(name, "")[:200] for name in CounterForm.base_fields} if post is not None else {}
        )
        data = None if post is None or self.asks_again() else post
        return CounterForm(data, initial=typed, pos=self.pos, methods=offers, person=self.person)

    # --- what was sent ---------------------------------------------------------------------------------
    def asks_again(self) -> bool:
        """Return whether the page is only to be shown again: for another date, or for the people found."""
        post = self.request.POST
        searches = bool(self.searched) and self.searched != post.get("searched", "")
        return "show" in post or bool(post.get("date")) or searches

    def sell(self):
        """Place the order. Return a redirect, or None if the page is to be shown again with what is wrong."""
        wanted, sound = quantities(self.request.POST, {"offer": "offer", "pass": "pass"})
        wanted = {key: number for key, number in wanted.items() if number}
        if not sound:
            self.problems.append(_("Enter the number of tickets in digits, such as 2."))
        elif not wanted:
            self.problems.append(_("Enter how many tickets are wanted."))
        if self.request.POST.get("person") and self.person is None:
            self.problems.append(_("The chosen person is not there any more. Choose again."))
        if not self.form.is_valid() or self.problems:
            return None
        try:
            done = selling.sell(self._sale(wanted), by=self.request.user, now=self.now)
        except carts.CannotAdd as error:
            self.problems.append(refusals.of_cart(error, self.pos))
        except CannotPlace as error:
            self.problems += refusals.sentences(error)
        else:
            if isinstance(done, Order):
                return redirect(reverse("admin:sales_order_counter", args=[done.pk]))
            return redirect(reverse("admin:sales_counter_details", args=[done.checkout_key]))
        return None

    def _sale(self, wanted: dict[tuple[str, int], int]) -> selling.Sale:
        values = self.form.cleaned_data
        return selling.Sale(
            pos=self.pos,
            key=self.key,
            wanted=wanted,
            prices={key: self._price(*key) for key in wanted},
            person=self.person,
            typed=self.form.typed_person,
            method=values["method"],
            invitation=values.get("invitation", ""),
        )

    def _price(self, kind: str, pk: int) -> Decimal:
        """Return the price that the page showed; a negative one if what was sent is none."""
        try:
            shown = Decimal(self.request.POST.get(f"price-{kind}-{pk}", "")[:20])
        except InvalidOperation:
            return NO_PRICE
        return shown if shown.is_finite() else NO_PRICE

    def _orders(self) -> list[Order]:
        """Return the orders that the search on the page finds."""
        text = self.request.GET.get("q", "")
        return finding.waiting(text, self.request.user, self.pos.organiser_id)

    def context(self) -> dict:
        """Return the context of the template."""
        shown = set(self.shown)
        return {
            "title": _("New order"),
            "opts": Order._meta,
            "pos": self.pos,
            "currency": self.pos.organiser.currency,
            "key": self.key,
            "other_dates": [session for session in self.dates if session.pk not in shown],
            "offers_passes": bool(self.passes) and not self.shows_passes,
            "groups": self.groups,
            "shown": self.shown,
            "focused": self._focused(),
            "shows_passes": self.shows_passes,
            "form": self.form,
            "payment_fields": [
                self.form[name] for name in ("method", "invitation") if name in self.form.fields
            ],
            "person_fields": [self.form[name] for name in OF_A_PERSON],
            "may_search": self.may_search,
            "who": self.searched,
            "people": self.people[: MOST + 1],
            "more": len(self.people) > MOST,
            "person": self.person,
            "search_help": SEARCH_HELP,
            "problems": self.problems,
            "text": self.request.GET.get("q", "")[:200],
            "orders": self._orders(),
            "sent": self.form.is_bound,
            "types_person": any(self.form[name].value() for name in OF_A_PERSON),
        }
