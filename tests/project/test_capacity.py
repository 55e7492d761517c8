"""Numbers on the page about capacity are those of the code, and its arithmetic is right."""

from django.conf import settings

from tests.lib.test_environment import start
from tests.project.test_documentation import DOCS
from ticketshop import worker

PAGE = (DOCS / "capacity.md").read_text(encoding="utf-8")
SHOWN = """
import os, runpy
for cores in {cores}:
    os.sched_getaffinity = lambda pid: range(cores)
    found = runpy.run_path("ticketshop/gunicorn.py")
    print(found["workers"], found["threads"])
"""


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its first two lines."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(text: str) -> float:
    return float(text.replace(",", "").split()[0])


def gunicorn(*cores: int, **variables: str) -> list[list[str]]:
    """Return the number of processes and of threads by default, for a process that may use so many cores, for each of the numbers."""
    done = start("-c", SHOWN.format(cores=list(cores)), WEB_CONCURRENCY="", **variables)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_processes_and_threads_of_the_table_are_the_default():
    machines = rows("What a machine sells in an hour")
    assert [cells[0] for cells in machines] == ["2", "4", "8", "16"]
    one, large, *found = gunicorn(1, 64, *(int(cells[0]) for cells in machines))
    assert found == [cells[2:4] for cells in machines]
    assert one[0] == "2"
    assert large[0] == "16"


def test_connections_of_the_table_are_the_sum_of_processes_and_workers():
    slots = sum(worker.SLOTS.values()) + worker.OTHER_SLOTS
    of_worker = slots + worker.QUEUE_CONNECTIONS + len(worker.SLOTS) + 1
    assert f"at most {of_worker} connections" in PAGE
    assert f"{worker.SLOTS['mail']} mails and {worker.OTHER_SLOTS} others" in PAGE
    for _cores, _purchases, processes, threads, workers, connections, _memory in rows(
        "What a machine sells in an hour"
    ):
        assert int(connections) == int(processes) * int(threads) + int(workers) * of_worker
        assert int(connections) + 10 <= (150 if processes == "16" else 100)


def test_pool_holds_a_connection_for_each_thread():
    assert (
        f"`DB_POOL_SIZE` is the upper limit of one process, {settings.DATABASES['default']['OPTIONS']['pool']['max_size']} by default"
        in PAGE
    )
    done = start("-m", "gunicorn", "--config", "ticketshop/gunicorn.py", WEB_THREADS="9", DB_POOL_SIZE="8")
    assert done.returncode != 0
    assert "WEB_THREADS is larger than DB_POOL_SIZE" in done.stderr
    assert gunicorn(2, WEB_THREADS="9", DB_POOL_SIZE="9") == [["2", "9"]]


def test_purchases_in_an_hour_follow_from_the_costs():
    cost = {cells[0]: number(cells[1]) for cells in rows("What things cost")}
    whole = (
        cost["purchase, paid, with its mail and tickets"]
        + 20 * cost["event page, cached"]
        + 5 * cost["event page, not cached"]
        + 5 * cost["event page, signed in, with a cart"]
    )
    for cells in rows("What a machine sells in an hour"):
        expected = int(cells[0]) * 3600 * 0.6 / (whole / 1000)
        assert abs(number(cells[1]) - expected) < 0.03 * expected, cells[0]
