"""Prepare the shop for `make run`. All steps run in one process, because loading Django takes most of the time.

Each step is quick when there is nothing to do, so that a second start takes seconds.
"""

import hashlib
import os

import django
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def main() -> None:
    """Migrate the database, collect the static files, and fill the shop if it is empty."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketshop.settings")
    django.setup()
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    collect_static_files()
    call_command("demo_fill", once=True)


def collect_static_files() -> None:
    """Collect static files if one is new, deleted or changed since the last time."""
    stamp = settings.STATIC_ROOT.with_name("static.stamp")
    signature = _signature_of_static_files()
    if not settings.STATIC_ROOT.is_dir() or not stamp.is_file() or stamp.read_text() != signature:
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(signature)


def _signature_of_static_files() -> str:
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            changed = storage.get_modified_time(path).timestamp()
            digest.update(f"{path}\0{storage.size(path)}\0{changed}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
