"""Erasing a person with 20 orders among many orders: how long the preview and the erasure take.

``python -m tests.bench.forgetting ORDERS`` in the rig's environment clones one real order (a ticket, a payment, a form with
three answers, a mail) that many times, and prints as JSON what the erasure of one person with 20 orders took.
"""

import json
import statistics
import sys
import time
from datetime import timedelta

import django

django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from contacts.models import Contact  # noqa: E402
from privacy.erasure import erasing  # noqa: E402
from privacy.plan import planning  # noqa: E402
from registration_forms.answers import responses  # noqa: E402
from tests.bench.filling import filling  # noqa: E402
from tests.bench.people import Work  # noqa: E402
from tests.factories.accounts import UserFactory  # noqa: E402
from tests.factories.catalogue import AllotmentFactory, OfferFactory  # noqa: E402
from tests.factories.organisers import PointOfSaleFactory, make_staff  # noqa: E402
from tests.factories.registration_forms import ask, make_form, publish  # noqa: E402
from tests.factories.sales import make_cart, place  # noqa: E402
from ticketshop.mail.models import Mail  # noqa: E402
from ticketshop.sales.models import Order, OrderLine, OrderResponse, Payment, Ticket  # noqa: E402
from ticketshop.sales.payments import payments  # noqa: E402

EACH, TIMES = 20, 9
BASE = 10_000_000  # ids of the clones begin here
# The first orders are those of people who have 20; all others have a buyer each.
GROUPED = EACH * (TIMES + 2)

# Rows of one order, cloned: table -> what differs. ``n`` counts the orders; ids are those of the order, from a base up.
_CLONES = {
    "registration_forms_response": "'id', %(base)s + n, 'about_id', c.id",
    "sales_order": "'id', %(base)s + n, 'reference', 'B' || %(base)s + n, 'checkout_key', gen_random_uuid(),"
    " 'secret', md5(n::text), 'buyer_id', c.id",
    "sales_orderresponse": "'id', %(base)s + n, 'order_id', %(base)s + n, 'response_id', %(base)s + n",
    "sales_orderline": "'id', %(base)s + n, 'order_id', %(base)s + n",
    "sales_ticket": "'id', %(base)s + n, 'order_id', %(base)s + n, 'line_id', %(base)s + n,"
    " 'code', 'T' || %(base)s + n, 'response_id', null, 'holder_last_name', 'Holder ' || n",
    "sales_payment": "'id', %(base)s + n, 'order_id', %(base)s + n, 'reference', ''",
    "mail_mail": "'id', %(base)s + n, 'once', null, 'recipient', c.email, 'subject_uuid', c.subject_uuid",
}
# The names are those of our own tables, the values are bound.
_CLONE = """
    INSERT INTO {table}
    SELECT r.* FROM {table} t, generate_series(1, %(count)s) AS n,
        LATERAL (SELECT id, email, subject_uuid FROM contacts_contact WHERE id = %(first)s + CASE WHEN n < %(grouped)s THEN n / %(each)s ELSE n END) AS c,
        LATERAL jsonb_populate_record(t, jsonb_build_object({values})) AS r
    WHERE t.id = %(like)s
"""
_ANSWERS = """
    INSERT INTO registration_forms_answer (response_id, field_id, state, v_text)
    SELECT %(base)s + n, a.field_id, a.state, a.v_text || n
    FROM registration_forms_answer a, generate_series(1, %(count)s) AS n WHERE a.response_id = %(like)s
"""
_PEOPLE = """
    INSERT INTO contacts_contact (
        organiser_id, number, subject_uuid, kind, first_name, last_name, email, email_key, email_kept, phone,
        company, street, postcode, city, country, language, created_via, created_at)
    SELECT %(organiser)s, 'F' || n, gen_random_uuid(), 'individual', 'Ann', 'Buyer ' || n,
        'buyer' || n || '@example.org', 'buyer' || n || '@example.org', false, '', '', '', '', '', 'CH', 'en', 'import', now()
    FROM generate_series(0, %(people)s) AS n
"""


def template() -> Order:
    """Return a paid past order with a form of three answers."""
    pos = PointOfSaleFactory(name="The Archive")
    offer = OfferFactory(pos=pos, allotment=AllotmentFactory(organiser=pos.organiser, capacity=1000))
    order = place(make_cart({offer: 1}, pos=pos))
    payments.confirm(Payment.objects.get(order=order), by=None, now=timezone.now())
    session = offer.session
    session.starts_at = timezone.now() - timedelta(days=40)
    session.ends_at = session.starts_at + timedelta(hours=2)
    session.save()
    order.refresh_from_db()
    form = make_form("order", organiser=pos.organiser)
    keys = [ask(form, label).key for label in ("Allergies", "Club", "Remarks")]
    given = responses.NewResponse(publish(form), dict.fromkeys(keys, "an answer"), about=order.buyer_id)
    (response,) = responses.store([given], organiser=pos.organiser, language="en", now=timezone.now())
    OrderResponse.objects.create(order=order, response=response)
    return order


