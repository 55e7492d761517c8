"""Checks on the page of a point of sale: reasons why visitors could not order there."""

from collections.abc import Iterator
from decimal import Decimal

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from registration_forms.answers import limited_choices
from ticketshop.catalogue.models import OrderForm
from ticketshop.catalogue.sale_checks import cannot_answer
from ticketshop.lib.web.template_tags import money
from ticketshop.organisers.models import Organiser, PointOfSale

from ...models import Order
from ...shop import opening
from ...shop.opening import SetUp

# The largest number of prices in one sentence.
NAMED = 5


def refusals(pos: PointOfSale, sees_methods: bool) -> Iterator[tuple[str, str]]:
    """Return why the shop, as it would be saved, may not be switched on or stay on: pairs of column and
    sentence.

    What a shop that is on already lacked before is no reason, so that its other settings can be changed;
    ``notes`` reports it.
    """
    stored = _stored_and_on(pos)
    if not opening.has_terms(pos) and (stored is None or opening.has_terms(stored)):
        yield (
            "terms",
            _("Needed while the point of sale is switched on: visitors accept them when they order."),
        )
    if stored is None and not pos.organiser.legal_name.strip():
        yield "active", _legal_name_sentence(pos.organiser)
    if stored is None and _was_tried(pos):
        yield (
            "active",
            _(
                "Staff have tried the shop. Open it on the page “Ready to open?”, which deletes their test orders."
            ),
        )
    if (
        stored is None
        and not sees_methods
        and (prices := opening.unpayable(pos, opening.enabled_methods(pos)))
    ):
        yield "active", methods_sentence(pos, opening.enabled_methods(pos), prices)


def refused_methods(pos: PointOfSale, methods: list[SetUp]) -> str:
    """Return why the shop can't be on with these payment methods; empty if it can, or was unpayable before."""
    prices = set(opening.unpayable(pos, methods))
    if _stored_and_on(pos) is not None:
        prices -= set(opening.unpayable(pos, opening.enabled_methods(pos)))
    return methods_sentence(pos, methods, sorted(prices)) if prices else ""


def notes(request: HttpRequest, pos: PointOfSale) -> list[str | SafeString]:
    """Return sentences above the form: what is missing before the shop can be switched on, or what visitors
    can't do there.
    """
    methods = opening.enabled_methods(pos)
    sentences: list[str | SafeString] = []
    if prices := opening.unpayable(pos, methods):
        sentence = methods_sentence(pos, methods, prices)
        sentences.append(format_html('<a href="#payment_methods-group">{}</a>', sentence))
    if not opening.has_terms(pos):
        sentences.append(_("There are no terms of sale. Enter them below."))
    if not pos.organiser.legal_name.strip():
        sentences.append(_legal_name_sentence(pos.organiser, linked=_may_change(request, pos.organiser)))
    if not opening.sells_something(pos, timezone.now()):
        sentences.append(
            _("Nothing is on sale here: no published event has a date to come, and there is no pass.")
        )
    sentences += _of_order_form(pos)
    if not sentences:
        return []
    heading = (
        _("What stands in the way of ordering here:")
        if pos.active
        else _("What is missing before visitors can order:")
    )
    return [heading, *sentences]


def _of_order_form(pos: PointOfSale) -> list[str]:
    row = OrderForm.objects.filter(point_of_sale=pos).select_related("form__published").first()
    if row is None:
        return []
    if row.form.published is None:
        return [_("Nobody is asked the form “%(form)s”: it is not published yet.") % {"form": row.form.name}]
    return [
        cannot_answer(question) for question in limited_choices.unanswerable([row.form]).get(row.form_id, [])
    ]


def _stored_and_on(pos: PointOfSale) -> PointOfSale | None:
    """Return the shop as it is stored, if it is switched on there; else None."""
    return PointOfSale.objects.filter(pk=pos.pk, active=True).first() if pos.pk else None


def _was_tried(pos: PointOfSale) -> bool:
    """Return whether a shop that was never opened has test orders. Its row stays locked, so that none is placed meanwhile."""
    rows = PointOfSale.objects.select_for_update(of=("self",)).filter(
        pk=pos.pk, active=False, first_opened_at=None
    )
    return bool(list(rows)) and Order.objects.filter(point_of_sale=pos.pk).exists()


def _may_change(request: HttpRequest, organiser: Organiser) -> bool:
    return request.user.has_perm("organisers.change_organiser", organiser)


def _legal_name_sentence(organiser: Organiser, *, linked: bool = True) -> str | SafeString:
    sentence = _("The organiser has no legal name, and visitors must know from whom they buy.")
    if not linked:
        return sentence
    url = reverse("admin:organisers_organiser_change", args=[organiser.pk])
    return format_html('{} <a href="{}">{}</a>', sentence, url, _("Enter it there"))


def methods_sentence(pos: PointOfSale, methods: list[SetUp], prices: list[Decimal]) -> str:
    """Return the sentence about ``prices`` that no payment method takes."""
    currency = pos.organiser.currency
    if not any(opening.works(method, opening.ANY_PRICE, currency) for method in methods):
        return _("Visitors can’t pay: offer at least one way to pay, and fill in what it needs.")
    named = ", ".join(money(price, currency) for price in prices[:NAMED])
    return _("No way to pay takes %(prices)s. Offer another one.") % {"prices": named}
