"""Two contacts of one organiser turn out to be one person: everything moves to the one that stays."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Func, QuerySet, UUIDField, Value

from ticketshop.exports.models import Job
from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.lib.text import normalise_email
from ticketshop.mail.models import Mail

from . import link_merging, locking
from .models import Contact

# Filled where the contact that stays has nothing.
FILLED = (
    "first_name",
    "last_name",
    "email",
    "phone",
    "street",
    "postcode",
    "city",
    "country",
    "birth_date",
    "language",
    # Who was kept out stays out.
    "blocked_at",
)


class CannotMerge(Exception):
    """Two contacts with two log-ins, of two organisers, one and the same, or one that is gone."""


def merge(keep: Contact, lose: Contact, *, by, now: datetime) -> None:
    """Point every row that names ``lose`` to ``keep`` and delete ``lose``; one transaction.

    Empty columns of ``keep`` are filled from ``lose``; nothing on it is overwritten. Rooms above are
    reached through Django's relations: this room need not know what an order is. Raises CannotMerge.
    """
    if keep.pk == lose.pk or keep.organiser_id != lose.organiser_id:
        raise CannotMerge("the two must be different contacts of one organiser")
    with transaction.atomic():
        as_they_are = locking.hold_all([keep.pk, lose.pk])
        if len(as_they_are) < 2:
            raise CannotMerge("one of the two is gone: it was merged or erased in the meantime")
        if as_they_are[lose.pk].user_id is not None:
            raise CannotMerge("the contact that goes must not have a log-in")
        # Only now, when nobody who holds one of the two waits for the other: no new row may name who goes.
        Contact.objects.select_for_update().get(pk=lose.pk)
        link_merging.prepare(keep, lose, by=by, now=now)
        _point_to(keep.pk, lose.pk)
        # Mails stand below this room and know a person by this alone.
        Mail.objects.filter(subject_uuid=lose.subject_uuid).update(subject_uuid=keep.subject_uuid)
        _rename_in_exports(keep, lose)
        _fill(as_they_are[keep.pk], as_they_are[lose.pk])
        history.record(keep, "merged", by=by, now=now, other=lose.pk)
        Contact.objects.filter(pk=lose.pk).delete()
    keep.refresh_from_db()


def events_of(contact: Contact) -> QuerySet[Event]:
    """What happened to a contact, and to those that were joined to it, newest first."""
    joined, new = {contact.pk}, {contact.pk}
    while new:
        merges = history.of(contact, also=joined - {contact.pk}).filter(action="merged")
        new = set(merges.values_list("details__other", flat=True)) - joined
        joined |= new
    return history.of(contact, also=joined - {contact.pk})


def relations() -> list:
    """Every relation by which a row of any room names a contact, those without a name backwards included."""
    fields = Contact._meta.get_fields(include_hidden=True)
    return [relation for relation in fields if relation.auto_created and not relation.concrete]


def _point_to(keep_id: int, lose_id: int) -> None:
    for relation in relations():
        name = relation.field.name
        relation.related_model._base_manager.filter(**{name: lose_id}).update(**{name: keep_id})


def _rename_in_exports(keep: Contact, lose: Contact) -> None:
    """Whoever asks which lists name a person finds those of before too."""
    replaced = Func(
        F("subjects"),
        Value(lose.subject_uuid, output_field=UUIDField()),
        Value(keep.subject_uuid, output_field=UUIDField()),
        function="array_replace",
    )
    Job.objects.filter(subjects__contains=[lose.subject_uuid]).update(subjects=replaced)


def _fill(keep: Contact, lose: Contact) -> None:
    for name in FILLED:
        if not getattr(keep, name) and getattr(lose, name):
            setattr(keep, name, getattr(lose, name))
    keep.email_key = normalise_email(keep.email or "")
    if lose.purge_after is None:
        # Only people nobody claimed are erased by themselves, and one of the two was known otherwise.
        keep.purge_after = None
    keep.save(update_fields=[*FILLED, "email_key", "purge_after"])
