"""Slugs that no other row of an organiser has."""

import secrets

from django.db.models import Model
from django.utils.text import slugify


def free_slug(model: type[Model], organiser_id: int | None, title: str, but: int | None = None) -> str:
    """Return a slug of this title that no other row of the organiser has."""
    wanted = slugify(title)[:50].strip("-") or secrets.token_hex(4)
    taken = set(
        model.objects.filter(organiser_id=organiser_id, slug__startswith=wanted)
        .exclude(pk=but)
        .values_list("slug", flat=True)
    )
    names = (wanted, *(f"{wanted}-{number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)
