"""Declarations are switched off, one after the other: then the scan must find values, or it would prove nothing."""

from collections.abc import Iterator
from contextlib import nullcontext
from unittest import mock

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from contacts import contacts
from privacy.erasure import erasing
from privacy.plan import companions
from tests.privacy import planting, scanner
from tests.privacy.mutations import Mutation, all_mutations, switched_off
from tests.privacy.scanner import Needles
from tests.privacy.state import State, make_state

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture
def states() -> Iterator[tuple[State, State]]:
    """V with a log-in at one organiser, and V with a log-in that is needed at B, too.

    For tests that commit: only VACUUM removes rolled-back rows from the tables, and not those of a transaction that goes on.
    """
    made = make_state(), make_state(shared_log_in=True, number=1)
    sweep()
    yield made
    for one in made:
        for planted in (one.v, one.w, one.twin):
            planted.take_files_away()


def sweep() -> None:
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


@pytest.mark.django_db
def test_scan_finds_values_of_a_declaration_of_each_kind_switched_off(state, capsys):
    """One declaration of each kind here, all of them in ``make soak``."""
    of_kind = {
        (type(mutation.strategy), bool(mutation.key), mutation.needs_a_shared_log_in): mutation
        for mutation in reversed(all_mutations())
    }
    assert len(of_kind) >= 10
    shared = [mutation for mutation in of_kind.values() if mutation.needs_a_shared_log_in]
    others = [mutation for mutation in of_kind.values() if not mutation.needs_a_shared_log_in]
    assert _left(state, None) == (set(), set())
    assert missed(others, (state, state), capsys) == []
    # With a contact at B, V's log-in stays.
    contacts.for_user(state.b.organiser, state.v.person.user, language="en", now=timezone.now())
    for mutation in shared:
        assert not _is_noticed(mutation, state, state, switch=nullcontext)
    assert missed(shared, (state, state), capsys) == []


@pytest.mark.soak
@pytest.mark.scenario("S44")
@pytest.mark.django_db(transaction=True)
def test_scan_finds_values_of_each_declaration_switched_off(states, capsys):
    mutations = all_mutations()
    assert len(mutations) > 60
    for one in states:
        assert _left(one, None) == (set(), set())
    assert missed(mutations, states, capsys) == []


def missed(mutations: list[Mutation], states: tuple[State, State], capsys) -> list[str]:
    """Return the declarations whose absence the scan does not notice; print the number of the others."""
    unseen = []
    for number, mutation in enumerate(mutations, 1):
        if not _is_noticed(mutation, *states):
            unseen.append(mutation.name)
        if number % 5 == 0 and not connection.in_atomic_block:
            sweep()
    with capsys.disabled():
        print(f"\nDeclarations switched off and noticed: {len(mutations) - len(unseen)} of {len(mutations)}")
    return unseen


def _is_noticed(mutation: Mutation, state: State, shared_state: State, switch=switched_off) -> bool:
    one = shared_state if mutation.needs_a_shared_log_in else state
    try:
        cells, tokens = _left(one, mutation, switch)
    except DatabaseError:
        # The tables themselves refuse a row that says it is erased and is not.
        return True
    planted = {cell.token for cell in one.v.cells if cell.declared == mutation.name and cell.token}
    # In its place, and by its token where it has one.
    return mutation.name in cells and (not planted or bool(planted & tokens))


def _left(state: State, mutation: Mutation | None, switch=switched_off) -> tuple[set[str], set[str]]:
    """After an erasure that is taken back: the declarations with cells as planted, and the tokens that are found."""
    cells = [cell for cell in state.v.cells if mutation is None or cell.declared == mutation.name]
    named = {cell.token for cell in cells}
    tokens = [token for token in state.v.tokens if token.name in named]
    with transaction.atomic():
        # Without the people whom only V has added, whose erasures take twice as long as V's own.
        alone = mock.patch.object(companions, "companions_of", return_value=[])
        with alone, switch(mutation) if mutation else nullcontext():
            erasing.erase(state.v.person.contact, by=state.a.staff, now=timezone.now())
        found = scanner.scan_database(Needles(tokens)) | scanner.scan_files(Needles(tokens))
        left = {cell.declared for cell in planting.as_planted(cells)}
        transaction.set_rollback(True)
    state.v.put_files_back()
    return left, {hit.token for hit in found}
