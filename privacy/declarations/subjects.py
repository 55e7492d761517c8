"""The subject of an erasure or a copy, and the rows of each model that are about the subject."""

import uuid
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet

from contacts.linking import link_mail
from contacts.models import Contact
from ticketshop.lib.database.json import ToJson
from ticketshop.lib.personal import (
    ADDRESS,
    ADDRESS_HASH,
    CONTACT,
    LOG_IN_SESSION,
    SUBJECT_UUID,
    SUBJECT_UUIDS,
    Basis,
    KeepRow,
    LogInRows,
    Unless,
)
from ticketshop.lib.values.text import normalise_email
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffMembership
from ticketshop.organisers.permissions import within

from . import registry

User = get_user_model()


@dataclass(frozen=True)
class Subject:
    """A person as one organiser knows them: the contact, the e-mail addresses, and the log-in."""

    contact_id: int
    subject_uuid: uuid.UUID
    organiser_id: int
    addresses: tuple[str, ...] = ()
    # ``link_mail.address_hash`` of each address.
    address_hashes: tuple[bytes, ...] = ()
    user_id: int | None = None
    # Whether an erasure deletes the log-in: not of staff, nor of a customer of another organiser.
    user_goes: bool = False
    is_staff: bool = False


def subject_of(contact: Contact) -> Subject:
    """Return the subject of ``contact``; at most three queries more than those for the addresses."""
    user = contact.user
    staff = user is not None and (user.is_superuser or StaffMembership.objects.filter(user=user.pk).exists())
    elsewhere = user is not None and Contact.objects.filter(user=user.pk).exclude(pk=contact.pk).exists()
    addresses = _addresses(contact)
    return Subject(
        contact_id=contact.pk,
        subject_uuid=contact.subject_uuid,
        organiser_id=contact.organiser_id,
        addresses=addresses,
        address_hashes=tuple(map(link_mail.address_hash, addresses)),
        user_id=user.pk if user else None,
        user_goes=user is not None and not staff and not elsewhere,
        is_staff=staff,
    )


def _addresses(contact: Contact) -> tuple[str, ...]:
    """Return the e-mail addresses of a person, in their stored form and sorted.

    Also earlier ones: those to which mails were sent, and those noted with the log-in. Not if another contact of the
    organiser or another log-in has the address now.
    """
    current = {
        normalise_email(email) for email in (contact.email, contact.user and contact.user.email) if email
    }
    recipients = (
        Mail.objects.filter(subject_uuid=contact.subject_uuid).exclude(recipient="").values("recipient")
    )
    noted = EmailAddress.objects.filter(user=contact.user_id).values("email") if contact.user_id else None
    rows = recipients.union(noted) if noted is not None else recipients.distinct()
    earlier = {normalise_email(email) for row in rows for email in row.values()} - current - {""}
    if earlier:
        contacts = Contact.objects.known().filter(organiser=contact.organiser_id, email_key__in=earlier)
        of_others = contacts.exclude(pk=contact.pk).values_list("email_key")
        log_ins = User.objects.filter(email__in=earlier).exclude(pk=contact.user_id).values_list("email")
        earlier -= {address for (address,) in of_others.union(log_ins)}
    return tuple(sorted(current | earlier))


def models_with_people() -> list[type[models.Model]]:
    """Return the models with a ``subject``, those with the longest path first, then the contact, and the log-in last.

    If rows are erased in this order, each path still leads to the person when it is needed.
    """
    with_subject = [model for model in registry.installed_models() if registry.declaration(model).subject]
    return sorted(with_subject, key=lambda model: (-_length(model), model._meta.label))


def _length(model) -> int:
    declaration = registry.declaration(model)
    if declaration.person is not None:
        return -1 if declaration.person == CONTACT else -2
    return max(path.count("__") for path in declaration.subject)


