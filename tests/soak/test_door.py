"""Two scanners and one code, two hundred times."""

from collections import Counter

import pytest

from tests.sales.door.conftest import make_evening
from tests.sales.door.races import meet_after_reading, scanned_by_two
from ticketshop.sales.models import CheckIn

pytestmark = [pytest.mark.soak, pytest.mark.django_db(transaction=True)]
ROUNDS = 200
AT_ONCE = 10  # tickets of one order


@pytest.mark.scenario("DOOR-02")
def test_one_welcome_in_each_of_two_hundred_rounds(monkeypatch):
    meet_after_reading(monkeypatch)
    evening = make_evening(capacity=ROUNDS)
    found: Counter = Counter()
    for _order in range(ROUNDS // AT_ONCE):
        for ticket in evening.sell(AT_ONCE):
            found[tuple(scanned_by_two(evening, ticket))] += 1
    print(f"door: {ROUNDS} codes on two scanners: {dict(found)}")
    assert found == {("already_in", "welcome"): ROUNDS}
    assert CheckIn.objects.count() == ROUNDS
