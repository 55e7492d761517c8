"""Limits that were entered when there were answers already did not count them: they are counted now.

Where more were taken than there are places, the limit becomes what is taken: none is free.
"""

from django.db import migrations

RECOUNT = """
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
    UPDATE registration_forms_choice c
    SET used = taken.number, capacity = greatest(c.capacity, taken.number)
    FROM taken
    WHERE taken.choice_id = c.id AND c.capacity IS NOT NULL AND c.used < taken.number
"""


class Migration(migrations.Migration):
    dependencies = [("registration_forms", "0003_changes")]
    operations = [migrations.RunSQL(RECOUNT, migrations.RunSQL.noop)]
