"""Log-ins of added people: they claim the account from their mailbox and choose a password."""

from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction

from contacts import contacts, locking, mailbox, merging
from contacts.linking import link_mail, links
from contacts.models import Contact, ContactLink, LinkRequest
from ticketshop.history import history
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.values.text import normalise_email
from ticketshop.organisers import access
from ticketshop.organisers.models import Organiser, PointOfSale

from ..models import User

OWN, PASSWORD, LOG_IN, NONE = "own", "password", "log_in", "none"
SECONDS = 1800
SESSION_KEY = "claim"


class HasLogIn(Exception):
    """A log-in with this e-mail address exists and its owner has proved the mailbox: they must log in instead."""


def way_in(contact: Contact) -> str:
    """Return how the person of a contact can reach it by logging in: OWN, PASSWORD, LOG_IN or NONE.

    OWN: the contact has a log-in. PASSWORD: its mailbox has no log-in yet; choosing a password makes one. LOG_IN: its
    mailbox has a log-in without a contact at this organiser. NONE: the contact has no e-mail address, or the log-in of
    its mailbox was switched off or has another contact at this organiser.
    """
    if contact.user_id is not None:
        return OWN
    if not contact.email_key:
        return NONE
    user = User.objects.filter(email=contact.email_key).first()
    proved = EmailAddress.objects.filter(email__iexact=contact.email_key, verified=True).first()
    if proved is not None and (user is None or proved.user_id != user.pk):
        return NONE
    # A log-in that was switched off stays off, and a log-in has only one contact at an organiser.
    if user is not None and (
        not user.is_active or user.contacts.filter(organiser=contact.organiser_id).exists()
    ):
        return NONE
    return LOG_IN if proved else PASSWORD


def may_claim(contact: Contact) -> bool:
    """Return whether choosing a password makes a log-in for this contact."""
    return way_in(contact) == PASSWORD


_PROVED = Compiled(
    lambda: EmailAddress.objects.filter(
        user=Parameter("user"), email=Parameter("email"), verified=True
    ).values_list("pk")
)


def proved_address(user) -> str:
    """Return the normalised e-mail address of a log-in if it is proved; else ""."""
    proved = _PROVED.rows(user=user.pk, email=user.email)
    return normalise_email(user.email) if proved else ""


def remember(request, link: ContactLink, now: datetime) -> None:
    """Note in the session for half an hour that this browser has proved the mailbox of the link's child.

    The note counts only while the contact has the e-mail address it has now.
    """
    request.session[SESSION_KEY] = {
        "link": link.pk,
        "address": link_mail.mark(str(link.pk), link.child.email_key),
        "until": now.timestamp() + SECONDS,
    }


def remembered(request, now: datetime) -> ContactLink | None:
    """Return the link noted by ``remember``; None if the time is over, or the address has changed."""
    proof = request.session.get(SESSION_KEY)
    if not proof or proof["until"] < now.timestamp():
        return None
    link = (
        ContactLink.objects.filter(pk=proof["link"])
        .select_related("child", "parent", "organiser", "origin_pos__organiser")
        .first()
    )
    if link is None or proof["address"] != link_mail.mark(str(link.pk), link.child.email_key):
        return None
    return link


def forget(request) -> None:
    """Delete the note of ``remember``."""
    request.session.pop(SESSION_KEY, None)


@transaction.atomic
def claim(contact: Contact, password: str, *, language: str = "", now: datetime) -> User:
    """Create the log-in of a contact whose mailbox was just proved, and set the language of its e-mails.

    If another person has signed up with the address before without proving it, their password is replaced and their
    e-mail addresses are deleted. Raises HasLogIn.
    """
    proved = contact.email_key
    contact = locking.lock(contact.pk)
    if contact.email_key != proved or not may_claim(contact):
        raise HasLogIn
    user = _log_in_for(contact.email_key, password)
    _write_claim(contact, user, language, now)
    history.record(contact, "claimed", by=user, now=now)
    return user


@transaction.atomic
def make_log_in(email: str, password: str) -> User:
    """Create a log-in for a mailbox that was just proved, without a contact. Raises HasLogIn."""
    if EmailAddress.objects.filter(email__iexact=email, verified=True).exists():
        raise HasLogIn
    if User.objects.filter(email=email, is_active=False).exists():
        raise HasLogIn
    return _log_in_for(email, password)


def _log_in_for(email: str, password: str) -> User:
    user = User.objects.select_for_update().filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password)
    else:
        user.set_password(password)
        user.save(update_fields=["password"])
        EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
    return user


