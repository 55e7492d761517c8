"""The last mail to a person: what was erased, and what is retained or deferred.

An erasure empties the e-mail address everywhere else before this mail is sent. The mail's row has it until a mail server
has accepted the mail, or for three days at most. The row has the erasure's UUID in place of the person's: so no path leads
from the person to it, the erasure leaves it alone, and no other mail is sent to this address.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy

from contacts.models import Contact
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.values.text import normalise_email
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail

from ..models import Erasure
from . import due_dates, recipients, staff_mails

DONE, BEGUN = "data_done", "data_begun"
MAX_AGE = timedelta(days=3)


def is_told(erasure: Erasure) -> bool:
    """Return whether the person requested the erasure, and so gets a mail about it."""
    return erasure.channel in due_dates.ASKED_BY_PERSON


def write(erasure: Erasure, contact: Contact, kind: str, *, now: datetime) -> None:
    """Create a mail of ``kind`` in the transaction that empties the address; ``send`` queues it after the check.

    About a person without an e-mail address, one to each parent who manages them. Does nothing if the person did not request
    the erasure, there is no address, or the mail exists.
    """
    if not is_told(erasure) or _written(erasure, kind).exists():
        return
    pos = staff_mails.shop_of(erasure)
    if pos is None:
        return
    # ``once`` must not contain the contact's key: no path may lead from the mail to the person.
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
    # The row has the erasure's UUID, which is indexed.
    return Mail.objects.filter(kind=kind, subject_uuid=erasure.uuid)


def send(erasure: Erasure, kind: str) -> None:
    """Queue the mails that ``write`` has created, in the transaction that closes or defers the erasure."""
    if not is_told(erasure):
        return
    for pk in _written(erasure, kind).filter(state=Mail.State.QUEUED).values_list("pk", flat=True):
        tasks.send.defer(mail_id=pk)


@transaction.atomic
def _give_up(mail: Mail, now: datetime) -> bool:
    """Empty the address of a mail that was not sent in time. Return whether there was one."""
    unsent = (
        Mail.objects.select_for_update()
        .filter(pk=mail.pk, kind__in=(DONE, BEGUN))
        .exclude(recipient="")
        .first()
    )
    if unsent is None:
        return False
    if unsent.state == Mail.State.QUEUED:
        unsent.state = Mail.State.FAILED
    unsent.recipient = ""
    unsent.save(update_fields=["state", "recipient"])
    return True


GIVE_UP = RowJob(
    "privacy.give_up_last_mail",
    gettext_lazy("Drop the address of an erased person’s last e-mail"),
    rows=lambda now: (
        Mail.objects.filter(kind__in=(DONE, BEGUN), created_at__lte=now - MAX_AGE)
        .exclude(recipient="")
        .order_by("pk")
    ),
    act=_give_up,
)
