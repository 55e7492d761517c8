"""Create, find and change contacts. Every change is locked, normalised and written to the history here."""

from collections.abc import Sequence
from datetime import datetime

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from ticketshop.history import history
from ticketshop.history.models import Event
from ticketshop.lib.database import writing
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.prepared import prepared_cursor
from ticketshop.lib.values import references
from ticketshop.lib.values.text import normalise_email, normalise_line
from ticketshop.organisers.models import Organiser

from . import locking, names, profile_fields
from .models import Contact

# The columns a person, or staff, may change; the shop itself writes all others.
EDITABLE = ("kind", *profile_fields.NAMES)
# The constraint that a new contact of ``for_guest`` may violate.
NUMBER_ONCE = "contact_number_once"


def create(*, organiser: Organiser, via: str, now: datetime, by=None, **values) -> Contact:
    """Create a contact with a random readable number, and return it.

    ``via`` is a ``Contact.CreatedVia``; ``values`` are columns of ``EDITABLE``, ``user`` and what the shop sets itself.
    """
    contact = _new(organiser, via, now, **values)
    while not writing.insert_unless(contact, "organiser", "number"):
        # Another contact has this random number: a longer one is taken.
        contact.number = references.readable(10)
    writing.insert(records_of_new(contact, by=by, now=now))
    return contact


def records_of_new(contact: Contact, *, now: datetime, by=None, changed: Sequence[str] = ()) -> list[Event]:
    """Return the unsaved history records of a new contact, which has its primary key: that it was created, and ``changed``."""
    created = history.new(contact, "created", by=by, now=now, via=contact.created_via)
    return [created, *([_changed(contact, changed, by=by, now=now)] if changed else [])]


def _changed(contact: Contact, columns: Sequence[str], *, by, now: datetime) -> Event:
    return history.new(contact, "changed", by=by, now=now, columns=list(columns))


def _new(organiser: Organiser, via: str, now: datetime, **values) -> Contact:
    contact = Contact(
        organiser=organiser, created_via=via, created_at=now, number=references.readable(), **values
    )
    _normalise(contact)
    return contact


def create_if(needed: bool, *, organiser: Organiser, via: str, now: datetime, **values) -> Contact | None:
    """Create a contact if ``needed``, else return None; the same SQL statement runs in both cases.

    For pages whose duration must not show whether a person is known. The caller writes the history record.
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
        # Safe: names and types of columns are those of the model, values are bound.
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
    """Set columns of ``EDITABLE`` on a contact. Return the sorted names of those that changed.

    The history record names these columns, never a value. A new e-mail address counts as proved only if it is the
    address of the contact's log-in. ``contact`` is updated. Raises locking.Gone if the contact is being erased.

    A new contact that is not inserted yet (see ``for_guest``) is changed in memory only; ``records_of_new`` makes the record.
    """
    if unknown := set(values) - set(EDITABLE):
        raise ValueError(f"{sorted(unknown)} are not columns a person may change")
    if contact._state.adding:
        for name, value in values.items():
            setattr(contact, name, value)
        _normalise(contact)
        return sorted(values)
    with transaction.atomic():
        locked = locking.lock(contact.pk)
        before, key_before = {name: getattr(locked, name) for name in values}, locked.email_key
        for name, value in values.items():
            setattr(locked, name, value)
        _normalise(locked)
        changed = sorted(name for name, old in before.items() if getattr(locked, name) != old)
        of_address = ("email_key", "email_verified_at", "email_kept")
        if locked.email_key != key_before:
            proved = locked.user is not None and locked.user.email == locked.email_key
            locked.email_verified_at, locked.email_kept = (now if proved else None), False
        if changed:
            locked.save(update_fields=[*changed, *of_address])
            writing.insert([_changed(locked, changed, by=by, now=now)])
    for name in (*values, *of_address):
        setattr(contact, name, getattr(locked, name))
    return changed


def keep_email(contact: Contact) -> None:
    """Note that the person wants e-mails at another address than that of the log-in, and is not asked again."""
    with transaction.atomic():
        locking.lock(contact.pk)
        Contact.objects.filter(pk=contact.pk).update(email_kept=True)


def ask_about_email(user) -> None:
    """Let the pages of every organiser ask again which address to write to: that of the log-in has changed."""
    Contact.objects.known().filter(user=user).update(email_kept=False)


def block(contact: Contact, *, by, now: datetime) -> bool:
    """Block a contact: it can't add people to friends and family, nor be added. Return False if it was blocked before."""
    return _set_blocked(contact, now, "blocked", by=by, now=now)


def unblock(contact: Contact, *, by, now: datetime) -> bool:
    """Remove the block. Return False if there is none."""
    return _set_blocked(contact, None, "unblocked", by=by, now=now)


