"""Skip mandatory questions that a person owes: their state becomes *waived*, with the staff member and the time.

An answer that comes later ends the state (``changing.change_all``).
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction

from ..models import Answer, Response
from . import changing, responses


@transaction.atomic
def waive(response_ids: Iterable[int], *, by, now: datetime) -> int:
    """Skip the mandatory questions of these responses that have no answer. Return their number; a second call skips none.

    Responses are locked in id order, as for a change of answers, so that an answer which comes at the same time is not lost.
    Cancelled responses and those with erased answers are left as they are.
    """
    rows = list(
        Response.objects.select_for_update(of=("self",))
        .filter(pk__in=list(response_ids), void=False, erased_on=None)
        .select_related("version", "form__published", "form__asked_again")
        .order_by("pk")
    )
    given = responses.answers_of(row.pk for row in rows)
    fields = responses.rows_by_key({row.form_id for row in rows})
    number = 0
    for row in rows:
        for question in changing.missing_questions(row, row.form, given[row.pk]):
            field, _choices = fields[row.form_id, question.key]
            values = {"state": Answer.State.WAIVED, "waived_at": now, "waived_by": by}
            Answer.objects.update_or_create(response=row, field=field, defaults=values)
            number += 1
    return number
