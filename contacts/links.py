"""Change links that exist: remove, undo, accept, decline, "this is not me", leave, resend, and what staff do."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Func, Q, QuerySet, TextField, Value
from django.utils.translation import gettext as _

from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.text import normalise_email

from . import adding, link_mail, locking
from .models import Contact, ContactLink, LinkRequest, LinkType

UNDO = timedelta(minutes=10)
RESENDS = 3


class CannotLink(Exception):
    """Why staff may not link two contacts: ``code`` is self, duplicate, kind, organiser or consent."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def of_parent(parent: Contact) -> QuerySet[ContactLink]:
    """The people a contact connected, by name as entered, sorted as people's names are everywhere."""
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


def managed_by(parent: Contact) -> list[ContactLink]:
    """The active links to people without an address for whom a contact acts, by name as entered; one query."""
    manages = of_parent(parent).filter(
        status=ContactLink.Status.ACTIVE, permission_parent=ContactLink.Permission.MANAGE
    )
    return [link for link in manages.select_related("parent") if link.manages_child]


def of_child(child: Contact) -> QuerySet[ContactLink]:
    """The people who connected a contact."""
    return (
        ContactLink.objects.filter(child=child, status__in=ContactLink.OPEN)
        .select_related("parent", "request")
        .order_by("parent__sort_key", "pk")
    )


def choosable(parent: Contact) -> QuerySet[ContactLink]:
    """The people a contact may choose for tickets: not those who allow nothing, nor those staff connected who wait."""
    waits = Q(status=ContactLink.Status.PENDING) & ~Q(origin=ContactLink.Origin.SHOP)
    return of_parent(parent).exclude(waits).exclude(permission_parent=ContactLink.Permission.NONE)


def name_for_parent(link: ContactLink) -> str:
    """The name by which the parent knows the child; where that is none of their business yet, words in its place."""
    return link.entered_name if link.name_is_parents else _("a person our staff connected with you")


@dataclass(frozen=True)
class Seen:
    """All that one side of a link sees of the other: an allow-list; a new column is invisible until named here."""

    name: str
    email: str
    status: str
    since: datetime
    tickets: bool
    manages: bool
    birth_date: date | None


def seen_by_parent(link: ContactLink) -> Seen:
    """What the parent sees of the child: what they typed themselves, and tickets where the child allowed it.

    Of a child staff connected, the name once the link is active. The date of birth is that of a child without an
    address, for whom the parent acts, or as the parent typed it.
    """
    active = link.status == ContactLink.Status.ACTIVE
    return Seen(
        name=name_for_parent(link),
        email=link.entered_email if link.typed_by_parent else "",
        status=link.status,
        since=link.started_at,
        tickets=active and link.allows_tickets,
        manages=active and link.permission_parent == ContactLink.Permission.MANAGE,
        birth_date=link.child.birth_date if link.manages_child else link.entered_birth_date,
    )


def end(link: ContactLink, *, reason: str, by, now: datetime, status: str = ContactLink.Status.ENDED) -> bool:
    """End an open link, for good: its mailed token dies. False if it was over already: then nothing changes."""
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
            ended_by=by if by is not None and by.is_authenticated else None,
            end_reason=reason,
        )
        if not changed:
            return False
        adding.record_on_both(link, f"link_{reason}", by=by, now=now)
    link.refresh_from_db()
    return True


def remove(link: ContactLink, *, by, now: datetime) -> bool:
    """The parent takes the person off their list.

    The mailed token opens nothing from now on; it lives again if the parent takes the removal back.
    """
    return _end(link, reason="removed", by=by, now=now, status=ContactLink.Status.ENDED)


