"""Links that staff make between two contacts, and consent that staff record."""

from datetime import datetime

from django.db import IntegrityError, transaction

from contacts import locking
from contacts.models import Contact, ContactLink, LinkRequest, LinkType
from ticketshop.lib.database.constraints import violated_constraint

from . import adding


class CannotLink(Exception):
    """Staff can't link two contacts; ``code`` is the reason: self, duplicate, kind, organiser or consent."""

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


def add(
    *,
    parent: Contact,
    child: Contact,
    link_type: LinkType,
    by,
    now: datetime,
    consent_reason: str = "",
    permission: str = "assign",
) -> ContactLink:
    """Link two contacts for staff. Raises CannotLink with the reason; locking.Gone if one of the two is being erased.

    If the organiser requires consent, the link is pending, unless ``consent_reason`` states how staff know of it.
    """
    _check(parent, child, link_type)
    agreed = bool(consent_reason.strip())
    is_pending = parent.organiser.link_consent_required and not agreed
    try:
        with transaction.atomic():
            locking.lock_all([parent.pk, child.pk], needed=[parent.pk, child.pk])
            link = ContactLink.objects.create(
                organiser_id=parent.organiser_id,
                parent=parent,
                child=child,
                type=link_type,
                status=ContactLink.Status.PENDING if is_pending else ContactLink.Status.ACTIVE,
                permission_parent=permission,
                # The parent sees the name and nothing else that the organiser knows of the child.
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


def _check(parent: Contact, child: Contact, link_type: LinkType) -> None:
    """Raise CannotLink if a link of this type can't exist between the two contacts."""
    if parent.pk == child.pk:
        raise CannotLink("self")
    if parent.organiser_id != child.organiser_id:
        raise CannotLink("organiser")
    if parent.kind not in link_type.parent_kinds or child.kind not in link_type.child_kinds:
        raise CannotLink("kind")


def record_consent(link: ContactLink, *, reason: str, by, now: datetime) -> bool:
    """Make a pending link active because staff know that the child agrees. Return False if it was not pending.

    ``reason`` states how staff know; raises CannotLink("consent") if it is empty.
    """
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
