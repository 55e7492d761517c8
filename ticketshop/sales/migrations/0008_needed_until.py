from django.db import migrations

# Answers are kept for so long after the end of the event: where a date is moved, "needed until" moves with it. What an
# order form asked is needed until everything it applies to is over; where forms were assigned anew since, until the last
# of the order's dates and passes is.
FUNCTION = """
    CREATE FUNCTION session_moves_needed_until() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE registration_forms_response AS response SET relevant_until = NEW.ends_at
          FROM sales_ticket AS ticket WHERE ticket.session_id = NEW.id AND response.id = ticket.response_id;
        UPDATE registration_forms_response AS response SET relevant_until = needed.ends_at
          FROM (SELECT answered.id, coalesce(max(part.ends_at) FILTER (WHERE part.form_id = answered.form_id),
                                             max(part.ends_at)) AS ends_at
                  FROM sales_orderresponse AS of_order
                  JOIN registration_forms_response AS answered ON answered.id = of_order.response_id
                  JOIN sales_order AS orders ON orders.id = of_order.order_id
                  JOIN organisers_organiser AS organiser ON organiser.id = orders.organiser_id
                  LEFT JOIN catalogue_orderform AS shop ON shop.point_of_sale_id = orders.point_of_sale_id
                  JOIN LATERAL (
                       SELECT session.ends_at, coalesce(own.form_id, shop.form_id) AS form_id
                         FROM sales_ticket AS ticket JOIN catalogue_session AS session ON session.id = ticket.session_id
                         LEFT JOIN catalogue_orderform AS own ON own.event_id = session.event_id
                        WHERE ticket.order_id = orders.id
                       UNION ALL
                       SELECT (pass.valid_until + time '23:59:59') AT TIME ZONE organiser.time_zone, shop.form_id
                         FROM sales_issuedpass AS pass WHERE pass.order_id = orders.id) AS part ON true
                 WHERE orders.id IN (SELECT order_id FROM sales_ticket WHERE session_id = NEW.id)
                 GROUP BY answered.id) AS needed
         WHERE needed.id = response.id AND response.relevant_until IS DISTINCT FROM needed.ends_at;
        RETURN NULL;
    END $$
"""
TRIGGER = """
    CREATE TRIGGER session_moves_needed_until AFTER UPDATE OF ends_at ON catalogue_session
    FOR EACH ROW WHEN (OLD.ends_at IS DISTINCT FROM NEW.ends_at) EXECUTE FUNCTION session_moves_needed_until()
"""
# What was moved before there was a trigger.
NOW = """
    UPDATE registration_forms_response AS response SET relevant_until = session.ends_at
      FROM sales_ticket AS ticket JOIN catalogue_session AS session ON session.id = ticket.session_id
     WHERE response.id = ticket.response_id AND response.relevant_until IS DISTINCT FROM session.ends_at
"""


class Migration(migrations.Migration):

    dependencies = [
        ("sales", "0007_dates_changed"),
        ("registration_forms", "0005_erased_on"),
        ("catalogue", "0006_form_kinds"),
    ]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION session_moves_needed_until()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER session_moves_needed_until ON catalogue_session"),
        migrations.RunSQL(NOW, migrations.RunSQL.noop),
    ]
