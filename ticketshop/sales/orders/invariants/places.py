"""Places and choices: what is counted is what was ordered."""

from .base import Invariant

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

PASSES = Invariant(
    "I13",
    "The entries of a pass are those that are left, those booked with it, and those that its code took at the door.",
    """
    WITH booked AS (
        SELECT booked_with_id AS pass, count(*) AS number
        FROM sales_ticket
        WHERE booked_with_id IS NOT NULL AND state <> 'cancelled'
        GROUP BY booked_with_id
    ), at_door AS (
        SELECT issued_pass_id AS pass, sum(entries) AS number
        FROM sales_checkin WHERE issued_pass_id IS NOT NULL GROUP BY issued_pass_id
    )
    SELECT 'pass', p.id
    FROM sales_issuedpass p
    LEFT JOIN booked ON booked.pass = p.id
    LEFT JOIN at_door ON at_door.pass = p.id
    WHERE p.entries IS NOT NULL
        AND p.entries_left <> p.entries - coalesce(booked.number, 0) - coalesce(at_door.number, 0)
    UNION ALL
    SELECT 'ticket', t.id
    FROM sales_ticket t
    JOIN sales_orderline l ON l.id = t.line_id
    JOIN sales_order o ON o.id = t.order_id
    JOIN sales_issuedpass p ON p.id = t.booked_with_id
    JOIN sales_order sold ON sold.id = p.order_id
    WHERE o.organiser_id <> sold.organiser_id OR l.unit_price <> 0
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
