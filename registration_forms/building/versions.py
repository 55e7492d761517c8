"""Facts about all published versions of a form, read from the database without their texts."""

from collections.abc import Iterable

from django.db.models import F, Func, JSONField

from ..models import FormVersion

# The keys of the questions of a definition.
_KEYS = Func(
    F("definition"),
    template="jsonb_path_query_array(%(expressions)s, '$.fields[*].key')",
    output_field=JSONField(),
)


def first_asked(form_ids: Iterable[int]) -> dict[tuple[int, str], int]:
    """Return (form id, key of a question) -> number of the first version that contains the question; one query."""
    rows = FormVersion.objects.filter(form__in=list(form_ids)).order_by("-number")
    return {
        (form, key): number
        for form, number, keys in rows.values_list("form_id", "number", _KEYS)
        for key in keys
    }
