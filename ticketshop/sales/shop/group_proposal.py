""" "Who is coming?": tick people, and the shop proposes the cheapest tickets they may have for a session's date.

Exact: every way to share the people among the tariffs is looked at, up to ``MOST_WAYS``. Ways that take the same number of
tickets of each tariff cost the same, so they count as one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from django.utils import timezone

from ticketshop.catalogue.availability import OfferRow, SessionRow
from ticketshop.catalogue.models import Tariff
from ticketshop.lib.money import ZERO

from ..checkout.people import Person

# Beyond so many ways no cheapest one is looked for: each person gets the tariff that suits them.
MOST_WAYS = 20_000
# Tickets of each tariff, in the order of the offers; the last number counts people without a ticket.
Way = tuple[int, ...]


@dataclass(frozen=True)
class Proposal:
    """One person and the tariff proposed; ``offer`` is None where nothing suits or is left."""

    person: Person
    offer: OfferRow | None
    age: int | None


@dataclass(frozen=True)
class Proposed:
    """The tickets proposed for all. ``cheapest``: no other tickets that these people may have cost less."""

    proposals: list[Proposal] = field(default_factory=list)
    total: Decimal = ZERO
    cheapest: bool = False

    @property
    def without(self) -> list[Person]:
        """Those for whom there is no ticket."""
        return [one.person for one in self.proposals if one.offer is None]


@dataclass(frozen=True)
class Already:
    """What counts besides: offer id -> units in the cart, its tickets in all, and (person, tariff id) -> tickets they had."""

    units: Mapping[int, int] = field(default_factory=dict)
    tickets: int = 0
    had: Mapping[tuple[str, int], int] = field(default_factory=dict)


def propose(
    people: list[Person], row: SessionRow, *, most_tickets: int, already: Already | None = None
) -> Proposed:
    """The cheapest tickets for these people on the day of the session, where their ages are known.

    First as many people as possible have one. A tariff for several gives all its tickets to these people.
    ``most_tickets``: how many an order holds.
    """
    already, day = already or Already(), timezone.localtime(row.session.starts_at).date()
    ages = [age_on(person.birth_date, day) for person in people]
    offers = buyable(row)
    options = [_options(person, age, offers, already) for person, age in zip(people, ages, strict=True)]
    sharing = _Sharing(offers, options, most_tickets - already.tickets, already.units)
    chosen = sharing.cheapest()
    cheapest = chosen is not None
    if chosen is None:
        chosen = [next((one for one in mine if _is_single(offers[one])), None) for mine in options]
    proposals = [
        Proposal(person, offers[one] if one is not None else None, age)
        for person, age, one in zip(people, ages, chosen, strict=True)
    ]
    return Proposed(proposals, _total(proposals), cheapest)


def buyable(row: SessionRow) -> list[OfferRow]:
    """The tariffs of a date that can be had."""
    return [one for one in row.offers if one.on_sale and not one.sold_out]


def age_on(birth_date: date | None, day: date) -> int | None:
    """Whole years on ``day``; who was born on 29 February is a year older on 1 March."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def _options(person: Person, age: int | None, offers: list[OfferRow], already: Already) -> list[int]:
    """The places in ``offers`` of what a person may have, the one that suits best first.

    A tariff made for their age; the first that is for everybody (others for everybody are reductions, and who may have
    them only people can tell); tariffs for several people.
    """
    mine = [
        place
        for place, one in enumerate(offers)
        if _fits(one.offer.tariff, age) and _still_allowed(person, one.offer.tariff, already)
    ]
    made_for = [one for one in mine if _is_single(offers[one]) and _bounded(offers[one].offer.tariff)]
    for_all = [one for one in mine if _is_single(offers[one]) and not _bounded(offers[one].offer.tariff)]
    return [*made_for, *for_all[:1], *(one for one in mine if not _is_single(offers[one]))]


def _is_single(one: OfferRow) -> bool:
    return one.offer.tariff.tickets_per_unit == 1


