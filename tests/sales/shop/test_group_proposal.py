"""The group proposal: the cheapest tickets that people may have, and its updates after ticking other people."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from contacts.linking import adding
from tests.factories.catalogue import (
    AllotmentFactory,
    EventFactory,
    OfferFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.availability import OfferRow, SessionRow
from ticketshop.catalogue.models import Offer, Session, Tariff
from ticketshop.sales.checkout.people import Person
from ticketshop.sales.models import Cart
from ticketshop.sales.shop import group_proposal

EVENING = datetime(2027, 7, 3, 18, tzinfo=UTC)
BORN = {"adult": date(1980, 1, 1), "child": date(2018, 1, 1), "unknown": None}


def row_of(tariffs: list[dict], left: dict[int, int] | None = None) -> SessionRow:
    """A date that sells these tariffs; ``room`` of each: its allotment, ``left``: allotment -> places."""
    session = Session(pk=1, starts_at=EVENING, ends_at=EVENING + timedelta(hours=2))
    rows = []
    for number, values in enumerate(tariffs, start=1):
        room = values.pop("room", 1)
        free = (left or {}).get(room, 500)
        tariff = Tariff(pk=number, name=f"T{number}", **values)
        at_most = min(tariff.max_per_order, free // tariff.tickets_per_unit)
        offer = Offer(pk=number, session=session, tariff=tariff, allotment_id=room)
        rows.append(OfferRow(offer, free, True, at_most if at_most >= tariff.min_per_order else 0))
    return SessionRow(session, rows, "on_sale", version=1)


def group(kinds: str) -> list[Person]:
    """Return the people for a text: "aac" for two adults and a child; "u" for a person of unknown age."""
    names = {"a": "adult", "c": "child", "u": "unknown"}
    return [Person(str(number), "", "", "", BORN[names[kind]]) for number, kind in enumerate(kinds)]


def propose(kinds: str, tariffs: list[dict], left=None, most=20, already=None):
    return group_proposal.propose(group(kinds), row_of(tariffs, left), most_tickets=most, already=already)


def names(proposed) -> list[str]:
    return [one.offer.offer.tariff.name if one.offer else "-" for one in proposed.proposals]


ADULT = {"price": Decimal(40)}
CHILD = {"price": Decimal(24), "age_until": 15, "only_with_id": 1}
FAMILY = {"price": Decimal(108), "tickets_per_unit": 4}


@pytest.mark.parametrize(
    ("kinds", "expected", "total"),
    [
        ("aacc", ["T3"] * 4, 108),
        ("aac", ["T1", "T1", "T2"], 104),
        ("accc", ["T3"] * 4, 108),
        ("aacca", ["T1", *["T3"] * 4], 148),
        ("aaaaaaaa", ["T3"] * 8, 216),
        ("u", ["T1"], 40),
        ("c", ["T1"], 40),  # a child alone: the child's tariff is sold together with an adult's only
    ],
)
def test_the_cheapest_set_is_proposed(kinds, expected, total):
    proposed = propose(kinds, [dict(ADULT), dict(CHILD), dict(FAMILY)])
    assert proposed.total == total
    assert proposed.cheapest
    assert sorted(names(proposed)) == sorted(expected)


@pytest.mark.parametrize(
    ("change", "total"),
    [
        ({"family": {"max_per_order": 1, "price": Decimal(60)}}, 60 + 4 * 40),  # one family, four adults
        ({"family": {"min_per_order": 3}}, 8 * 40),
        ({"family": {"room": 2}, "left": {2: 7}}, 108 + 4 * 40),
        ({"adult": {"max_per_order": 2}, "family": {"price": Decimal(400)}}, 2 * 400),
    ],
)
def test_limits_of_tariffs_and_places_are_kept(change, total):
    tariffs = [dict(ADULT) | change.get("adult", {}), dict(CHILD), dict(FAMILY) | change.get("family", {})]
    assert propose("aaaaaaaa", tariffs, change.get("left")).total == total


def test_as_many_people_as_possible_have_a_ticket():
    proposed = propose("aac", [dict(ADULT), dict(CHILD)], {1: 2})
    assert names(proposed).count("-") == 1
    assert proposed.total == 64
    assert len(proposed.without) == 1
    assert names(propose("aaa", [dict(ADULT)], most=2)).count("-") == 1


def test_a_persons_maximum_and_the_cart_count():
    had = {("0", 1): 1}
    tariffs = [{**ADULT, "max_per_person": 1}, {"price": Decimal(50), "age_from": 18}]
    assert names(propose("aa", tariffs, already=group_proposal.Already(had=had))) == ["T2", "T1"]
    tariffs = [{**ADULT, "max_per_order": 3}, {"price": Decimal(50), "tickets_per_unit": 2}]
    assert names(
        propose("aa", [dict(one) for one in tariffs], already=group_proposal.Already(units={1: 2}))
    ) == [
        "T2",
        "T2",
    ]
    # What is in the cart stands for "only together with".
    tariffs = [dict(ADULT), dict(CHILD)]
    assert names(propose("c", tariffs, already=group_proposal.Already(units={1: 1}))) == ["T2"]


def test_a_reduction_is_for_people_to_choose():
    proposed = propose("aa", [dict(ADULT), {"price": Decimal(20)}])
    assert names(proposed) == ["T1", "T1"]


def test_where_there_are_too_many_ways_each_gets_what_suits(monkeypatch):
    monkeypatch.setattr(group_proposal, "MOST_WAYS", 3)
    proposed = propose("aacc", [dict(ADULT), dict(CHILD), dict(FAMILY)])
    assert not proposed.cheapest
    assert names(proposed) == ["T1", "T1", "T2", "T2"]


def test_the_work_is_bounded():
    tariffs = [
        {
            "price": Decimal(10 + number),
            "age_from": number,
            "tickets_per_unit": 1 + number % 3,
            "room": number,
        }
        for number in range(12)
    ]
    proposed = propose("a" * 20, tariffs, most=200)
    assert len(proposed.proposals) == 20


TARIFF = st.fixed_dictionaries(
    {
        "price": st.integers(0, 12).map(Decimal),
        "tickets_per_unit": st.sampled_from([1, 1, 2, 3]),
        "min_per_order": st.sampled_from([1, 1, 2]),
        "max_per_order": st.integers(2, 5),
        "max_per_person": st.sampled_from([None, None, 1]),
        "age_until": st.sampled_from([None, None, 15]),
        "only_with_id": st.sampled_from([None, None, 1]),
        "room": st.sampled_from([1, 1, 2]),
    }
)


def is_allowed(people, chosen, row, most) -> bool:
    """The rules once more, looked at from the outside: what may be ordered together."""
    tickets = Counter(one.offer.pk for one in chosen if one)
    if sum(tickets.values()) > most:
        return False
    by_pk = {one.offer.pk: one for one in row.offers}
    rooms = Counter()
    for pk, count in tickets.items():
        tariff = by_pk[pk].offer.tariff
        units, rest = divmod(count, tariff.tickets_per_unit)
        if rest or not tariff.min_per_order <= units <= tariff.max_per_order:
            return False
        if tariff.only_with_id and not any(
            by_pk[other].offer.tariff_id == tariff.only_with_id for other in tickets
        ):
            return False
        rooms[by_pk[pk].offer.allotment_id] += count
    if any(
        count > next(one.left for one in row.offers if one.offer.allotment_id == room)
        for room, count in rooms.items()
    ):
        return False
    return all(
        one is None
        or one.offer.tariff.age_until is None
        or (person.birth_date and person.birth_date.year > 2011)
        for person, one in zip(people, chosen, strict=True)
    )


@settings(max_examples=150)
@given(
    st.lists(TARIFF, min_size=1, max_size=4),
    st.text("acu", min_size=1, max_size=5),
    st.integers(1, 6),
    st.integers(1, 6),
)
def test_no_allowed_set_is_cheaper(tariffs, kinds, left, most):
    row, people = row_of([dict(one) for one in tariffs], {1: left, 2: 2}), group(kinds)
    proposed = group_proposal.propose(people, row, most_tickets=most)
    standard = next(
        (
            one
            for one in row.offers
            if one.offer.tariff.tickets_per_unit == 1 and one.offer.tariff.age_until is None and one.at_most
        ),
        None,
    )
    offered = [
        one
        for one in row.offers
        if one.at_most
        and (one is standard or one.offer.tariff.tickets_per_unit > 1 or one.offer.tariff.age_until)
    ]
    best = min(
        (
            sum(one is None for one in chosen),
            sum(
                (one.offer.tariff.price / one.offer.tariff.tickets_per_unit for one in chosen if one),
                Decimal(0),
            ).quantize(Decimal("0.01")),
        )
        for chosen in itertools.product([*offered, None], repeat=len(people))
        if is_allowed(people, chosen, row, most)
    )
    assert is_allowed(people, [one.offer for one in proposed.proposals], row, most)
    assert (len(proposed.without), proposed.total) == best


# --- on the page ---------------------------------------------------------------------------------------------


@pytest.fixture
def family(db):
    """Alice, her husband and two children, at an event of two dates."""
    pos = friendly_pos(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos)
    event = EventFactory(pos=pos, slug="hamlet")
    room = AllotmentFactory(organiser=pos.organiser, capacity=50)
    adult = TariffFactory(event=event, name="Adult", price=40)
    child = TariffFactory(event=event, name="Child", price=24, age_until=15, only_with=adult)
    group_of_four = TariffFactory(event=event, name="Family", price=108, tickets_per_unit=4)
    start = timezone.now().replace(hour=18, minute=0, second=0, microsecond=0) + timedelta(days=30)
    dates = [SessionFactory(event=event, starts_at=start + timedelta(days=7 * week)) for week in (0, 1)]
    for session in dates:
        for tariff in (adult, child, group_of_four):
            OfferFactory(session=session, tariff=tariff, allotment=room)
    alice = make_visitor(pos, email="alice@example.org")
    people = [
        linked(alice, pos, ("Bob", "Martin", "bob@example.org")),
        *(
            linked(alice, pos, adding.Person(name, "Martin", no_email=True, birth_date=date(2018, 5, 1)))
            for name in ("Tim", "Zoé")
        ),
    ]
    visitor = TestClientVisitor()
    visitor.client.force_login(alice.user)
    visitor.open("/theatre/events/hamlet/")
    visitor.alice, visitor.values, visitor.dates = alice, ["me", *(str(link.pk) for link in people)], dates
    return visitor


def ask_for(visitor, *values, day=0):
    who = "&".join(f"who={value}" for value in values)
    return visitor.open(f"/theatre/events/hamlet/?{who}&session={visitor.dates[day].pk}")


def in_cart() -> dict[tuple, int]:
    lines = Cart.objects.get().lines.all()
    return {(line.offer.session_id, line.offer.tariff.name): line.quantity for line in lines}


def test_a_family_is_proposed_its_tariff(family):
    page = ask_for(family, *family.values)
    assert "The cheapest tickets for these people: CHF 108.00" in page.text
    family.fill("^proposed_session$")
    assert in_cart() == {(family.dates[0].pk, "Family"): 1}
    holders = Cart.objects.get().details["holders"].values()
    assert {one["person"] for one in holders} == set(family.values)


@pytest.mark.parametrize("change", ["date", "people"])
def test_what_was_changed_is_proposed_again_before_anything_is_added(family, change):
    page = ask_for(family, "me")
    starts = timezone.localtime(family.dates[0].starts_at, family.dates[0].event.organiser.zone)
    day = f"{starts.day} {starts:%B %Y}"
    assert f"{day}, " in page.text.partition("Propose again")[2]
    other = family.dates[1]
    changed = {"session": other.pk} if change == "date" else {f"who-{family.values[2]}": "on"}
    page = family.fill("^proposed_session$", changed)
    assert any("nothing was added yet" in text for text in page.messages)
    assert not Cart.objects.exists()
    form = page.form("^proposed_session$")
    if change == "date":
        assert form.values["proposed_session"] == form.values["session"] == str(other.pk)
        family.fill("^proposed_session$")
        assert in_cart() == {(other.pk, "Adult"): 1}
    else:
        family.fill("^proposed_session$")
        assert in_cart() == {(family.dates[0].pk, "Adult"): 1, (family.dates[0].pk, "Child"): 1}


def test_proposing_again_adds_nothing(family):
    ask_for(family, "me")
    page = family.fill("^proposed_session$", button=("propose", "1"))
    assert not Cart.objects.exists()
    assert "nothing was added" not in page.text
    assert page.form("^proposed_session$")


def test_proposal_without_a_ticked_person_shows_a_message(family):
    page = family.fill("^who$")
    assert "Nobody is ticked" in page.text
    ask_for(family, "me")
    form = family.page.form("^proposed_session$")
    del form.values["who-me"]
    assert "Nobody is ticked" in family.submit(form).text


def test_part_of_a_group_is_refused_with_its_number(family):
    page = ask_for(family, *family.values)
    offers = page.form("^proposed_session$").choices["ticket-me"]
    page = family.fill("^proposed_session$", {"ticket-me": offers[1]})
    assert any("“Family” is for 4 people" in text for text in page.messages)
    assert not Cart.objects.filter(lines__isnull=False).exists()


def test_what_people_have_already_counts(family):
    session = family.dates[0]
    adult = session.offers.get(tariff__name="Adult")
    Tariff.objects.filter(pk=adult.tariff_id).update(max_per_person=1)
    adult.refresh_from_db()
    make_order(
        {adult: 1}, user=family.alice.user, holders=[{"first_name": "A", "last_name": "", "person": "me"}]
    )
    page = ask_for(family, "me", family.values[1])
    chosen = page.form("^proposed_session$").values
    assert (chosen["ticket-me"], chosen[f"ticket-{family.values[1]}"]) == ("", str(adult.pk))
    assert "There is no ticket for everybody" in page.text
