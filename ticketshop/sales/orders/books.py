"""Invariants of the books, each a statement over whole tables.

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
    "No allotment is oversold, and it counts the places of its pending and paid orders, without cancelled ones.",
    """
    WITH cancelled AS (
        SELECT line_id, sum(places) AS places FROM sales_cancelledline GROUP BY line_id
    )
    SELECT 'allotment', a.id
    FROM catalogue_allotment a
    LEFT JOIN (
        SELECT l.allotment_id, sum(l.places - coalesce(c.places, 0)) AS places
        FROM sales_orderline l
        JOIN sales_order o ON o.id = l.order_id
        LEFT JOIN cancelled c ON c.line_id = l.id
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
    "Money that came is the price of an order that was paid, is part of what a pending one waits for, or is returned; of its price no more is paid back than came. A lost dispute took exactly its amount, another none. A payment of a bank file is the payment, or its parts are.",
    """
    WITH refunded AS (
        SELECT payment_id,
            -- What a bank takes may have been paid back before: that money is lost.
            coalesce(sum(amount) FILTER (WHERE dispute_id IS NULL), 0) AS amount,
            coalesce(sum(amount) FILTER (WHERE kind = 'returned'), 0) AS returned,
            coalesce(sum(amount) FILTER (WHERE kind IN ('paid_back', 'exchanged')), 0) AS paid_back
        FROM sales_refund GROUP BY payment_id
    ), came AS (
        SELECT p.order_id, sum(p.amount - coalesce(r.returned, 0)) AS amount,
            coalesce(sum(r.paid_back), 0) AS paid_back
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
    WHERE CASE
        WHEN o.paid_at IS NOT NULL
        THEN coalesce(came.amount, 0) <> o.total OR coalesce(came.paid_back, 0) > o.total
        -- Part of the money of an order that still waits for the rest is kept.
        WHEN o.state = 'pending'
        THEN came.amount < 0 OR came.paid_back > 0 OR (o.total > 0 AND came.amount >= o.total)
        ELSE came.amount <> 0 OR came.paid_back > 0
    END
    UNION ALL
    SELECT 'dispute', d.id
    FROM sales_dispute d
    LEFT JOIN (
        SELECT dispute_id, sum(amount) AS amount,
            -- Of the payment that is disputed, and of no other.
            bool_and(payment_id = (SELECT own.payment_id FROM sales_dispute own WHERE own.id = dispute_id)) AS fits
        FROM sales_refund WHERE dispute_id IS NOT NULL
        GROUP BY dispute_id
    ) AS taken ON taken.dispute_id = d.id
    WHERE coalesce(taken.amount, 0) <> CASE d.state WHEN 'lost' THEN d.amount ELSE 0 END OR NOT taken.fits
    UNION ALL
    SELECT 'payment of a bank file', e.id
    FROM sales_bankentry e
    LEFT JOIN sales_payment p ON p.id = e.payment_id
    LEFT JOIN (
        SELECT part_of_id, sum(amount) AS amount FROM sales_bankentry WHERE part_of_id IS NOT NULL GROUP BY part_of_id
    ) AS parts ON parts.part_of_id = e.id
    WHERE CASE e.state
        WHEN 'recorded' THEN p.amount <> e.amount OR p.order_id <> e.order_id OR p.state <> 'confirmed'
        WHEN 'divided' THEN parts.amount IS DISTINCT FROM e.amount
        ELSE parts.amount IS NOT NULL
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
    "One order for each checkout key and reference; no code opens two things, and none that was replaced opens anything.",
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
            -- A ticket that was exchanged keeps its code, and is cancelled.
            UNION ALL
            SELECT 'replaced code', r.id, r.code
            FROM sales_replacedcode r LEFT JOIN sales_ticket t ON t.id = r.ticket_id
            WHERE r.reason <> 'exchanged' OR t.code <> r.code OR t.state <> 'cancelled'
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
        WHERE p.order_id = o.id AND p.state <> 'failed' AND p.currency = o.currency
            AND (p.amount = o.total OR (
                -- What is missing after other money came.
                p.amount < o.total
                AND EXISTS (SELECT FROM sales_payment c WHERE c.order_id = o.id AND c.id <> p.id AND c.state = 'confirmed')
            ))
    )
    UNION ALL
    SELECT 'line', id
    FROM sales_orderline
    WHERE total <> unit_price * quantity OR vat_amount <> round(total * vat_rate / (100 + vat_rate), 2)
    """,
)

