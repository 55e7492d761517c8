"""The contents of a cart, read once: lines with titles and prices, and the problems that prevent an order."""

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketshop.catalogue.models import Event, OrderForm, SeasonPass, Session
from ticketshop.lib import translated
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter
from ticketshop.lib.forms import json_hash
from ticketshop.organisers.models import PointOfSale

from .. import pricing
from ..models import Cart, CartLine


@dataclass(frozen=True)
class Contents:
    """The lines of a cart, with all related rows that a page or an order needs.

    ``has_order_forms``: whether the shop, or the event of a line, may have an order form.
    """

    cart: Cart
    lines: list[CartLine]
    has_order_forms: bool = True

    @property
    def total(self) -> Decimal:
        """Return what the lines cost together."""
        return pricing.cart_total(self.lines)

    @property
    def admissions(self) -> int:
        """Return the number of tickets and passes."""
        return sum(units(line) for line in self.lines)

    @property
    def places(self) -> dict[int, int]:
        """Return allotment id -> places needed."""
        need: Counter = Counter()
        for line in self.lines:
            need[line.product.allotment_id] += units(line)
        return dict(need)

    @property
    def content_hash(self) -> str:
        """Return a hash of products, quantities, dates and prices.

        An order from a page that showed another hash is refused.
        """
        content = sorted(
            [
                line.offer_id or 0,
                line.season_pass_id or 0,
                line.quantity,
                units(line),
                f"{line.unit_price:.2f} {self.cart.point_of_sale.organiser.currency}",
                _when(line),
            ]
            for line in self.lines
        )
        return json_hash.of(content)


def _lines(*also: str, **of_cart: Parameter) -> QuerySet[CartLine]:
    """Return the lines of a cart with what they sell, and with the rows ``also``.

    ``asks``: whether there is an order form. ``sold_here``: whether the point of sale of the cart still sells the event or pass.
    """
    order_forms = OrderForm.objects.filter(
        Q(event=OuterRef("offer__session__event")) | Q(point_of_sale=OuterRef("cart__point_of_sale"))
    )
    shop = OuterRef("cart__point_of_sale")
    events = Event.points_of_sale.through.objects.filter(
        pointofsale=shop, event=OuterRef("offer__session__event")
    )
    passes = SeasonPass.points_of_sale.through.objects.filter(
        pointofsale=shop, seasonpass=OuterRef("season_pass")
    )
    return (
        CartLine.objects.filter(**of_cart)
        .select_related(*also, "offer__tariff__form__published", "offer__session__event__venue")
        .annotate(asks=Exists(order_forms), sold_here=Exists(events) | Exists(passes))
        # Each process keeps the definitions of forms parsed in memory.
        .defer("offer__tariff__form__published__definition")
    )


_LINES = Compiled(lambda: _lines(cart=Parameter("cart")))
_WITH_CART = Compiled(
    lambda: _lines("cart", cart__key=Parameter("key"), cart__point_of_sale=Parameter("pos"))
)
_PASSES = Compiled(lambda: SeasonPass.objects.filter(pk=AnyOf("ids")).select_related("organiser"))


def read(cart: Cart) -> Contents:
    """Return the cart's contents: dates in their order, then passes. One query, one more where there are passes."""
    return _of_lines(cart, _LINES.all(cart=cart.pk))


def read_with_cart(pos: PointOfSale, key: uuid.UUID) -> Contents | None:
    """Return the contents of the cart with this key, and in them the cart; None if it has no lines. As many queries as ``read``."""
    lines = _WITH_CART.all(pos=pos.pk, key=key)
    if not lines:
        return None
    cart = lines[0].cart
    cart.point_of_sale = pos
    for line in lines:
        line.cart = cart
    return _of_lines(cart, lines)


