"""Queue a mail in the caller's transaction; the worker sends it afterwards."""

import uuid
from datetime import datetime

from . import tasks
from .models import Mail


def queue(
    kind: str,
    *,
    to: str,
    language: str,
    now: datetime,
    about: dict | None = None,
    pos=None,
    once: str | None = None,
    subject_uuid: uuid.UUID | None = None,
) -> Mail | None:
    """Queue one mail of ``kind`` to the address ``to``; ``about`` holds ids only.

    With ``once``, a second call with the same text queues nothing and returns None.
    """
    mail = Mail(
        kind=kind,
        organiser_id=pos.organiser_id if pos else None,
        point_of_sale=pos,
        about=about or {},
        recipient=to,
        language=language,
        once=once,
        subject_uuid=subject_uuid,
        created_at=now,
    )
    if once is None:
        mail.save(force_insert=True)
    elif not _insert_once(mail):
        return None
    tasks.send.defer(mail_id=mail.pk)
    return mail


def _insert_once(mail: Mail) -> bool:
    Mail.objects.bulk_create([mail], ignore_conflicts=True)
    row = Mail.objects.filter(once=mail.once).values_list("pk", "created_at").first()
    if row is None or row[1] != mail.created_at:
        return False
    mail.pk = row[0]
    return True
