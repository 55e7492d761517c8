"""A session store in the database with fewer queries than Django's.

A key has 32 random characters, so it need not be looked up before it is used, and a single statement needs no transaction. The
primary key would refuse a duplicate.
"""

from django.contrib.sessions.backends.base import VALID_KEY_CHARS, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import get_random_string

from ticketshop.lib.database import writing
from ticketshop.lib.database.compiled import Compiled


class LeanStore(DatabaseStore):
    """Reads and writes with one query each. ``unexpired`` is the query for a row by ``key`` that has not expired at ``now``."""

    unexpired: Compiled

    def _get_session_from_db(self):
        row = self.unexpired.first(key=self.session_key, now=timezone.now())
        if row is None:
            self._session_key = None
        return row

    def _get_new_session_key(self):
        return get_random_string(32, VALID_KEY_CHARS)

    def save(self, must_create=False):
        """Insert or update the row. Raises UpdateError if it was deleted meanwhile, for example by a log-out in another tab."""
        if self.session_key is None:
            self.create()
            return
        row = self.create_model_instance(self._get_session(no_load=must_create))  # type: ignore[attr-defined]
        if must_create:
            writing.insert([row])
        elif not writing.update(row):
            raise UpdateError
