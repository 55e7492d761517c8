"""The fake Stripe of the demo for tests: runs in the process of the test, which also does what buyers and banks do."""

from contextlib import contextmanager

from ticketshop.demo.fake_stripe import webhooks
from ticketshop.demo.fake_stripe.account import Account
from ticketshop.demo.fake_stripe.objects import Object
from ticketshop.demo.fake_stripe.server import FakeStripe

SECRET_KEY, WEBHOOK_SECRET = "sk_test_theatre", "whsec_theatre"
KEYS = {"THEATRE": {"SECRET_KEY": SECRET_KEY, "WEBHOOK_SECRET": WEBHOOK_SECRET}}


class TestStripe(FakeStripe):
    """The server with one account. Its webhooks are sent by the test, or to ``hooks``."""

    __test__ = False

    @property
    def account(self) -> Account:
        return self.accounts[SECRET_KEY]

    @property
    def only(self) -> str:
        """The id of the only session."""
        (session,) = self.account.sessions
        return session["id"]

    @property
    def last(self) -> str:
        """The id of the latest session."""
        return self.account.sessions[-1]["id"]

    def hook(self, event: Object, *, secret: str = WEBHOOK_SECRET, at: float | None = None):
        """Return body and headers of the webhook about an event."""
        body = webhooks.body_of(event)
        return body, {"Stripe-Signature": webhooks.signature(body, secret, at)}


@contextmanager
def running(settings, *, hook_url: str = ""):
    """Start the server and set the settings of the shop for it."""
    settings.STRIPE_ACCOUNTS = {**settings.STRIPE_ACCOUNTS, **KEYS}
    hooks = {SECRET_KEY: hook_url} if hook_url else {}
    with TestStripe([Account(SECRET_KEY, WEBHOOK_SECRET)], hooks=hooks) as fake:
        settings.STRIPE_API_BASE = settings.STRIPE_CHECKOUT_ORIGIN = fake.origin
        yield fake