def _set_blocked(contact: Contact, since: datetime | None, action: str, *, by, now: datetime) -> bool:
    with transaction.atomic():
        locking.lock(contact.pk)
        to_change = Contact.objects.filter(pk=contact.pk, blocked_at__isnull=since is not None)
        if not to_change.update(blocked_at=since):
            return False
        history.record(contact, action, by=by, now=now)
    contact.blocked_at = since
    return True


_OF_USER = Compiled(
    lambda: Contact.objects.filter(organiser=Parameter("organiser"), user=Parameter("user")).order_by("pk")
)


def for_user(organiser: Organiser, user, *, language: str, now: datetime) -> Contact:
    """Return the contact of a logged-in user at ``organiser``; create it on the first call.

    There is one per user, also when several requests call this at once.
    """
    contact = _OF_USER.first(organiser=organiser.pk, user=user.pk)
    if contact is not None:
        return contact
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
        if contact := _OF_USER.first(organiser=organiser.pk, user=user.pk):
            return contact
        # The log-in was erased meanwhile.
        raise


_UNCLAIMED = Compiled(
    lambda: _unclaimed(Parameter("organiser"), Parameter("key")).select_for_update(no_key=True).order_by("pk")
)


def for_guest(
    organiser: Organiser, *, email: str, first_name: str, last_name: str, language: str, now: datetime
) -> Contact:
    """Return the contact that an order of a guest belongs to, locked. Call within a transaction.

    A new one is not inserted yet: the caller inserts it together with its order and with ``records_of_new``. A
    violation of the constraint NUMBER_ONCE then means that another contact has the same random number: try again.

    It is the contact without a log-in that has the same e-mail address and a matching name; nothing on it is
    overwritten. If several match (Anna for Anna Maria and Anna Sophie), it is the one whose name is equal. If there is
    none, or still more than one, a new contact is returned. A contact with a log-in is never used: an e-mail address
    typed by a guest proves nothing.
    """
    key = normalise_email(email)
    lock_address(organiser.pk, key)
    candidates = _UNCLAIMED.all(organiser=organiser.pk, key=key) if key else []
    typed = (first_name, last_name)
    matching = [
        contact for contact in candidates if names.same_person(*typed, contact.first_name, contact.last_name)
    ]
    equal = [
        contact for contact in matching if names.same_name(*typed, contact.first_name, contact.last_name)
    ]
    if known := equal or (matching if len(matching) == 1 else []):
        return known[0]
    return _new(
        organiser,
        Contact.CreatedVia.GUEST_ORDER,
        now,
        email=email,
        first_name=first_name,
        last_name=last_name,
        language=language,
    )


def entered_at_counter(
    organiser: Organiser,
    *,
    email: str,
    first_name: str,
    last_name: str,
    phone: str,
    language: str,
    by,
    now: datetime,
) -> Contact:
    """Return the contact of a person whom staff enter with an order. Call within a transaction.

    With an e-mail address it is the contact that ``for_guest`` returns, else a new one. A new one is not inserted yet, as there. The phone
    number is written where the contact has none.
    """
    if email:
        names = {"first_name": first_name, "last_name": last_name}
        contact = for_guest(organiser, email=email, **names, language=language, now=now)
    else:
        names = {"first_name": first_name, "last_name": last_name}
        contact = _new(organiser, Contact.CreatedVia.BACK_OFFICE, now, **names, language=language)
    if contact._state.adding:
        contact.created_via = Contact.CreatedVia.BACK_OFFICE
    if phone and not contact.phone:
        change(contact, {"phone": phone}, by=by, now=now)
    return contact


def unclaimed(organiser: Organiser, email_key: str) -> QuerySet[Contact]:
    """Return the contacts of persons that have this normalised e-mail address and no log-in; none for ""."""
    return _unclaimed(organiser, email_key) if email_key else Contact.objects.none()


def _unclaimed(organiser, email_key) -> QuerySet[Contact]:
    return Contact.objects.known().filter(
        organiser=organiser, email_key=email_key, user=None, kind=Contact.Kind.INDIVIDUAL
    )


def lock_address(organiser_id: int, key: str) -> None:
    """Lock an e-mail address at an organiser until the end of the caller's transaction.

    Take it before looking for a contact to create: two orders of the same new guest at once then make one contact.
    """
    with prepared_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [key, organiser_id])


def _normalise(contact: Contact) -> None:
    for field in profile_fields.FIELDS:
        if field.one_line:
            setattr(contact, field.name, normalise_line(getattr(contact, field.name) or ""))
    contact.email_key = normalise_email(contact.email or "")
    contact.email = contact.email_key or None
