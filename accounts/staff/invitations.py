"""Invite staff, and accept an invitation. The mailed token works once, for the owner of the invited mailbox."""

import secrets
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from contacts.linking.link_mail import hash_token
from ticketshop.history import history
from ticketshop.jobs.rows import Tidying
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.organisers import staff
from ticketshop.organisers.models import PointOfSale, StaffInvitation, StaffMembership
from ticketshop.organisers.staff_invitation import DELETED_DAYS, VALID

from ..links import claiming
from ..models import User


def may_send(invitation: StaffInvitation, now: datetime) -> bool:
    """Count one more mail of the organiser, and to this address. Return False if a limit is reached."""
    address = f"{invitation.organiser_id}|{invitation.email}"
    return limits.hit("staff_invite_address", address, now) and limits.hit(
        "staff_invite", str(invitation.organiser_id), now
    )


@transaction.atomic
def invite(invitation: StaffInvitation, *, by, language: str, now: datetime) -> None:
    """Insert a new invitation and queue its mail. Raises PermissionDenied if ``by`` was removed from the staff meanwhile."""
    staff.lock(invitation.organiser_id, by=by)
    invitation.invited_by, invitation.language = by, language
    invitation.created_at, invitation.expires_at = now, now + VALID
    invitation.save(force_insert=True)
    _queue(invitation, now)
    history.record(invitation, "staff_invited", by=by, now=now, role=invitation.role.name)


@transaction.atomic
def send_again(invitation: StaffInvitation, *, by, now: datetime) -> bool:
    """Queue the mail again; its link replaces the earlier one. Return False if the invitation was answered meanwhile."""
    current = _lock(pk=invitation.pk)
    if current is None or current.accepted_at is not None:
        return False
    current.expires_at = now + VALID
    current.save(update_fields=["expires_at"])
    _queue(current, now)
    history.record(current, "staff_invited_again", by=by, now=now)
    return True


@transaction.atomic
def end(invitation: StaffInvitation, action: str, *, by, now: datetime) -> bool:
    """Delete an open invitation; its link stops working. ``action``: of the history record. Return False if it was answered."""
    current = _lock(pk=invitation.pk)
    if current is None or current.accepted_at is not None:
        return False
    history.record(current, action, by=by, now=now)
    current.delete()
    return True


def of_token(token: str, now: datetime) -> StaffInvitation | None:
    """Return the invitation of a mailed token, accepted or not; None if it is unknown, was taken back or has expired."""
    rows = StaffInvitation.objects.filter(expires_at__gt=now).select_related("organiser", "role")
    return rows.filter(token_hash=hash_token(token)).first()


def new_token(invitation: StaffInvitation) -> str:
    """Return a token for a mail that leaves now; the previous one stops working. Only its hash is stored."""
    token = secrets.token_urlsafe(24)
    StaffInvitation.objects.filter(pk=invitation.pk).update(token_hash=hash_token(token))
    return token


def has_log_in(email: str) -> bool:
    """Return whether a log-in with this address exists that its owner can use or that was switched off."""
    user = User.objects.filter(email=email).first()
    if user is None:
        return False
    return not user.is_active or bool(claiming.proved_address(user))


@transaction.atomic
def accept(invitation: StaffInvitation, user: User, *, now: datetime) -> StaffMembership | None:
    """Make the user staff. Return the membership; None if the invitation has ended or is for another address.

    A second call by the same user returns the same membership. A user with a role there already keeps it.
    """
    current = _lock(pk=invitation.pk, expires_at__gt=now)
    if current is None or claiming.proved_address(user) != current.email:
        return None
    members = StaffMembership.objects.filter(user=user, organiser=current.organiser_id)
    if current.accepted_at is not None:
        # None if the member was removed meanwhile: the link works once.
        return members.first()
    membership, joined = members.get_or_create(
        user=user, organiser_id=current.organiser_id, defaults={"role_id": current.role_id}
    )
    StaffInvitation.objects.filter(pk=current.pk).update(accepted_at=now)
    if joined:
        history.record(membership, "staff_joined", by=user, now=now, role=current.role.name)
    return membership


@transaction.atomic
def accept_with_password(invitation: StaffInvitation, password: str, *, now: datetime) -> User | None:
    """Create the log-in of the invited mailbox and make it staff. Return the log-in; None if the invitation has ended.

    Raises claiming.HasLogIn.
    """
    if _lock(pk=invitation.pk, accepted_at=None, expires_at__gt=now) is None:
        return None
    user = claiming.make_log_in(invitation.email, password)
    return user if accept(invitation, user, now=now) is not None else None


def _lock(**conditions) -> StaffInvitation | None:
    rows = StaffInvitation.objects.select_for_update(of=("self",)).select_related("role")
    return rows.filter(**conditions).first()


def _queue(invitation: StaffInvitation, now: datetime) -> None:
    shops = PointOfSale.objects.filter(organiser=invitation.organiser_id).select_related("organiser")
    outbox.queue(
        "staff_invited",
        to=invitation.email,
        language=invitation.language,
        now=now,
        about={"invitation": invitation.pk},
        pos=shops.order_by("-active", "pk").first(),
    )


def _over(now: datetime) -> QuerySet[StaffInvitation]:
    return StaffInvitation.objects.filter(expires_at__lt=now - timedelta(days=DELETED_DAYS))


FORGET = Tidying(
    "accounts.forget_staff_invitations",
    gettext_lazy("Delete an invitation of staff that is over"),
    rows=_over,
)
