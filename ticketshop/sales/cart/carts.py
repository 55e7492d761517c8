"""Actions on carts: open one, add, change and remove lines, hold places, keep them a little longer."""

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
from ticketshop.lib.database import writing
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.prepared import prepared_cursor
from ticketshop.organisers.models import PointOfSale

from ..models import Cart, CartLine, TypedDetails
from . import caps, contents

LIFETIME = timedelta(hours=24)
LINES = 60
# A hold that already lasts this close to the latest possible instant is not renewed, to save a lock on the
# counters.
FRESH = timedelta(minutes=1)

LOCKED = Compiled(
    lambda: (
        Cart.objects.select_for_update(of=("self",))
        .filter(pk=Parameter("pk"))
        .select_related("point_of_sale__organiser")
    )
)


class CannotAdd(Exception):
    """A cart could not be changed; nothing has changed. ``reason`` is one of

    not_on_sale, too_many, sold_out (``left``: allotment id -> places), group (``tariff`` is for several
    people, but was chosen for another number), network (guests of one network hold too many places), gone
    (the cart was ordered meanwhile).
    """

    def __init__(self, reason: str, left: dict[int, int] | None = None, tariff: Tariff | None = None):
        super().__init__(reason)
        self.reason, self.left, self.tariff = reason, left or {}, tariff


@dataclass(frozen=True)
class Changed:
    """The result of a change: the number of tickets and passes in the cart (``admissions``).

    ``repriced``: titles whose price is different now; ``resized``: titles with a different number of tickets
    for one price.
    """

    admissions: int
    repriced: list[str]
    resized: list[str]


@dataclass(frozen=True)
class Refreshed:
    """The changes to a cart whose hold had expired.

    ``repriced`` and ``resized`` as in ``Changed``; ``left``: allotment id -> places left, where there are too
    few.
    """

    repriced: list[str]
    resized: list[str]
    left: dict[int, int]


def open_cart(pos: PointOfSale, *, user, now: datetime, network: str = "", **columns: object) -> Cart:
    """Create and return an empty cart. The cart of a signed-in visitor is deleted with the log-in.

    ``network``: the result of ``caps.network_of``. ``columns``: those of a cart at the counter.
    """
    cart = Cart(
        point_of_sale=pos,
        network=network,
        user=user if user.is_authenticated else None,
        created_at=now,
        expires_at=now + LIFETIME,
        **columns,
    )
    cart.held_until = latest_hold(cart, now)
    writing.insert([cart])
    return cart


# Tables are named here and not by a model's deletion, which first asks for every row that refers to the cart.
_DELETE = """
    WITH lines AS (DELETE FROM sales_cartline WHERE cart_id = %(cart)s)
    DELETE FROM sales_cart WHERE id = %(cart)s
"""


def delete(cart: Cart) -> None:
    """Delete a cart with its lines and with what was typed, when it was ordered. One statement; its holds stay."""
    with prepared_cursor() as cursor:
        cursor.execute(_DELETE, {"cart": cart.pk})


@transaction.atomic
def add(cart: Cart, wanted: dict[tuple[str, int], int], *, now: datetime) -> Changed:
    """Add quantities to the cart. ``wanted``: ("offer" or "pass", id) -> how many more.

    Raise CannotAdd for a product that this shop does not sell now or has too few places for; then nothing has
    changed.
    """
    cart = _locked(cart)
    return _add(contents.read(cart), wanted, now)


@transaction.atomic
def open_with(
    pos: PointOfSale,
    wanted: dict[tuple[str, int], int],
    *,
    user,
    now: datetime,
    network: str = "",
    **columns: object,
) -> tuple[Cart, Changed]:
    """Create a cart with these products in it, as ``open_cart`` does. Raise CannotAdd as ``add`` does; then no cart is created."""
    cart = open_cart(pos, user=user, now=now, network=network, **columns)
    return cart, _add(contents.Contents(cart, []), wanted, now)


