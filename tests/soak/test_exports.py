"""The worker is killed at an export: another one writes it from the beginning, and there is one file."""

import pytest

from tests.rig import Rig
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def rig():
    with Rig() as running:
        yield running


def state(rig, job: int) -> tuple:
    return rig.sql("SELECT state, attempt, rows_done FROM exports_job WHERE id = %s", job)[0]


@pytest.mark.scenario("RF-44")
def test_a_worker_killed_at_an_export_is_followed_by_another(rig):
    form = rig.run("-m", "tests.bench.exports", "fill", "1", "400").strip()
    with rig.connect() as other, other.transaction():
        # Nobody reads a ticket for a moment: the worker has begun, and waits.
        other.execute("LOCK TABLE sales_ticket IN ACCESS EXCLUSIVE MODE")
        job = int(rig.run("-m", "tests.bench.exports", "ask", form, "participants", "xlsx"))
        wait_for(lambda: state(rig, job)[0] == "running", "the worker's beginning")
        known = rig.workers()
        rig.job_worker.kill()
    assert state(rig, job)[0] == "running"
    rig.take_up_stalled(known)
    wait_for(lambda: state(rig, job)[0] == "done", "the export")
    assert state(rig, job) == ("done", 2, 400)
    finished = [path for path in (rig.var / "exports").iterdir() if path.is_file()]
    assert [path.suffix for path in finished] == [".xlsx"]
