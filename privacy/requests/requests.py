"""Requests of visitors to see, copy or erase their data. Who opens the mailed link is taken for the person.

With a log-in: the visitor requests the erasure (``ask``), and confirms it by a mailed link (``confirm``).
Without one: a mailed link opens the data of the mailbox (``send_link``, ``open_proof``), and there the visitor requests their
erasure (``ask_for_mailbox``). In both cases staff get a mail, and run the erasure.
"""

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy

from contacts import locking, mailbox
from contacts.linking import link_mail
from contacts.models import Contact, ContactLink
from ticketshop.jobs.rows import RowJob, Tidying
from ticketshop.lib.dates import days
from ticketshop.lib.values import references
from ticketshop.lib.values.text import normalise_email
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser, PointOfSale

from ..erasure import due_dates, erasing, last_mail, staff_mails
from ..models import Erasure, MailboxProof

logger = logging.getLogger("ticketshop.privacy")
State = Erasure.State
TO_CONFIRM = timedelta(days=7)  # to confirm a request by its mailed link
TO_OPEN = timedelta(hours=24)  # to open a mailed link to one's data
STAYS_OPEN = timedelta(minutes=30)  # access after it was opened


# --- with a log-in ----------------------------------------------------------------------------------------------
def open_request(contact: Contact, now: datetime) -> Erasure | None:
    """Return the open request of a contact, a confirmed one first; None if there is none, or its link has expired."""
    ended = Q(state=State.REQUESTED, token_expires_at__lte=now) | Q(state__in=[State.WITHDRAWN, State.CLOSED])
    return (
        Erasure.objects.filter(contact=contact)
        .exclude(ended)
        .order_by(F("confirmed_at").desc(nulls_last=True), "pk")
        .first()
    )


def to_be_done(user, now: datetime) -> dict[str, int]:
    """Return {"people": …, "overdue": …}: the numbers of confirmed requests that this member of staff may answer."""
    confirmed = Erasure.objects.filter(state=State.CONFIRMED)
    return permissions.for_staff(confirmed, user, "privacy.manage_request").aggregate(
        people=Count("pk"), overdue=Count("pk", filter=Q(due_at__lt=now))
    )


@transaction.atomic
def ask(
    contact: Contact,
    *,
    pos: PointOfSale,
    language: str,
    now: datetime,
    bearer: bool = False,
    others: Iterable[Contact] = (),
) -> Erasure:
    """Create a request for the erasure of ``contact`` and ``others``, or find the open one, and mail one link that confirms it.

    others: contacts that the visitor has chosen by name among those of the mailbox.
    bearer: the person renounces being reached about unused tickets.
    Return the request of ``contact``. Raises locking.Gone for a contact that is being erased already, CannotErase if a
    contact has another name by now.
    """
    people = [contact, *others]
    locked = {pk: locking.lock(pk) for pk in sorted(person.pk for person in people)}
    _check_names(people, locked)
    requests = [_find_or_create(locked[person.pk], now) for person in people]
    unconfirmed = [request for request in requests if request.state == State.REQUESTED]
    _mail_link(unconfirmed, pos, language, now, bearer)
    return requests[0]


def _check_names(chosen: Iterable[Contact], locked: dict[int, Contact]) -> None:
    """Raise CannotErase if a contact that was chosen by name is missing, or has another name by now."""
    if any(person.pk not in locked or locked[person.pk].full_name != person.full_name for person in chosen):
        raise erasing.CannotErase("changed")


def _find_or_create(contact: Contact, now: datetime) -> Erasure:
    """Return the contact's open request, or a new one."""
    existing = open_request(contact, now)
    if existing is not None:
        return existing
    Erasure.objects.filter(contact=contact, state=State.REQUESTED).delete()
    return Erasure.objects.create(
        organiser_id=contact.organiser_id,
        contact=contact,
        subject_uuid=contact.subject_uuid,
        channel=Erasure.Channel.ACCOUNT,
        state=State.REQUESTED,
        token_expires_at=days.end_after(now, TO_CONFIRM.days, contact.organiser.zone),
        receipt=references.readable(10),
        registry_version=erasing.version(),
        requested_at=now,
    )


