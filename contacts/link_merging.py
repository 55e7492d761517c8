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