def _of_lines(cart: Cart, lines: list[CartLine]) -> Contents:
    if ids := [line.season_pass_id for line in lines if line.season_pass_id]:
        passes = {season_pass.pk: season_pass for season_pass in _PASSES.all(ids=ids)}
        for line in lines:
            if line.season_pass_id:
                line.season_pass = passes[line.season_pass_id]
    asks = any(line.asks for line in lines)  # type: ignore[attr-defined]
    return Contents(cart, sorted(lines, key=_place_in_cart), has_order_forms=asks)


def _when(line: CartLine) -> str:
    """Return when a line lets people in, as text: the start of the date, or the days and entries of the pass."""
    if line.session:
        return line.session.starts_at.isoformat()
    season_pass = line.season_pass
    entries = f"{season_pass.entries} {season_pass.entries_per_date} {season_pass.booking_needed}"
    return f"{season_pass.valid_from} {season_pass.valid_until} {season_pass.opens} {entries}"


def details_hash(cart: Cart) -> str:
    """Return a hash of what was typed. An order from a page that showed other details is refused."""
    return json_hash.of(cart.details)


def terms_hash(pos: PointOfSale) -> str:
    """Return a hash of the terms of sale in every language. Only the terms that a page linked to are accepted."""
    texts = [getattr(pos, f"terms_{code}") or "" for code, _name in settings.CONTENT_LANGUAGES]
    return json_hash.of(texts)


def _place_in_cart(line: CartLine) -> tuple:
    if line.offer:
        return (0, line.offer.session.starts_at, line.offer.tariff.position, line.pk)
    return (1, line.pk)


def units(line: CartLine) -> int:
    """Return the number of tickets or passes of a line, as chosen; the tariff may give another number by now."""
    return len(line.slots)


def per_unit(line: CartLine) -> int:
    """Return the number of tickets for one unit price of a line."""
    return units(line) // line.quantity


def is_as_offered(line: CartLine) -> bool:
    """Return whether price and number of tickets of a line are those of the catalogue today."""
    return line.unit_price == line.product.price and per_unit(line) == line.product.per_unit


def problems(contents: Contents, now: datetime) -> list[str]:
    """Return what prevents an order of this cart, in sentences; empty if nothing does."""
    sentences = [
        _why_not(line)
        for line in contents.lines
        if not (line.sold_here and line.product.on_sale(now))  # type: ignore[attr-defined]
    ]
    if contents.admissions > (most := contents.cart.point_of_sale.max_tickets_per_order):
        sentences.append(
            ngettext(
                "One order holds at most %(count)d ticket.",
                "One order holds at most %(count)d tickets.",
                most,
            )
            % {"count": most}
        )
    for line in contents.lines:
        sentences.extend(_line_problems(line, contents))
    return sentences


def _why_not(line: CartLine) -> str:
    """Return why a product in the cart can't be bought any more, in a sentence."""
    if line.session and line.session.state == Session.State.CANCELLED:
        return translated.compose(
            _("“%(title)s” on %(day)s is cancelled. Remove it to go on."),
            title=line.product.title,
            day=date_format(localtime(line.session.starts_at), "l j F Y"),
        )
    return translated.compose(
        _("“%(title)s” is no longer on sale. Remove it to go on."), title=line.product.title
    )


def _line_problems(line: CartLine, contents: Contents) -> list[str]:
    sentences = []
    product = line.product
    values = {"name": product.name, "count": product.max_per_order}
    if line.quantity > product.max_per_order:
        sentences.append(translated.compose(_("“%(name)s”: at most %(count)d in one order."), **values))
    if line.quantity < product.min_per_order:
        values["count"] = product.min_per_order
        sentences.append(translated.compose(_("“%(name)s”: at least %(count)d in one order."), **values))
    if line.offer and (needed := line.offer.tariff.only_with_id):
        together = [other.offer for other in contents.lines if other.session == line.session and other.offer]
        if needed not in {offer.tariff_id for offer in together}:
            text = _("“%(name)s” is sold only together with “%(other)s” for the same date. Add one to go on.")
            other = line.offer.tariff.only_with.name
            sentences.append(translated.compose(text, name=product.name, other=other))
    return sentences
