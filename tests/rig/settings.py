"""The shop's settings with a long EMAIL_TIMEOUT, because this machine may be busy, and the fake Stripe of a test."""

import os

from tests.waiting import PATIENCE
from ticketshop.settings import *  # noqa: F403

EMAIL_TIMEOUT = float(os.environ.get("RIG_EMAIL_TIMEOUT", PATIENCE))
# Production refuses another one than Stripe's.
STRIPE_API_BASE = STRIPE_CHECKOUT_ORIGIN = os.environ.get("RIG_STRIPE", "https://api.stripe.com")
