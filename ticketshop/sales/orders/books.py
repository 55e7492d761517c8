"""Nine invariants of the books, each a statement over whole tables.

Run after every fault and by hand (``manage.py check_books``). Each statement returns kind and id of the rows
that break the invariant, never a text that a person wrote. They are written in SQL, so that they share no
code with the actions they check.
"""

from dataclasses import dataclass

from django.db import connection, transaction

from ticketshop.lib.database.waiting import statement_timeout


@dataclass(frozen=True)
class Invariant:
    """A rule that must always hold, with the statement that finds the rows that break it."""

    code: str
    says: str
    sql: str  # selects (kind, id) of every row that breaks the rule


PLACES = Invariant(
    "I1",
    "No allotment is oversold, and it counts the places of its pending and paid orders.",
    """
    SELECT 'allotment', a.id
    FROM catalogue_allotment a
    LEFT JOIN (
        SELECT l.allotment_id, sum(l.places) AS places
        FROM sales_orderline l JOIN sales_order o ON o.id = l.order_id
        WHERE o.state IN ('pending', 'paid')
        GROUP BY l.allotment_id
    ) AS ordered ON ordered.allotment_id = a.id
    LEFT JOIN (
        SELECT allotment_id, sum(places) AS places
        FROM catalogue_hold WHERE expires_at > clock_timestamp()
        GROUP BY allotment_id
    ) AS held ON held.allotment_id = a.id
    WHERE a.sold <> coalesce(ordered.places, 0) OR a.sold + coalesce(held.places, 0) > a.capacity
    """,
)

MONEY = Invariant(
    "I2",
    "Money that came belongs to a paid order, is part of what a pending one waits for, or is given back; a paid order has its money, no more and no less.",
    """
    WITH refunded AS (
        SELECT payment_id, sum(amount) AS amount FROM sales_refund GROUP BY payment_id
    ), came AS (
        SELECT p.order_id, sum(p.amount - coalesce(r.amount, 0)) AS amount
        FROM sales_payment p LEFT JOIN refunded r ON r.payment_id = p.id
        WHERE p.state = 'confirmed'
        GROUP BY p.order_id
    )
    SELECT 'payment', p.id
    FROM refunded r JOIN sales_payment p ON p.id = r.payment_id
    WHERE r.amount > p.amount OR p.state <> 'confirmed'
    UNION ALL
    SELECT 'order', o.id
    FROM sales_order o LEFT JOIN came ON came.order_id = o.id
    -- Part of the money of an order that still waits for the rest is kept.
    WHERE CASE o.state
        WHEN 'pending' THEN coalesce(came.amount, 0) < 0 OR (o.total > 0 AND coalesce(came.amount, 0) >= o.total)
        ELSE coalesce(came.amount, 0) <> CASE o.state WHEN 'paid' THEN o.total ELSE 0 END
    END
    """,
)

CONTENTS = Invariant(
    "I3",
    "Every order has lines, and every line its tickets or passes: one for each place.",
    """
    WITH tickets AS (
        SELECT t.line_id, count(*) AS number
        FROM sales_ticket t
        JOIN sales_orderline l ON l.id = t.line_id
        JOIN catalogue_offer f ON f.id = l.offer_id
        WHERE t.order_id = l.order_id AND t.session_id = f.session_id
        GROUP BY t.line_id
    ), passes AS (
        SELECT i.line_id, count(*) AS number
        FROM sales_issuedpass i JOIN sales_orderline l ON l.id = i.line_id
        WHERE i.order_id = l.order_id AND i.season_pass_id = l.season_pass_id
        GROUP BY i.line_id
    )
    SELECT 'order', o.id
    FROM sales_order o
    WHERE NOT EXISTS (SELECT FROM sales_orderline l WHERE l.order_id = o.id)
    UNION ALL
    SELECT 'line', l.id
    FROM sales_orderline l
    LEFT JOIN tickets t ON t.line_id = l.id
    LEFT JOIN passes i ON i.line_id = l.id
    WHERE coalesce(t.number, 0) + coalesce(i.number, 0) <> l.places
        OR l.places = 0 OR l.places % l.quantity <> 0
    UNION ALL
    SELECT 'ticket', t.id
    FROM sales_ticket t
    JOIN sales_orderline l ON l.id = t.line_id
    LEFT JOIN catalogue_offer f ON f.id = l.offer_id
    WHERE t.order_id <> l.order_id OR f.session_id IS DISTINCT FROM t.session_id
    UNION ALL
    SELECT 'pass', i.id
    FROM sales_issuedpass i JOIN sales_orderline l ON l.id = i.line_id
    WHERE i.order_id <> l.order_id OR l.season_pass_id IS DISTINCT FROM i.season_pass_id
    """,
)

