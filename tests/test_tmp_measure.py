import time
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from datetime import timedelta
from tests.factories.catalogue import OfferFactory
from ticketshop.catalogue.models import Offer
from ticketshop.sales.exports import figures

pytestmark = pytest.mark.django_db


def test_measure():
    first = OfferFactory(capacity=1000000)
    pos = first.session.event.points_of_sale.get()
    offers = [first] + [OfferFactory(pos=pos, capacity=1000000) for _ in range(39)]
    ids = [o.pk for o in offers]
    org = pos.organiser_id
    p = {
        "org": org,
        "pos": pos.pk,
        "offers": ids,
        "allot": first.allotment_id,
        "n": 100000,
        "sess": [o.session_id for o in offers],
    }
    with connection.cursor() as c:
        c.execute(
            """INSERT INTO sales_order (id, organiser_id, point_of_sale_id, reference, secret, checkout_key, content_hash, buyer_id, state,
        channel, payment_method, currency, total, vat_total, language, network, placed_at, paid_at, replaced_secret, without_person,
        invitation)
    SELECT 5000000 + n, %(org)s, %(pos)s, 'XX' || n, 'X' || n, gen_random_uuid(), '', null, 'paid', case when n %% 5 = 0 then 'back_office' else 'shop' end, 'on_site', 'CHF',
        140, 3, 'en', '', now(), now() - (n %% 365) * interval '1 day' - (n %% 24) * interval '1 hour', '', false, ''
    FROM generate_series(1, %(n)s) AS n""",
            p,
        )
        c.execute(
            """INSERT INTO sales_orderline (id, order_id, offer_id, allotment_id, places, title, tariff_name, session_starts_at, quantity,
        unit_price, total, vat_rate, vat_amount)
    SELECT 5000000 + n * 2 + k, 5000000 + n, (%(offers)s)[1 + (n * 7 + k) %% 40], %(allot)s, 2, 'Event', 'Adult', now(), 2, 35, 70, 2.6, 1.5
    FROM generate_series(1, %(n)s) AS n, generate_series(0, 1) AS k""",
            p,
        )
        c.execute(
            """INSERT INTO sales_payment (order_id, method, state, amount, rounding, currency, reference, provider_reference, provider_url, last_answer, started_at, confirmed_at)
        SELECT 5000000 + n, case when n %% 3 = 0 then 'stripe' when n %% 3 = 1 then 'cash' else 'bank_transfer' end, 'confirmed', 140, 0, 'CHF', '', '', '', '', now(), o.paid_at
        FROM generate_series(1, %(n)s) AS n JOIN sales_order o ON o.id = 5000000 + n""",
            p,
        )
        c.execute(
            """INSERT INTO sales_ticket (id, code, state, holder_first_name, holder_last_name, holder_email, line_id, order_id, session_id, used_at)
    SELECT 5000000 + n * 4 + t, 'X' || n || '-' || t, 'used', 'Ada ', 'Lovelace', '', 5000000 + n * 2, 5000000 + n, (%(sess)s)[1 + (n * 7) %% 40], now() - (n %% 365) * interval '1 day'
    FROM generate_series(1, %(n)s) AS n, generate_series(0, 3) AS t""",
            p,
        )
        c.execute("ANALYZE sales_order, sales_orderline, sales_payment, sales_ticket")
    today = timezone.localdate(timezone.now(), pos.organiser.zone)
    for days in (364, 29):
        for _ in range(3):
            started, cpu = time.perf_counter(), time.process_time()
            with CaptureQueriesContext(connection) as cap:
                found = figures.read(pos.organiser, today - timedelta(days=days), today)
            print(
                days,
                "wall",
                round(time.perf_counter() - started, 2),
                "python cpu",
                round(time.process_time() - cpu, 2),
                found.total.orders,
                found.total.tickets,
                found.money.came,
            )
        for q in cap.captured_queries:
            print("   ", q["time"], q["sql"][:110])
    worst = max(cap.captured_queries, key=lambda q: float(q["time"]))
    assert 0
