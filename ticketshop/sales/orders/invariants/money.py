"""Money: what came, what an order costs, and what went back."""

from .base import Invariant

MONEY = Invariant(
    "I2",
    "Money that came is the price of an order that was paid, is part of what a pending one waits for, or is returned or recorded by mistake; of its price no more is paid back than came. A lost dispute took exactly its amount, another none. A payment of a bank file is the payment, or its parts are.",
    """
    WITH refunded AS (
        SELECT payment_id,
            -- What a bank takes may have been paid back before: that money is lost.
            coalesce(sum(amount) FILTER (WHERE dispute_id IS NULL), 0) AS amount,
            coalesce(sum(amount) FILTER (WHERE kind IN ('returned', 'reversed')), 0) AS returned,
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
    WHERE old.id = new.id
        OR old.buyer_id IS DISTINCT FROM new.buyer_id AND NOT (
            -- The buyer is being erased, and one of the orders needs them longer.
            (old.buyer_id IS NULL OR new.buyer_id IS NULL) AND EXISTS (
                SELECT FROM contacts_contact c
                WHERE c.id = coalesce(old.buyer_id, new.buyer_id) AND c.erasing_at IS NOT NULL
            )
        )
        OR e.credited > (SELECT sum(x.total) FROM sales_cancelledline x WHERE x.cancellation_id = c.id)
    """,
)

REVERSED = Invariant(
    "I14",
    "A payment that was recorded by mistake is taken back to the cent, and nothing counts it any more: no order that was paid by it is paid, no payment of a bank file is recorded with it. Tickets of an order that is not paid let nobody in.",
    """
    WITH taken_back AS (
        SELECT r.reversal_id, sum(r.amount) AS amount, bool_and(r.payment_id = v.payment_id AND r.state = 'done') AS fits
        FROM sales_refund r JOIN sales_reversal v ON v.id = r.reversal_id
        GROUP BY r.reversal_id
    )
    SELECT 'payment recorded by mistake', p.id
    FROM sales_reversal v
    JOIN sales_payment p ON p.id = v.payment_id
    JOIN sales_order o ON o.id = p.order_id
    LEFT JOIN taken_back t ON t.reversal_id = v.id
    WHERE p.state <> 'confirmed' OR p.provider_reference <> '' OR p.method = 'exchange'
        OR coalesce(t.amount, 0) <> p.amount OR NOT t.fits
        OR v.order_paid_at IS NOT NULL AND o.paid_at <= v.made_at
        OR EXISTS (SELECT FROM sales_bankentry e WHERE e.payment_id = p.id)
    UNION ALL
    SELECT a.what, a.id
    FROM (
        SELECT 'ticket' AS what, id, order_id, state FROM sales_ticket
        UNION ALL SELECT 'pass', id, order_id, state FROM sales_issuedpass
    ) AS a
    JOIN sales_order o ON o.id = a.order_id
    WHERE o.paid_at IS NULL AND a.state IN ('valid', 'used')
    """,
)
