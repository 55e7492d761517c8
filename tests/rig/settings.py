"""The shop's settings, but for a mail server that is this busy machine's: only a test that means it meets a timeout."""

import os

from tests.waiting import PATIENCE
from ticketshop.settings import *  # noqa: F403

EMAIL_TIMEOUT = float(os.environ.get("RIG_EMAIL_TIMEOUT", PATIENCE))
