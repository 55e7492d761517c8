"""Verbs of carts: open one, put things in, take them out, keep the places a little longer."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import transaction

from ticketshop.catalogue import availability, places
from ticketshop.catalogue.models import Offer, SeasonPass
from ticketshop.organisers.models import PointOfSale

from .. import contents
from ..models import Cart, CartLine

LIFETIME = timedelta(hours=24)
# Holds may be renewed, but not for ever: within this many times the hold time since the cart was opened.
RENEWALS = 4
LINES = 60


class CannotAdd(Exception):
    """A sentence for the visitor is in ``reason``; nothing has changed."""

    def __init__(self, reason: str, left: dict[int, int] | None = None):
        super().__init__(reason)
        self.reason = reason
        self.left = left or {}


@dataclass(frozen=True)
class Refreshed:
    """What changed while a cart waited: titles with a new price, and allotment id -> places left where too few are."""

    repriced: list[str]
    left: dict[int, int]


def open_cart(pos: PointOfSale, *, user, now: datetime) -> Cart:
    """A new, empty cart; of a signed-in visitor it dies with the log-in."""
    cart = Cart(
        point_of_sale=pos,
        user=user if user.is_authenticated else None,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    cart.held_until = latest_hold(cart, now)
    cart.save(force_insert=True)
    return cart


@transaction.atomic
def add(cart: Cart, wanted: dict[tuple[str, int], int], *, now: datetime) -> int:
    """Add quantities: ("offer" or "pass", id) -> how many more. Returns how many admissions were added.

    Raises CannotAdd for something this shop does not sell now or has not enough places for; then
    nothing has changed.
    """
    cart = _locked(cart)
    existing = {_key(line): line for line in contents.read(cart).lines}
    for key, thing in _things(cart.point_of_sale, wanted).items():
        if not _on_sale(thing, now):
            raise CannotAdd("not_on_sale")
        line = existing.get(key) or CartLine(
            cart=cart,
            **{"offer" if key[0] == "offer" else "season_pass": thing},
            quantity=0,
            slots=[],
            unit_price=_price(thing),
        )
        existing[key] = line
        _resize(line, line.quantity + wanted[key], _tickets_per_unit(thing))
    if len(existing) > LINES:
        raise CannotAdd("too_many")
    _save([line for key, line in existing.items() if key in wanted])
    return _hold_again(contents.Contents(cart, list(existing.values())), now)


@transaction.atomic
def set_quantities(cart: Cart, quantities: dict[int, int], *, now: datetime) -> None:
    """Cart line id -> new quantity; 0 takes the line out. Unknown ids are ignored. Raises CannotAdd as ``add``."""
    cart = _locked(cart)
    kept = []
    for line in contents.read(cart).lines:
        wanted = quantities.get(line.pk, line.quantity)
        if wanted == 0:
            line.delete()
            continue
        if wanted != line.quantity:
            _resize(line, wanted, line.offer.tariff.tickets_per_unit if line.offer else 1)
            line.save(update_fields=["quantity", "slots"])
        kept.append(line)
    _hold_again(contents.Contents(cart, kept), now)


@transaction.atomic
def remove_slot(cart: Cart, slot: str, *, now: datetime) -> None:
    """Take one ticket out by its slot; what was typed for the others stays with them."""
    cart = _locked(cart)
    for line in contents.read(cart).lines:
        if slot not in line.slots:
            continue
        per_unit = line.offer.tariff.tickets_per_unit if line.offer else 1
        start = line.slots.index(slot) // per_unit * per_unit
        del line.slots[start : start + per_unit]
        line.quantity -= 1
        if line.quantity:
            line.save(update_fields=["quantity", "slots"])
        else:
            line.delete()
    _hold_again(contents.read(cart), now)


def refresh(cart: Cart, *, now: datetime) -> Refreshed:
    """Bring a cart whose hold has run out up to date: hold again what is free, ask today's prices.

    The rule: a price agreed is kept while the hold lasts. Writes to ``cart`` until when it is held.
    """
    if cart.held_until is not None and cart.held_until > now:
        return Refreshed([], {})
    with transaction.atomic():
        locked = _locked(cart)
        refreshed = _refresh(locked, now)
    cart.held_until = locked.held_until
    return refreshed


def _refresh(cart: Cart, now: datetime) -> Refreshed:
    if cart.held_until is not None and cart.held_until > now:
        return Refreshed([], {})
    whole = contents.read(cart)
    changed = []
    for line in whole.lines:
        if line.unit_price != (price := contents.current_price(line)):
            line.unit_price = price
            line.save(update_fields=["unit_price"])
            changed.append(contents.title(line))
    before = cart.held_until
    try:
        with transaction.atomic():
            _hold_again(whole, now)
    except CannotAdd as error:
        cart.held_until = before
        return Refreshed(changed, error.left)
    return Refreshed(changed, {})


def write_details(cart: Cart, details: dict, *, complete: bool) -> None:
    """Keep what was typed, as typed."""
    cart.details, cart.details_complete = details, complete
    cart.save(update_fields=["details", "details_complete"])


def forget_expired(now: datetime) -> int:
    """Delete carts whose day is over, with everything typed into them; returns how many."""
    deleted, _ = Cart.objects.filter(expires_at__lt=now).delete()
    return deleted


def latest_hold(cart: Cart, now: datetime) -> datetime:
    """Until when the places may be held from now: not for ever."""
    span = timedelta(minutes=cart.point_of_sale.hold_minutes)
    return min(now + span, max(cart.created_at + RENEWALS * span, now + timedelta(minutes=3)))


def _locked(cart: Cart) -> Cart:
    return Cart.objects.select_for_update(of=("self",)).select_related("point_of_sale").get(pk=cart.pk)


def _hold_again(whole: contents.Contents, now: datetime) -> int:
    cart = whole.cart
    if whole.admissions > cart.point_of_sale.max_tickets_per_order:
        raise CannotAdd("too_many")
    until = latest_hold(cart, now)
    if cart.held_until != until or not whole.lines:
        cart.held_until = until if whole.lines else None
        cart.expires_at = now + LIFETIME
        cart.save(update_fields=["held_until", "expires_at"])
    try:
        places.hold(cart.key, whole.places, until - now)
    except places.NotEnoughPlaces as error:
        raise CannotAdd("sold_out", error.left) from error
    return whole.admissions


def _things(
    pos: PointOfSale, wanted: dict[tuple[str, int], int]
) -> dict[tuple[str, int], Offer | SeasonPass]:
    offer_ids = [pk for kind, pk in wanted if kind == "offer"]
    pass_ids = [pk for kind, pk in wanted if kind == "pass"]
    found: dict[tuple[str, int], Offer | SeasonPass] = {}
    if offer_ids:
        found |= {("offer", offer.pk): offer for offer in availability.offers(pos).filter(pk__in=offer_ids)}
    if pass_ids:
        found |= {
            ("pass", season_pass.pk): season_pass
            for season_pass in availability.season_passes(pos).filter(pk__in=pass_ids)
        }
    if len(found) < len(wanted):
        raise CannotAdd("not_on_sale")
    return found


def _key(line: CartLine) -> tuple[str, int | None]:
    return ("offer", line.offer_id) if line.offer_id else ("pass", line.season_pass_id)


def _on_sale(thing: Offer | SeasonPass, now: datetime) -> bool:
    return (
        availability.offer_on_sale(thing, now)
        if isinstance(thing, Offer)
        else availability.pass_on_sale(thing, now)
    )


def _price(thing: Offer | SeasonPass) -> Decimal:
    return thing.tariff.price if isinstance(thing, Offer) else thing.price


def _tickets_per_unit(thing: Offer | SeasonPass) -> int:
    return thing.tariff.tickets_per_unit if isinstance(thing, Offer) else 1


def _resize(line: CartLine, quantity: int, per_unit: int) -> None:
    if not 1 <= quantity <= 500:
        raise CannotAdd("too_many")
    line.quantity = quantity
    line.slots = [
        *line.slots,
        *(uuid.uuid4().hex[:12] for _ in range(quantity * per_unit - len(line.slots))),
    ][: quantity * per_unit]


def _save(lines: list[CartLine]) -> None:
    new, known = [line for line in lines if line.pk is None], [line for line in lines if line.pk is not None]
    CartLine.objects.bulk_create(new)
    CartLine.objects.bulk_update(known, ["quantity", "slots"])