def _mail_link(requests: list[Erasure], pos: PointOfSale, language: str, now: datetime, bearer: bool) -> bool:
    """Queue the mail whose link confirms all of ``requests``: the token belongs to the first, ``asked_with`` points to it.

    Return whether a mail was queued.
    """
    if not requests:
        return False
    first, *others = requests
    address = address_of(first.contact)
    if not _may_mail(address, now):
        return False
    unconfirmed = Erasure.objects.filter(state=State.REQUESTED)
    other_ids = [other.pk for other in others]
    unconfirmed.filter(pk=first.pk).update(bearer=bearer, asked_with=None)
    unconfirmed.filter(pk__in=other_ids).update(bearer=bearer, asked_with=first)
    # Contacts of an earlier request that the visitor has not chosen this time.
    unconfirmed.filter(asked_with=first).exclude(pk__in=other_ids).delete()
    outbox.queue(
        "data_delete",
        to=address,
        language=language,
        now=now,
        about={"erasure": first.pk},
        pos=pos,
        subject_uuid=first.subject_uuid,
    )
    return True


@transaction.atomic
def send_again(erasure: Erasure, *, pos: PointOfSale, language: str, now: datetime) -> bool:
    """Mail the link that confirms a request, and those made with it, once more.

    Return False if it is confirmed or has ended, or the mailbox has got three mails within the hour.
    """
    first = erasure.asked_with or erasure
    group = Erasure.objects.filter(Q(pk=first.pk) | Q(asked_with=first), state=State.REQUESTED)
    requests = sorted(group.select_related("contact__user"), key=lambda request: request.pk != first.pk)
    return _mail_link(requests, pos, language, now, first.bearer)


@transaction.atomic
def withdraw(erasure: Erasure) -> bool:
    """Withdraw a request before the erasure begins. Return False if it is too late.

    An unconfirmed request is deleted; a confirmed one stays as a record without the contact.
    """
    unconfirmed = Erasure.objects.filter(pk=erasure.pk, state=State.REQUESTED)
    if unconfirmed.delete()[0]:
        _mails_about(erasure).filter(state=Mail.State.QUEUED).delete()
        return True
    confirmed = Erasure.objects.filter(pk=erasure.pk, state=State.CONFIRMED)
    is_withdrawn = bool(confirmed.update(state=State.WITHDRAWN, contact=None, token_hash=None))
    if is_withdrawn:
        logger.info("erasure withdrawn id=%s", erasure.pk)
    return is_withdrawn


def _mails_about(erasure: Erasure) -> QuerySet[Mail]:
    """Return the mails with the link that confirms the request."""
    # By the person's UUID, which is indexed. The contact may have been merged since: then the mails have its new UUID.
    people = {erasure.subject_uuid, *([erasure.contact.subject_uuid] if erasure.contact else [])}
    return Mail.objects.filter(kind="data_delete", subject_uuid__in=people, about__erasure=erasure.pk)


def address_of(contact: Contact) -> str:
    """Return the contact's e-mail address, else that of the log-in; may be empty."""
    return contact.email or (contact.user.email if contact.user else "")


@transaction.atomic
def ask_for_child(link: ContactLink, *, pos: PointOfSale, now: datetime) -> Erasure | None:
    """Create a confirmed request for a child without an e-mail address, on behalf of the parent who manages the child.

    The parent has just confirmed their password, so no mail is needed. Return the request, or the open one; None if the child
    is erased already. Raises locking.Gone if the erasure of the parent has begun.
    """
    locking.lock(link.parent_id)
    if (existing := open_request(link.child, now)) is not None:
        return existing
    try:
        request = erasing.request(link.child, channel=Erasure.Channel.ACCOUNT, now=now)
    except erasing.CannotErase:
        return None
    _tell_staff(request, pos, now)
    return request


def _may_mail(address: str, now: datetime) -> bool:
    return bool(address) and limits.hit("data_mail", link_mail.canonical(address), now)


