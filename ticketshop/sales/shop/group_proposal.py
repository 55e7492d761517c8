""" "Who is coming?": find the cheapest permitted tickets for a group of people on one date.

The result is exact: every way to share the people among the tariffs is tried, up to ``MOST_WAYS``. Ways with
the same number of tickets of each tariff cost the same, so they count as one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.utils import timezone

from ticketshop.catalogue.availability import OfferRow, SessionRow
from ticketshop.catalogue.models import Tariff
from ticketshop.lib.values.money import ZERO

from ..checkout.people import Person

# If there are more ways, no cheapest one is searched: each person gets the tariff that suits them.
MOST_WAYS = 20_000
# The number of tickets of each tariff, in the order of the offers; the last number counts people without a
# ticket.
Way = tuple[int, ...]


@dataclass(frozen=True)
class Proposal:
    """A person and the proposed tariff. ``offer`` is None if no tariff suits or is left."""

    person: Person
    offer: OfferRow | None
    age: int | None


@dataclass(frozen=True)
class Proposed:
    """The tickets proposed for all people. ``cheapest``: whether no other permitted tickets cost less."""

    proposals: list[Proposal] = field(default_factory=list)
    total: Decimal = ZERO
    cheapest: bool = False

    @property
    def without(self) -> list[Person]:
        """Return the people without a ticket."""
        return [proposal.person for proposal in self.proposals if proposal.offer is None]


@dataclass(frozen=True)
class Already:
    """Other tickets that count: units in the cart by offer id, tickets in the cart, and tickets had before by
    (person, tariff id).
    """

    units: Mapping[int, int] = field(default_factory=dict)
    tickets: int = 0
    had: Mapping[tuple[str, int], int] = field(default_factory=dict)


def propose(
    people: list[Person], row: SessionRow, *, most_tickets: int, already: Already | None = None
) -> Proposed:
    """Return the cheapest tickets for these people on the date of the session, by their ages where these are
    known.

    As many people as possible get one. All tickets of a tariff for several people go to these people.
    ``most_tickets``: the maximum of an order.
    """
    already, day = already or Already(), timezone.localtime(row.session.starts_at).date()
    ages = [age_on(person.birth_date, day) for person in people]
    offers = buyable(row)
    options = [_options(person, age, offers, already) for person, age in zip(people, ages, strict=True)]
    sharing = _Sharing(offers, options, most_tickets - already.tickets, already.units)
    chosen = sharing.cheapest()
    cheapest = chosen is not None
    if chosen is None:
        chosen = [
            next((position for position in mine if _is_single(offers[position])), None) for mine in options
        ]
    proposals = [
        Proposal(person, offers[position] if position is not None else None, age)
        for person, age, position in zip(people, ages, chosen, strict=True)
    ]
    return Proposed(proposals, _total(proposals), cheapest)


def buyable(row: SessionRow) -> list[OfferRow]:
    """Return the tariffs of a date that can be bought."""
    return [offer_row for offer_row in row.offers if offer_row.on_sale and not offer_row.sold_out]


def age_on(birth_date: date | None, day: date) -> int | None:
    """Return the age in whole years on ``day``. A person born on 29 February is a year older on 1 March."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def _options(person: Person, age: int | None, offers: list[OfferRow], already: Already) -> list[int]:
    """Return the positions in ``offers`` of the tariffs that a person may have, the most suitable first.

    First tariffs for their age; then the first tariff for everybody (others for everybody are reductions, and
    only people can tell who may have them); then tariffs for several people.
    """
    mine = [
        place
        for place, offer_row in enumerate(offers)
        if _fits(offer_row.offer.tariff, age) and _still_allowed(person, offer_row.offer.tariff, already)
    ]
    made_for = [
        position
        for position in mine
        if _is_single(offers[position]) and _bounded(offers[position].offer.tariff)
    ]
    for_all = [
        position
        for position in mine
        if _is_single(offers[position]) and not _bounded(offers[position].offer.tariff)
    ]
    return [*made_for, *for_all[:1], *(position for position in mine if not _is_single(offers[position]))]


def _is_single(offer_row: OfferRow) -> bool:
    return offer_row.offer.tariff.tickets_per_unit == 1


def _bounded(tariff: Tariff) -> bool:
    return tariff.age_from is not None or tariff.age_until is not None


def _fits(tariff: Tariff, age: int | None) -> bool:
    """Return whether a tariff has no age range, or one that contains this age."""
    if not _bounded(tariff):
        return True
    return (
        age is not None
        and (tariff.age_from is None or age >= tariff.age_from)
        and (tariff.age_until is None or age <= tariff.age_until)
    )


