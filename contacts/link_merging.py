"""What becomes of links when two contacts turn out to be one person."""

from datetime import datetime

from django.db.models import F, Q

from . import adding
from .models import Contact, ContactLink, LinkRequest


def prepare(keep: Contact, lose: Contact, *, by, now: datetime) -> None:
    """Make the links of both fit one contact, before every key is pointed to ``keep``.

    Links between the two vanish. Where both have the same link one of them ends, with its history; the
    other stays as it is: nothing that waits becomes active because of a merge, unless the person who was
    asked had agreed to the other one. Call within the merge's transaction.
    """
    ContactLink.objects.filter(Q(parent=keep, child=lose) | Q(parent=lose, child=keep)).delete()
    for mine, theirs in ("parent", "child"), ("child", "parent"):
        kept = {(getattr(link, f"{theirs}_id"), link.type_id): link for link in _open(**{mine: keep})}
        for link in _open(**{mine: lose}):
            twin = kept.get((getattr(link, f"{theirs}_id"), link.type_id))
            if twin is None:
                continue
            # Seen from a parent, the same person was asked twice: an agreement holds for both.
            agreed = mine == "parent" and link.consent_at and twin.status == ContactLink.Status.PENDING
            _end(twin if agreed else link, by=by, now=now)
    # Mails that are still out name the person who is no more.
    LinkRequest.objects.filter(link__child=lose, used_at=None).update(used_at=now, token_hash=None, email="")


def end_managing(both: list[Contact], *, by, now: datetime) -> None:
    """Let parents only choose for tickets who saw and managed those of a person without an e-mail address.

    Where one of ``both`` has an address or a log-in, the tickets they order themselves are theirs from now on: only they can
    say who sees them. What they have agreed to stays. Call before the keys are pointed to one of them.
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
        ended_by=by if by is not None and by.is_authenticated else None,
        end_reason="merged",
    )
    adding.record_on_both(link, "link_merged", by=by, now=now)
