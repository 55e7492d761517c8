"""Many buyers for few places, while staff export lists and the worker does all periodic jobs.

``Rush(rig, …).run()`` sells out the shop that ``tests.soak.rush_shop`` creates. Buyers use HTTP, several at a time.
"""

import itertools
import json
import re
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.rig import Rig
from tests.visitor import HttpVisitor, Page
from tests.waiting import wait_for

# What a page states to a buyer who gets no place.
REFUSALS = (
    "Sold out in the meantime: no places are left. Your cart is as it was.",
    "Only 1 place is left. Your cart is as it was.",
    "Sold out",  # at the date, instead of its tariffs
)
JUST_SOLD_OUT = "Just sold out. Choose another one."
OPEN_JOBS = "SELECT task_name FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"
PERIODIC_DONE = """
    SELECT count(DISTINCT job.task_name)
    FROM procrastinate_events event JOIN procrastinate_jobs job ON job.id = event.job_id
    WHERE starts_with(job.queueing_lock, 'rush-') AND event.type = 'succeeded' AND event.at BETWEEN %s AND %s
"""
EXPORTS_DONE = "SELECT count(*) FROM exports_job WHERE state = 'done' AND finished_at BETWEEN %s AND %s"
LEFT_BEHIND = {
    "holds of places": "SELECT count(*) FROM catalogue_hold",
    "holds of a choice": "SELECT count(*) FROM registration_forms_choicehold",
    "carts with lines": "SELECT count(DISTINCT cart_id) FROM sales_cartline",
    "failed jobs": "SELECT count(*) FROM procrastinate_jobs WHERE status NOT IN ('todo', 'doing', 'succeeded')",
    "rows at which a job failed": "SELECT count(*) FROM jobs_failure",
    "exports that are not done": "SELECT count(*) FROM exports_job WHERE state <> 'done'",
    "mails that were not sent": "SELECT count(*) FROM mail_mail WHERE state <> 'sent'",
}