def _still_allowed(person: Person, tariff: Tariff, already: Already) -> bool:
    """Return whether one more ticket of this tariff is within the maximum for the person."""
    if not tariff.max_per_person:
        return True
    had = already.had.get((person.value, tariff.pk), 0)
    return had + 1 <= tariff.max_per_person * tariff.tickets_per_unit


def _total(proposals: Iterable[Proposal]) -> Decimal:
    """Return the price of the tickets. Each ticket of a tariff for several people costs its share."""
    tickets: dict[Tariff, int] = {}
    for proposal in proposals:
        if proposal.offer:
            tariff = proposal.offer.offer.tariff
            tickets[tariff] = tickets.get(tariff, 0) + 1
    return sum(
        (tariff.price * count / tariff.tickets_per_unit for tariff, count in tickets.items()), ZERO
    ).quantize(Decimal("0.01"))


class _Sharing:
    """All ways to share people among the tariffs of a date, as numbers of tickets of each tariff."""

    def __init__(self, offers: list[OfferRow], options: list[list[int]], most: int, units: Mapping[int, int]):
        self.offers, self.options, self.most = offers, options, most
        self.units = [units.get(offer_row.offer.pk, 0) for offer_row in offers]
        self.per_unit = [offer_row.offer.tariff.tickets_per_unit for offer_row in offers]
        self.left = {offer_row.offer.allotment_id: offer_row.left for offer_row in offers}
        self.at_most = [
            max(0, offer_row.offer.tariff.max_per_order - there) * size
            for offer_row, there, size in zip(offers, self.units, self.per_unit, strict=True)
        ]

    def cheapest(self) -> list[int | None] | None:
        """Return for each person a position in ``offers``, or None for no ticket. Return None if there are too
        many ways.
        """
        # For each person: way -> the way before and this person's choice.
        layers: list[dict[Way, tuple[Way, int | None]]] = []
        ways: dict[Way, tuple[Way, int | None]] = {(0,) * (len(self.offers) + 1): ((), None)}
        count = 0
        for mine in self.options:
            following: dict[Way, tuple[Way, int | None]] = {}
            for way in ways:
                for choice in (*mine, None):
                    after = _with_one_more(way, choice)
                    if after not in following and self._has_room(after):
                        following[after] = (way, choice)
            count += len(following)
            if count > MOST_WAYS:
                return None
            layers.append(following)
            ways = following
        allowed = [way for way in ways if self._is_allowed(way)]
        way, chosen = min(allowed, key=self._cost), []
        for layer in reversed(layers):
            way, choice = layer[way]
            chosen.append(choice)
        return chosen[::-1]

    def _has_room(self, way: Way) -> bool:
        """Return whether no maximum is exceeded: of a tariff, of the order, of the places left."""
        if sum(way[:-1]) > self.most or any(
            tickets > most for tickets, most in zip(way, self.at_most, strict=False)
        ):
            return False
        taken: dict[int, int] = {}
        for offer_row, tickets in zip(self.offers, way, strict=False):
            taken[offer_row.offer.allotment_id] = taken.get(offer_row.offer.allotment_id, 0) + tickets
        return all(taken[allotment] <= self.left[allotment] for allotment in taken)

    def _is_allowed(self, way: Way) -> bool:
        """Return whether these tickets can be ordered: complete groups, minimums, and tariffs sold only together."""
        there = {
            offer_row.offer.tariff_id for offer_row, tickets, units in zip(self.offers, way, self.units, strict=False)
            if tickets or units
        }  # fmt: skip
        for offer_row, tickets, units, size in zip(self.offers, way, self.units, self.per_unit, strict=False):
            tariff = offer_row.offer.tariff
            if not tickets:
                continue
            if tickets % size or units + tickets // size < tariff.min_per_order:
                return False
            if tariff.only_with_id and tariff.only_with_id not in there:
                return False
        return True

    def _cost(self, way: Way) -> tuple:
        """Return the sort key of a way: people without a ticket, the price, then tariffs for an age, then the
        first tariffs.
        """
        price = sum(
            (
                offer_row.offer.tariff.price * (tickets // size)
                for offer_row, tickets, size in zip(self.offers, way, self.per_unit, strict=False)
            ),
            ZERO,
        )
        by_age = sum(
            tickets
            for offer_row, tickets in zip(self.offers, way, strict=False)
            if _bounded(offer_row.offer.tariff) and _is_single(offer_row)
        )
        return way[-1], price, -by_age, tuple(-tickets for tickets in way)


def _with_one_more(way: Way, choice: int | None) -> Way:
    place = len(way) - 1 if choice is None else choice
    return (*way[:place], way[place] + 1, *way[place + 1 :])
