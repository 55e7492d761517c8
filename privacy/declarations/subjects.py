"""Whose rows are whose: a person, and the rows of every model that its declaration leads to."""

import uuid
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Q, QuerySet

from contacts import link_mail
from contacts.models import Contact
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
from ticketshop.lib.text import normalise_email
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffMembership
from ticketshop.organisers.permissions import within

from . import registry

User = get_user_model()


@dataclass(frozen=True)
class Subject:
    """A person as one organiser knows them, and their log-in."""

    contact_id: int
    subject_uuid: uuid.UUID
    organiser_id: int
    addresses: tuple[str, ...] = ()
    user_id: int | None = None
    # Staff, or a customer of another organiser too, keep the log-in.
    user_goes: bool = False
    is_staff: bool = False


def who(contact: Contact) -> Subject:
    """``contact`` as the rows of all rooms know them; three queries for one with a log-in."""
    user = contact.user
    staff = user is not None and (user.is_superuser or StaffMembership.objects.filter(user=user.pk).exists())
    elsewhere = user is not None and Contact.objects.filter(user=user.pk).exclude(pk=contact.pk).exists()
    return Subject(
        contact_id=contact.pk,
        subject_uuid=contact.subject_uuid,
        organiser_id=contact.organiser_id,
        addresses=_addresses(contact),
        user_id=user.pk if user else None,
        user_goes=user is not None and not staff and not elsewhere,
        is_staff=staff,
    )


def _addresses(contact: Contact) -> tuple[str, ...]:
    """The person's addresses, and earlier ones they were written to or noted; not such as are somebody else's now."""
    now = {normalise_email(one) for one in (contact.email, contact.user and contact.user.email) if one}
    written_to = (
        Mail.objects.filter(subject_uuid=contact.subject_uuid).exclude(recipient="").values("recipient")
    )
    noted = EmailAddress.objects.filter(user=contact.user_id).values("email") if contact.user_id else None
    found = written_to.union(noted) if noted is not None else written_to.distinct()
    earlier = {normalise_email(one) for row in found for one in row.values()} - now - {""}
    if earlier:
        contacts = Contact.objects.known().filter(organiser=contact.organiser_id, email_key__in=earlier)
        theirs = contacts.exclude(pk=contact.pk).values_list("email_key")
        log_ins = User.objects.filter(email__in=earlier).exclude(pk=contact.user_id).values_list("email")
        earlier -= {address for (address,) in theirs.union(log_ins)}
    return tuple(sorted(now | earlier))


def models_with_people() -> list[type[models.Model]]:
    """Every model with rows of a person, those whose path to the person is longest first.

    In this order each path still leads to the person when its rows' turn comes; the contact comes after all
    that lead to it, and the log-in last.
    """
    found = [model for model in registry.census() if registry.declaration(model).subject]
    return sorted(found, key=lambda model: (-_length(model), model._meta.label))


def _length(model) -> int:
    said = registry.declaration(model)
    if said.person is not None:
        return -1 if said.person == CONTACT else -2
    return max(path.count("__") for path in said.subject)


def rows(model: type[models.Model], subject: Subject) -> QuerySet:
    """The rows of ``model`` that are the person's.

    Several paths are found one by one and put together: of conditions on several tables joined by OR
    PostgreSQL would read the whole of each.
    """
    paths = registry.declaration(model).subject.items()
    first, *more = [
        model._base_manager.filter(_at(model, path, kind, subject))
        for path, kind in paths
        if not isinstance(kind, KeepRow)
    ]
    if not more:
        return first
    either = first.values("pk").union(*(rows.values("pk") for rows in more))
    return model._base_manager.filter(pk__in=either)


def rows_that_stay(model: type[models.Model], subject: Subject) -> list[tuple[str, Basis, QuerySet]]:
    """(path, basis, rows) for rows that are about the person and stay when they are erased."""
    return [
        (path, kind.basis, model._base_manager.filter(_at(model, path, kind.kind, subject)))
        for path, kind in registry.declaration(model).subject.items()
        if isinstance(kind, KeepRow)
    ]


def _at(model, path: str, kind, subject: Subject) -> Q:
    if isinstance(kind, Unless):
        return _at(model, path, kind.kind, subject) & Q(**{f"{kind.path}__isnull": True})
    lookup = path.removesuffix("__pk")
    match kind:
        case str() if kind == CONTACT:
            return Q(**{lookup: subject.contact_id})
        case str() if kind == SUBJECT_UUID:
            return Q(**{lookup: subject.subject_uuid})
        case str() if kind == SUBJECT_UUIDS:
            return Q(**{f"{lookup}__contains": [subject.subject_uuid]})
        case str() if kind == ADDRESS:
            return _of_addresses(model, lookup, subject)
        case str() if kind == ADDRESS_HASH:
            hashes = [link_mail.address_hash(address) for address in subject.addresses]
            return Q(**{f"{lookup}__in": hashes}) & _where_log_in_ends(model, subject)
    mine = Q(pk__in=[]) if subject.user_id is None else Q(**{lookup: subject.user_id})
    if kind == LOG_IN_SESSION or subject.user_id is None:
        return mine
    ends = _where_log_in_ends(model, subject)
    return mine & (ends | kind.always) if isinstance(kind, LogInRows) else mine & ends


def _of_addresses(model, lookup: str, subject: Subject) -> Q:
    found = Q(pk__in=[])
    for address in subject.addresses:
        found |= Q(**{f"{lookup}__iexact": address})
    return found & _where_log_in_ends(model, subject)


def _where_log_in_ends(model, subject: Subject) -> Q:
    """Rows named by a log-in or an address alone: this organiser's, and the installation's if the log-in goes."""
    path = getattr(model, "organiser_path", None)
    if path is None:
        return Q() if subject.user_goes else Q(pk__in=[])
    here = Q(**{path: subject.organiser_id})
    return here | Q(**{f"{path}__isnull": True}) if subject.user_goes else here


def written_by(model: type[models.Model], column: str, subject: Subject) -> QuerySet:
    """The rows of this organiser that name the person's log-in as author in ``column``."""
    if subject.user_id is None or subject.is_staff:
        return model._base_manager.none()
    found = model._base_manager.filter(**{column: subject.user_id})
    return found if subject.user_goes else within(found, {subject.organiser_id})
