"""Read and change links between contacts: remove, undo, accept, decline, "this is not me", resend.

``adding.add`` makes the links of visitors, ``staff_links.add`` those of staff. Every function here writes its history records
and runs in one transaction. The functions that return a bool return False if nothing has changed: repeating is harmless.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.utils.translation import gettext as _

from contacts import locking
from contacts.models import Contact, ContactLink, LinkRequest
from ticketshop.history import history
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.values.text import normalise_email

from . import adding, link_mail

UNDO = timedelta(minutes=10)
RESENDS = 3


def of_parent(parent: Contact | Parameter) -> QuerySet[ContactLink]:
    """Return the open links that a contact made, sorted by the name as entered, in the order of ``Contact.sort_key``."""
    name = Func(
        F("entered_last_name"),
        Value(" "),
        F("entered_first_name"),
        function="contact_sort_key",
        output_field=TextField(),
    )
    return (
        ContactLink.objects.filter(parent=parent, status__in=ContactLink.OPEN)
        .select_related("child", "request")
        .order_by(name, "pk")
    )


_OF_PARENT = Compiled(lambda: of_parent(Parameter("parent")))


def all_of_parent(parent: Contact) -> list[ContactLink]:
    """Return the links of ``of_parent``. One query."""
    return _OF_PARENT.all(parent=parent.pk)


def managed_by(parent: Contact) -> list[ContactLink]:
    """Return the active links to people without an e-mail address whom a contact manages, sorted as ``of_parent``.

    One query.
    """
    manages = of_parent(parent).filter(
        status=ContactLink.Status.ACTIVE, permission_parent=ContactLink.Permission.MANAGE
    )
    return [link for link in manages.select_related("parent") if link.manages_child]


def of_child(child: Contact) -> QuerySet[ContactLink]:
    """Return the open links that others made to a contact, sorted by the name of the parent."""
    return (
        ContactLink.objects.filter(child=child, status__in=ContactLink.OPEN)
        .select_related("parent", "request")
        .order_by("parent__sort_key", "pk")
    )


def choosable(parent: Contact | Parameter) -> QuerySet[ContactLink]:
    """Return the open links whose child the parent may choose for tickets.

    Left out are children who allow nothing, and children whom staff connected and who have not agreed yet.
    """
    pending_of_staff = Q(status=ContactLink.Status.PENDING) & ~Q(origin=ContactLink.Origin.SHOP)
    return of_parent(parent).exclude(pending_of_staff).exclude(permission_parent=ContactLink.Permission.NONE)


_CHOOSABLE = Compiled(lambda: choosable(Parameter("parent")))


def all_choosable(parent: Contact) -> list[ContactLink]:
    """Return the links of ``choosable``. One query."""
    return _CHOOSABLE.all(parent=parent.pk)


def name_for_parent(link: ContactLink) -> str:
    """Return the child's name as entered; a neutral text while the parent may not see the name yet."""
    return link.entered_name if link.name_is_parents else _("a person our staff connected with you")


@dataclass(frozen=True)
class VisibleToParent:
    """Everything a parent sees of a child: an allow-list, so that a new column of the contact stays invisible.

    ``since``: start of the link. ``tickets``, ``manages``: whether the parent may see the tickets, and correct the
    names on them.
    """

    name: str
    email: str
    status: str
    since: datetime
    tickets: bool
    manages: bool
    birth_date: date | None


def seen_by_parent(link: ContactLink) -> VisibleToParent:
    """Return what the parent sees of the child: what the parent typed, and tickets if the child allows it.

    Of a child whom staff connected, the name is visible once the link is active. The date of birth is that of the
    contact if the parent manages a child without an e-mail address; else what the parent typed.
    """
    active = link.status == ContactLink.Status.ACTIVE
    return VisibleToParent(
        name=name_for_parent(link),
        email=link.entered_email if link.typed_by_parent else "",
        status=link.status,
        since=link.started_at,
        tickets=active and link.allows_tickets,
        manages=active and link.permission_parent == ContactLink.Permission.MANAGE,
        birth_date=link.child.birth_date if link.manages_child else link.entered_birth_date,
    )


def end(link: ContactLink, *, reason: str, by, now: datetime, status: str = ContactLink.Status.ENDED) -> bool:
    """End an open link for good; the token in its mail stops working. Return False if it had ended already."""
    with transaction.atomic():
        ended = _end(link, reason=reason, by=by, now=now, status=status)
        if ended:
            LinkRequest.objects.filter(link=link, used_at=None).update(used_at=now, token_hash=None)
    return ended