def undo_remove(link: ContactLink, *, most: int, by, now: datetime) -> bool:
    """Take back a removal of the last ten minutes; False where that is not possible any more. Raises locking.Gone.

    ``most``: how many people the list may hold.
    """
    try:
        with transaction.atomic():
            parent = locking.hold(link.parent_id)
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
    """The request behind a token that is neither used nor expired; else None, with no hint which."""
    found = (
        LinkRequest.objects.filter(token_hash=link_mail.hash_token(token), used_at=None, expires_at__gt=now)
        .select_related("link__parent", "link__child__user", "link__organiser", "link__origin_pos__organiser")
        .first()
    )
    if found is None or not found.link.is_open or not link_mail.is_for(token, found.address_key):
        return None
    return found


def accept(
    link: ContactLink,
    *,
    permission: str = "",
    consent_by: str = ContactLink.ConsentBy.CHILD,
    by,
    now: datetime,
) -> bool:
    """The child agrees, or with ``consent_by`` GUARDIAN the person who reads its mailbox. False if the link is over.

    The child may let the parent do more (``permission``).
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
    """The child does not want this, or leaves later. The parent gets no mail; their orders stay."""
    return end(link, reason="declined", by=by, now=now, status=ContactLink.Status.DECLINED)


def undo_decline(link: ContactLink, *, most: int, by, now: datetime) -> bool:
    """Take back an end that the child chose in the last ten minutes. False where that is not possible any more.

    ``most``: how many people the parent's list may hold.
    """
    try:
        with transaction.atomic():
            if len(locking.hold_all([link.parent_id, link.child_id])) < 2:
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
    """Set an ended link back to the status it had before. False where it did not end so in the last ten minutes."""
    ended = ContactLink.objects.filter(pk=link.pk, status=status, end_reason=reason, ended_at__gte=now - UNDO)
    return bool(
        ended.update(
            status=F("status_before_end"), status_before_end="", ended_at=None, ended_by=None, end_reason=""
        )
    )


def not_me(link: ContactLink, *, by, now: datetime) -> bool:
    """Whoever reads this mailbox is somebody else: no more mail to it started by this parent."""
    with transaction.atomic():
        # An erasure of either of the two waits, and then takes what is written here along; or it was first.
        if len(locking.hold_all([link.parent_id, link.child_id])) < 2:
            return False
        if not end(link, reason="not_me", by=by, now=now):
            return False
        link_mail.suppress(link, now=now)
        # Nobody but a visitor brought it here: the erasure takes it, at once if nothing was ordered for it.
        Contact.objects.known().filter(
            pk=link.child_id, user=None, created_via=Contact.CreatedVia.FRIENDS_FAMILY
        ).update(purge_after=now.date())
    return True


def accept_by_mail(
    request: LinkRequest, *, consent_by: str = ContactLink.ConsentBy.CHILD, now: datetime
) -> bool:
    """Agree through the mailed link, which is spent with it; False if somebody was quicker."""
    with transaction.atomic():
        spent = LinkRequest.objects.filter(pk=request.pk, used_at=None).update(used_at=now, token_hash=None)
        return bool(spent) and accept(
            request.link, consent_by=consent_by, by=request.link.child.user, now=now
        )


def of_address(organiser_id: int, email: str) -> QuerySet[ContactLink]:
    """Open links that visitors made to contacts without a log-in at an address: for whoever proved it to decide on.

    Whether such a contact is the mailbox's owner is another question; only names, or the owner's choice, answer it.
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
    """Those of ``of_address`` that nobody has agreed to yet."""
    return of_address(organiser_id, email).filter(consent_at=None)


def retire_tokens(email: str, *, now: datetime) -> None:
    """Whoever logs in with this address has proved the mailbox: what was mailed to it before opens nothing more."""
    if key := normalise_email(email):
        LinkRequest.objects.filter(link__child__email_key=key, used_at=None).update(
            used_at=now, token_hash=None
        )


