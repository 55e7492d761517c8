""" "Who is coming?": tick people, and the shop proposes each one's tariff for the session's date."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.utils import timezone

from ticketshop.catalogue.availability import OfferRow, SessionRow
from ticketshop.lib.money import ZERO

from .people import Person


@dataclass(frozen=True)
class Proposal:
    """One person and the tariff proposed; ``offer`` is None where nothing suits or is left."""

    person: Person
    offer: OfferRow | None
    age: int | None


def propose(people: list[Person], row: SessionRow) -> list[Proposal]:
    """For each person the tariff that suits their age on the day of the session, where it is known."""
    day = timezone.localtime(row.session.starts_at).date()
    proposals = []
    for person in people:
        age = age_on(person.birth_date, day)
        proposals.append(Proposal(person, suiting(buyable(row), age), age))
    return proposals


def buyable(row: SessionRow) -> list[OfferRow]:
    """The tariffs of a date that give one ticket each and can be had."""
    return [
        one
        for one in row.offers
        if one.on_sale and not one.sold_out and one.offer.tariff.tickets_per_unit == 1
    ]


def suiting(offers: list[OfferRow], age: int | None) -> OfferRow | None:
    """A tariff made for this age if there is one, else the first that is for everybody."""
    made_for = [one for one in offers if age is not None and _bounded(one) and _fits(one, age)]
    for_all = [one for one in offers if not _bounded(one)]
    return next(iter(made_for or for_all), None)


def age_on(birth_date: date | None, day: date) -> int | None:
    """Whole years on ``day``; who was born on 29 February is a year older on 1 March."""
    if birth_date is None:
        return None
    return day.year - birth_date.year - ((day.month, day.day) < (birth_date.month, birth_date.day))


def total(proposals: list[Proposal]) -> Decimal:
    return sum((one.offer.offer.tariff.price for one in proposals if one.offer), ZERO)


def _bounded(one: OfferRow) -> bool:
    return one.offer.tariff.age_from is not None or one.offer.tariff.age_until is not None


def _fits(one: OfferRow, age: int) -> bool:
    tariff = one.offer.tariff
    return (tariff.age_from is None or age >= tariff.age_from) and (
        tariff.age_until is None or age <= tariff.age_until
    )
