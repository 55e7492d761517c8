#!/usr/bin/env python
"""Django's commands. In a clone where `make run` was called they work on its demo, unless DATABASE_URL is set."""

import os
import sys
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured
from django.core.management import execute_from_command_line
from django.db import OperationalError

DEV_ENV = Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent / "var") / "dev.env"


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketshop.settings")
    in_clone = "DATABASE_URL" not in os.environ and DEV_ENV.is_file()
    if in_clone:
        for line in DEV_ENV.read_text().splitlines():
            name, _, value = line.partition("=")
            os.environ.setdefault(name, value)
    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        if "--traceback" in sys.argv:
            raise
        without = sys.argv[1:2] == ["makemigrations"]
        sys.exit(
            f"{error}\n`make migrations` writes migrations without any setting." if without else str(error)
        )
    except OperationalError as error:
        if not in_clone or "connection" not in str(error) or "--traceback" in sys.argv:
            raise
        sys.exit(
            "The demo's database does not answer. Keep `make run` going in another window, "
            "or start PostgreSQL alone: .venv/bin/python -m ticketshop.lib.postgres start"
        )


if __name__ == "__main__":
    main()
