"""For migrations: rows written before addresses had one form (``text.normalise_email``) get it."""

from django.db.models import Q

from .text import normalise_email

# Anything but printable ASCII in lower case: only such an address can have another form.
_OTHER_FORM = r"[^!-~]|[A-Z]"


def normalise_rows(rows, column: str, *, key: str = "", unique: bool = False) -> int:
    """Write the one form of every address in ``column`` of ``rows``, and into ``key`` beside it. Return how many changed.

    Where the column is ``unique`` and the form is another row's already, the row stays as it is: two people's log-ins
    are not made one.
    """
    other = Q(**{f"{column}__regex": _OTHER_FORM}) | (Q(**{f"{key}__regex": _OTHER_FORM}) if key else Q())
    changed = 0
    for pk, before in rows.filter(other).values_list("pk", column).iterator(chunk_size=1000):
        if before is None:
            continue
        after = normalise_email(before)
        if unique and rows.filter(**{column: after}).exclude(pk=pk).exists():
            continue
        values = {column: after, **({key: after} if key else {})}
        changed += rows.filter(pk=pk).update(**values)
    return changed
