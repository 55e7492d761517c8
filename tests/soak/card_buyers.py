"""Buyers who pay by card at the fake Stripe, and what must hold when all of them have ended."""

import random
import time
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import urlsplit

from tests.fake_stripe import SECRET_KEY, WEBHOOK_SECRET, TestStripe
from tests.rig import HOST, Rig
from tests.soak.buyers import Load, TryFromTheStart
from tests.visitor import HttpVisitor, Page
from tests.waiting import PATIENCE, wait_for
from ticketshop.demo.fake_stripe.account import Account, Refused

# What happens when neither webhooks nor buyers come, as if minutes had passed.
RECONCILE = """
from datetime import timedelta
from django.utils import timezone
from ticketshop.jobs.models import Failure
from ticketshop.sales.payments import provider_pages, refunds
now = timezone.now() + timedelta(minutes=6)
for job in (provider_pages.ASK, refunds.PAY_BACK):
    while job.run(now): pass
    Failure.objects.update(next_at=now)
    job.try_again(now)
"""


class CardRig(Rig):
    """The rig with a fake Stripe, which runs in the process of the test."""

    def __enter__(self):
        self.stripe = TestStripe([Account(SECRET_KEY, WEBHOOK_SECRET)])
        self.stripe.__enter__()
        self.extra |= {
            "RIG_STRIPE": self.stripe.origin,
            "STRIPE_THEATRE_SECRET_KEY": SECRET_KEY,
            "STRIPE_THEATRE_WEBHOOK_SECRET": WEBHOOK_SECRET,
        }
        super().__enter__()
        proxy = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "10.255.255.1"}
        self.stripe.connect(self.stripe.account, f"{self.url}/hooks/stripe/theatre/", proxy)
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self.stripe.__exit__(*exc)

    def reconcile(self) -> None:
        self.execute(RECONCILE)


@dataclass
class CardLoad(Load):
    """Buyers who pay by card, after a declined one, later, or never. ``rig`` is a ``CardRig``."""

    def buy(self) -> str:
        """Order one ticket and perhaps pay it. Return the URL of the order."""
        visitor, shop = self.rig.visitor(), self.rig.shop
        try:
            self._once(lambda: visitor.open(shop["event"]))
            self._once(lambda: visitor.fill("cart/add/", {f"offer-{shop['offer']}": 1}))
            self._once(visitor.to_details)
            address = visitor.headers["X-Forwarded-For"]
            self._once(lambda: visitor.give_details(email=f"buyer{address}@example.org"))
            form, review = visitor.page.form("^content_hash$"), visitor.page.url
            values = form.filled({"terms": "on", "method": "stripe"})
            where = self._led(lambda: visitor.send("POST", review, values))
            if not where.startswith(self.rig.stripe.origin):
                where = self._pay_now(visitor, where)
            order = self._at_stripe(where) if where else ""
            if order:
                self.orders[values["checkout_key"]] = order
                self._once(lambda: visitor.open(order))
            return order
        finally:
            visitor.close()

    def _led(self, step) -> str:
        """Send a form until it is answered. Return the URL to which it leads."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return self._once(lambda: _as_page(step())).url
            except TryFromTheStart:
                assert time.monotonic() < end, f"no answer after {PATIENCE} s"
                time.sleep(0.2)

    def _pay_now(self, visitor: HttpVisitor, order: str) -> str:
        """Press *Pay now* on the order's page. Return the URL at Stripe, or an empty text if it does not answer."""
        for _attempt in range(3):
            try:
                page = self._once(lambda: visitor.open(order))
            except TryFromTheStart:
                continue
            if not any(form.action.endswith("/pay/") for form in page.forms):
                return ""
            form = page.form("/pay/$")
            where = self._led(lambda form=form: visitor.send("POST", form.action, form.values))
            if where.startswith(self.rig.stripe.origin):
                return where
        return ""

    def _at_stripe(self, url: str) -> str:
        """Do what a buyer does on the page. Return the URL of the order."""
        stripe, number = self.rig.stripe, url.rpartition("/")[2]
        with stripe.lock:
            session = stripe.account.session(number)
            dice = random.random()
            try:
                if dice < 0.2:
                    stripe.account.decline(number)
                if dice < 0.8:
                    stripe.account.pay(number)
                elif dice < 0.9:
                    stripe.account.pay_later(number)
            except Refused:
                pass  # the shop has ended the page
        return urlsplit(session["success_url"]).path


def _as_page(answer: Page) -> Page:
    """Return a redirect as a page of status 200 whose ``url`` is where it leads."""
    if answer.status in {302, 303}:
        return Page(200, answer.headers["Location"], answer.headers, answer.body)
    return answer


def check_money(rig: CardRig) -> None:
    """Check, after the reconciler: what Stripe has taken and what the shop knows are the same, order by order."""
    stripe = rig.stripe
    for session in stripe.account.sessions:
        if session["status"] == "complete" and session["payment_status"] == "unpaid":
            with stripe.lock:
                stripe.account.confirm(session["id"])
    rig.reconcile()
    taken: dict[str, int] = {}
    for session in stripe.account.sessions:
        if session["payment_status"] == "paid":
            charge = stripe.account.objects[
                stripe.account.objects[session["payment_intent"]]["latest_charge"]
            ]
            taken.setdefault(session["client_reference_id"], 0)
            taken[session["client_reference_id"]] += charge["amount"] - charge["amount_refunded"]
    known = rig.sql(
        """
        SELECT o.reference, o.state, o.total, (SELECT count(*) FROM sales_ticket t WHERE t.order_id = o.id AND t.state = 'valid')
        FROM sales_order o WHERE o.payment_method = 'stripe'
        """
    )
    paid = {reference: total for reference, state, total, valid in known if state == "paid"}
    assert {reference: Decimal(amount) / 100 for reference, amount in taken.items() if amount} == paid
    assert all(valid == (state == "paid") for _reference, state, _total, valid in known)
    rig.check_books()
    under_way = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'mail.send' AND status IN ('todo', 'doing')"
    wait_for(lambda: rig.sql(under_way)[0][0] == 0, "the mails")
    twice = "SELECT count(*) FROM (SELECT once FROM mail_mail WHERE once IS NOT NULL GROUP BY once HAVING count(*) > 1) AS t"
    assert rig.sql(twice)[0][0] == 0
