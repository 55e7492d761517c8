"""Many contacts and links: filled with SQL, then searched, listed and added to through the shop's pages.

``python -m tests.bench.people SHOP FIRST LAST`` in the rig's environment adds the contacts with these numbers and prints as JSON,
for each task, its number of statements, its CPU time and its duration (the lower quartile, because the machine may be busy).
"""

import json
import statistics
import sys
import time
from urllib.parse import quote

import django
import psutil

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from contacts import contacts  # noqa: E402
from contacts.models import Contact, ContactLink, LinkType  # noqa: E402
from tests.bench.filling import filling  # noqa: E402
from tests.bench.load import Meter  # noqa: E402
from tests.rig import HOST  # noqa: E402
from ticketshop.organisers.models import Organiser  # noqa: E402

LINKS = 3  # of each contact
TIMES = 24

# Names of two and three syllables: 400 first names, 8,000 last names.
_SYLLABLES = "'{ba,be,bi,bo,bu,da,de,di,do,du,ka,ke,ki,ko,ku,ma,me,mi,mo,mu}'::text[]"
_CONTACTS = f"""
    INSERT INTO contacts_contact (
        id, organiser_id, number, subject_uuid, kind, first_name, last_name, email, email_key, email_kept, phone,
        company, street, postcode, city, country, language, created_via, created_at)
    SELECT %(base)s + n, %(organiser)s, 'N' || n, gen_random_uuid(), 'individual', initcap(f), initcap(l),
        f || '.' || l || n || '@example.org', f || '.' || l || n || '@example.org', false, '+4179' || lpad(n::text, 7, '0'),
        '', '', '', '', 'CH', 'en', 'import', now()
    FROM generate_series(%(first)s, %(last)s) AS n,
        LATERAL (SELECT n::bigint * 7919 AS h) AS hashed,
        LATERAL (SELECT s[1 + h %% 20] || s[1 + h / 20 %% 20] AS f,
            s[1 + h / 400 %% 20] || s[1 + h / 8000 %% 20] || s[1 + h / 160000 %% 20] AS l
            FROM (SELECT {_SYLLABLES} AS s) AS syllables) AS names
"""
_LINKS = """
    INSERT INTO contacts_contactlink (
        organiser_id, parent_id, child_id, type_id, status, permission_parent,
        entered_first_name, entered_last_name, entered_email, origin, started_at,
        status_before_end, end_reason, consent_by, consent_reason)
    SELECT c.organiser_id, %(base)s + 1 + (n + k * 37) %% %(last)s, c.id, %(type)s, 'active', 'assign',
        c.first_name, c.last_name, c.email, 'import', now(), '', '', '', ''
    FROM generate_series(%(first)s, %(last)s) AS n JOIN contacts_contact c ON c.id = %(base)s + n,
        generate_series(1, %(links)s) AS k
"""
# Ids of the contacts begin here.
_FIRST = 80_000_000


def fill(organiser: int, first: int, last: int) -> None:
    """Add the contacts ``first`` to ``last``, each with three links to and from others."""
    values = {"organiser": organiser, "base": _FIRST, "first": first, "last": last, "links": LINKS}
    kind = LinkType.objects.get(code=LinkType.FRIENDS_FAMILY).pk
    with filling("contacts_contact") as cursor:
        cursor.execute(_CONTACTS, values)
    with filling("contacts_contactlink") as cursor:
        cursor.execute(_LINKS, values | {"type": kind})


def visitors(organiser: Organiser, users: list[int]) -> list[tuple[User, Contact]]:
    """Create log-ins, each with five people in their list."""
    found, now = [], timezone.now()
    known = Contact.objects.filter(organiser=organiser, user=None).order_by("pk")
    for number, user in enumerate(User.objects.filter(pk__in=users).order_by("pk")):
        contact = contacts.for_user(organiser, user, language="en", now=now)
        if not contact.first_name:
            contacts.change(contact, {"first_name": "Grace", "last_name": "Hopper"}, by=user, now=now)
            ContactLink.objects.bulk_create(
                ContactLink(
                    organiser=organiser,
                    parent=contact,
                    child=child,
                    type=LinkType.objects.get(code=LinkType.FRIENDS_FAMILY),
                    status="active",
                    entered_first_name=child.first_name,
                    entered_last_name=child.last_name,
                    entered_email=child.email,
                    origin="shop",
                    started_at=now,
                )
                for child in known[number * 5 : number * 5 + 5]
            )
        found.append((user, contact))
    return found