@dataclass
class Rush:
    """``run`` lets ``buyers`` buy, ``at_once`` at a time; then ``check`` compares what they read with the database."""

    rig: Rig
    buyers: int
    places: int
    buses: int
    at_once: int
    participants: int  # of the large list that staff export
    goes_on: bool = True  # whether staff and the worker begin again, until the rush is over
    seconds: list[float] = field(default_factory=list)  # that buyers waited, for each page
    statuses: Counter = field(default_factory=Counter)
    refusals: Counter = field(default_factory=Counter)
    lost_choices: int = 0
    took: float = 0.0

    def run(self) -> None:
        numbers = f"{self.places}, {self.buses}, {self.participants}"
        self.shop = json.loads(
            self.rig.execute(f"from tests.soak import rush_shop; rush_shop.main({numbers})")
        )
        self._rush()
        wait_for(lambda: not self.rig.sql(OPEN_JOBS), "the end of all jobs")

    def _rush(self) -> None:
        self._over = threading.Event()
        with ThreadPoolExecutor(2) as others, ThreadPoolExecutor(self.at_once) as pool:
            working = [others.submit(work) for work in (self._export, self._do_periodic_jobs)]
            begin = time.monotonic()
            try:
                self.bought = sum(pool.map(self._buy, range(self.buyers)))
            finally:
                self.took = time.monotonic() - begin
                self._over.set()
            for work in working:
                work.result()

    # --- buyers -----------------------------------------------------------------------------------------

    def _buy(self, number: int) -> int:
        """Buy for one or two people. Return the number of tickets; 0 if the buyer was refused."""
        visitor = self.rig.visitor(Timed)
        offer = f"offer-{self.shop['offers'][number % len(self.shop['offers'])]}"
        try:
            page = visitor.open(self.shop["event"])
            if not any(offer in form.names for form in page.forms):
                return self._refused(page)
            page = visitor.fill("cart/add/", {offer: 1}, button=("checkout", "1"))
            if not page.url.endswith("/checkout/"):
                return self._refused(page)
            tickets = self._give_details(visitor, number)
            page = visitor.place()
            assert "Thank you, your places are reserved" in page.text, page.text[:500]
            return tickets
        finally:
            visitor.close()
            self.seconds += visitor.seconds
            self.statuses.update(visitor.statuses)

    def _give_details(self, visitor: HttpVisitor, number: int) -> int:
        """Fill in names and choices: the limited one first, another one where it is sold out. Return the number of tickets."""
        names = visitor.page.form("^checkout_key$").names
        asked = [name for name in names if name.endswith(f"-{self.shop['question']}")]
        values = {"buyer-first_name": "Ada", "buyer-last_name": f"Lovelace {number}"}
        values["buyer-email"] = f"ada{number}@example.org"
        values |= dict.fromkeys(asked, self.shop["limited"])
        page = visitor.fill("^checkout_key$", values)
        if not page.url.endswith("/review/"):
            assert JUST_SOLD_OUT in page.text, page.text[:500]
            self.lost_choices += 1
            page = visitor.fill("^checkout_key$", dict.fromkeys(asked, self.shop["other"]))
        assert page.url.endswith("/review/"), page.text[:500]
        return len(asked)

    def _refused(self, page: Page) -> int:
        sentence = next((sentence for sentence in REFUSALS if sentence in page.text), None)
        assert sentence, f"{page.status} at {page.url}: {page.text[:500]}"
        self.refusals[sentence] += 1
        return 0

    # --- staff and worker -------------------------------------------------------------------------------

    def _export(self) -> None:
        """Export participants from the pages of the back office, one list after the other."""
        staff = self.rig.visitor()
        page = staff.log_in(self.shop["staff"], self.shop["password"], "/accounts/login/?next=/admin/")
        assert page.url.startswith("/admin/"), page.text[:500]
        while not self._over.is_set():
            for form in self.shop["forms"]:
                staff.open(f"/admin/registration_forms/registrationform/{form}/export/")
                page = staff.fill("^file_format$", {"kind": "participants", "file_format": "csv"})
                found = re.fullmatch(r"/admin/exports/job/(\d+)/change/", page.url)
                assert found, page.text[:500]
                staff.close()  # as browsers do with a connection that is not used
                wait_for(lambda job=found[1]: self._is_done(job), "the export")
                assert staff.open("/admin/sales/order/").status == 200
            if not self.goes_on:
                break
        staff.close()

    def _is_done(self, job: str) -> bool:
        return self.rig.sql("SELECT state = 'done' FROM exports_job WHERE id = %s", int(job))[0][0]

    def _do_periodic_jobs(self) -> None:
        """Queue all periodic jobs, and wait until the worker has done them."""
        left = "SELECT 1 FROM procrastinate_jobs WHERE starts_with(queueing_lock, 'rush-') AND status IN ('todo', 'doing')"
        for number in itertools.count(1) if self.goes_on else [1]:
            if self._over.is_set():
                break
            code = f"from tests.soak import rush_shop; print(rush_shop.queue_periodic_jobs({number}))"
            self.periodic = int(self.rig.execute(code))
            wait_for(lambda: not self.rig.sql(left), "the periodic jobs")

    # --- what must be true afterwards -------------------------------------------------------------------

    def check(self) -> None:
        """Check that all places were sold once and each buyer got a page, and that nothing was left behind."""
        sql, shop = self.rig.sql, self.shop
        assert set(self.statuses) <= {200, 302}, self.statuses
        tickets = """
            SELECT count(*) FROM sales_ticket t JOIN sales_orderline l ON l.id = t.line_id WHERE l.allotment_id = %s
        """
        sold = "SELECT sold FROM catalogue_allotment WHERE id = %s"
        assert self.bought == self.places
        assert sql(tickets, shop["allotment"]) == sql(sold, shop["allotment"]) == [(self.places,)]
        chosen = "SELECT count(*) FROM registration_forms_answer WHERE v_choice_id = %s"
        used = "SELECT used FROM registration_forms_choice WHERE id = %s"
        assert sql(chosen, shop["limited_id"]) == sql(used, shop["limited_id"]) == [(self.buses,)]
        assert self.lost_choices > 0
        left = {what: number for what, query in LEFT_BEHIND.items() if (number := sql(query)[0][0])}
        assert left == {}

    def check_overlap(self) -> None:
        """Check that exports were written, and each periodic job done, between the first order and the last. After ``check``."""
        first_and_last = self.rig.sql("SELECT min(placed_at), max(placed_at) FROM sales_order")[0]
        assert self.rig.sql(EXPORTS_DONE, *first_and_last)[0][0] > 0
        assert self.rig.sql(PERIODIC_DONE, *first_and_last)[0][0] == self.periodic

    @property
    def p95(self) -> float:
        return sorted(self.seconds)[int(0.95 * len(self.seconds))]


class Timed(HttpVisitor):
    """Also records the seconds until each page, redirects included, and the status of each response."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.seconds: list[float] = []
        self.statuses: Counter = Counter()

    def send(self, method, url, data=None):
        page = super().send(method, url, data)
        self.statuses[page.status] += 1
        return page

    def _follow(self, method, url, data):
        begin = time.monotonic()
        page = super()._follow(method, url, data)
        self.seconds.append(time.monotonic() - begin)
        return page
