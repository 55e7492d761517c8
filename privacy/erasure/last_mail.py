"""The mail that tells the person what became of their request, and the e-mail address that outlives it for that.

The address is emptied everywhere while the mail still has to leave. It stays on the row of this one mail until a mail
server has taken it, three days at most; the erasure waits for neither. The row carries the number of the request
instead of the person's: no path leads from the person to it, so that nothing else is sent there.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.text import normalise_email
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail

from ..models import Erasure
from . import due_dates, recipients, staff_mails

DONE, BEGUN = "data_done", "data_begun"
AT_MOST = timedelta(days=3)


def is_told(erasure: Erasure) -> bool:
    """Whether the person asked for it, and so is told what became of it."""
    return erasure.channel in due_dates.ASKED_BY_PERSON


def write(erasure: Erasure, contact: Contact, kind: str, *, now: datetime) -> None:
    """Write a mail of ``kind`` down, in the transaction that empties the address; it leaves once the erasure is checked
    (``send``). Of a person without an address, one to each parent who manages them, before the links go. Do nothing where
    nobody asked for the person, nobody can be told, or the mail is there."""
    if not is_told(erasure) or _written(erasure, kind).exists():
        return
    pos = staff_mails.shop_of(erasure)
    if pos is None:
        return
    # The key names no contact: nothing leads from the mail to the person.
    for number, recipient in enumerate(recipients.of(contact, erasure.requested_at)):
        Mail.objects.create(
            kind=kind,
            organiser_id=erasure.organiser_id,
            point_of_sale=pos,
            about={"erasure": erasure.pk, **({"child": True} if recipient.is_parent else {})},
            recipient=normalise_email(recipient.email),
            subject_uuid=erasure.uuid,
            language=recipient.language or pos.languages[0],
            once=f"{kind}|{erasure.pk}" + (f"|{number}" if number else ""),
            created_at=now,
        )


def _written(erasure: Erasure, kind: str) -> QuerySet[Mail]:
    return Mail.objects.filter(kind=kind, about__erasure=erasure.pk)


def send(erasure: Erasure, kind: str) -> None:
    """Queue the mails that were written down, in the transaction that says the erasure is done, or partly done."""
    for pk in _written(erasure, kind).filter(state=Mail.State.QUEUED).values_list("pk", flat=True):
        tasks.send.defer(mail_id=pk)


@transaction.atomic
def _give_up(mail: Mail, now: datetime) -> bool:
    """Drop the address of a mail that has not left in time."""
    waiting = (
        Mail.objects.select_for_update()
        .filter(pk=mail.pk, kind__in=(DONE, BEGUN))
        .exclude(recipient="")
        .first()
    )
    if waiting is None:
        return False
    if waiting.state == Mail.State.QUEUED:
        waiting.state = Mail.State.FAILED
    waiting.recipient = ""
    waiting.save(update_fields=["state", "recipient"])
    return True


GIVE_UP = RowJob(
    "privacy.give_up_last_mail",
    gettext_lazy("Drop the address of an erased person’s last e-mail"),
    rows=lambda now: (
        Mail.objects.filter(kind__in=(DONE, BEGUN), created_at__lte=now - AT_MOST)
        .exclude(recipient="")
        .order_by("pk")
    ),
    act=_give_up,
)