def resend(link: ContactLink, asked, *, now: datetime) -> bool:
    """Tell the person once more, within the limits of their address; False when nothing goes out."""
    with transaction.atomic():
        # As they are now: no mail is queued to, or about, somebody who is being erased.
        held = locking.hold_all([link.parent_id, link.child_id])
        if len(held) < 2:
            return False
        link.parent, link.child = parent, child = held[link.parent_id], held[link.child_id]
        if parent.blocked_at is not None or not link.is_open or link.consent_at or not child.email:
            return False
        # A child who was added without an address has had no request yet.
        LinkRequest.objects.get_or_create(
            link=link, defaults={"delivery_state": LinkRequest.Delivery.SUPPRESSED}
        )
        request = LinkRequest.objects.select_for_update().get(link=link)
        if request.resend_count >= RESENDS:
            return False
        if link_mail.may_send(asked.pos.organiser, child.email, parent, now) != link_mail.YES:
            return False
        LinkRequest.objects.filter(pk=request.pk).update(
            resend_count=F("resend_count") + 1, used_at=None, delivery_state=LinkRequest.Delivery.QUEUED
        )
        link.request = request
        link_mail.queue(link, asked, now, send=True)
        adding.record_on_both(link, "link_resent", by=asked.by, now=now)
    return True


def staff_add(
    *,
    parent: Contact,
    child: Contact,
    link_type: LinkType,
    by,
    now: datetime,
    consent_reason: str = "",
    permission: str = "assign",
) -> ContactLink:
    """Staff link two contacts they know. Raises CannotLink with the reason, locking.Gone if one is being erased.

    Where added people must agree first, the link waits, unless staff write how they know of the consent.
    """
    if parent.pk == child.pk:
        raise CannotLink("self")
    if parent.organiser_id != child.organiser_id:
        raise CannotLink("organiser")
    if parent.kind not in link_type.parent_kinds or child.kind not in link_type.child_kinds:
        raise CannotLink("kind")
    agreed = bool(consent_reason.strip())
    waits = parent.organiser.link_consent_required and not agreed
    try:
        with transaction.atomic():
            locking.hold_all([parent.pk, child.pk], needed=[parent.pk, child.pk])
            link = ContactLink.objects.create(
                organiser_id=parent.organiser_id,
                parent=parent,
                child=child,
                type=link_type,
                status=ContactLink.Status.PENDING if waits else ContactLink.Status.ACTIVE,
                permission_parent=permission,
                # The name, so that the parent knows who it is; nothing else the organiser knows of the child.
                entered_first_name=child.first_name,
                entered_last_name=child.last_name,
                origin=ContactLink.Origin.BACK_OFFICE,
                created_by=by,
                started_at=now,
                consent_at=now if agreed else None,
                consent_by=ContactLink.ConsentBy.OPERATOR if agreed else "",
                consent_reason=consent_reason.strip(),
            )
            LinkRequest.objects.create(link=link, delivery_state=LinkRequest.Delivery.SUPPRESSED)
            adding.record_on_both(link, "link_added", by=by, now=now, status=link.status)
    except IntegrityError as error:
        if violated_constraint(error) != "link_once":
            raise
        raise CannotLink("duplicate") from error
    return link


def record_consent(link: ContactLink, *, reason: str, by, now: datetime) -> bool:
    """Staff know that the person agreed, and write how; without a reason CannotLink("consent")."""
    if not reason.strip():
        raise CannotLink("consent")
    with transaction.atomic():
        changed = ContactLink.objects.filter(pk=link.pk, status=ContactLink.Status.PENDING).update(
            status=ContactLink.Status.ACTIVE,
            consent_at=now,
            consent_by=ContactLink.ConsentBy.OPERATOR,
            consent_reason=reason.strip()[:240],
        )
        if changed:
            adding.record_on_both(link, "link_consent_recorded", by=by, now=now)
    return bool(changed)


def change_permission(link: ContactLink, permission: str, *, by, now: datetime) -> None:
    """The child, or staff, say what the parent may do while the link lasts."""
    with transaction.atomic():
        changed = (
            ContactLink.objects.filter(pk=link.pk, status__in=ContactLink.OPEN)
            .exclude(permission_parent=permission)
            .update(permission_parent=permission)
        )
        if changed:
            adding.record_on_both(link, "link_permission", by=by, now=now, permission=permission)