def new_token(erasure: Erasure) -> str:
    """Return a new token for the mail that is being sent. Its hash replaces that of an earlier token."""
    nonce = secrets.token_urlsafe(24)
    # Bound to the address: after a change of address the token is no longer valid.
    token = nonce + link_mail.mark(nonce, erasure.contact.email_key)
    Erasure.objects.filter(pk=erasure.pk).update(token_hash=link_mail.hash_token(token))
    return token


def of_token(token: str, organiser: Organiser, now: datetime) -> Erasure | None:
    """Return the unconfirmed request of a token; None for a wrong or expired token, or another organiser's."""
    erasure = (
        Erasure.objects.filter(
            organiser=organiser,
            token_hash=link_mail.hash_token(token),
            state=State.REQUESTED,
            token_expires_at__gt=now,
        )
        .select_related("contact__user")
        .first()
    )
    return erasure if erasure is not None and link_mail.is_for(token, erasure.contact.email_key) else None


@transaction.atomic
def confirm(token: str, *, pos: PointOfSale, now: datetime) -> Erasure | None:
    """Confirm the request of a mailed link, and those made with it, and mail staff.

    Return the request of the link; None if the link is no longer valid. Requests for contacts that the mailbox no longer covers
    are deleted.
    """
    erasure = of_token(token, pos.organiser, now)
    if erasure is None:
        return None
    others = list(erasure.asked_together.filter(state=State.REQUESTED).select_related("contact"))
    ids = [request.contact_id for request in (erasure, *others)]
    locked = set(
        Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True)
    )
    if erasure.contact_id not in locked:
        return None
    covered = set(of_mailbox(pos.organiser, _proved_address(erasure)).values_list("pk", flat=True))
    for other in others:
        if other.contact_id in locked & covered:
            _confirm(other, pos, now)
        else:
            other.delete()
    return _confirm(erasure, pos, now)


def _proved_address(erasure: Erasure) -> str:
    """Return the address whose contacts the link may confirm: that of the log-in, without one that of the contact."""
    user = erasure.contact.user
    return user.email if user else erasure.contact.email_key


def _confirm(erasure: Erasure, pos: PointOfSale, now: datetime) -> Erasure | None:
    existing = open_request(erasure.contact, now)
    if existing is not None and existing.pk != erasure.pk:
        # Staff, or the person by another way, have made a request meanwhile.
        erasure.delete()
        return existing
    unconfirmed = Erasure.objects.filter(pk=erasure.pk, state=State.REQUESTED)
    due_at = due_dates.due(erasure.organiser, now)
    if not unconfirmed.update(
        state=State.CONFIRMED, confirmed_at=now, due_at=due_at, token_hash=None, token_expires_at=None
    ):
        return None
    erasure.refresh_from_db()
    _tell_staff(erasure, pos, now)
    return erasure


# --- without a log-in -------------------------------------------------------------------------------------------
def of_mailbox(organiser: Organiser, address: str) -> QuerySet[Contact]:
    """Return the contacts of the organiser whom a proof of the address covers (``contacts.mailbox``)."""
    return mailbox.contacts_of(organiser, address)


def send_link(address: str, *, pos: PointOfSale, language: str, now: datetime) -> None:
    """Queue a mail with a link to the data of an address, at most three per hour.

    The same for known and unknown addresses: the contacts are looked up when the mail is sent, so the page can't tell them apart.
    """
    with transaction.atomic():
        if _may_mail(address, now):
            outbox.queue("data_link", to=normalise_email(address), language=language, now=now, pos=pos)


def new_proof(organiser: Organiser, address: str, now: datetime) -> str:
    """Create a proof, and return the token for the mail that is being sent. It is valid once, within a day."""
    token = secrets.token_urlsafe(32)
    MailboxProof.objects.create(
        organiser=organiser,
        address=normalise_email(address),
        token_hash=link_mail.hash_token(token),
        created_at=now,
        expires_at=now + TO_OPEN,
    )
    return token


def can_open(token: str, organiser: Organiser, now: datetime) -> bool:
    """Return whether a link is valid, without using it."""
    return _unopened(token, organiser, now).exists()


