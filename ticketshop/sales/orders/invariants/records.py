"""Mails and history: each step of an order is told and recorded once."""

from .base import Invariant

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
        -- Tickets that were exchanged are told with the new order; those of a cancelled date by the mail about the date.
        SELECT id, 'order_' || state || ':' || id FROM sales_order
        WHERE state = 'expired' OR state = 'cancelled' AND NOT EXISTS (
            SELECT FROM sales_exchange e JOIN sales_cancellation c ON c.id = e.cancellation_id
            WHERE c.order_id = sales_order.id AND c.made_at = sales_order.cancelled_at
        ) AND NOT EXISTS (
            SELECT FROM sales_cancellation c
            WHERE c.order_id = sales_order.id AND c.date_change_id IS NOT NULL AND c.made_at = sales_order.cancelled_at
        ) AND NOT EXISTS (SELECT FROM sales_datechange_ended d WHERE d.order_id = sales_order.id)
        UNION ALL
        -- The last cancellation of a cancelled order is told by “order cancelled”.
        SELECT c.order_id, 'tickets_cancelled:' || c.id
        FROM sales_cancellation c JOIN sales_order o ON o.id = c.order_id
        WHERE (o.state <> 'cancelled' OR EXISTS (
            SELECT FROM sales_cancellation later WHERE later.order_id = c.order_id AND later.id > c.id
        )) AND c.date_change_id IS NULL AND NOT EXISTS (SELECT FROM sales_exchange e WHERE e.cancellation_id = c.id)
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

HISTORY = Invariant(
    "I8",
    "The history tells every change of state of an order, each cancellation, everything that was paid back, each payment recorded by mistake, and each lost dispute.",
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
        WHERE r.state = 'done' AND r.dispute_id IS NULL AND r.reversal_id IS NULL AND r.kind <> 'exchanged'
        GROUP BY p.order_id
        UNION ALL
        SELECT p.order_id, 'payment_reversed', count(*)
        FROM sales_reversal v JOIN sales_payment p ON p.id = v.payment_id
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
