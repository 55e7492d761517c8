"""Wait for an event, never for a time. ``PATIENCE`` only ends a test that hangs."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600  # seconds; a machine may be busy with something else


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the result of ``condition`` once it is true. Raise AssertionError after ``seconds``."""
    end, pause = time.monotonic() + seconds, 0.01
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)  # looking takes time from the processes that are waited for
    return result
