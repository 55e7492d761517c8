"""The shop's settings with a long # The fake Stripe, which production refuses.
STRIPE_API_BASE = STRIPE_CHECKOUT_ORIGIN = os.environ.get("RIG_STRIPE", "https://api.stripe.com")
EMAIL_TIMEOUT, because this machine may be busy."""

import os

from tests.waiting import PATIENCE
from ticketshop.settings import *  # noqa: F403

EMAIL_TIMEOUT = float(os.environ.get("RIG_EMAIL_TIMEOUT", PATIENCE))