def _end(link: ContactLink, *, reason: str, by, now: datetime, status: str) -> bool:
    with transaction.atomic():
        changed = ContactLink.objects.filter(pk=link.pk, status__in=ContactLink.OPEN).update(
            status_before_end=F("status"),
            status=status,
            ended_at=now,
            ended_by=history.author(by),
            end_reason=reason,
        )
        if not changed:
            return False
        adding.record_on_both(link, f"link_{reason}", by=by, now=now)
    link.refresh_from_db()
    return True


def remove(link: ContactLink, *, by, now: datetime) -> bool:
    """Remove the child from the parent's list. Return False if the link had ended already.

    The token in the mail is kept, because ``undo_remove`` makes it work again; meanwhile ``request_of`` refuses it.
    """
    return _end(link, reason="removed", by=by, now=now, status=ContactLink.Status.ENDED)


def undo_remove(link: ContactLink, *, most: int, by, now: datetime) -> bool:
    """Undo a removal of the last ten minutes. Return False if that is no longer possible. Raises locking.Gone.

    ``most`` is the maximum number of people in the list.
    """
    try:
        with transaction.atomic():
            parent = locking.lock(link.parent_id)
            if of_parent(parent).count() >= most:
                return False
            changed = _reopen(link, reason="removed", status=ContactLink.Status.ENDED, now=now)
            if changed:
                adding.record_on_both(link, "link_restored", by=by, now=now)
    except IntegrityError as error:
        if violated_constraint(error) != "link_once":
            raise
        # Meanwhile the parent has added the child again.
        return False
    return changed


def request_of(token: str, now: datetime) -> LinkRequest | None:
    """Return the request that a token belongs to; None if the token is unknown, used or expired, or the link has ended."""
    request = (
        LinkRequest.objects.filter(token_hash=link_mail.hash_token(token), used_at=None, expires_at__gt=now)
        .select_related("link__parent", "link__child__user", "link__organiser", "link__origin_pos__organiser")
        .first()
    )
    if request is None or not request.link.is_open or not link_mail.is_for(token, request.address_key):
        return None
    return request


def accept(
    link: ContactLink,
    *,
    permission: str = "",
    consent_by: str = ContactLink.ConsentBy.CHILD,
    by,
    now: datetime,
) -> bool:
    """Make a link active with the child's consent. Return False if the link has ended.

    ``consent_by`` is GUARDIAN if another person, who reads the child's mailbox, agrees for the child. ``permission`` is
    what the parent may do from now on; empty leaves it as it is, or sets ``link.permission_agreed``.
    """
    values = {"status": ContactLink.Status.ACTIVE, "consent_at": now, "consent_by": consent_by}
    if consent_by == ContactLink.ConsentBy.CHILD:
        permission = permission or link.permission_agreed
    if permission in ContactLink.Permission.values:
        values["permission_parent"] = permission
    with transaction.atomic():
        changed = ContactLink.objects.filter(pk=link.pk, status__in=ContactLink.OPEN).update(**values)
        if changed:
            adding.record_on_both(
                link, "link_accepted", by=by, now=now, permission=permission or link.permission_parent
            )
    link.refresh_from_db()
    return bool(changed)


def decline(link: ContactLink, *, by, now: datetime) -> bool:
    """End a link because the child declines it, or leaves later. The parent gets no mail; orders stay."""
    return end(link, reason="declined", by=by, now=now, status=ContactLink.Status.DECLINED)


def undo_decline(link: ContactLink, *, most: int, by, now: datetime) -> bool:
    """Undo ``decline`` within ten minutes. Return False if that is no longer possible.

    ``most`` is the maximum number of people in the parent's list.
    """
    try:
        with transaction.atomic():
            if len(locking.lock_all([link.parent_id, link.child_id])) < 2:
                return False
            if of_parent(link.parent).count() >= most:
                return False
            changed = _reopen(link, reason="declined", status=ContactLink.Status.DECLINED, now=now)
            if changed:
                adding.record_on_both(link, "link_stays", by=by, now=now)
    except IntegrityError as error:
        if violated_constraint(error) != "link_once":
            raise
        # Meanwhile the parent has added the child again.
        return False
    return changed


def _reopen(link: ContactLink, *, reason: str, status: str, now: datetime) -> bool:
    """Give a link the status it had before it ended with ``status`` and ``reason`` in the last ten minutes.

    Return False if it did not end so. Raises IntegrityError if the parent has added the child again.
    """
    ended = ContactLink.objects.filter(pk=link.pk, status=status, end_reason=reason, ended_at__gte=now - UNDO)
    return bool(
        ended.update(
            status=F("status_before_end"), status_before_end="", ended_at=None, ended_by=None, end_reason=""
        )
    )


