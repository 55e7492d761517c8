"""Two contacts of one organiser turn out to be one person: everything moves to the one that stays."""

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F, Func, QuerySet, UUIDField, Value

from ticketshop.exports.models import Job
from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail

from . import link_merging, locking, profile_fields
from .models import Contact

# Group -> the columns of a contact that a merge takes together, whole from one of the two.
GROUPS = profile_fields.groups()
_SHOWN = ("pk", "user_id", *(name for columns in GROUPS.values() for name in columns))


class CannotMerge(Exception):
    """Two contacts with two log-ins, of two organisers, one and the same, one that is gone, or one that was changed."""


def group_of(contact: Contact, group: str) -> dict:
    """Return the values of one group of columns; empty where the contact has none of them."""
    values = {name: getattr(contact, name) for name in GROUPS[group]}
    return values if any(values.values()) else {}


def differing_groups(one: Contact, other: Contact) -> list[str]:
    """Return the groups that both contacts have with different values: a merge keeps those of one of the two."""
    return [group for group in GROUPS if _differ(group_of(one, group), group_of(other, group))]


def _differ(mine: dict, theirs: dict) -> bool:
    if "email_key" in mine and "email_key" in theirs:
        return mine["email_key"] != theirs["email_key"]
    return bool(mine and theirs) and mine != theirs


def outcome(keep: Contact, lose: Contact, *, taken: Collection[str] = ()) -> dict:
    """Return what the contact that stays consists of after a merge: column name -> value.

    Each group of columns is that of ``keep``, or of ``lose`` where ``keep`` has none or ``taken`` names the group.
    """
    values: dict = {}
    for group, columns in GROUPS.items():
        mine, theirs = group_of(keep, group), group_of(lose, group)
        use_theirs = bool(theirs) and (not mine or group in taken)
        if mine and theirs and not _differ(mine, theirs):
            # The same twice. A proof of the e-mail address is a proof of the mailbox, whichever contact it stands on.
            use_theirs = group == "email" and not mine["email_verified_at"]
        source = lose if use_theirs else keep
        values |= {name: getattr(source, name) for name in columns}
    return values


def fingerprint(one: Contact, other: Contact) -> str:
    """Return a short text that changes when one of the two contacts, as a page shows them, has changed."""
    shown = sorted([[str(getattr(contact, name)) for name in _SHOWN] for contact in (one, other)])
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:20]


def merge(
    keep: Contact, lose: Contact, *, by, now: datetime, taken: Collection[str] = (), shown: str = ""
) -> None:
    """Point every row that names ``lose`` to ``keep`` and delete ``lose``; one transaction.

    ``keep`` becomes ``outcome(keep, lose, taken=taken)``. With ``shown`` (a ``fingerprint``) nothing happens unless the
    two are still as they were shown. Rooms above are reached through Django's relations: this room need not know what
    an order is. Raises CannotMerge.
    """
    if keep.pk == lose.pk or keep.organiser_id != lose.organiser_id:
        raise CannotMerge("the two must be different contacts of one organiser")
    with transaction.atomic():
        as_they_are = locking.hold_all([keep.pk, lose.pk])
        if len(as_they_are) < 2:
            raise CannotMerge("one of the two is gone: it was merged or erased in the meantime")
        if as_they_are[lose.pk].user_id is not None:
            raise CannotMerge("the contact that goes must not have a log-in")
        if shown and shown != fingerprint(as_they_are[keep.pk], as_they_are[lose.pk]):
            raise CannotMerge("one of the two was changed in the meantime")
        # Only now, when nobody who holds one of the two waits for the other: no new row may name who goes.
        Contact.objects.select_for_update().get(pk=lose.pk)
        link_merging.prepare(keep, lose, by=by, now=now)
        link_merging.end_managing(list(as_they_are.values()), by=by, now=now)
        _point_to(keep.pk, lose.pk)
        # Mails stand below this room and know a person by this alone.
        Mail.objects.filter(subject_uuid=lose.subject_uuid).update(subject_uuid=keep.subject_uuid)
        _rename_in_exports(keep, lose)
        stays, goes = as_they_are[keep.pk], as_they_are[lose.pk]
        for name, value in outcome(stays, goes, taken=taken).items():
            setattr(stays, name, value)
        _fill(stays, goes)
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


def _fill(stays: Contact, goes: Contact) -> None:
    """Write the contact that stays, with what the shop itself noted on either of the two."""
    # Who was kept out stays out.
    stays.blocked_at = stays.blocked_at or goes.blocked_at
    if goes.purge_after is None:
        # Only people nobody claimed are erased by themselves, and one of the two was known otherwise.
        stays.purge_after = None
    columns = [name for group in GROUPS.values() for name in group]
    stays.save(update_fields=[*columns, "blocked_at", "purge_after"])
