"""Card buyers while web processes, worker, database and Stripe fail: nobody pays without a ticket, twice, or for nothing.

Five faults in many rounds: ``make soak``. ``tests/soak/test_faults.py`` has two of them, once, with the other tests.
"""

import random
import time
from functools import partial

import pytest

from tests.soak import ROUNDS
from tests.soak.card_buyers import CardLoad, CardRig, check_money
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def rig(request):
    with CardRig() as running:
        failed = request.session.testsfailed
        yield running
        if request.session.testsfailed > failed:
            print("".join(running.log.read_text().splitlines(keepends=True)[-200:]))


def silence(rig: CardRig, name: str, seconds: float) -> None:
    """Let Stripe answer nothing, or nothing useful, for some seconds."""
    setattr(rig.stripe.behaviour, name, True)
    time.sleep(seconds)
    setattr(rig.stripe.behaviour, name, False)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_random_faults_with_twenty_card_buyers(rig, capsys):
    strikes = {
        "web worker": lambda: random.choice(rig.web_workers()).kill(),
        "worker": lambda: rig.job_worker.kill(),
        "database": rig.crash_database,
        "silent Stripe": partial(silence, rig, "silent", 8),
        "Stripe away": partial(silence, rig, "away", 8),
    }
    for number in range(ROUNDS):
        name = list(strikes)[number % len(strikes)]
        with CardLoad(rig, 20) as load:
            time.sleep(random.uniform(3, 10))
            rig.stripe.behaviour.loses = random.randint(0, 2)
            known = rig.workers()
            strikes[name]()
            time.sleep(random.uniform(3, 8))
        assert load.wrong == []
        wait_for(rig.ready, "the shop")
        if name in {"worker", "database"}:
            rig.take_up_stalled(known)
        check_money(rig)
        with capsys.disabled():
            print(
                f"{number + 1:2} {name}: {len(load.orders)} orders, {dict(load.answers)}, slowest {load.slowest:.1f} s"
            )
