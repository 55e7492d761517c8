"""What the web server loads."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketshop.settings")


def load():
    """Return the application. A sentence on standard error and the end of the process when it can't work."""
    try:
        loaded = get_wsgi_application()
    except ImproperlyConfigured as error:
        print(error, file=sys.stderr, flush=True)
        sys.exit(3)  # gunicorn stops; with any other status it would try again for ever
    from ticketshop import installation  # noqa: PLC0415  models must be loaded first

    installation.refuse_unfit_database()
    return loaded


application = load()