ONCE = Invariant(
    "I4",
    "One order for each checkout key and reference; no code opens two things.",
    """
    SELECT 'order', id FROM (
        SELECT id, count(*) OVER (PARTITION BY checkout_key) AS keys, count(*) OVER (PARTITION BY reference) AS names
        FROM sales_order
    ) AS counted WHERE keys > 1 OR names > 1
    UNION ALL
    SELECT what, id FROM (
        SELECT what, id, count(*) OVER (PARTITION BY code) AS number FROM (
            SELECT 'ticket' AS what, id, code FROM sales_ticket
            UNION ALL SELECT 'pass', id, code FROM sales_issuedpass
        ) AS codes
    ) AS counted WHERE number > 1
    """,
)

SUMS = Invariant(
    "I5",
    "The total of an order is the sum of its lines and what its payment asks; so is its VAT.",
    """
    WITH lines AS (
        SELECT order_id, sum(total) AS total, sum(vat_amount) AS vat FROM sales_orderline GROUP BY order_id
    )
    SELECT 'order', o.id
    FROM sales_order o LEFT JOIN lines l ON l.order_id = o.id
    WHERE o.total <> coalesce(l.total, 0) OR o.vat_total <> coalesce(l.vat, 0)
    UNION ALL
    SELECT 'order', o.id
    FROM sales_order o
    WHERE NOT EXISTS (
        SELECT FROM sales_payment p
        WHERE p.order_id = o.id AND p.state <> 'failed' AND p.amount = o.total AND p.currency = o.currency
    )
    UNION ALL
    SELECT 'line', id
    FROM sales_orderline
    WHERE total <> unit_price * quantity OR vat_amount <> round(total * vat_rate / (100 + vat_rate), 2)
    """,
)

MAILS = Invariant(
    "I6",
    "What became of an order was told its buyer once: that it was placed, paid, cancelled, that it expired.",
    """
    WITH due AS (
        SELECT id AS order_id, 'order_placed' AS kind FROM sales_order WHERE total > 0
        UNION ALL SELECT id, 'order_paid' FROM sales_order WHERE paid_at IS NOT NULL
        UNION ALL SELECT id, 'order_' || state FROM sales_order WHERE state IN ('cancelled', 'expired')
    )
    SELECT 'order', o.id
    FROM due
    JOIN sales_order o ON o.id = due.order_id
    JOIN contacts_contact c ON c.id = o.buyer_id
    WHERE c.email > ''
        AND NOT EXISTS (SELECT FROM mail_mail m WHERE m.once = due.kind || ':' || o.id)
        -- An address that came later was not there to be written to.
        AND NOT EXISTS (
            SELECT FROM history_event e
            WHERE e.model = 'contacts.contact' AND e.object_id = c.id::text AND e.at >= o.placed_at
                AND (e.action = 'merged' OR e.details -> 'columns' ? 'email')
        )
    UNION ALL
    SELECT 'mail', id FROM (
        SELECT id, count(*) OVER (PARTITION BY kind, about -> 'order') AS number
        FROM mail_mail WHERE once IS NOT NULL AND starts_with(kind, 'order_')
    ) AS counted WHERE number > 1
    """,
)

