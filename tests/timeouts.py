"""Set the time limits of the database to those of production or shorter; all other tests have long ones."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def timeouts(**milliseconds: int) -> Iterator[None]:
    """Set limits (milliseconds) for all connections opened in the block: ``with timeouts(lock_timeout=300)``."""
    options = connection.settings_dict["OPTIONS"]
    before = options["options"]
    _end_connections()
    for name, value in milliseconds.items():
        options["options"] = re.sub(rf"\b{name}=\d+", f"{name}={value}", options["options"])
        assert f"{name}={value}" in options["options"]
    yield
    _end_connections()
    options["options"] = before


def _end_connections() -> None:
    connection.close()
    connection.close_pool()
