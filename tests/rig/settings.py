"""The shop's settings with a long EMAIL_TIMEOUT, because this machine may be busy."""

import os

from tests.waiting import PATIENCE
from ticketshop.settings import *  # noqa: F403

EMAIL_TIMEOUT = float(os.environ.get("RIG_EMAIL_TIMEOUT", PATIENCE))
