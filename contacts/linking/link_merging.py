"""The links of two contacts that are merged, because they are the same person."""

from datetime import datetime

from django.db.models import F, Q

from contacts.models import Contact, ContactLink, LinkRequest
from ticketshop.history import history

from . import adding


def prepare(keep: Contact, lose: Contact, *, by, now: datetime) -> None:
    """Make the links of both contacts fit one contact. Call in the merge's transaction, before keys are changed.

    Links between the two are deleted. Where both have the same link, one of them ends. A merge makes no pending link
    active, unless the person has agreed to the same link on the other contact.
    """
    ContactLink.objects.filter(Q(parent=keep, child=lose) | Q(parent=lose, child=keep)).delete()
    for mine, theirs in ("parent", "child"), ("child", "parent"):
        of_keep = {(getattr(link, f"{theirs}_id"), link.type_id): link for link in _open(**{mine: keep})}
        for link in _open(**{mine: lose}):
            twin = of_keep.get((getattr(link, f"{theirs}_id"), link.type_id))
            if twin is None:
                continue
            # Both requests of the parent went to the same person: an agreement to one is an agreement to both.
            agreed = mine == "parent" and link.consent_at and twin.status == ContactLink.Status.PENDING
            _end(twin if agreed else link, by=by, now=now)
    # Mails that were sent contain the name of the contact that is deleted.
    LinkRequest.objects.filter(link__child=lose, used_at=None).update(used_at=now, token_hash=None, email="")


def end_managing(both: list[Contact], *, by, now: datetime) -> None:
    """Reduce the permission of parents who managed a person without an e-mail address to "choose for tickets".

    Only if one of ``both`` has an address or a log-in: from now on the person orders tickets, and only they may decide
    who sees them. Permissions that the person has agreed to stay. Call before keys are changed.
    """
    if not any(contact.email or contact.user_id for contact in both):
        return
    managed = ContactLink.objects.filter(
        child__in=[contact.pk for contact in both if not contact.email and not contact.user_id],
        status__in=ContactLink.OPEN,
        permission_parent__in=(ContactLink.Permission.VIEW, ContactLink.Permission.MANAGE),
        consent_at=None,
    )
    for link in managed.order_by("pk"):
        ContactLink.objects.filter(pk=link.pk).update(permission_parent=ContactLink.Permission.ASSIGN)
        adding.record_on_both(
            link, "link_permission", by=by, now=now, permission=ContactLink.Permission.ASSIGN
        )


def _open(**which) -> list[ContactLink]:
    return list(
        ContactLink.objects.select_for_update().filter(status__in=ContactLink.OPEN, **which).order_by("pk")
    )


def _end(link: ContactLink, *, by, now: datetime) -> None:
    ContactLink.objects.filter(pk=link.pk).update(
        status_before_end=F("status"),
        status=ContactLink.Status.ENDED,
        ended_at=now,
        ended_by=history.author(by),
        end_reason="merged",
    )
    adding.record_on_both(link, "link_merged", by=by, now=now)
