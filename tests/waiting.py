"""Wait for an event, never for a time. ``PATIENCE`` only ends a test that hangs."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 600  # seconds; a machine may be busy with something else


def wait_for(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the result of ``condition`` once it is true. Raise AssertionError after ``seconds``."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
    return result