def not_me(link: ContactLink, *, by, now: datetime) -> bool:
    """End a link because the mailbox belongs to another person; this parent can't cause further mails to it.

    Return False if the link had ended already, or one of the two contacts is gone.
    """
    with transaction.atomic():
        # Locked, so that an erasure of one of the two comes either before this, or after it and erases this too.
        if len(locking.lock_all([link.parent_id, link.child_id])) < 2:
            return False
        if not end(link, reason="not_me", by=by, now=now):
            return False
        link_mail.suppress(link, now=now)
        # Only a visitor has made this contact known: the retention job erases it today, unless it has an order.
        Contact.objects.known().filter(
            pk=link.child_id, user=None, created_via=Contact.CreatedVia.FRIENDS_FAMILY
        ).update(purge_after=now.date())
    return True


def accept_by_mail(
    request: LinkRequest, *, consent_by: str = ContactLink.ConsentBy.CHILD, now: datetime
) -> bool:
    """Accept a link through the mailed token, and use the token up. Return False if it was used before."""
    with transaction.atomic():
        used_up = LinkRequest.objects.filter(pk=request.pk, used_at=None).update(used_at=now, token_hash=None)
        return bool(used_up) and accept(
            request.link, consent_by=consent_by, by=request.link.child.user, now=now
        )


def of_address(organiser_id: int, email: str) -> QuerySet[ContactLink]:
    """Return the open links that visitors made to contacts which have this e-mail address and no log-in.

    The owner of the mailbox decides on them. That does not mean that the owner is the contact: this depends on the
    names, or on the owner's answer.
    """
    key = normalise_email(email)
    if not key:
        return ContactLink.objects.none()
    return (
        ContactLink.objects.filter(
            organiser=organiser_id,
            child__email_key=key,
            child__user=None,
            child__kind=Contact.Kind.INDIVIDUAL,
            status__in=ContactLink.OPEN,
            origin=ContactLink.Origin.SHOP,
        )
        .select_related("parent", "child", "request")
        .order_by("parent__sort_key", "pk")
    )


def to_decide(organiser_id: int, email: str) -> QuerySet[ContactLink]:
    """Return those links of ``of_address`` that have no consent yet."""
    return of_address(organiser_id, email).filter(consent_at=None)


def retire_tokens(email: str, *, now: datetime) -> None:
    """Make all tokens mailed to this address useless: its owner has a log-in and decides in the account from now on."""
    if key := normalise_email(email):
        LinkRequest.objects.filter(link__child__email_key=key, used_at=None).update(
            used_at=now, token_hash=None
        )


def resend(link: ContactLink, requester, *, now: datetime) -> bool:
    """Queue the mail to the child once more. Return False if it may not go out.

    It may not where the child has agreed or has no address, the parent is blocked, the mail was repeated ``RESENDS``
    times, or a limit of the address is reached.
    """
    with transaction.atomic():
        # Read again under the lock: no mail is queued to, or about, a contact that is being erased.
        locked = locking.lock_all([link.parent_id, link.child_id])
        if len(locked) < 2:
            return False
        link.parent, link.child = parent, child = locked[link.parent_id], locked[link.child_id]
        if parent.blocked_at is not None or not link.is_open or link.consent_at or not child.email:
            return False
        # A child who was added without an address has had no request yet.
        LinkRequest.objects.get_or_create(
            link=link, defaults={"delivery_state": LinkRequest.Delivery.SUPPRESSED}
        )
        request = LinkRequest.objects.select_for_update().get(link=link)
        if request.resend_count >= RESENDS:
            return False
        if link_mail.may_send(requester.pos.organiser, child.email, parent, now) != link_mail.YES:
            return False
        LinkRequest.objects.filter(pk=request.pk).update(
            resend_count=F("resend_count") + 1, used_at=None, delivery_state=LinkRequest.Delivery.QUEUED
        )
        link.request = request
        link_mail.queue(link, requester, now, send=True)
        adding.record_on_both(link, "link_resent", by=requester.by, now=now)
    return True


def change_permission(link: ContactLink, permission: str, *, by, now: datetime) -> None:
    """Set what the parent of an open link may do, as the child or staff have chosen."""
    with transaction.atomic():
        changed = (
            ContactLink.objects.filter(pk=link.pk, status__in=ContactLink.OPEN)
            .exclude(permission_parent=permission)
            .update(permission_parent=permission)
        )
        if changed:
            adding.record_on_both(link, "link_permission", by=by, now=now, permission=permission)
