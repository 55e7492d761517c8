"""Kill the web server, the worker and the database: nothing is lost or duplicated, and the shop recovers by itself.

Each fault runs once with the other tests, all on one rig, because starting one takes as long as several faults; ``make soak``
causes random faults for minutes, those of card payments in ``tests/soak/test_card_faults.py``.
"""

import random
import re
import threading
import time
from functools import partial

import pytest

from tests.soak import ROUNDS
from tests.soak.buyers import Load
from tests.soak.card_buyers import CardLoad, CardRig, check_money
from tests.soak.rush import Rush
from tests.waiting import PATIENCE, wait_for

FRIENDLY = {
    200,
    503,
    "RemoteDisconnected",
    "ConnectionResetError",
    "BrokenPipeError",
    "ConnectionRefusedError",
    "IncompleteRead",  # killed while it sent a page
}
SENDING = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.send' AND status = 'doing'"
UNDER_WAY = """
    SELECT count(*) FROM procrastinate_jobs
    WHERE task_name = 'mail.send' AND status IN ('todo', 'doing')
"""
TICKETS = 8  # of the form whose participants are exported


@pytest.fixture(scope="module")
def rig(request):
    with CardRig() as running:
        failed = request.session.testsfailed
        running.struck_while_sending = 0
        yield running
        if request.session.testsfailed > failed:
            print("".join(running.log.read_text().splitlines(keepends=True)[-200:]))


@pytest.fixture(autouse=True)
def nothing_lost_nothing_doubled(rig):
    """Check after a fault: the shop answers, the orders are consistent, each order has had its mail."""
    yield
    wait_for(rig.ready, "the shop")
    rig.check_books()


def orders(rig) -> int:
    return rig.sql("SELECT count(*) FROM sales_order")[0][0]


def mails_are_out(rig) -> None:
    """Check that the mail of each order arrived once, except those being sent when the worker was killed.

    These are sent again with the same Message-ID, by which a mail server can recognise them. Orders by card have several mails;
    ``check_money`` looks at theirs.
    """
    wait_for(lambda: rig.sql(UNDER_WAY)[0][0] == 0, "the mails")
    assert rig.sql("SELECT DISTINCT state FROM mail_mail") == [("sent",)]
    methods = dict(rig.sql("SELECT reference, payment_method FROM sales_order"))
    references = {reference for reference, method in methods.items() if method != "stripe"}
    letters = [
        (reference, letter.message["Message-ID"])
        for letter in rig.postbox.letters
        if methods.get(reference := re.search(r"\w{4}-\w{4}", letter.subject)[0]) != "stripe"
    ]
    assert {reference for reference, _id in letters} == references
    assert len(set(letters)) == len(references)
    # The worker sends two mails at a time, so a fault may affect both.
    assert len(letters) - len(references) <= 2 * rig.struck_while_sending


def all_is_well(rig, load, before) -> None:
    assert load.wrong == []
    assert set(load.answers) <= FRIENDLY, load.answers
    assert orders(rig) - before == len(load.orders) == len(set(load.orders.values()))
    mails_are_out(rig)


def test_rush_sells_every_place_once_and_answers_every_buyer(rig):
    """``tests/soak/test_rush.py`` is the long one."""
    rush = Rush(rig, buyers=9, places=6, buses=2, at_once=6, participants=0, goes_on=False)
    rush.run()
    rush.check()


def test_web_processes_share_the_memory_of_the_application(rig):
    for process in rig.web_workers():
        memory = process.memory_full_info()
        assert memory.uss < memory.rss * 0.6, "four fifths are its own if each process loads the application"


def test_web_worker_killed_during_an_order_leaves_nothing_and_the_retry_makes_one_order(rig):
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


def test_web_worker_killed_between_commit_and_response_does_not_sell_twice(rig):
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


def ask_for_export(rig) -> int:
    """Ask for a list of participants. Return the id of the export."""
    asked = f"exports.ask({rig.form}, 'participants', 'xlsx')"
    return int(rig.execute(f"from tests.bench import exports; print({asked}.pk)"))


