"""Downloaded lists with a person in them: the shop can't delete those, so it asks the staff who have them to do so."""

import uuid
from datetime import datetime

from django.db.models import QuerySet

from ticketshop.exports.models import Download

from ..models import Erasure
from . import staff_mails


def of(subject_uuid: uuid.UUID) -> QuerySet[Download]:
    """Return the downloads of files with the person in them, newest first."""
    downloads = Download.objects.filter(job__subjects__contains=[subject_uuid])
    return downloads.select_related("job", "by").order_by("-at", "-pk")


def downloaded_by(erasure: Erasure, address: str) -> list[Download]:
    """Return those of one member of staff, by the e-mail address of their log-in."""
    return list(of(erasure.subject_uuid).filter(by__email=address))


def tell(erasure: Erasure, now: datetime) -> int:
    """Queue a mail to each user with a download of such a list, once for each erasure. Return the number of mails.

    None for an erasure by the retention job, which may erase thousands of people in a night.
    """
    if erasure.channel == Erasure.Channel.RETENTION:
        return 0
    downloads = of(erasure.subject_uuid).filter(by__isnull=False).order_by("by")
    users = set(downloads.values_list("by", "by__email"))
    pos = staff_mails.shop_of(erasure) if users else None
    if pos is None:
        return 0
    return staff_mails.tell_each(sorted(users), erasure, "data_copies", pos, now=now)
