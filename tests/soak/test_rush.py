"""500 buyers for 300 places, 16 at a time, while staff export lists and all periodic jobs run: ``make soak``."""

import pytest

from tests.rig import Rig
from tests.soak.rush import Rush


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_rush_sells_every_place_once_and_answers_every_buyer(capsys):
    with Rig() as rig:
        rush = Rush(rig, buyers=500, places=300, buses=80, at_once=16, participants=20_000)
        rush.run()
        with capsys.disabled():
            print(
                f"\n{rush.bought} places sold to {rush.buyers} buyers in {rush.took:.1f} s, {len(rush.seconds)} pages, "
                f"p50 {sorted(rush.seconds)[len(rush.seconds) // 2]:.2f} s, p95 {rush.p95:.2f} s, longest {max(rush.seconds):.2f} s; "
                f"{rush.lost_choices} buyers chose another bus; refused: {dict(rush.refusals)}"
            )
        rush.check()
        rush.check_overlap()
        # The orders of the large list were not placed by the shop.
        rig.execute("from tests.bench import exports; exports.delete()")
        rig.check_books()
        assert "ERROR" not in rig.log.read_text()
        assert rush.p95 < 2, "on a quiet machine of two cores"
