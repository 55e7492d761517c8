"""Changes of the staff of an organiser. An organiser always keeps an owner who can log in."""

from datetime import datetime

from django.contrib.auth.models import Group
from django.db import transaction

from ticketshop.history import history

from .models import Organiser, StaffInvitation, StaffMembership

OWNER = "owner"


class LastOwner(Exception):
    """The change would leave the organiser without an owner."""


@transaction.atomic
def change_role(membership: StaffMembership, role: Group, *, by, now: datetime) -> bool:
    """Give a member another role. Return False if they left meanwhile or have the role already. Raises LastOwner."""
    current = _lock(membership)
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
    """
    current = _lock(membership)
    if current is None:
        return False
    _check_owner_stays(current)
    _withdraw_invitations_of(current)
    left = by is not None and by.pk == current.user_id
    history.record(current, "staff_left" if left else "staff_removed", by=by, now=now, role=current.role.name)
    current.delete()
    return True


def _lock(membership: StaffMembership) -> StaffMembership | None:
    """Lock the organiser, so that two owners can't remove each other at once, and return the membership as it is now."""
    Organiser.objects.select_for_update(no_key=True).get(pk=membership.organiser_id)
    rows = StaffMembership.objects.select_for_update(of=("self",)).select_related("role", "user")
    return rows.filter(pk=membership.pk).first()


def _check_owner_stays(membership: StaffMembership) -> None:
    if membership.role.name == OWNER and not _other_owners(membership).exists():
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
