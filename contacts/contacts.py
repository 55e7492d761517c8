"""Verbs of contacts: make one, find the one an order belongs to, change it."""

from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from ticketshop.history import history
from ticketshop.lib import references
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.text import normalise_email, normalise_line
from ticketshop.organisers.models import Organiser

from . import locking, names, profile_fields
from .models import Contact

# The columns a person, or staff, may change; the shop itself writes all others.
EDITABLE = ("kind", *profile_fields.NAMES)


def create(*, organiser: Organiser, via: str, now: datetime, by=None, **values) -> Contact:
    """A new contact with a random readable number. ``values`` are columns of ``EDITABLE`` and ``user``."""
    contact = Contact(
        organiser=organiser, created_via=via, created_at=now, number=references.readable(), **values
    )
    _normalise(contact)
    try:
        with transaction.atomic():
            contact.save(force_insert=True)
    except IntegrityError as error:
        if violated_constraint(error) != "contact_number_once":
            raise
        contact.number = references.readable(10)
        contact.save(force_insert=True)
    history.record(contact, "created", by=by, now=now, via=via)
    return contact


def create_if(needed: bool, *, organiser: Organiser, via: str, now: datetime, **values) -> Contact | None:
    """As ``create`` where ``needed``; else the same statement that inserts nothing, and None.

    So a page that must not tell whether somebody is known takes the same path either way. The caller
    writes the history.
    """
    contact = Contact(
        organiser=organiser, created_via=via, created_at=now, number=references.readable(10), **values
    )
    _normalise(contact)
    columns = [
        column for column in Contact._meta.concrete_fields if not (column.primary_key or column.generated)
    ]
    names_sql = ", ".join(connection.ops.quote_name(str(column.column)) for column in columns)
    bound = [column.get_db_prep_save(getattr(contact, column.attname), connection) for column in columns]
    with connection.cursor() as cursor:
        types = [column.db_type(connection) for column in columns]
        marks = ", ".join(f"%s::{kind}" for kind in types)
        # Column names and types are those of our own model, the values are bound.
        cursor.execute(
            f"INSERT INTO contacts_contact ({names_sql}) SELECT {marks} WHERE %s RETURNING id",
            [*bound, needed],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    contact.pk = row[0]
    contact._state.adding = False
    return contact


def change(contact: Contact, values: dict, *, by, now: datetime) -> list[str]:
    """Set columns of ``EDITABLE``; the history names the changed columns, never a value. Returns their names.

    Another e-mail address is proved only if the contact's log-in has proved it. Raises locking.Gone for a contact that
    is being erased: nothing may be written on it any more.
    """
    if unknown := set(values) - set(EDITABLE):
        raise ValueError(f"{sorted(unknown)} are not columns a person may change")
    with transaction.atomic():
        held = locking.hold(contact.pk)
        before, key_before = {name: getattr(held, name) for name in values}, held.email_key
        for name, value in values.items():
            setattr(held, name, value)
        _normalise(held)
        changed = sorted(name for name, old in before.items() if getattr(held, name) != old)
        of_address = ("email_key", "email_verified_at", "email_kept")
        if held.email_key != key_before:
            proved = held.user is not None and held.user.email == held.email_key
            held.email_verified_at, held.email_kept = (now if proved else None), False
        if changed:
            held.save(update_fields=[*changed, *of_address])
            history.record(held, "changed", by=by, now=now, columns=changed)
    for name in (*values, *of_address):
        setattr(contact, name, getattr(held, name))
    return changed


def keep_email(contact: Contact) -> None:
    """Note that the person wants e-mails at another address than the one they log in with: they are not asked again."""
    with transaction.atomic():
        locking.hold(contact.pk)
        Contact.objects.filter(pk=contact.pk).update(email_kept=True)


def ask_about_email(user) -> None:
    """Ask the person at each organiser where it writes to: the address they log in with is another one now."""
    Contact.objects.known().filter(user=user).update(email_kept=False)


def block(contact: Contact, *, by, now: datetime) -> bool:
    """Keep a contact out of friends and family, both ways; False if it is blocked already."""
    return _set_blocked(contact, now, "blocked", by=by, now=now)


def unblock(contact: Contact, *, by, now: datetime) -> bool:
    """Take the block back; False if there is none."""
    return _set_blocked(contact, None, "unblocked", by=by, now=now)


def _set_blocked(contact: Contact, since: datetime | None, action: str, *, by, now: datetime) -> bool:
    with transaction.atomic():
        locking.hold(contact.pk)
        as_it_is = Contact.objects.filter(pk=contact.pk, blocked_at__isnull=since is not None)
        if not as_it_is.update(blocked_at=since):
            return False
        history.record(contact, action, by=by, now=now)
    contact.blocked_at = since
    return True


def for_user(organiser: Organiser, user, *, language: str, now: datetime) -> Contact:
    """The contact of a signed-in user at ``organiser``, made on first use; one per user whatever happens at once."""
    found = Contact.objects.filter(organiser=organiser, user=user).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return create(
                organiser=organiser,
                via=Contact.CreatedVia.ACCOUNT,
                now=now,
                by=user,
                user=user,
                email=user.email,
                language=language,
                email_verified_at=now,
                claimed_at=now,
            )
    except IntegrityError:
        if made := Contact.objects.filter(organiser=organiser, user=user).first():
            return made
        # The log-in was erased a moment ago.
        raise


def for_guest(
    organiser: Organiser, *, email: str, first_name: str, last_name: str, language: str, now: datetime
) -> Contact:
    """Return the contact that an order of a guest belongs to, locked. Call within a transaction.

    The unclaimed contact with the same address whose name matches is reused and nothing on it is
    overwritten; otherwise a new one is made. Where several match (Anna for Anna Maria and Anna Sophie), the one whose
    name is equal; if none is, nobody can tell who is meant. A contact that has a log-in is never touched.
    """
    key = normalise_email(email)
    lock_address(organiser.pk, key)
    candidates = unclaimed(organiser, key).select_for_update(no_key=True).order_by("pk")
    typed = (first_name, last_name)
    matching = [one for one in candidates if names.same_person(*typed, one.first_name, one.last_name)]
    equal = [one for one in matching if names.same_name(*typed, one.first_name, one.last_name)]
    if known := equal or (matching if len(matching) == 1 else []):
        return known[0]
    return create(
        organiser=organiser,
        via=Contact.CreatedVia.GUEST_ORDER,
        now=now,
        email=email,
        first_name=first_name,
        last_name=last_name,
        language=language,
    )


def unclaimed(organiser: Organiser, email_key: str) -> QuerySet[Contact]:
    """The contacts without a log-in that have this normalised address."""
    if not email_key:
        return Contact.objects.none()
    return Contact.objects.known().filter(
        organiser=organiser, email_key=email_key, user=None, kind=Contact.Kind.INDIVIDUAL
    )


def lock_address(organiser_id: int, key: str) -> None:
    """Until the end of the caller's transaction nobody else makes a contact for this address.

    The same stranger ordering, or being added, twice at once is one person: the second waits for the first.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [key, organiser_id])


def _normalise(contact: Contact) -> None:
    for field in profile_fields.FIELDS:
        if field.one_line:
            setattr(contact, field.name, normalise_line(getattr(contact, field.name) or ""))
    contact.email_key = normalise_email(contact.email or "")
    contact.email = contact.email_key or None
