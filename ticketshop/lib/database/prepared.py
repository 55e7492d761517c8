"""A cursor for statements whose text is always the same."""

from typing import cast

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.utils import CursorWrapper

from .base import DatabaseWrapper


def prepared_cursor() -> CursorWrapper:
    """Return a cursor on the default connection; PostgreSQL parses and plans its statements once per connection."""
    return cast(DatabaseWrapper, connections[DEFAULT_DB_ALIAS]).prepared_cursor()
