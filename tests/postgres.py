"""pytest plugin, loaded before all others: gives the tests a throw-away PostgreSQL and a clean environment.

The process that runs pytest starts the server, and the workers of pytest-xdist inherit its URL. `TEST_DATABASE_URL` names
another server, for example of another version; its user must be allowed to create databases.
"""

import os
import signal
import sys
import tempfile

import pytest

from ticketshop.lib import postgres

# What a developer has set for himself must not reach the tests.
FOREIGN = [
    "ALLOWED_HOSTS",
    "ANYMAIL",
    "DB_POOL_SIZE",
    "DB_STATEMENT_TIMEOUT_MS",
    "DEFAULT_FROM_EMAIL",
    "DEMO_PUBLIC",
    "EMAIL_BACKEND",
    "EMAIL_URL",
    "EXPORT_ROOT",
    "LOG_LEVEL",
    "MEDIA_ROOT",
    "SECRET_KEY_FALLBACKS",
    "SITE_NAME",
    "STATIC_ROOT",
]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config):
    """Start the server before pytest-django reads the settings in the same hook."""
    asked = early_config.known_args_namespace
    if "PYTEST_XDIST_WORKER" not in os.environ and not asked.help and not asked.version:
        _prepare(early_config)
    return (yield)


def _prepare(config: pytest.Config) -> None:
    # Without compiled files each process that a test starts would compile the project, and pytest all test files, again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # pytest cleans up after Ctrl-C, but not after the signal that a time limit or a CI runner sends.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    files = tempfile.TemporaryDirectory(prefix="ticketshop-tests-", ignore_cleanup_errors=True)
    config.add_cleanup(files.cleanup)
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        server = postgres.Server(throwaway=True)
        config.add_cleanup(server.stop)
        url = server.start().url
    for name in FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(
        DATABASE_URL=url,
        SECRET_KEY="only-for-the-tests-" + "0123456789" * 4,
        BASE_URL="http://testserver",
        VAR_DIR=files.name,
        PAGE_CACHE_SECONDS="0",  # a test sees what it has just changed
        DEMO="1",  # so that the filled shop and the mailbox are there to be tested
    )
