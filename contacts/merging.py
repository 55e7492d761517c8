"""Two contacts of one organiser turn out to be one person: everything moves to the one that stays."""

from datetime import datetime

from django.db import transaction

from ticketshop.history import history

from .models import Contact


class CannotMerge(Exception):
    """Two contacts with two log-ins, of two organisers, or one and the same."""


def merge(keep: Contact, lose: Contact, *, by, now: datetime) -> None:
    """Point every row that names ``lose`` to ``keep`` and delete ``lose``; one transaction.

    Empty columns of ``keep`` are filled from ``lose``; nothing on it is overwritten. Rooms above are
    reached through Django's relations: this room need not know what an order is.
    """
    if keep.pk == lose.pk or keep.organiser_id != lose.organiser_id:
        raise CannotMerge("the two must be different contacts of one organiser")
    if lose.user_id is not None:
        raise CannotMerge("the contact that goes must not have a log-in")
    with transaction.atomic():
        list(Contact.objects.select_for_update().filter(pk__in=[keep.pk, lose.pk]).order_by("pk"))
        for relation in Contact._meta.related_objects:
            relation.related_model._base_manager.filter(**{relation.field.name: lose.pk}).update(
                **{relation.field.name: keep.pk}
            )
        for name in (
            "first_name",
            "last_name",
            "phone",
            "street",
            "postcode",
            "city",
            "country",
            "birth_date",
        ):
            if not getattr(keep, name) and getattr(lose, name):
                setattr(keep, name, getattr(lose, name))
        keep.save(
            update_fields=[
                "first_name",
                "last_name",
                "phone",
                "street",
                "postcode",
                "city",
                "country",
                "birth_date",
            ]
        )
        history.record(keep, "merged", by=by, now=now, other=lose.pk)
        Contact.objects.filter(pk=lose.pk).delete()
