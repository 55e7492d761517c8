"""Verbs of carts: open one, put things in, take them out, keep the places a little longer."""

import uuid
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext_lazy

from registration_forms.answers import limited_choices
from ticketshop.catalogue import availability, places, products
from ticketshop.catalogue.models import Offer, SeasonPass, Tariff
from ticketshop.jobs.rows import Tidying
from ticketshop.lib.compiled import Compiled, Parameter
from ticketshop.organisers.models import PointOfSale

from ..models import Cart, CartLine, TypedDetails
from . import caps, contents

LIFETIME = timedelta(hours=24)
LINES = 60
# A hold that lasts so long to nearly the latest possible instant is left alone: one counter less to wait for.
FRESH = timedelta(minutes=1)

LOCKED = Compiled(
    lambda: (
        Cart.objects.select_for_update(of=("self",))
        .filter(pk=Parameter("pk"))
        .select_related("point_of_sale__organiser")
    )
)


class CannotAdd(Exception):
    """Why a cart could not be changed; nothing has changed. ``reason`` is one of

    not_on_sale, too_many, sold_out (``left``: allotment id -> places), group (``tariff`` is for several people, and
    was chosen for others), network (guests of one network hold too many places), gone (it was ordered meanwhile).
    """

    def __init__(self, reason: str, left: dict[int, int] | None = None, tariff: Tariff | None = None):
        super().__init__(reason)
        self.reason, self.left, self.tariff = reason, left or {}, tariff


@dataclass(frozen=True)
class Changed:
    """A cart after a change: its tickets and passes in all.

    ``repriced``: titles whose price is another one now; ``resized``: those that give another number of tickets for it.
    """

    admissions: int
    repriced: list[str]
    resized: list[str]


@dataclass(frozen=True)
class Refreshed:
    """What changed while a cart waited: ``repriced`` and ``resized`` as in ``Changed``, and allotment id -> places left where
    too few are.
    """

    repriced: list[str]
    resized: list[str]
    left: dict[int, int]


def open_cart(pos: PointOfSale, *, user, now: datetime, network: str = "") -> Cart:
    """A new, empty cart; of a signed-in visitor it dies with the log-in. ``network``: see ``hoarding``."""
    cart = Cart(
        point_of_sale=pos,
        network=network,
        user=user if user.is_authenticated else None,
        created_at=now,
        expires_at=now + LIFETIME,
    )
    cart.held_until = latest_hold(cart, now)
    cart.save(force_insert=True)
    return cart


@transaction.atomic
def add(cart: Cart, wanted: dict[tuple[str, int], int], *, now: datetime) -> Changed:
    """Add quantities: ("offer" or "pass", id) -> how many more.

    Raises CannotAdd for something this shop does not sell now or has not enough places for; then
    nothing has changed.
    """
    cart = _locked(cart)
    return _add(contents.read(cart), wanted, now)


@transaction.atomic
def open_with(
    pos: PointOfSale, wanted: dict[tuple[str, int], int], *, user, now: datetime, network: str = ""
) -> tuple[Cart, Changed]:
    """A new cart with these things in it. Raises CannotAdd as ``add``; then there is no cart."""
    cart = open_cart(pos, user=user, now=now, network=network)
    return cart, _add(contents.Contents(cart, []), wanted, now)


def _add(whole: contents.Contents, wanted: dict[tuple[str, int], int], now: datetime) -> Changed:
    cart = whole.cart
    existing = {_key(line): line for line in whole.lines}
    changes = _as_offered_today(cart, whole.lines, now)
    for key, thing in _things(cart.point_of_sale, wanted).items():
        if not products.of(thing).on_sale(now):
            raise CannotAdd("not_on_sale")
        line = existing.get(key) or CartLine(
            cart=cart,
            **{"offer" if key[0] == "offer" else "season_pass": thing},
            quantity=0,
            slots=[],
            unit_price=products.of(thing).price,
            session_starts_at=thing.session.starts_at if isinstance(thing, Offer) else None,
        )
        existing[key] = line
        per_unit = contents.per_unit(line) if line.quantity else line.product.per_unit
        _resize(line, line.quantity + wanted[key], per_unit)
    if len(existing) > LINES:
        raise CannotAdd("too_many")
    _save([line for key, line in existing.items() if key in wanted])
    return Changed(_hold_again(contents.Contents(cart, list(existing.values())), now), *changes)


