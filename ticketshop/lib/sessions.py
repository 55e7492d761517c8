"""Sessions in the database, with fewer questions asked.

A key is 32 random characters: asking first whether it is taken, and a transaction around one
statement, tell nothing new. A clash would be refused by the primary key.
"""

from django.contrib.sessions.backends.base import VALID_KEY_CHARS, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone
from django.utils.crypto import get_random_string

from .compiled import Compiled


class LeanStore(DatabaseStore):
    """Reads with one query, writes with one. ``unexpired`` finds the row of a ``key`` that has not expired ``now``."""

    unexpired: Compiled

    def _get_session_from_db(self):
        found = self.unexpired.first(key=self.session_key, now=timezone.now())
        if found is None:
            self._session_key = None
        return found

    def _get_new_session_key(self):
        return get_random_string(32, VALID_KEY_CHARS)

    def save(self, must_create=False):
        """Insert or update the row; UpdateError when it was deleted meanwhile (log-out in another tab)."""
        if self.session_key is None:
            self.create()
            return
        row = self.create_model_instance(self._get_session(no_load=must_create))  # type: ignore[attr-defined]
        if must_create:
            row.save(force_insert=True)
            return
        columns = {
            column.attname: getattr(row, column.attname)
            for column in row._meta.concrete_fields
            if not column.primary_key
        }
        if not self.model.objects.filter(session_key=row.session_key).update(**columns):
            raise UpdateError