def open_proof(token: str, organiser: Organiser, now: datetime) -> MailboxProof | None:
    """Use a link, and return its proof; None if it was used before, has expired, or never existed."""
    proof = _unopened(token, organiser, now).first()
    unused = MailboxProof.objects.filter(pk=proof.pk if proof else None).exclude(token_hash=None)
    return proof if unused.update(opened_at=now, token_hash=None) else None


def unopened(token: str, now: datetime) -> MailboxProof | None:
    """Return the proof of a valid link, of any organiser."""
    proofs = MailboxProof.objects.filter(token_hash=link_mail.hash_token(token), expires_at__gt=now)
    return proofs.select_related("organiser").first()


def _unopened(token: str, organiser: Organiser, now: datetime) -> QuerySet[MailboxProof]:
    return MailboxProof.objects.filter(
        token_hash=link_mail.hash_token(token), organiser=organiser, expires_at__gt=now
    )


def opened(proof_id: int | None, organiser: Organiser, now: datetime) -> MailboxProof | None:
    """Return the proof whose number the browser's session contains, as long as it gives access; else None."""
    return MailboxProof.objects.filter(
        pk=proof_id, organiser=organiser, opened_at__gt=now - STAYS_OPEN, expires_at__gt=now
    ).first()


@transaction.atomic
def ask_for_mailbox(
    proof: MailboxProof, people: Iterable[Contact], *, pos: PointOfSale, now: datetime, bearer: bool = False
) -> list[Erasure]:
    """Create a confirmed request for each of ``people``, chosen by name among those of the mailbox, and mail staff.

    Return the requests, among them confirmed ones that existed. Raises CannotErase if a contact has another name by now, or
    the mailbox no longer covers it.
    """
    people = list(people)
    covered = of_mailbox(proof.organiser, proof.address).select_for_update(of=("self",))
    locked = {contact.pk: contact for contact in covered.filter(pk__in=[person.pk for person in people])}
    _check_names(people, locked)
    requests = []
    for contact in locked.values():
        request = open_request(contact, now)
        if request is None or request.state == State.REQUESTED:
            try:
                request = erasing.request(contact, channel=Erasure.Channel.MAILBOX, now=now, bearer=bearer)
            except erasing.CannotErase:
                continue  # staff have erased the contact meanwhile
            _tell_staff(request, pos, now)
        requests.append(request)
    return requests


# --- staff, and expired requests --------------------------------------------------------------------------------
def _tell_staff(erasure: Erasure, pos: PointOfSale, now: datetime) -> None:
    logger.info("erasure requested id=%s organiser=%s", erasure.pk, erasure.organiser_id)
    staff_mails.tell(erasure, "data_asked", pos, now=now)


def expire(now: datetime) -> int:
    """Delete expired requests, links and their mails, and addresses of last mails. Return the number of rows."""
    jobs = (DELETE_REQUESTS, DELETE_PROOFS, DELETE_MAILS, last_mail.GIVE_UP)
    return sum(job.run(now) for job in jobs)


def _delete_request(erasure: Erasure, now: datetime) -> bool:
    """Delete an expired request with its mail. Return False if it was confirmed meanwhile."""
    unconfirmed = Erasure.objects.select_for_update().filter(pk=erasure.pk, state=State.REQUESTED)
    if unconfirmed.first() is None:
        return False
    _mails_about(erasure).delete()
    unconfirmed.delete()
    return True


DELETE_REQUESTS = RowJob(
    "privacy.forget_requests",
    gettext_lazy("Delete a request that nobody confirmed"),
    rows=lambda now: Erasure.objects.filter(state=State.REQUESTED, token_expires_at__lte=now).order_by("pk"),
    act=_delete_request,
)
DELETE_PROOFS = Tidying(
    "privacy.forget_proofs",
    gettext_lazy("Delete a link to one’s own data that has ended"),
    rows=lambda now: MailboxProof.objects.filter(expires_at__lte=now),
)
# The visitor may have typed an address that is not theirs.
DELETE_MAILS = Tidying(
    "privacy.forget_mails",
    gettext_lazy("Delete an e-mail with a link to one’s own data"),
    rows=lambda now: Mail.objects.filter(kind="data_link", created_at__lte=now - TO_CONFIRM),
)
