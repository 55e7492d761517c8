"""Checks of the installation: database, rights, migrations, cache table, static files.

They run when a process starts, in `/health/ready` and in `check --deploy`.
"""

import filecmp
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from typing import ClassVar

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestFilesMixin, staticfiles_storage
from django.core.cache import caches
from django.core.cache.backends.db import BaseDatabaseCache
from django.db import NotSupportedError, OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

logger = logging.getLogger("ticketshop.installation")

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
MAINTAIN_SINCE = 170000
# Exit status with which gunicorn stops when a worker fails to start; with any other it starts workers again without end.
CANNOT_START = 3

# Upper and lower case and letters as the search for names needs them, with letters that locales treat differently.
LOCALE_QUERY = """
SELECT current_setting('server_encoding'),
       lower('ØRSTED ĐORĐEVIĆ ИВАНОВ I') = 'ørsted đorđević иванов i'
       AND upper('ørsted đorđević иванов i') = 'ØRSTED ĐORĐEVIĆ ИВАНОВ I'
       AND 'øđИ' ~ '^[[:alnum:]]+$'
"""
RIGHTS_QUERY = """
SELECT current_user, needed, array_agg(relname ORDER BY relname)
FROM pg_class CROSS JOIN unnest(%s::text[]) AS needed
WHERE relname = ANY(%s) AND relkind IN ('r', 'p') AND pg_table_is_visible(oid) AND NOT has_table_privilege(oid, needed)
GROUP BY needed ORDER BY needed
"""
# Sequences of `serial` columns. Sequences of identity columns need no separate right.
SEQUENCES_QUERY = """
SELECT current_user, 'USAGE', array_agg(sequence.relname ORDER BY sequence.relname)
FROM pg_class AS sequence
JOIN pg_depend ON pg_depend.objid = sequence.oid AND classid = 'pg_class'::regclass AND deptype = 'a'
JOIN pg_class AS owner ON owner.oid = refobjid AND refclassid = 'pg_class'::regclass
WHERE owner.relname = ANY(%s) AND pg_table_is_visible(owner.oid)
      -- CASE, because the planner may check the right first, which is an error for a relation that is no sequence.
      AND CASE sequence.relkind WHEN 'S' THEN NOT has_sequence_privilege(sequence.oid, 'USAGE') END
HAVING count(*) > 0
"""


@dataclass(frozen=True)
class Fault:
    """Something that is missing. ``code`` is one word for `/health/ready`, ``hint`` tells what to do."""

    code: str
    message: str
    hint: str


def unfit_database() -> list[Fault]:
    """Return the reasons why the shop can't work with this server or database. Raise OperationalError while it is away."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(LOCALE_QUERY)
            encoding, locale_fits = cursor.fetchone()
    except NotSupportedError as error:
        return [Fault("version", str(error), "Move the database to a newer server (pg_dump and pg_restore).")]
    if encoding != "UTF8":
        message = f"The database has the encoding {encoding}; the shop needs UTF8."
    elif not locale_fits:
        message = (
            "The locale of the database does not know letters beyond ASCII, or is Turkish: names could not be found "
            "by search."
        )
    else:
        return []
    hint = (
        "Create it anew: CREATE DATABASE … ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0, then restore a backup "
        "into it."
    )
    return [Fault("locale", message, hint)]


def tables() -> list[str]:
    """Return the names of all tables that the shop uses."""
    models = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in models} | {"django_migrations", *cache_tables()})


def cache_tables() -> list[str]:
    """Return the names of the tables of database caches."""
    return [
        settings.CACHES[alias]["LOCATION"]
        for alias in settings.CACHES
        if isinstance(caches[alias], BaseDatabaseCache)
    ]


def missing_rights(rights: tuple[str, ...] = RIGHTS) -> list[Fault]:
    """Return the rights on existing tables that the role of this process lacks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_schema(), current_user")
        schema, role = cursor.fetchone()
        if schema is None:
            missing = [(role, "USAGE", ["schema public"])]
        else:
            cursor.execute(RIGHTS_QUERY, [list(rights), tables()])
            missing = cursor.fetchall()
            cursor.execute(SEQUENCES_QUERY, [tables()])
            missing += cursor.fetchall()
    return [
        Fault(
            "rights",
            f"The database role {role} has no right to {right} on {_some(names)}.",
            "Run the GRANT statements of ticketshop/docs/production.md (section 2) as the role that owns the tables.",
        )
        for role, right, names in missing
    ]


def missing_maintain() -> list[Fault]:
    """Return the tables on which the role lacks MAINTAIN, a right that exists from PostgreSQL 17.

    Without it the shop can't run ANALYZE after an erasure, so the planner's statistics keep samples of erased values.
    """
    return missing_rights(("MAINTAIN",)) if connection.pg_version >= MAINTAIN_SINCE else []