def fill(order: Order, count: int) -> int:
    """Add ``count`` copies of this order. Return the id of the first buyer with 20 orders."""
    own = {
        "registration_forms_response": order.responses.get().response_id,
        "sales_order": order.pk,
        "sales_orderresponse": order.responses.get().pk,
        "sales_orderline": OrderLine.objects.get(order=order).pk,
        "sales_ticket": Ticket.objects.get(order=order).pk,
        "sales_payment": Payment.objects.get(order=order).pk,
        "mail_mail": Mail.objects.filter(subject_uuid=order.buyer.subject_uuid).latest("pk").pk,
    }
    with filling("contacts_contact") as cursor:
        cursor.execute(_PEOPLE, {"organiser": order.organiser_id, "people": count})
    first = Contact.objects.get(organiser=order.organiser, number="F0").pk
    values = {"base": BASE, "count": count, "first": first, "each": EACH, "grouped": GROUPED}
    with filling(*own, "registration_forms_answer") as cursor:
        for table, differs in _CLONES.items():
            cursor.execute(_CLONE.format(table=table, values=differs), values | {"like": own[table]})
        cursor.execute(_ANSWERS, values | {"like": own["registration_forms_response"]})
    return first


def measure(first: int) -> dict:
    """Return the lower quartile over several people with 20 orders each."""
    looked, took, counts, planned = [], [], [], []
    for number in range(1, TIMES + 1):
        contact = Contact.objects.select_related("user", "organiser").get(pk=first + number)
        assert Order.objects.filter(buyer=contact).count() == EACH
        with CaptureQueriesContext(connection) as captured:
            begin = time.perf_counter()
            planning.plan(contact, now=timezone.now())
            looked.append(time.perf_counter() - begin)
        planned.append(len(captured))
        with CaptureQueriesContext(connection) as captured:
            begin = time.perf_counter()
            done = erasing.erase(contact, by=None, now=timezone.now())
            took.append(time.perf_counter() - begin)
        counts.append(len(captured))
        assert done.state == "closed", done.state
        assert not Order.objects.filter(buyer=contact).exists()
    quartile = lambda times: statistics.quantiles(times, n=4)[0]  # noqa: E731
    return {
        "look": quartile(looked),
        "look_queries": min(planned),
        "erase": quartile(took),
        "erase_queries": min(counts),
        "slowest": captured_slowest(captured),
    }


def captured_slowest(captured: CaptureQueriesContext) -> list:
    """Return the three slowest statements of the last run."""
    slow = sorted(captured.captured_queries, key=lambda query: -float(query["time"]))[:3]
    return [(query["time"], query["sql"][:160]) for query in slow]


def customers(order: Order, count: int) -> dict[str, dict]:
    """Measure the back office's lists of customers and tickets, and a visitor's account."""
    staff = Work([make_staff(order.organiser, email="archivist@example.org")])
    buyer = Contact.objects.get(organiser=order.organiser, number=f"F{count // 2}")
    buyer.user = UserFactory(email="visitor@archive.example")
    buyer.save()
    address = "/admin/sales/customer/"
    asked = {
        "customers, first page": address,
        "customers: an address": f"{address}?q=buyer{count // 2}%40example.org",
        "customers: a name": f"{address}?q=buyer+{count // 3}",
        "customers: a first name all have": f"{address}?q=ann",
        "a customer": f"{address}{buyer.pk}/change/",
        "tickets: a code": f"/admin/sales/ticket/?q=T{BASE + count // 3}",
        "tickets: a last name all have": "/admin/sales/ticket/?q=holder",
    }
    costs = {what: staff.measure([(path, None)] * TIMES, 200) for what, path in asked.items()}
    account = f"/{order.point_of_sale.slug}/account/"
    return costs | {"account of a visitor": Work([buyer.user]).measure([(account, None)] * TIMES, 200)}


def main() -> None:
    order, count = template(), int(sys.argv[1])
    begin = time.monotonic()
    first = fill(order, count)
    filled = time.monotonic() - begin
    settings.PAGE_CACHE_SECONDS = 0
    print(json.dumps({"filled": filled, "customers": customers(order, count)} | measure(first)))


if __name__ == "__main__":
    main()
