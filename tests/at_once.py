"""Several things at the same instant, each on a database connection of its own."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection


def at_once(*calls: Callable) -> list:
    """Start all ``calls`` together; their results in order. What one of them raises is raised here."""
    gate = threading.Barrier(len(calls), timeout=10)

    def run(call: Callable):
        gate.wait()
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return [running.result() for running in [threads.submit(run, call) for call in calls]]