def database() -> psutil.Process:
    """Return the process of the database server."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return psutil.Process(cursor.fetchone()[0]).parent()


class Work:
    """Sends one kind of request repeatedly, each from the next of these log-ins."""

    def __init__(self, users: list[User]):
        self.clients, self.database = [], database()
        for number, user in enumerate(users):
            client = Client(
                headers={
                    "host": HOST,
                    "x-forwarded-proto": "https",
                    "x-forwarded-for": f"10.8.{number}.{int(time.time()) % 250}",
                }
            )
            client.force_login(user)
            self.clients.append(client)

    def measure(self, requests: list[tuple[str, dict | None]], status: int) -> dict:
        """Measure requests, given as path and the form to post, if any."""
        took, counts = [], []
        with Meter(psutil.Process(), self.database) as meter:
            for number, (path, form) in enumerate(requests):
                client = self.clients[number % len(self.clients)]
                with CaptureQueriesContext(connection) as captured:
                    begin = time.perf_counter()
                    answer = client.get(path) if form is None else client.post(path, form)
                    took.append(time.perf_counter() - begin)
                assert answer.status_code == status, (
                    f"{answer.status_code} at {path}: {answer.content[:3000]!r}"
                )
                counts.append(len(captured))
        # The first one may read what is then known to the process.
        return {
            "queries": min(counts),
            "cpu": meter.cost(len(requests)).cpu,
            "wait": statistics.quantiles(took, n=4)[0],
        }


def searches(organiser: int) -> dict[str, str]:
    """Return texts that staff search for, from the rarest to one that matches a tenth of all people."""
    one = Contact.objects.filter(organiser=organiser, created_via="import").order_by("pk")[500]
    return {
        "an address": one.email,
        "a number": one.number,
        "a phone number": f"0{one.phone[3:]}",
        "first and last name": f"{one.first_name} {one.last_name}",
        "a first name": one.first_name,
        "four letters": one.last_name[:4],
        "two letters": one.last_name[:2],
    }


def measure(shop: dict, name: str) -> dict:
    """Measure all tasks. ``name`` identifies the round, so that no person is added twice."""
    organiser = Organiser.objects.get(pk=shop["organiser"])
    staff = Work([User.objects.get(pk=shop["staff"])])
    people = visitors(organiser, shop["visitors"])
    public = Work([user for user, _contact in people])
    home = "/club/account/friends-and-family/"
    found = {}
    for what, text in searches(organiser.pk).items():
        found[f"search: {what}"] = staff.measure(
            [("/admin/contacts/contact/?q=" + quote(text), None)] * TIMES, 200
        )
    found["contacts, first page"] = staff.measure([("/admin/contacts/contact/", None)] * TIMES, 200)
    found["friends and family: list"] = public.measure([(home, None)] * TIMES, 200)
    strangers = [
        (f"{home}new/", typed("Nina", "Neu", f"nina.{name}.{number}@example.org")) for number in range(TIMES)
    ]
    found["friends and family: add a stranger"] = public.measure(strangers, 302)
    rows = Contact.objects.filter(organiser=organiser, created_via="import").order_by("-pk")[:TIMES]
    known = [(f"{home}new/", typed(row.first_name, row.last_name, row.email)) for row in rows]
    found["friends and family: add a known person"] = public.measure(known, 302)
    return found


def typed(first_name: str, last_name: str, email: str) -> dict[str, str]:
    return {"first_name": first_name, "last_name": last_name, "email": email}


def main() -> None:
    shop, first, last = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    begin = time.monotonic()
    fill(shop["organiser"], first, last)
    filled = time.monotonic() - begin
    settings.PAGE_CACHE_SECONDS = 0
    print(json.dumps({"filled": filled, "work": measure(shop, str(last))}))


if __name__ == "__main__":
    main()