@transaction.atomic
def add_for(cart: Cart, chosen: list[tuple[int, dict]], *, now: datetime) -> Changed:
    """Add one ticket each: pairs of offer id and what is known of whom it is for, as the details keep it.

    A tariff for several people is chosen for so many of them. Raises CannotAdd as ``add``.
    """
    before = {slot for line in CartLine.objects.filter(cart=cart) for slot in line.slots}
    changed = add(cart, _units(Counter(offer_id for offer_id, _person in chosen)), now=now)
    fresh: dict[int | None, list[str]] = {}
    for line in CartLine.objects.filter(cart=cart, offer__isnull=False):
        fresh[line.offer_id] = [slot for slot in line.slots if slot not in before]
    cart.refresh_from_db(fields=["details"])
    holders = dict(cart.typed.holders)
    for offer_id, person in chosen:
        holders[fresh[offer_id].pop(0)] = person
    write_details(cart, replace(cart.typed, holders=holders), complete=False)
    return changed


def _units(tickets: Counter[int]) -> dict[tuple[str, int], int]:
    """How many of each offer give these tickets. Raises CannotAdd where a group is not complete."""
    offers = Offer.objects.filter(pk__in=list(tickets)).select_related("tariff")
    tariffs = {offer.pk: offer.tariff for offer in offers}
    wanted = {}
    for offer_id, count in tickets.items():
        tariff = tariffs.get(offer_id)
        size = tariff.tickets_per_unit if tariff else 1
        if count % size:
            raise CannotAdd("group", tariff=tariff)
        wanted["offer", offer_id] = count // size
    return wanted


@transaction.atomic
def set_quantities(cart: Cart, quantities: dict[int, int], *, now: datetime) -> Changed:
    """Cart line id -> new quantity; 0 takes the line out. Unknown ids are ignored. Raises CannotAdd as ``add``."""
    cart = _locked(cart)
    kept: list[CartLine] = []
    whole = contents.read(cart)
    if all(quantities.get(line.pk, line.quantity) == line.quantity for line in whole.lines) and _is_fresh(
        cart, now
    ):
        return Changed(whole.admissions, [], [])
    for line in whole.lines:
        wanted = quantities.get(line.pk, line.quantity)
        if wanted == 0:
            line.delete()
            continue
        if wanted != line.quantity:
            _resize(line, wanted, contents.per_unit(line))
            line.save(update_fields=["quantity", "slots"])
        kept.append(line)
    changes = _as_offered_today(cart, kept, now)
    return Changed(_hold_again(contents.Contents(cart, kept), now), *changes)


@transaction.atomic
def remove_slot(cart: Cart, slot: str, *, now: datetime) -> Changed:
    """Take one ticket out by its slot, of a group the whole group, with what was typed for it.

    What was typed for the others stays with them. Raises CannotAdd as ``add``.
    """
    cart = _locked(cart)
    kept, gone = [], set()
    for line in contents.read(cart).lines:
        if slot not in line.slots:
            kept.append(line)
            continue
        per_unit = contents.per_unit(line)
        start = line.slots.index(slot) // per_unit * per_unit
        gone = set(line.slots[start : start + per_unit])
        line.slots = [one for one in line.slots if one not in gone]
        line.quantity -= 1
        if line.quantity:
            line.save(update_fields=["quantity", "slots"])
            kept.append(line)
        else:
            line.delete()
    write_details(cart, cart.typed.without(gone), complete=cart.details_complete)
    changes = _as_offered_today(cart, kept, now)
    return Changed(_hold_again(contents.Contents(cart, kept), now), *changes)


def refresh(cart: Cart, *, now: datetime) -> Refreshed:
    """Bring a cart whose hold has run out up to date: hold again what is free, ask today's prices.

    The rule: a price agreed, and the number of tickets for it, are kept while the hold lasts. Writes to ``cart`` until when it is held.
    """
    if _is_held(cart, now):
        return Refreshed([], [], {})
    with transaction.atomic():
        try:
            locked = _locked(cart)
        except CannotAdd:
            return Refreshed([], [], {})  # it was ordered meanwhile: nothing lies in it any more
        refreshed = _refresh(locked, now)
    cart.held_until = locked.held_until
    return refreshed