HOLDS = Invariant(
    "I7",
    "What is held is held for a cart, and not longer than its shop allows.",
    """
    SELECT 'hold', h.id
    FROM catalogue_hold h
    LEFT JOIN sales_cart c ON c.key = h.key
    LEFT JOIN organisers_pointofsale s ON s.id = c.point_of_sale_id
    WHERE h.expires_at > clock_timestamp()
        AND (c.id IS NULL OR h.expires_at > clock_timestamp() + s.hold_minutes * interval '1 minute')
    """,
)

HISTORY = Invariant(
    "I8",
    "The history tells every change of state of an order.",
    """
    WITH due AS (
        SELECT id AS order_id, 'placed' AS action, 1 AS times FROM sales_order
        UNION ALL SELECT id, 'paid', 1 FROM sales_order WHERE paid_at IS NOT NULL
        UNION ALL SELECT id, state, 1 FROM sales_order WHERE state IN ('cancelled', 'expired')
        UNION ALL
        SELECT order_id, 'money', count(*) FROM sales_payment WHERE state = 'confirmed' GROUP BY order_id
        UNION ALL
        SELECT p.order_id, 'refunded', count(*)
        FROM sales_refund r JOIN sales_payment p ON p.id = r.payment_id
        WHERE r.state = 'done'
        GROUP BY p.order_id
    ), told AS (
        SELECT object_id, action, count(*) AS times
        FROM history_event WHERE model = 'sales.order'
        GROUP BY object_id, action
        UNION ALL
        SELECT object_id, 'money', count(*)
        FROM history_event
        WHERE model = 'sales.order' AND action IN ('paid', 'paid_in_part', 'paid_again', 'paid_too_late', 'paid_other_amount')
        GROUP BY object_id
    )
    SELECT DISTINCT 'order', due.order_id
    FROM due LEFT JOIN told ON told.object_id = due.order_id::text AND told.action = due.action
    WHERE coalesce(told.times, 0) < due.times
    """,
)

CHOICES = Invariant(
    "I9",
    "A limited choice counts every answer that takes it, and has as many places.",
    """
    WITH chosen AS (
        SELECT v_choice_id AS choice_id, response_id FROM registration_forms_answer WHERE v_choice_id IS NOT NULL
        UNION ALL
        SELECT l.choice_id, a.response_id
        FROM registration_forms_answer_choices l JOIN registration_forms_answer a ON a.id = l.answer_id
    ), taken AS (
        SELECT choice_id, count(*) AS number
        FROM chosen JOIN registration_forms_response r ON r.id = chosen.response_id
        WHERE NOT r.void
        GROUP BY choice_id
    )
    SELECT 'choice', c.id
    FROM registration_forms_choice c LEFT JOIN taken ON taken.choice_id = c.id
    -- An erased answer says no more what it took, and its place stays taken.
    WHERE c.capacity IS NOT NULL AND (c.used > c.capacity OR c.used < coalesce(taken.number, 0))
    """,
)

INVARIANTS = (PLACES, MONEY, CONTENTS, ONCE, SUMS, MAILS, HOLDS, HISTORY, CHOICES)


def offending(invariant: Invariant) -> list[str]:
    """Return the rows that break the invariant, such as “order 17”; empty if it holds."""
    # No visitor waits for this, and whole tables take longer than a request may.
    with transaction.atomic(), statement_timeout(0), connection.cursor() as cursor:
        cursor.execute(invariant.sql)
        rows = sorted(set(cursor.fetchall()))
    return [f"{what} {number}" for what, number in rows]


def check() -> dict[str, list[str]]:
    """Return invariant code -> rows that break it."""
    return {invariant.code: offending(invariant) for invariant in INVARIANTS}
