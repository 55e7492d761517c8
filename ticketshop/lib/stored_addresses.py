"""For migrations: normalise e-mail addresses that were stored before ``text.normalise_email`` existed."""

from django.db.models import Q

from .values.text import normalise_email

# Only an address with other characters than printable ASCII in lower case can change.
_OTHER_FORM = r"[^!-~]|[A-Z]"


def normalise_rows(rows, column: str, *, key: str = "", unique: bool = False) -> int:
    """Normalise the addresses in ``column`` of ``rows``, and write them into ``key``, too. Return the number of changed rows.

    ``unique``: a row stays as it is if another row has the normal form already: two log-ins must not become one.
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
