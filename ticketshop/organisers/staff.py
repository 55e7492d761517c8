"""Changes of the staff of an organiser. An organiser always keeps an owner who can log in."""

from datetime import datetime

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import transaction

from ticketshop.history import history

from .models import Organiser, StaffInvitation, StaffMembership

OWNER = "owner"


class LastOwner(Exception):
    """The change would leave the organiser without an owner."""


@transaction.atomic
def change_role(membership: StaffMembership, role: Group, *, by, now: datetime) -> bool:
    """Give a member another role. Return False if they left meanwhile or have the role already. Raises LastOwner, PermissionDenied."""
    lock(membership.organiser_id, by=by)
    current = _read(membership)
    if current is None or current.role_id == role.pk:
        return False
    _check_owner_stays(current)
    StaffMembership.objects.filter(pk=current.pk).update(role=role)
    _withdraw_invitations_of(current)
    changes = {"role": [current.role.name, role.name]}
    history.record(current, "staff_role_changed", by=by, now=now, changes=changes)
    return True


@transaction.atomic
def remove(membership: StaffMembership, *, by, now: datetime) -> bool:
    """End a membership, and the open invitations that the member sent. Return False if it ended meanwhile. Raises LastOwner.

    Permissions are read from memberships at each request, so the next request of every log-in session of the member is refused.
    Raises PermissionDenied if ``by`` removes somebody else and does not manage the staff any more.
    """
    left = by is not None and by.pk == membership.user_id
    lock(membership.organiser_id, by=None if left else by)
    current = _read(membership)
    if current is None:
        return False
    _check_owner_stays(current)
    _withdraw_invitations_of(current)
    history.record(current, "staff_left" if left else "staff_removed", by=by, now=now, role=current.role.name)
    current.delete()
    return True


def lock(organiser_id: int, *, by) -> None:
    """Lock the organiser, so that changes of its staff and invitations come one after the other.

    Raise PermissionDenied if ``by`` does not manage the staff any more: the request began before they were removed.
    """
    Organiser.objects.select_for_update(no_key=True).get(pk=organiser_id)
    if by is None or by.is_superuser:
        return
    managing = {"content_type__app_label": "organisers", "codename": "manage_staff"}
    roles = Group.objects.filter(permissions__in=Permission.objects.filter(**managing))
    if not StaffMembership.objects.filter(user=by, organiser=organiser_id, role__in=roles).exists():
        raise PermissionDenied


def _read(membership: StaffMembership) -> StaffMembership | None:
    """Lock a membership, and return it as it is now."""
    rows = StaffMembership.objects.select_for_update(of=("self",)).select_related("role", "user")
    return rows.filter(pk=membership.pk).first()


def is_last_owner(membership: StaffMembership) -> bool:
    """Return whether the organiser has no other owner who can log in."""
    return membership.role.name == OWNER and not _other_owners(membership).exists()


def _check_owner_stays(membership: StaffMembership) -> None:
    if is_last_owner(membership):
        raise LastOwner


def _other_owners(membership: StaffMembership):
    owners = StaffMembership.objects.filter(
        organiser=membership.organiser_id, role__name=OWNER, user__is_active=True
    )
    return owners.exclude(pk=membership.pk)


def _withdraw_invitations_of(membership: StaffMembership) -> None:
    """Delete the open invitations that a member sent: else a former owner could accept an invitation they sent to themselves."""
    StaffInvitation.objects.filter(
        organiser=membership.organiser_id, invited_by=membership.user_id, accepted_at=None
    ).delete()