def state(rig, job: int) -> tuple:
    return rig.sql("SELECT state, attempt, rows_done FROM exports_job WHERE id = %s", job)[0]


@pytest.fixture
def participants(rig):
    """Fill the form ``rig.form`` with participants, whose orders the shop has not placed, and delete them after the test."""
    rig.form = int(rig.execute(f"from tests.bench import exports; print(exports.fill(1, {TICKETS}))"))
    yield
    rig.execute("from tests.bench import exports; exports.delete()")


@pytest.mark.scenario("RF-44")
def test_mails_and_export_of_a_killed_worker_are_taken_up_and_a_silent_mail_server_stops_no_export(
    rig, participants
):
    wait_for(lambda: rig.sql(UNDER_WAY)[0][0] == 0, "the mails")
    before, letters = rig.sql("SELECT count(*) FROM mail_mail")[0][0], len(rig.postbox.letters)
    load = Load(rig, 1)
    rig.postbox.silent.set()
    try:
        for _order in range(3):
            load.buy()
        wait_for(lambda: rig.sql(SENDING)[0][0] == 2, "mails in every slot they have")
        wait_for(lambda: len(rig.postbox.letters) == letters + 2, "both at the mail server")
        first = ask_for_export(rig)
        wait_for(lambda: state(rig, first)[0] == "done", "the export beside the mails")
        assert rig.sql("SELECT count(*) FROM mail_mail WHERE state = 'queued'") == [(3,)]
        with rig.connect() as other, other.transaction():
            # Tickets are locked for a moment, so that the worker has begun and waits.
            other.execute("LOCK TABLE sales_ticket IN ACCESS EXCLUSIVE MODE")
            second = ask_for_export(rig)
            wait_for(lambda: state(rig, second)[0] == "running", "the worker's beginning")
            known = rig.workers()
            rig.job_worker.kill()
            rig.struck_while_sending += 1
    finally:
        rig.postbox.silent.clear()
    assert state(rig, second)[0] == "running"
    rig.take_up_stalled(known)
    wait_for(lambda: state(rig, second)[0] == "done", "the export")
    assert [state(rig, job) for job in (first, second)] == [("done", 1, TICKETS), ("done", 2, TICKETS)]
    (done,) = rig.sql("SELECT count(*) FROM exports_job WHERE state = 'done'")[0]
    finished = [path for path in (rig.var / "exports").iterdir() if path.is_file()]
    assert len([path for path in finished if path.suffix == ".xlsx"]) == 2
    assert len(finished) == done
    wait_for(lambda: rig.sql("SELECT DISTINCT state FROM mail_mail") == [("sent",)], "the mails")
    assert rig.sql("SELECT count(*) FROM mail_mail") == [(before + 3,)]
    # The mail server had accepted two of them, which the shop can't know: only these are sent twice.
    assert len(rig.postbox.letters) == letters + 5


def test_orders_are_consistent_after_a_crash_of_the_database(rig):
    before = orders(rig)
    with Load(rig, 3) as load:
        wait_for(lambda: load.so_far() >= 2, "some orders")
        known, worker = rig.workers(), rig.job_worker.pid
        rig.crash_database()
        rig.struck_while_sending += 1
        wait_for(rig.ready, "the shop")
        reached = load.so_far()
        wait_for(lambda: load.so_far() >= reached + 3, "more orders")
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


def test_pages_answer_503_while_the_database_is_away(rig):
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


def test_locked_table_gives_503_after_the_time_limit(rig):
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


@pytest.mark.scenario("PAY-11")
def test_faults_of_web_process_and_stripe_leave_every_card_payment_with_its_ticket(rig):
    with CardLoad(rig, 2) as load:
        wait_for(lambda: load.so_far() >= 2, "some orders")
        random.choice(rig.web_workers()).kill()
        rig.stripe.behaviour.loses = 1
        wait_for(lambda: load.so_far() >= 4, "more orders")
    assert load.wrong == []
    wait_for(rig.ready, "the shop")
    check_money(rig)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_random_faults_lose_and_duplicate_nothing(rig, capsys):
    """Twenty buyers for thirty seconds, with one process killed at a random moment; repeated."""
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
