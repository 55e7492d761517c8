"""Lists with a person in them that staff have downloaded: nobody can take those back, so staff are told to delete them."""

import uuid
from datetime import datetime

from django.db.models import QuerySet

from ticketshop.exports.models import Download

from ..models import Erasure
from . import staff_mails


def of(subject_uuid: uuid.UUID) -> QuerySet[Download]:
    """The downloads of files with the person in them, newest first."""
    found = Download.objects.filter(job__subjects__contains=[subject_uuid])
    return found.select_related("job", "by").order_by("-at", "-pk")


def downloaded_by(erasure: Erasure, address: str) -> list[Download]:
    """The downloads of one member of staff, by the address of their log-in."""
    return list(of(erasure.subject_uuid).filter(by__email=address))


def tell(erasure: Erasure, now: datetime) -> int:
    """Queue a mail to everybody who has downloaded such a list, once for each erasure. Return how many were queued.

    An erasure at the end of a retention period is announced by no mail: a night may have thousands of them.
    """
    if erasure.channel == Erasure.Channel.RETENTION:
        return 0
    told = of(erasure.subject_uuid).filter(by__isnull=False).order_by("by")
    addresses = set(told.values_list("by", "by__email"))
    pos = staff_mails.shop_of(erasure) if addresses else None
    if pos is None:
        return 0
    return staff_mails.tell_each(sorted(addresses), erasure, "data_copies", pos, now=now)
