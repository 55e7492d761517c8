"""The WSGI application for the web server."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketshop.settings")


def load():
    """Return the application. If it can't work, print a message on standard error and end the process."""
    try:
        loaded = get_wsgi_application()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(3)  # with this status gunicorn stops instead of trying again without end
    from ticketshop import installation  # noqa: PLC0415  models must be loaded first

    installation.refuse_unfit_database()
    return loaded


application = load()
