"""JSON in queries."""

from django.db.models import Func, JSONField


class ToJson(Func):
    """A value as PostgreSQL writes it in JSON, to be compared with a key of a JSON column. Also of a placeholder (``compiled``)."""

    function = "to_jsonb"
    output_field = JSONField()