def log_in_with_password(email: str, password: str) -> User | None:
    """Return the active log-in with this e-mail address if ``password`` is its password; else None.

    Call only for a mailbox that was just proved. It is found if the button that chooses the password was pressed twice.
    """
    user = User.objects.filter(email=email, is_active=True).first()
    return user if user is not None and user.check_password(password) else None


def claimable(organiser: Organiser, address: str) -> list[Contact]:
    """Return the contacts at ``organiser`` for which the owner of this mailbox may choose a first password, by name."""
    people = contacts.unclaimed(organiser, normalise_email(address)).order_by("sort_key", "pk")
    return [contact for contact in people if may_claim(contact)]


def shop_of_added_person(address: str) -> PointOfSale | None:
    """Return the shop in which a person with this e-mail address was added last; None if no open link is unclaimed."""
    link = (
        ContactLink.objects.filter(
            access.reachable("origin_pos__"),
            child__email_key=normalise_email(address),
            child__user=None,
            child__erasing_at=None,
            status__in=ContactLink.OPEN,
        )
        .select_related("origin_pos__organiser")
        .order_by("-pk")
        .first()
    )
    return link.origin_pos if link is not None else None


@transaction.atomic
def connect_to_log_in(contact: Contact, *, language: str, now: datetime) -> User | None:
    """Connect a contact to the log-in that has proved the same mailbox, and return the log-in.

    Call only after the person has proved the mailbox and answered that they are this contact. Return None, and
    change nothing, unless ``way_in`` is still LOG_IN.
    """
    key = contact.email_key
    contact = locking.lock(contact.pk)
    user = User.objects.select_for_update(no_key=True).filter(email=key).first()
    if user is None or contact.email_key != key or way_in(contact) != LOG_IN:
        return None
    try:
        with transaction.atomic():
            _write_claim(contact, user, language, now)
    except IntegrityError as error:
        if violated_constraint(error) != "contact_once_per_user":
            raise
        # Meanwhile another request has made the contact of this log-in.
        return None
    history.record(contact, "claimed", by=user, now=now)
    return user


def _write_claim(contact: Contact, user: User, language: str, now: datetime) -> None:
    values = {"user": user, "email_verified_at": now, "claimed_at": now, "purge_after": None}
    if language:
        values["language"] = language
    Contact.objects.filter(pk=contact.pk).update(**values)


@transaction.atomic
def take_over(me: Contact, request: LinkRequest, *, by, now: datetime) -> bool:
    """Accept the mailed link, and merge its child into the visitor's contact, which has another e-mail address.

    Return False, and change nothing, if the names do not match, the token was used, or the child was claimed meanwhile.
    """
    link = request.link
    locked = locking.lock_all([me.pk, link.child_id])
    child = locked.get(link.child_id)
    if child is None or me.pk not in locked or child.user_id is not None:
        return False
    if not mailbox.same_name(locked[me.pk], child) or not links.accept_by_mail(request, now=now):
        return False
    merging.merge(locked[me.pk], child, by=by, now=now)
    return True


def is_me(me: Contact, child: Contact) -> bool:
    """Return whether ``child``, a contact of the visitor's mailbox, is the visitor: the names match.

    A visitor without a name counts as the person that others added under the address, but not as a contact of other
    origin: staff enter children under a parent's address.
    """
    if not me.full_name:
        return child.created_via == Contact.CreatedVia.FRIENDS_FAMILY
    return mailbox.same_name(me, child)


@transaction.atomic
def agree(me: Contact, link: ContactLink, *, for_another: bool, by, now: datetime) -> ContactLink | None:
    """Agree to a link that was made to the visitor's e-mail address before they had a log-in here.

    If its child is the visitor (``is_me``), the child is merged into their contact. Otherwise, or with ``for_another``,
    the child stays a separate contact, and the visitor has agreed for it. Return the link as it is afterwards; None if
    there is nothing left to agree to.
    """
    locked = locking.lock_all([me.pk, link.child_id])
    child = locked.get(link.child_id)
    if child is None or me.pk not in locked:
        return None
    if child.user_id is not None or child.email_key != proved_address(by):
        # Claimed meanwhile, or its e-mail address has changed.
        return None
    if for_another or not is_me(locked[me.pk], child):
        agreed = links.accept(link, consent_by=ContactLink.ConsentBy.GUARDIAN, by=by, now=now)
        return link if agreed else None
    permission = link.permission_agreed
    merging.merge(locked[me.pk], child, by=by, now=now)
    joined = ContactLink.objects.filter(
        parent=link.parent_id, child=me.pk, type=link.type_id, status__in=ContactLink.OPEN
    ).first()
    if joined is None or not links.accept(joined, permission=permission, by=by, now=now):
        return None
    return joined
