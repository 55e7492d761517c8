"""The WSGI application for the web server.

gunicorn loads it once, before it forks the web processes (`preload_app` in `gunicorn.py`), so that they share the memory of what
was loaded here.
"""

import os
import sys

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.urls import reverse
from django.utils import translation

from ticketshop.lib import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketshop.settings")


def load():
    """Return the application, with its URLs and translations loaded. Leave no connection to the database open, because
    processes that are forked can't share one.

    If it can't work, print a message on standard error and end the process.
    """
    try:
        loaded = get_wsgi_application()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(3)  # with this status gunicorn stops instead of trying again without end
    from ticketshop import installation  # noqa: PLC0415  models must be loaded first

    installation.refuse_unfit_database()
    connection.close_pool()
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            reverse("home")
    garbage.search_rarely()
    return loaded


application = load()
