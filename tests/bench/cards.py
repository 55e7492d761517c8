"""A card purchase beside one that is paid at the box office, at the same event.

The payment service is the fake Stripe, in the process of the bench, whose time is in no figure. It sends no webhooks: the return of
the buyer settles the payment.
"""

from collections.abc import Callable
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.fake_stripe import SECRET_KEY, WEBHOOK_SECRET, TestStripe
from ticketshop.demo.fake_stripe.account import Account

from . import load
from .load import Cost, Meter
from .report import Table

# More than for other purchases, because two figures are divided by each other.
ROUNDS, SECONDS = 5, 4.0
TARGET = 1.3


@contextmanager
def fake_stripe():
    """Yield the fake Stripe and the environment of a shop that uses it."""
    with TestStripe([Account(SECRET_KEY, WEBHOOK_SECRET)]) as stripe:
        yield (
            stripe,
            {
                "RIG_STRIPE": stripe.origin,
                "STRIPE_THEATRE_SECRET_KEY": SECRET_KEY,
                "STRIPE_THEATRE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            },
        )


def payer(stripe: TestStripe) -> Callable[[str], str]:
    """Return what a buyer does on the page of the fake Stripe: pay, and go back to the path of the order."""

    def pay(url: str) -> str:
        number = url.rpartition("/")[2]
        with stripe.lock:
            stripe.account.pay(number)
            return urlsplit(stripe.account.session(number)["success_url"]).path

    return pay


def measure(
    table: Table, buyers: int, meter: Callable[[], Meter], works: dict[str, Callable[[int], object]]
) -> None:
    """Measure both purchases alternately: ``works`` has "card" and "site"."""
    found: dict[str, list[Cost]] = {name: [] for name in works}
    for work in works.values():
        for again in range(2 * buyers):
            work(again)
    for _round in range(ROUNDS):
        for name, work in works.items():
            with meter() as one:
                count = load.crowd(buyers, work, SECONDS)
            found[name].append(one.cost(count))
    ratios = sorted(card.cpu / site.cpu for card, site in zip(found["card"], found["site"], strict=True))
    cost = {name: sorted(costs, key=lambda one: one.cpu)[ROUNDS // 2] for name, costs in found.items()}
    ratio = ratios[ROUNDS // 2]
    table.cost(
        "card purchase, without the provider’s time",
        cost["card"],
        "",
        f"{TARGET} × one on site",
        "",
        f"; {ratio:.2f} × one on site ({ratios[0]:.2f} to {ratios[-1]:.2f})",
        times_one_on_site=ratio,
    )