def rows(model: type[models.Model], subject: Subject) -> QuerySet:
    """Return the rows of ``model`` that are the subject's, without those of ``KeepRow``.

    Each path is a separate query, joined by UNION: for an OR over several tables PostgreSQL would read all rows of each.
    """
    paths = registry.declaration(model).subject.items()
    first, *more = [
        model._base_manager.filter(_at(model, path, kind, subject) & _has_key(model, path))
        for path, kind in paths
        if not isinstance(kind, KeepRow)
    ]
    if not more:
        return first
    either = first.values("pk").union(*(rows.values("pk") for rows in more))
    return model._base_manager.filter(pk__in=either)


def _has_key(model: type[models.Model], path: str) -> Q:
    """Return, for a path into a JSON column of the model, the condition that it has the key. No other row can be the subject's; but
    PostgreSQL uses an index of the rows with a key only if the query names it.
    """
    column, *keys = path.split("__")
    in_json = isinstance(registry.end_of(model, column), models.JSONField)
    return Q(**{f"{column}__has_key": keys[0]}) if in_json and keys else Q()


def kept_rows(model: type[models.Model], subject: Subject) -> list[tuple[str, Basis, QuerySet]]:
    """Return (path, basis, rows) for the rows about the subject that an erasure leaves as they are (``KeepRow``)."""
    return [
        (path, kind.basis, model._base_manager.filter(_at(model, path, kind.kind, subject)))
        for path, kind in registry.declaration(model).subject.items()
        if isinstance(kind, KeepRow)
    ]


def _at(model, path: str, kind, subject: Subject) -> Q:
    """Return the condition for rows whose ``path`` leads to the subject."""
    if isinstance(kind, Unless):
        nobody_else = Q(**{f"{other}__isnull": True for other in kind.paths})
        return _at(model, path, kind.kind, subject) & nobody_else
    lookup = path.removesuffix("__pk")
    match kind:
        case str() if kind == CONTACT:
            return _equals(model, lookup, subject.contact_id)
        case str() if kind == SUBJECT_UUID:
            return _equals(model, lookup, subject.subject_uuid)
        case str() if kind == SUBJECT_UUIDS:
            return Q(**{f"{lookup}__contains": [subject.subject_uuid]})
        case str() if kind == ADDRESS:
            return _of_addresses(model, lookup, subject)
        case str() if kind == ADDRESS_HASH:
            return Q(**{f"{lookup}__in": subject.address_hashes}) & _where_log_in_ends(model, subject)
    of_log_in = Q(pk__in=[]) if subject.user_id is None else _equals(model, lookup, subject.user_id)
    if kind == LOG_IN_SESSION or subject.user_id is None:
        return of_log_in
    erased = _where_log_in_ends(model, subject)
    return of_log_in & (erased | kind.always) if isinstance(kind, LogInRows) else of_log_in & erased


def _equals(model, lookup: str, value: int | uuid.UUID) -> Q:
    in_json = isinstance(registry.end_of(model, lookup), models.JSONField)
    return Q(**{lookup: ToJson(value) if in_json else value})


def _of_addresses(model, lookup: str, subject: Subject) -> Q:
    condition = Q(pk__in=[])
    for address in subject.addresses:
        condition |= Q(**{f"{lookup}__iexact": address})
    return condition & _where_log_in_ends(model, subject)


def _where_log_in_ends(model, subject: Subject) -> Q:
    """Return the condition for rows that name only a log-in or an e-mail address: which of them an erasure may touch.

    Those of the subject's organiser; if the log-in is deleted, those of no organiser too.
    """
    path = getattr(model, "organiser_path", None)
    if path is None:
        return Q() if subject.user_goes else Q(pk__in=[])
    of_organiser = Q(**{path: subject.organiser_id})
    return of_organiser | Q(**{f"{path}__isnull": True}) if subject.user_goes else of_organiser


def written_by(model: type[models.Model], column: str, subject: Subject) -> QuerySet:
    """Return the rows whose key ``column`` (strategy ``Author``) names the subject's log-in; none for staff.

    Of the subject's organiser only, unless the log-in is deleted.
    """
    if subject.user_id is None or subject.is_staff:
        return model._base_manager.none()
    authored = model._base_manager.filter(**{column: subject.user_id})
    return authored if subject.user_goes else within(authored, {subject.organiser_id})