def missing_migrations() -> list[Fault]:
    """Return the migrations of this version that were not applied to the database."""
    applied = MigrationRecorder(connection).applied_migrations()
    return _unapplied(sorted(f"{app}.{name}" for app, name in migrations() if (app, name) not in applied))


def migrations() -> Iterator[tuple[str, str]]:
    """Yield app and name of each migration of this version. Imports none of them, because each stays in the memory of its process.

    A migration that replaces others is recorded together with them, as `migrate` does.
    """
    for config in apps.get_app_configs():
        module, _explicit = MigrationLoader.migrations_module(config.label)
        if module is not None and (spec := find_spec(module)) is not None:
            for found in iter_modules(spec.submodule_search_locations):
                if not found.ispkg and found.name[0] not in "_~":
                    yield config.label, found.name


def _unapplied(missing: list[str]) -> list[Fault]:
    if not missing:
        return []
    message = f"The database is older than the program: it has not had {_some(missing)}."
    return [Fault("migrations", message, "Run manage.py migrate as the role that owns the tables.")]


def missing_cache_table() -> list[Fault]:
    """Return the cache tables that do not exist."""
    with connection.cursor() as cursor:
        missing = []
        for table in cache_tables():
            cursor.execute("SELECT to_regclass(%s)", [connection.ops.quote_name(table)])
            missing += [] if cursor.fetchone()[0] else [table]
    hint = "Run manage.py createcachetable as the role that owns the tables."
    return [Fault("cache", f"The table {table} is missing.", hint) for table in missing]


def missing_static_files() -> list[Fault]:
    """Return the static files of this version that were not collected, or are outdated."""
    if not isinstance(staticfiles_storage, ManifestFilesMixin):
        return []
    collected = staticfiles_storage.hashed_files
    missing = [
        path
        for finder in get_finders()
        for path, storage in finder.list([])
        if path not in collected or not _same_file(Path(storage.path(path)), path, collected[path])
    ]
    if not missing:
        return []
    message = f"{settings.STATIC_ROOT} does not hold this version’s {_some(sorted(set(missing)))}."
    return [Fault("static", message, "Run manage.py collectstatic --no-input, then restart the web server.")]


def _same_file(source: Path, name: str, hashed_name: str) -> bool:
    copy, served = Path(staticfiles_storage.path(name)), Path(staticfiles_storage.path(hashed_name))
    return served.is_file() and copy.is_file() and filecmp.cmp(source, copy, shallow=True)


def _some(names: list[str]) -> str:
    """Return the first three names and the number of the others."""
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def faults() -> Iterator[Fault]:
    """Yield everything that is missing. Raise OperationalError while the database is away."""
    unfit = unfit_database()
    yield from unfit
    yield from missing_static_files()
    if unfit:
        return
    yield from _of_tables(missing_migrations)


def _of_tables(find_missing: Callable[[], list[Fault]]) -> Iterator[Fault]:
    yield from missing_rights()
    yield from missing_cache_table()
    if _may_read_migrations():
        yield from find_missing()


def _may_read_migrations() -> bool:
    """Return whether this role may read the applied migrations. If not, its rights are a fault already."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_schema() IS NOT NULL"
            " AND coalesce(has_table_privilege(to_regclass('django_migrations'), 'SELECT'), true)"
        )
        return cursor.fetchone()[0]


class Readiness:
    """The same checks for a probe that runs every second.

    Facts that can't change while the process runs are not checked again once they are right.
    """

    _fit: ClassVar[bool] = False
    _applied: ClassVar[set[tuple[str, str]]] = set()

    @classmethod
    def faults(cls) -> list[Fault]:
        """Return everything that is missing."""
        if not cls._fit:
            faults = [*unfit_database(), *missing_static_files()]
            if faults:
                return faults
            cls._fit = True
        return list(_of_tables(cls._missing_migrations))

    @classmethod
    def _missing_migrations(cls) -> list[Fault]:
        """Check with one query after all migrations were found once: a restored backup may be older than the program."""
        if not cls._applied:
            if faults := missing_migrations():
                return faults
            cls._applied = set(MigrationRecorder(connection).applied_migrations())
            return []
        recorded = MigrationRecorder(connection).applied_migrations()
        return _unapplied(sorted(f"{app}.{name}" for app, name in cls._applied.difference(recorded)))


def refuse_unfit_database() -> None:
    """End this process with a message if the shop can't work with its database. Other faults are logged.

    While the database is away the process starts, and pages answer 503 until it is back.
    """
    try:
        unfit = unfit_database()
        others = [] if unfit else list(faults())
    except OperationalError:
        logger.warning("database away at start")
        return
    finally:
        connection.close()
    for fault in others:
        logger.error("not ready %s: %s %s", fault.code, fault.message, fault.hint)
    if unfit:
        for fault in unfit:
            print(f"{fault.message} {fault.hint}", file=sys.stderr, flush=True)
        sys.exit(CANNOT_START)
