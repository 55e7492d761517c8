"""The backend named by ``DATABASES["default"]["ENGINE"]``.

The pool's own check makes a request sleep a second for each broken connection, and makes all requests wait for their
timeout while the database is away. Here a broken connection is dropped and the next one tried at once, and a failed attempt to
connect ends the wait of all requests.
"""

import time

from django.db.backends.postgresql import base, features
from psycopg import OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout

from . import Outages

# Seconds a request waits for a free connection of the pool.
PATIENCE = 5.0


class DatabaseFeatures(features.DatabaseFeatures):
    # The oldest version the shop is tested with. Before 15 every role may create tables in `public`.
    minimum_database_version = (15,)


class DatabaseWrapper(base.DatabaseWrapper):
    """Gives requests a connection that answers, or raises OperationalError within a fraction of a second."""

    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params):
        begin = time.monotonic()
        while True:
            try:
                connection = super().get_new_connection(conn_params)
            except PoolTimeout:
                if Outages.last >= begin:
                    raise OperationalError("the database is away") from None
                if time.monotonic() - begin > PATIENCE:
                    raise
                continue
            if self.pool is None or _answers(connection):
                return connection
            self.pool.putconn(connection)


def _answers(connection) -> bool:
    """Return whether the connection still works; close it if not, for example after a restart of the server."""
    try:
        with connection.limited(PATIENCE):
            ConnectionPool.check_connection(connection)
    except OperationalError:
        connection.close()
        return False
    return True
