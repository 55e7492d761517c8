"""Exports by a worker that is killed, and while the mail server does not respond."""

import pytest

from tests.rig import Rig
from tests.soak.buyers import Load
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def rig():
    with Rig() as running:
        running.form = int(running.execute("from tests.bench import exports; print(exports.fill(1, 400))"))
        yield running


def ask(rig) -> int:
    """Ask for a list of participants. Return the id of the export."""
    asked = f"exports.ask({rig.form}, 'participants', 'xlsx')"
    return int(rig.execute(f"from tests.bench import exports; print({asked}.pk)"))


def state(rig, job: int) -> tuple:
    return rig.sql("SELECT state, attempt, rows_done FROM exports_job WHERE id = %s", job)[0]


@pytest.mark.scenario("RF-44")
def test_export_of_a_killed_worker_is_written_by_another(rig):
    with rig.connect() as other, other.transaction():
        # Tickets are locked for a moment, so that the worker has begun and waits.
        other.execute("LOCK TABLE sales_ticket IN ACCESS EXCLUSIVE MODE")
        job = ask(rig)
        wait_for(lambda: state(rig, job)[0] == "running", "the worker's beginning")
        known = rig.workers()
        rig.job_worker.kill()
    assert state(rig, job)[0] == "running"
    rig.take_up_stalled(known)
    wait_for(lambda: state(rig, job)[0] == "done", "the export")
    assert state(rig, job) == ("done", 2, 400)
    (done,) = rig.sql("SELECT count(*) FROM exports_job WHERE state = 'done'")[0]
    finished = [path for path in (rig.var / "exports").iterdir() if path.is_file()]
    assert [path.suffix for path in finished] == [".xlsx"] * done


def test_export_is_written_while_the_mail_server_is_silent(rig):
    under_way = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.send' AND status = 'doing'"
    before = rig.sql("SELECT count(*) FROM mail_mail")[0][0]
    load = Load(rig, 1)
    rig.postbox.silent.set()
    try:
        for _order in range(3):
            load.buy()
        wait_for(lambda: rig.sql(under_way)[0][0] == 2, "mails in every slot they have")
        job = ask(rig)
        wait_for(lambda: state(rig, job)[0] == "done", "the export")
        assert rig.sql("SELECT count(*) FROM mail_mail WHERE state = 'queued'") == [(3,)]
    finally:
        rig.postbox.silent.clear()
    assert rig.sql("SELECT count(*) FROM mail_mail") == [(before + 3,)]
    wait_for(lambda: rig.sql("SELECT DISTINCT state FROM mail_mail") == [("sent",)], "the mails")