MAILS = Invariant(
    "I6",
    "What became of an order was told its buyer once: that it was placed, paid, cancelled as a whole or in part, that it expired.",
    """
    WITH due AS (
        SELECT id AS order_id, 'order_placed:' || id AS once FROM sales_order
        -- What is paid as it is placed is told by “order paid”: at the counter, and by an exchange that needs no money.
        WHERE total > 0 AND paid_at IS DISTINCT FROM placed_at
        UNION ALL SELECT id, 'order_paid:' || id FROM sales_order WHERE paid_at IS NOT NULL
        UNION ALL
        -- Tickets that were exchanged are told with the new order.
        SELECT id, 'order_' || state || ':' || id FROM sales_order
        WHERE state = 'expired' OR state = 'cancelled' AND NOT EXISTS (
            SELECT FROM sales_exchange e JOIN sales_cancellation c ON c.id = e.cancellation_id
            WHERE c.order_id = sales_order.id AND c.made_at = sales_order.cancelled_at
        )
        UNION ALL
        -- The last cancellation of a cancelled order is told by “order cancelled”.
        SELECT c.order_id, 'tickets_cancelled:' || c.id
        FROM sales_cancellation c JOIN sales_order o ON o.id = c.order_id
        WHERE (o.state <> 'cancelled' OR EXISTS (
            SELECT FROM sales_cancellation later WHERE later.order_id = c.order_id AND later.id > c.id
        )) AND NOT EXISTS (SELECT FROM sales_exchange e WHERE e.cancellation_id = c.id)
    )
    SELECT 'order', o.id
    FROM due
    JOIN sales_order o ON o.id = due.order_id
    JOIN contacts_contact c ON c.id = o.buyer_id
    WHERE c.email > ''
        AND NOT EXISTS (SELECT FROM mail_mail m WHERE m.once = due.once)
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
    "The history tells every change of state of an order, each cancellation, everything that was paid back, and each lost dispute.",
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
        WHERE r.state = 'done' AND r.dispute_id IS NULL AND r.kind <> 'exchanged'
        GROUP BY p.order_id
        UNION ALL
        SELECT p.order_id, 'dispute_lost', count(*)
        FROM sales_dispute d JOIN sales_payment p ON p.id = d.payment_id
        WHERE d.state = 'lost'
        GROUP BY p.order_id
        UNION ALL
        SELECT p.order_id, 'refund_refused', count(*)
        FROM sales_refund r JOIN sales_payment p ON p.id = r.payment_id
        WHERE r.state = 'failed'
        GROUP BY p.order_id
        UNION ALL SELECT order_id, 'cancellations', count(*) FROM sales_cancellation GROUP BY order_id
    ), told AS (
        SELECT object_id, action, count(*) AS times
        FROM history_event WHERE model = 'sales.order'
        GROUP BY object_id, action
        UNION ALL
        SELECT object_id, 'money', count(*)
        FROM history_event
        WHERE model = 'sales.order' AND action IN ('paid', 'paid_in_part', 'paid_again', 'paid_too_late', 'paid_other_amount')
        GROUP BY object_id
        UNION ALL
        SELECT object_id, 'cancellations', count(*)
        FROM history_event
        WHERE model = 'sales.order' AND action IN ('cancelled', 'tickets_cancelled', 'exchanged')
        GROUP BY object_id
    ), paid_back AS (
        SELECT p.order_id, r.requested_at, sum(r.amount) AS amount
        FROM sales_refund r JOIN sales_payment p ON p.id = r.payment_id
        WHERE r.kind = 'paid_back'
        GROUP BY p.order_id, r.requested_at
    ), decided AS (
        SELECT object_id, at, sum((details ->> 'amount')::numeric) AS amount
        FROM history_event
        WHERE model = 'sales.order' AND action = 'refund_requested'
        GROUP BY object_id, at
    )
    SELECT DISTINCT 'order', due.order_id
    FROM due LEFT JOIN told ON told.object_id = due.order_id::text AND told.action = due.action
    WHERE coalesce(told.times, 0) < due.times
    UNION
    SELECT 'order', coalesce(paid_back.order_id, decided.object_id::bigint)
    FROM paid_back
    FULL JOIN decided ON decided.object_id = paid_back.order_id::text AND decided.at = paid_back.requested_at
    WHERE paid_back.amount IS DISTINCT FROM decided.amount
        -- Earlier versions noted only that the order was cancelled.
        AND NOT (decided.amount IS NULL AND EXISTS (
            SELECT FROM sales_order o WHERE o.id = paid_back.order_id AND o.cancelled_at = paid_back.requested_at
        ))
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

CANCELLED = Invariant(
    "I10",
    "What is cancelled of an order that was paid agrees with its lines and with its tickets and passes, and is never more than was sold.",
    """
    WITH admissions AS (
        SELECT 'ticket' AS what, id, order_id, line_id, state, cancellation_id FROM sales_ticket
        UNION ALL SELECT 'pass', id, order_id, line_id, state, cancellation_id FROM sales_issuedpass
    ), gone AS (
        SELECT cancellation_id, line_id, count(*) AS places
        FROM admissions WHERE cancellation_id IS NOT NULL GROUP BY cancellation_id, line_id
    ), sums AS (
        SELECT line_id, sum(quantity) AS quantity, sum(places) AS places, sum(total) AS total, sum(vat_amount) AS vat
        FROM sales_cancelledline GROUP BY line_id
    )
    -- No more than was sold; the rest has its VAT, rounded as the line's.
    SELECT 'line', l.id
    FROM sums s JOIN sales_orderline l ON l.id = s.line_id
    WHERE s.quantity > l.quantity OR s.places > l.places
        OR s.vat <> l.vat_amount - round((l.total - s.total) * l.vat_rate / (100 + l.vat_rate), 2)
    UNION ALL
    SELECT 'cancelled line', x.id
    FROM sales_cancelledline x
    JOIN sales_cancellation c ON c.id = x.cancellation_id
    JOIN sales_orderline l ON l.id = x.line_id
    LEFT JOIN gone g ON g.cancellation_id = x.cancellation_id AND g.line_id = x.line_id
    WHERE l.order_id <> c.order_id OR x.unit_price <> l.unit_price OR x.total <> x.quantity * x.unit_price
        OR x.places * l.quantity <> x.quantity * l.places OR coalesce(g.places, 0) <> x.places
    UNION ALL
    SELECT 'cancellation', c.id
    FROM sales_cancellation c JOIN sales_order o ON o.id = c.order_id
    WHERE o.paid_at IS NULL
        OR NOT EXISTS (SELECT FROM sales_cancelledline x WHERE x.cancellation_id = c.id)
    UNION ALL
    -- A ticket that was used before its order was cancelled went with it, and stays used.
    SELECT a.what, a.id
    FROM admissions a JOIN sales_order o ON o.id = a.order_id
    WHERE CASE
        WHEN a.cancellation_id IS NULL THEN a.state = 'cancelled' AND o.paid_at IS NOT NULL
        ELSE a.state <> 'cancelled' AND NOT (a.state = 'used' AND o.state = 'cancelled')
            OR NOT EXISTS (
                SELECT FROM sales_cancelledline x WHERE x.cancellation_id = a.cancellation_id AND x.line_id = a.line_id
            )
    END
    UNION ALL
    -- An order of which nothing is left is cancelled, and of a cancelled one nothing is left.
    SELECT 'order', o.id
    FROM sales_order o
    WHERE o.paid_at IS NOT NULL AND (o.state = 'cancelled') = EXISTS (
        SELECT FROM sales_orderline l LEFT JOIN sums s ON s.line_id = l.id
        WHERE l.order_id = o.id AND l.quantity <> coalesce(s.quantity, 0)
    )
    """,
)


PAPERS = Invariant(
    "I11",
    "Invoices and credit notes are numbered without gaps, agree with their VAT by rate, and are in the archive unchanged until their day.",
    """
    WITH rates AS (
        SELECT i.id, sum((row ->> 'gross')::numeric) AS gross, sum((row ->> 'vat')::numeric) AS vat,
            sum((row ->> 'net')::numeric) AS net
        FROM sales_invoice i CROSS JOIN jsonb_array_elements(i.rates) AS row
        GROUP BY i.id
    ), numbered AS (
        SELECT id, number, row_number() OVER (PARTITION BY organiser_id, year ORDER BY number) AS place
        FROM sales_invoice
    ), credited AS (
        SELECT credits_id, sum(total) AS total, sum(vat_total) AS vat FROM sales_invoice
        WHERE credits_id IS NOT NULL GROUP BY credits_id
    )
    SELECT 'invoice', id FROM numbered WHERE number <> place
    UNION ALL
    SELECT 'invoice counter', c.id
    FROM sales_invoicecounter c
    WHERE c.last <> (
        SELECT count(*) FROM sales_invoice i WHERE i.organiser_id = c.organiser_id AND i.year = c.year
    )
    UNION ALL
    SELECT 'invoice', i.id
    FROM sales_invoice i JOIN sales_order o ON o.id = i.order_id LEFT JOIN rates r ON r.id = i.id
    WHERE i.organiser_id <> o.organiser_id OR i.currency <> o.currency
        OR coalesce(r.vat, 0) <> i.vat_total OR r.gross <> i.total OR r.net + r.vat <> r.gross
    UNION ALL
    SELECT 'invoice', i.id
    FROM sales_invoice i JOIN credited c ON c.credits_id = i.id
    WHERE i.kind <> 'invoice' OR i.total + c.total < 0 OR i.vat_total + c.vat < 0
    UNION ALL
    SELECT 'archived paper', id FROM sales_archivedpaper WHERE encode(sha256(content), 'hex') <> sha256
    UNION ALL
    SELECT 'invoice', i.id
    FROM sales_invoice i
    WHERE i.retained_until >= current_date
        AND NOT EXISTS (SELECT FROM sales_archivedpaper a WHERE a.invoice_id = i.id)
    """,
)

EXCHANGED = Invariant(
    "I12",
    "What an exchange credits leaves the one order and comes to the other, of the same buyer, and is never more than what was cancelled cost.",
    """
    WITH went AS (
        SELECT p.order_id, sum(r.amount) AS amount
        FROM sales_refund r JOIN sales_payment p ON p.id = r.payment_id
        WHERE r.kind = 'exchanged'
        GROUP BY p.order_id
    ), noted AS (
        SELECT c.order_id, sum(e.credited) AS amount
        FROM sales_exchange e JOIN sales_cancellation c ON c.id = e.cancellation_id
        GROUP BY c.order_id
    ), came AS (
        SELECT order_id, sum(amount) AS amount FROM sales_payment
        WHERE method = 'exchange' AND state = 'confirmed'
        GROUP BY order_id
    )
    SELECT 'order', coalesce(went.order_id, noted.order_id)
    FROM went FULL JOIN noted ON noted.order_id = went.order_id
    WHERE coalesce(went.amount, 0) <> coalesce(noted.amount, 0)
    UNION ALL
    SELECT 'order', coalesce(came.order_id, e.order_id)
    FROM came FULL JOIN sales_exchange e ON e.order_id = came.order_id
    WHERE coalesce(came.amount, 0) <> coalesce(e.credited, 0)
    UNION ALL
    SELECT 'exchange', e.id
    FROM sales_exchange e
    JOIN sales_cancellation c ON c.id = e.cancellation_id
    JOIN sales_order old ON old.id = c.order_id
    JOIN sales_order new ON new.id = e.order_id
    WHERE old.id = new.id OR old.buyer_id IS DISTINCT FROM new.buyer_id
        OR e.credited > (SELECT sum(x.total) FROM sales_cancelledline x WHERE x.cancellation_id = c.id)
    """,
)

INVARIANTS = (
    PLACES, MONEY, CONTENTS, ONCE, SUMS, MAILS, HOLDS, HISTORY, CHOICES, CANCELLED, PAPERS, EXCHANGED
)  # fmt: skip


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