def _add(cart_contents: contents.Contents, wanted: dict[tuple[str, int], int], now: datetime) -> Changed:
    cart = cart_contents.cart
    existing = {_key(line): line for line in cart_contents.lines}
    changes = _as_offered_today(cart, cart_contents.lines, now)
    for key, item in _items(cart.point_of_sale, wanted).items():
        product = products.of(item)
        if not product.on_sale(now):
            raise CannotAdd("not_on_sale")
        line = existing.get(key) or CartLine(
            cart=cart,
            **{"offer" if key[0] == "offer" else "season_pass": item},
            quantity=0,
            slots=[],
            unit_price=product.price,
            session_starts_at=product.session.starts_at if product.session else None,
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
    """Add one ticket for each pair of an offer id and a person, in the shape of ``TypedDetails.holders``.

    A tariff for several people must be chosen for a multiple of that number. Raise CannotAdd as ``add`` does.
    """
    before = {slot for line in CartLine.objects.filter(cart=cart) for slot in line.slots}
    changed = add(cart, _units(Counter(offer_id for offer_id, _person in chosen)), now=now)
    new_slots: dict[int | None, list[str]] = {}
    for line in CartLine.objects.filter(cart=cart, offer__isnull=False):
        new_slots[line.offer_id] = [slot for slot in line.slots if slot not in before]
    cart.refresh_from_db(fields=["details"])
    holders = dict(cart.typed.holders)
    for offer_id, person in chosen:
        holders[new_slots[offer_id].pop(0)] = person
    write_details(cart, replace(cart.typed, holders=holders), complete=False)
    return changed


def _units(tickets: Counter[int]) -> dict[tuple[str, int], int]:
    """Return ("offer", id) -> quantity that gives these tickets. Raise CannotAdd where a group is not complete."""
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
    """Set cart line id -> quantity; 0 removes the line. Unknown ids are ignored. Raise CannotAdd as ``add`` does."""
    cart = _locked(cart)
    remaining_lines: list[CartLine] = []
    cart_contents = contents.read(cart)
    if all(
        quantities.get(line.pk, line.quantity) == line.quantity for line in cart_contents.lines
    ) and _is_fresh(cart, now):
        return Changed(cart_contents.admissions, [], [])
    for line in cart_contents.lines:
        wanted = quantities.get(line.pk, line.quantity)
        if wanted == 0:
            line.delete()
            continue
        if wanted != line.quantity:
            _resize(line, wanted, contents.per_unit(line))
            line.save(update_fields=["quantity", "slots"])
        remaining_lines.append(line)
    changes = _as_offered_today(cart, remaining_lines, now)
    return Changed(_hold_again(contents.Contents(cart, remaining_lines), now), *changes)


@transaction.atomic
def remove_slot(cart: Cart, slot: str, *, now: datetime) -> Changed:
    """Remove the ticket of a slot, or its whole group, with everything typed for it.

    What was typed for the other tickets stays with them. Raise CannotAdd as ``add`` does.
    """
    cart = _locked(cart)
    remaining_lines, removed_slots = [], set()
    for line in contents.read(cart).lines:
        if slot not in line.slots:
            remaining_lines.append(line)
            continue
        per_unit = contents.per_unit(line)
        start = line.slots.index(slot) // per_unit * per_unit
        removed_slots = set(line.slots[start : start + per_unit])
        line.slots = [other for other in line.slots if other not in removed_slots]
        line.quantity -= 1
        if line.quantity:
            line.save(update_fields=["quantity", "slots"])
            remaining_lines.append(line)
        else:
            line.delete()
    write_details(cart, cart.typed.without(removed_slots), complete=cart.details_complete)
    changes = _as_offered_today(cart, remaining_lines, now)
    return Changed(_hold_again(contents.Contents(cart, remaining_lines), now), *changes)


def refresh(cart: Cart, *, now: datetime) -> Refreshed:
    """Hold the places of a cart again after its hold has expired, and take over today's prices.

    While a hold lasts, the agreed price and the number of tickets for it stay. Writes the end of the new hold
    to ``cart``.
    """
    if is_held(cart, now):
        return Refreshed([], [], {})
    with transaction.atomic():
        try:
            locked = _locked(cart)
        except CannotAdd:
            return Refreshed([], [], {})  # ordered meanwhile: it has no lines
        refreshed = _refresh(locked, now)
    cart.held_until = locked.held_until
    return refreshed


def _refresh(cart: Cart, now: datetime) -> Refreshed:
    if is_held(cart, now):
        return Refreshed([], [], {})
    cart_contents = contents.read(cart)
    changes = _as_offered_today(cart, cart_contents.lines, now)
    before = cart.held_until
    try:
        with transaction.atomic():
            _hold_again(cart_contents, now)
    except CannotAdd as error:
        cart.held_until = before if error.left else None
        return Refreshed(*changes, error.left)
    return Refreshed(*changes, {})


@transaction.atomic
def hold_choices(cart: Cart, wanted: dict[str, list[int]], *, now: datetime) -> None:
    """Hold limited choices of the cart's forms for as long as its places. ``wanted``: block name -> choice ids.

    Raise limited_choices.ChoiceSoldOut if a choice has too few places; then nothing has changed.
    """
    # After the last hold of the places has ended, the choices are only checked, not held.
    until = max(cart.held_until or now, now)
    limited_choices.hold(cart.key, wanted, until - now)


def write_details(cart: Cart, details: TypedDetails, *, complete: bool) -> None:
    """Store what was typed at the checkout. Change nothing if the cart was ordered meanwhile."""
    cart.details, cart.details_complete = details.as_json(), complete
    writing.update(cart, "details", "details_complete")


# Everything typed into these carts is deleted with them.
FORGET = Tidying(
    "sales.forget_carts",
    gettext_lazy("Delete an abandoned cart"),
    rows=lambda now: Cart.objects.filter(expires_at__lt=now),
)


def latest_hold(cart: Cart, now: datetime) -> datetime | None:
    """Return until when the places may be held from now on; None if the cart has used up its time."""
    until = min(now + timedelta(minutes=cart.point_of_sale.hold_minutes), cart.may_be_held_until)
    return until if until > now else None


def _locked(cart: Cart) -> Cart:
    locked = LOCKED.first(pk=cart.pk)
    if locked is None:
        raise CannotAdd("gone")
    return locked


def is_held(cart: Cart, now: datetime) -> bool:
    """Return whether the places of a cart are held at ``now``."""
    return cart.held_until is not None and cart.held_until > now


def _is_fresh(cart: Cart, now: datetime) -> bool:
    until = latest_hold(cart, now)
    return cart.held_until is not None and until is not None and until < cart.held_until + FRESH


def _as_offered_today(cart: Cart, lines: list[CartLine], now: datetime) -> tuple[list[str], list[str]]:
    """If the hold has expired, give lines today's price and number of tickets.

    Return the titles whose price changed, and those whose number of tickets changed.
    """
    repriced: list[str] = []
    resized: list[str] = []
    if is_held(cart, now):
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


def _hold_again(cart_contents: contents.Contents, now: datetime) -> int:
    """Hold the places of the cart from now on and return the number of its tickets and passes.

    Raise CannotAdd if there are too many, too few are left, or a cap is exceeded.
    """
    cart = cart_contents.cart
    if cart_contents.admissions > cart.point_of_sale.max_tickets_per_order:
        raise CannotAdd("too_many")
    until = latest_hold(cart, now)
    if until is None or cart.held_until != until or not cart_contents.lines:
        cart.held_until = until if cart_contents.lines else None
        cart.expires_at = now + LIFETIME
        cart.save(update_fields=["held_until", "expires_at"])
    if until is None:
        _look_only(cart_contents)
        return cart_contents.admissions
    caps.end_holds_of_other_carts(cart, now)
    try:
        places.hold(cart.key, cart_contents.places, until - now)
        caps.check_network(cart, cart_contents.places)
    except places.NotEnoughPlaces as error:
        raise CannotAdd("sold_out", error.left) from error
    except caps.TooManyPlaces as error:
        raise CannotAdd("network") from error
    return cart_contents.admissions


def _look_only(cart_contents: contents.Contents) -> None:
    """Release the hold of a cart that may not be held any longer. Raise CannotAdd if too few places are left."""
    places.end_holds(cart_contents.cart.key)
    left = places.left(cart_contents.places)
    if short := {
        pk: left.get(pk, 0) for pk, count in cart_contents.places.items() if left.get(pk, 0) < count
    }:
        raise CannotAdd("sold_out", short)


def _items(pos: PointOfSale, wanted: dict[tuple[str, int], int]) -> dict[tuple[str, int], Offer | SeasonPass]:
    """Return (kind, id) -> offer or season pass, in the order of ``wanted``. Raise CannotAdd if this shop does not sell one of them."""
    offer_ids = [pk for kind, pk in wanted if kind == "offer"]
    pass_ids = [pk for kind, pk in wanted if kind == "pass"]
    items: dict[tuple[str, int], Offer | SeasonPass] = {}
    if offer_ids:
        items |= {("offer", offer.pk): offer for offer in availability.offers_by_id(pos, offer_ids)}
    if pass_ids:
        items |= {
            ("pass", season_pass.pk): season_pass
            for season_pass in availability.season_passes(pos).filter(pk__in=pass_ids)
        }
    if len(items) < len(wanted):
        raise CannotAdd("not_on_sale")
    return {key: items[key] for key in wanted}


def _key(line: CartLine) -> tuple[str, int | None]:
    return line.product.key


def _resize(line: CartLine, quantity: int, per_unit: int) -> None:
    """Set the quantity of a line and give it a slot for each ticket or pass."""
    if not 1 <= quantity <= 500:
        raise CannotAdd("too_many")
    line.quantity = quantity
    line.slots = [
        *line.slots,
        *(uuid.uuid4().hex[:12] for _ in range(quantity * per_unit - len(line.slots))),
    ][: quantity * per_unit]


def _save(lines: list[CartLine]) -> None:
    new, known = [line for line in lines if line.pk is None], [line for line in lines if line.pk is not None]
    if new:
        writing.insert(new)
    CartLine.objects.bulk_update(known, ["quantity", "slots"])
