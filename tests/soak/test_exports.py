"""The worker is killed at an export: another one writes it from the beginning, and there is one file."""

import json

import pytest

from tests.rig import Rig, wait_for

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def rig():
    with Rig() as running:
        yield running


def state(rig, job: int) -> tuple:
    return rig.sql("SELECT state, attempt, rows_done FROM exports_job WHERE id = %s", job)[0]


def workers(rig) -> set[int]:
    return {row[0] for row in rig.sql("SELECT id FROM procrastinate_workers")}


@pytest.mark.scenario("RF-44")
def test_a_worker_killed_at_an_export_is_followed_by_another(rig):
    form = rig.run("-m", "tests.bench.exports", "fill", "1", "400").strip()
    with rig.connect() as other, other.transaction():
        # Nobody reads a ticket for a moment: the worker has begun, and waits.
        other.execute("LOCK TABLE sales_ticket IN ACCESS EXCLUSIVE MODE")
        job = int(rig.run("-m", "tests.bench.exports", "ask", form, "participants", "xlsx"))
        wait_for(lambda: state(rig, job)[0] == "running", "the worker's beginning")
        known = workers(rig)
        rig.job_worker.kill()
    wait_for(lambda: workers(rig) - known, "a new worker", 60)
    assert state(rig, job)[0] == "running"
    # What the clock does by itself within a minute: signs of life grow old, and a job looks for them.
    aged = "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute' WHERE id = ANY(%s)"
    rig.sql(aged, list(known))
    rig.run("manage.py", "procrastinate", "defer", "jobs.take_up_stalled", json.dumps({"timestamp": 0}))
    wait_for(lambda: state(rig, job)[0] == "done", "the export", 60)
    assert state(rig, job) == ("done", 2, 400)
    finished = [path for path in (rig.var / "exports").iterdir() if path.is_file()]
    assert [path.suffix for path in finished] == [".xlsx"]
