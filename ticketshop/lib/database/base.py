"""The backend named by ``DATABASES["default"]["ENGINE"]``.

The pool's own check lets a request sleep a second for each broken connection it meets, and lets
everybody wait until their time is up while the database is away. Here a broken connection is thrown
away and the next one tried at once, and a failed attempt to connect is told to all who wait.
"""

import time

from django.db.backends.postgresql import base, features
from psycopg import OperationalError
from psycopg_pool import ConnectionPool, PoolTimeout

from . import Outages

# Seconds a request waits for one of the pool's connections to become free.
PATIENCE = 5.0


class DatabaseFeatures(features.DatabaseFeatures):
    # The oldest server the shop is tried with; before 15 every role may also create tables in `public`.
    minimum_database_version = (15,)


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections that answer, or OperationalError within a fraction of a second."""

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
    """Whether the server is still there: it may have been restarted since the last request. Closed if not."""
    try:
        with connection.limited(PATIENCE):
            ConnectionPool.check_connection(connection)
    except OperationalError:
        connection.close()
        return False
    return True