def _refresh(cart: Cart, now: datetime) -> Refreshed:
    if _is_held(cart, now):
        return Refreshed([], [], {})
    whole = contents.read(cart)
    changes = _as_offered_today(cart, whole.lines, now)
    before = cart.held_until
    try:
        with transaction.atomic():
            _hold_again(whole, now)
    except CannotAdd as error:
        cart.held_until = before if error.left else None
        return Refreshed(*changes, error.left)
    return Refreshed(*changes, {})


@transaction.atomic
def hold_choices(cart: Cart, wanted: dict[str, list[int]], *, now: datetime) -> None:
    """Hold limited choices of the cart's forms as long as its places: block name -> choice ids.

    Raises limited_choices.ChoiceSoldOut; then nothing has changed.
    """
    # Where the places are not held any more the choices are looked at, and not held either.
    until = max(cart.held_until or now, now)
    limited_choices.hold(cart.key, wanted, until - now)


def write_details(cart: Cart, details: TypedDetails, *, complete: bool) -> None:
    """Store what was typed. Does nothing to a cart that was ordered meanwhile: it is gone."""
    cart.details, cart.details_complete = details.as_json(), complete
    Cart.objects.filter(pk=cart.pk).update(details=cart.details, details_complete=complete)


# Their day is over: with everything typed into them.
FORGET = Tidying(
    "sales.forget_carts",
    gettext_lazy("Delete an abandoned cart"),
    rows=lambda now: Cart.objects.filter(expires_at__lt=now),
)


def latest_hold(cart: Cart, now: datetime) -> datetime | None:
    """Return until when the places may be held from now; None once they were held for as long as a cart may."""
    until = min(now + timedelta(minutes=cart.point_of_sale.hold_minutes), cart.may_be_held_until)
    return until if until > now else None


def _locked(cart: Cart) -> Cart:
    found = LOCKED.first(pk=cart.pk)
    if found is None:
        raise CannotAdd("gone")
    return found


def _is_held(cart: Cart, now: datetime) -> bool:
    return cart.held_until is not None and cart.held_until > now


def _is_fresh(cart: Cart, now: datetime) -> bool:
    until = latest_hold(cart, now)
    return cart.held_until is not None and until is not None and until < cart.held_until + FRESH


def _as_offered_today(cart: Cart, lines: list[CartLine], now: datetime) -> tuple[list[str], list[str]]:
    """Where the hold has run out, bring lines to what the catalogue asks and gives today.

    Return the titles whose price changed, and those whose number of tickets did.
    """
    repriced: list[str] = []
    resized: list[str] = []
    if _is_held(cart, now):
        return repriced, resized
    for line in lines:
        if contents.is_as_offered(line):
            continue
        if line.unit_price != (price := line.product.price):
            line.unit_price = price
            repriced.append(line.product.title)
        if contents.per_unit(line) != (per_unit := line.product.per_unit):
            _resize(line, line.quantity, per_unit)
            resized.append(line.product.title)
        line.save(update_fields=["unit_price", "slots"])
    return repriced, resized


def _hold_again(whole: contents.Contents, now: datetime) -> int:
    cart = whole.cart
    if whole.admissions > cart.point_of_sale.max_tickets_per_order:
        raise CannotAdd("too_many")
    until = latest_hold(cart, now)
    if until is None or cart.held_until != until or not whole.lines:
        cart.held_until = until if whole.lines else None
        cart.expires_at = now + LIFETIME
        cart.save(update_fields=["held_until", "expires_at"])
    if until is None:
        _look_only(whole)
        return whole.admissions
    caps.hold_nowhere_else(cart, now)
    try:
        places.hold(cart.key, whole.places, until - now)
        caps.check_network(cart, whole.places)
    except places.NotEnoughPlaces as error:
        raise CannotAdd("sold_out", error.left) from error
    except caps.TooManyPlaces as error:
        raise CannotAdd("network") from error
    return whole.admissions


def _look_only(whole: contents.Contents) -> None:
    """The places were held for as long as a cart may: they are free for everybody. Raises CannotAdd if too few are left."""
    places.end_holds(whole.cart.key)
    left = places.left(whole.places)
    if short := {pk: left.get(pk, 0) for pk, count in whole.places.items() if left.get(pk, 0) < count}:
        raise CannotAdd("sold_out", short)


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
    return line.product.key


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
