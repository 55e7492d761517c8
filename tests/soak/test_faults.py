"""Kill it: web server, worker, database. Nothing is lost, nothing doubled, and it comes back by itself.

Each strike once, small, with every run of the tests; ``make soak`` strikes at random for minutes.
"""

import random
import re
import threading
import time
from functools import partial

import pytest

from tests.rig import Rig
from tests.soak import ROUNDS
from tests.soak.buyers import Load
from tests.waiting import PATIENCE, wait_for

FRIENDLY = {
    200,
    503,
    "RemoteDisconnected",
    "ConnectionResetError",
    "BrokenPipeError",
    "ConnectionRefusedError",
}
UNDER_WAY = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE task_name = 'mail.send' AND status IN ('todo', 'doing')
"""


@pytest.fixture(scope="module")
def rig(request):
    with Rig() as running:
        failed = request.session.testsfailed
        running.struck_while_sending = 0
        yield running
        if request.session.testsfailed > failed:
            print("".join(running.log.read_text().splitlines(keepends=True)[-200:]))


@pytest.fixture(autouse=True)
def nothing_lost_nothing_doubled(rig):
    """After every strike: the shop answers, the books hold, each order has had its mail."""
    yield
    wait_for(rig.ready, "the shop")
    rig.check_books()


def orders(rig) -> int:
    return rig.sql("SELECT count(*) FROM sales_order")[0][0]


def mails_are_out(rig) -> None:
    """Every order's mail arrived: once, but for those that were on their way when the worker was struck.

    Such a one comes again under the same Message-ID, by which a mail server can tell.
    """
    wait_for(lambda: rig.sql(UNDER_WAY)[0][0] == 0, "the mails")
    assert rig.sql("SELECT DISTINCT state FROM mail_mail") == [("sent",)]
    references = {row[0] for row in rig.sql("SELECT reference FROM sales_order")}
    letters = [
        (re.search(r"\w{4}-\w{4}", letter.subject)[0], letter.message["Message-ID"])
        for letter in rig.postbox.letters
    ]
    assert {reference for reference, _id in letters} == references
    assert len(set(letters)) == len(references)
    # The worker sends two at a time: each blow may hit both.
    assert len(letters) - len(references) <= 2 * rig.struck_while_sending


def all_is_well(rig, load, before) -> None:
    assert load.wrong == []
    assert set(load.answers) <= FRIENDLY, load.answers
    assert orders(rig) - before == len(load.orders) == len(set(load.orders.values()))
    mails_are_out(rig)


def test_without_a_fault_every_answer_is_a_page(rig):
    before = orders(rig)
    with Load(rig, 3) as load:
        wait_for(lambda: load.so_far() >= 6, "some orders")
    assert set(load.answers) == {200}
    all_is_well(rig, load, before)


def test_a_web_worker_killed_in_the_middle_of_an_order_leaves_nothing_and_the_retry_makes_one(rig):
    before = orders(rig)
    load = Load(rig, 1)
    with rig.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE sales_payment IN SHARE MODE")  # the order waits here, half written
        buyer = threading.Thread(target=load.buy)
        buyer.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'sales_payment'::regclass"
        wait_for(lambda: rig.sql(waiting)[0][0] > 0, "an order in the middle of its transaction")
        for process in rig.web_workers():
            process.kill()
        holder.execute("ROLLBACK")
    wait_for(rig.ready, "a new worker")
    buyer.join(PATIENCE)
    assert load.answers["RemoteDisconnected"] + load.answers["ConnectionResetError"] >= 1
    all_is_well(rig, load, before)
    assert len(load.orders) == 1


def test_a_web_worker_killed_between_commit_and_answer_does_not_sell_twice(rig):
    before = orders(rig)
    load = Load(rig, 1)
    with rig.holding_answers():
        buyer = threading.Thread(target=load.buy)
        buyer.start()
        wait_for(lambda: orders(rig) == before + 1, "the order in the database")
        wait_for((rig.var / "answer-held").exists, "the answer")
        assert load.orders == {}, "the answer was not held"
        for process in rig.web_workers():
            process.kill()
    buyer.join(PATIENCE)
    assert load.answers["RemoteDisconnected"] + load.answers["ConnectionResetError"] >= 1
    all_is_well(rig, load, before)
    assert orders(rig) == before + 1


def test_the_worker_killed_while_the_mail_server_holds_its_answer(rig):
    mails_are_out(rig)
    before, letters = orders(rig), len(rig.postbox.letters)
    rig.postbox.arrived.clear()
    rig.postbox.silent.set()
    load = Load(rig, 1)
    load.buy()
    assert rig.postbox.arrived.wait(PATIENCE)
    known = rig.workers()
    rig.job_worker.kill()
    rig.struck_while_sending += 1
    rig.postbox.silent.clear()
    rig.take_up_stalled(known)
    # The mail server had taken it, and nobody will ever know: this one comes twice, no other.
    all_is_well(rig, load, before)
    assert len(rig.postbox.letters) == letters + 2


def test_the_database_crashes_while_orders_are_placed(rig):
    before = orders(rig)
    with Load(rig, 4) as load:
        wait_for(lambda: load.so_far() >= 3, "some orders")
        known, worker = rig.workers(), rig.job_worker.pid
        rig.crash_database()
        rig.struck_while_sending += 1
        wait_for(rig.ready, "the shop")
        reached = load.so_far()
        wait_for(lambda: load.so_far() >= reached + 6, "more orders")
    rig.take_up_stalled(known)
    all_is_well(rig, load, before)
    assert rig.job_worker.pid == worker, "the process outlives its database"


def outage_is_said_within_a_second(rig, address: str) -> bool:
    begin = time.monotonic()
    page = rig.get(address)
    took = time.monotonic() - begin
    if page.status == 200:
        return False  # for a second, each web process still shows a page that was just made
    assert (page.status, page.headers["Retry-After"]) == (503, "5"), page.text[:200]
    return took < 1


def test_while_the_database_is_away_a_page_says_so_at_once_and_it_comes_back(rig):
    assert rig.get(rig.shop["event"]).status == 200
    known, worker = rig.workers(), rig.job_worker.pid
    rig.stop_database()
    try:
        for address in (rig.shop["event"], rig.shop["home"] + "cart/", "/health/ready"):
            # One of several looks: this machine may be busy with something else.
            quickly = partial(outage_is_said_within_a_second, rig, address)
            wait_for(quickly, f"an answer within a second at {address}")
        assert "Try again" in rig.get("/health/ready").text
        assert rig.get("/health/live").status == 200
        time.sleep(5)  # long enough for a pool to lose heart
    finally:
        rig.postgres.start()
    wait_for(lambda: rig.get(rig.shop["event"]).status == 200, "the shop")
    for _again in range(10):
        assert rig.get(rig.shop["home"] + "cart/").status == 200
    wait_for(lambda: rig.workers() - known, "background work")
    assert rig.job_worker.pid == worker


def test_a_table_that_is_locked_is_a_503_when_its_time_is_up_and_an_order_afterwards(rig):
    before = orders(rig)
    load = Load(rig, 1)
    with rig.connect() as holder:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE sales_payment IN ACCESS EXCLUSIVE MODE")
        buyer = threading.Thread(target=load.buy)
        buyer.start()
        wait_for(lambda: load.answers[503] >= 1, "the page that says so")
        assert orders(rig) == before
        holder.execute("ROLLBACK")
    buyer.join(PATIENCE)
    assert load.slowest >= 3
    all_is_well(rig, load, before)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_strikes_at_random_for_minutes(rig, capsys):
    """Twenty buyers for thirty seconds, one of the processes killed at a random moment; and again."""
    before = orders(rig)
    strikes = {
        "web worker": lambda: random.choice(rig.web_workers()).kill(),
        "web server": lambda: rig.web.kill(),
        "worker": lambda: rig.job_worker.kill(),
        "database": rig.crash_database,
    }
    for number in range(ROUNDS):
        name = list(strikes)[number % len(strikes)]
        with Load(rig, 20) as load:
            time.sleep(random.uniform(3, 20))
            strikes[name]()
            rig.struck_while_sending += name in {"worker", "database"}
            time.sleep(random.uniform(3, 10))
        assert load.wrong == []
        assert set(load.answers) <= FRIENDLY, load.answers
        assert orders(rig) - before == len(load.orders)
        before += len(load.orders)
        wait_for(lambda: rig.sql(UNDER_WAY)[0][0] == 0, "the mails")
        rig.check_books()
        with capsys.disabled():
            print(
                f"{number + 1:2} {name}: {len(load.orders)} orders, {dict(load.answers)}, slowest {load.slowest:.1f} s"
            )
    mails_are_out(rig)
