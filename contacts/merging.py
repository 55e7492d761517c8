"""Merge two contacts of one organiser that are the same person: all rows of one are pointed to the other.

In this module ``keep`` is the contact that stays, ``lose`` the contact that is deleted.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F, Func, QuerySet, UUIDField, Value

from ticketshop.exports.models import Job
from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail

from . import locking, profile_fields
from .linking import link_merging
from .models import Contact

# Group -> the columns of a contact that a merge takes together, whole from one of the two.
GROUPS = profile_fields.groups()
_SHOWN = ("pk", "user_id", *(name for columns in GROUPS.values() for name in columns))


class CannotMerge(Exception):
    """Two contacts can't be merged: the same one twice, of two organisers, gone, changed, or ``lose`` has a log-in."""


def group_of(contact: Contact, group: str) -> dict:
    """Return column -> value of one group of columns; {} if all of them are empty."""
    values = {name: getattr(contact, name) for name in GROUPS[group]}
    return values if any(values.values()) else {}


def differing_groups(one: Contact, other: Contact) -> list[str]:
    """Return the groups in which both contacts have values, and different ones: a merge keeps those of one of the two."""
    return [group for group in GROUPS if _differ(group_of(one, group), group_of(other, group))]


def _differ(mine: dict, theirs: dict) -> bool:
    if "email_key" in mine and "email_key" in theirs:
        return mine["email_key"] != theirs["email_key"]
    return bool(mine and theirs) and mine != theirs


def outcome(keep: Contact, lose: Contact, *, taken: Collection[str] = ()) -> dict:
    """Return column -> value of the contact that stays, as it is after a merge.

    Each group of columns is that of ``keep``; that of ``lose`` if ``keep`` has none, or if ``taken`` names the group.
    """
    values: dict = {}
    for group, columns in GROUPS.items():
        mine, theirs = group_of(keep, group), group_of(lose, group)
        use_theirs = bool(theirs) and (not mine or group in taken)
        if mine and theirs and not _differ(mine, theirs):
            # Equal values. The proof of an e-mail address is taken from either contact: it proves the mailbox.
            use_theirs = group == "email" and not mine["email_verified_at"]
        source = lose if use_theirs else keep
        values |= {name: getattr(source, name) for name in columns}
    return values


def fingerprint(one: Contact, other: Contact) -> str:
    """Return 20 hex digits that change when one of the two contacts changes. The order of the two has no influence.

    A page puts it into its form, so that a merge is refused if a contact has changed since the page was drawn.
    """
    shown = sorted([[str(getattr(contact, name)) for name in _SHOWN] for contact in (one, other)])
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:20]


def merge(
    keep: Contact, lose: Contact, *, by, now: datetime, taken: Collection[str] = (), shown: str = ""
) -> None:
    """Point every row with a key to ``lose`` to ``keep``, and delete ``lose``; in one transaction.

    ``keep`` becomes ``outcome(keep, lose, taken=taken)``. ``shown`` is a ``fingerprint``: with it, nothing happens if one
    of the two has changed since. Models of other packages are found through Django's relations, so this package need not
    import them. Raises CannotMerge.
    """
    if keep.pk == lose.pk or keep.organiser_id != lose.organiser_id:
        raise CannotMerge("the two must be different contacts of one organiser")
    with transaction.atomic():
        locked = locking.lock_all([keep.pk, lose.pk])
        if len(locked) < 2:
            raise CannotMerge("one of the two is gone: it was merged or erased in the meantime")
        if locked[lose.pk].user_id is not None:
            raise CannotMerge("the contact that goes must not have a log-in")
        if shown and shown != fingerprint(locked[keep.pk], locked[lose.pk]):
            raise CannotMerge("one of the two was changed in the meantime")
        # Lock the key as well (FOR UPDATE): no new row may point to the contact that is deleted. After the locks above,
        # because a transaction that inserts such a row may have locked one of the two and wait for the other.
        Contact.objects.select_for_update().get(pk=lose.pk)
        link_merging.prepare(keep, lose, by=by, now=now)
        link_merging.end_managing(list(locked.values()), by=by, now=now)
        _point_to(keep.pk, lose.pk)
        # A mail has no key to a contact, only its subject_uuid.
        Mail.objects.filter(subject_uuid=lose.subject_uuid).update(subject_uuid=keep.subject_uuid)
        _rename_in_exports(keep, lose)
        stays, goes = locked[keep.pk], locked[lose.pk]
        for name, value in outcome(stays, goes, taken=taken).items():
            setattr(stays, name, value)
        _write_outcome(stays, goes)
        history.record(keep, "merged", by=by, now=now, other=lose.pk)
        Contact.objects.filter(pk=lose.pk).delete()
    keep.refresh_from_db()


def events_of(contact: Contact) -> QuerySet[Event]:
    """Return the history records of a contact and of all contacts that were merged into it, newest first."""
    joined, new = {contact.pk}, {contact.pk}
    while new:
        merges = history.of(contact, also=joined - {contact.pk}).filter(action="merged")
        new = set(merges.values_list("details__other", flat=True)) - joined
        joined |= new
    return history.of(contact, also=joined - {contact.pk})


def relations() -> list:
    """Return every relation from a model of any package to ``Contact``, also those with ``related_name="+"``."""
    fields = Contact._meta.get_fields(include_hidden=True)
    return [relation for relation in fields if relation.auto_created and not relation.concrete]


def _point_to(keep_id: int, lose_id: int) -> None:
    for relation in relations():
        name = relation.field.name
        relation.related_model._base_manager.filter(**{name: lose_id}).update(**{name: keep_id})


def _rename_in_exports(keep: Contact, lose: Contact) -> None:
    """Replace the ``subject_uuid`` in exports: the files that contain the person are still found by it."""
    replaced = Func(
        F("subjects"),
        Value(lose.subject_uuid, output_field=UUIDField()),
        Value(keep.subject_uuid, output_field=UUIDField()),
        function="array_replace",
    )
    Job.objects.filter(subjects__contains=[lose.subject_uuid]).update(subjects=replaced)


def _write_outcome(stays: Contact, goes: Contact) -> None:
    """Save the contact that stays, with the block and the purge date that follow from both contacts."""
    # A block of either contact is a block of the person.
    stays.blocked_at = stays.blocked_at or goes.blocked_at
    if goes.purge_after is None:
        # One of the two was not only added by a visitor: the person is not erased automatically.
        stays.purge_after = None
    columns = [name for group in GROUPS.values() for name in group]
    stays.save(update_fields=[*columns, "blocked_at", "purge_after"])