def _bounded(tariff: Tariff) -> bool:
    return tariff.age_from is not None or tariff.age_until is not None


def _fits(tariff: Tariff, age: int | None) -> bool:
    """Whether the ages of a tariff, if it has any, are those of a person of this age."""
    if not _bounded(tariff):
        return True
    return (
        age is not None
        and (tariff.age_from is None or age >= tariff.age_from)
        and (tariff.age_until is None or age <= tariff.age_until)
    )


def _still_allowed(person: Person, tariff: Tariff, already: Already) -> bool:
    """Whether one more ticket of this tariff is not too much for the person."""
    if not tariff.max_per_person:
        return True
    had = already.had.get((person.value, tariff.pk), 0)
    return had + 1 <= tariff.max_per_person * tariff.tickets_per_unit


def _total(proposals: Iterable[Proposal]) -> Decimal:
    """What the tickets cost; each ticket of a tariff for several costs its part."""
    tickets: dict[Tariff, int] = {}
    for one in proposals:
        if one.offer:
            tariff = one.offer.offer.tariff
            tickets[tariff] = tickets.get(tariff, 0) + 1
    return sum(
        (tariff.price * count / tariff.tickets_per_unit for tariff, count in tickets.items()), ZERO
    ).quantize(Decimal("0.01"))


class _Sharing:
    """All ways to share people among the tariffs of a date, counted in tickets of each tariff."""

    def __init__(self, offers: list[OfferRow], options: list[list[int]], most: int, units: Mapping[int, int]):
        self.offers, self.options, self.most = offers, options, most
        self.units = [units.get(one.offer.pk, 0) for one in offers]
        self.per_unit = [one.offer.tariff.tickets_per_unit for one in offers]
        self.left = {one.offer.allotment_id: one.left for one in offers}
        self.at_most = [
            max(0, one.offer.tariff.max_per_order - there) * size
            for one, there, size in zip(offers, self.units, self.per_unit, strict=True)
        ]

    def cheapest(self) -> list[int | None] | None:
        """For each person a place in ``offers``, or None for no ticket; None where there are too many ways."""
        # Of each layer: way -> the way before and the choice of this person.
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
        """Whether no maximum is passed: of a tariff, of the order, of the places that are left."""
        if sum(way[:-1]) > self.most or any(
            tickets > most for tickets, most in zip(way, self.at_most, strict=False)
        ):
            return False
        taken: dict[int, int] = {}
        for one, tickets in zip(self.offers, way, strict=False):
            taken[one.offer.allotment_id] = taken.get(one.offer.allotment_id, 0) + tickets
        return all(taken[allotment] <= self.left[allotment] for allotment in taken)

    def _is_allowed(self, way: Way) -> bool:
        """Whether these numbers of tickets can be ordered: whole groups, minimums, and what is sold together only."""
        there = {
            one.offer.tariff_id for one, tickets, units in zip(self.offers, way, self.units, strict=False)
            if tickets or units
        }  # fmt: skip
        for one, tickets, units, size in zip(self.offers, way, self.units, self.per_unit, strict=False):
            tariff = one.offer.tariff
            if not tickets:
                continue
            if tickets % size or units + tickets // size < tariff.min_per_order:
                return False
            if tariff.only_with_id and tariff.only_with_id not in there:
                return False
        return True

    def _cost(self, way: Way) -> tuple:
        """People without a ticket, the price, and for equal prices tariffs made for an age, then those that come first."""
        price = sum(
            (
                one.offer.tariff.price * (tickets // size)
                for one, tickets, size in zip(self.offers, way, self.per_unit, strict=False)
            ),
            ZERO,
        )
        by_age = sum(
            tickets
            for one, tickets in zip(self.offers, way, strict=False)
            if _bounded(one.offer.tariff) and _is_single(one)
        )
        return way[-1], price, -by_age, tuple(-tickets for tickets in way)


def _with_one_more(way: Way, choice: int | None) -> Way:
    place = len(way) - 1 if choice is None else choice
    return (*way[:place], way[place] + 1, *way[place + 1 :])
