"""The person asks: to see what is known, to have a copy, to be forgotten. Whoever reads the mailbox is believed.

With a log-in: a request waits for the link in a mail (``ask``, ``confirm``). Without one: the link in a mail
opens what is known under its address (``MailboxProof``), and from there one is forgotten (``forget``).
Either way staff find the request and run it.
"""

import logging
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.utils.translation import gettext_lazy

from contacts import link_mail, locking, mailbox
from contacts.models import Contact, ContactLink
from ticketshop.jobs.rows import RowJob, Tidying
from ticketshop.lib import days, references
from ticketshop.lib.text import normalise_email
from ticketshop.limits import limits
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.organisers import permissions
from ticketshop.organisers.models import Organiser, PointOfSale

from ..erasure import due_dates, erasing, last_mail, staff_mails
from ..models import Erasure, MailboxProof

logger = logging.getLogger("ticketshop.privacy")
State = Erasure.State
TO_CONFIRM = timedelta(days=7)
TO_OPEN = timedelta(hours=24)
STAYS_OPEN = timedelta(minutes=30)


# --- with a log-in ----------------------------------------------------------------------------------------------
def open_request(contact: Contact, now: datetime) -> Erasure | None:
    """The request of this person that is not done; one whose mail was not answered in time is none."""
    over = Q(state=State.REQUESTED, token_expires_at__lte=now) | Q(state__in=[State.WITHDRAWN, State.CLOSED])
    # What the person has confirmed counts more than what they asked for once more.
    return (
        Erasure.objects.filter(contact=contact)
        .exclude(over)
        .order_by(F("confirmed_at").desc(nulls_last=True), "pk")
        .first()
    )


def to_be_done(user, now: datetime) -> dict[str, int]:
    """How many people have asked and wait for this member of staff, or a colleague; ``overdue`` of them too long."""
    asked = Erasure.objects.filter(state=State.CONFIRMED)
    return permissions.for_staff(asked, user, "privacy.manage_request").aggregate(
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
    """Note that the person wants to be forgotten, and mail one link that confirms it; asked again, the same request.

    ``others``: contacts that the person has chosen by their names, and whom the person's mailbox covers. Return the
    request of ``contact``. Raises locking.Gone for somebody who is being erased already, CannotErase where somebody has
    another name meanwhile.
    """
    people = [contact, *others]
    held = {one.pk: locking.lock(one.pk) for one in sorted(people, key=lambda one: one.pk)}
    _check_names(people, held)
    requests = [_requested(held[one.pk], now) for one in people]
    _mail_link([one for one in requests if one.state == State.REQUESTED], pos, language, now, bearer)
    return requests[0]


def _check_names(chosen: Iterable[Contact], held: dict[int, Contact]) -> None:
    """Whoever was chosen by name still has it. Raises CannotErase."""
    if any(one.pk not in held or held[one.pk].full_name != one.full_name for one in chosen):
        raise erasing.CannotErase("changed")


def _requested(contact: Contact, now: datetime) -> Erasure:
    """The person's request that is not done, or a new one."""
    found = open_request(contact, now)
    if found is not None:
        return found
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
    """Mail the link that confirms all of ``requests``: that of the first, with which the others are asked for.

    Return whether a mail leaves.
    """
    if not requests:
        return False
    first, *others = requests
    address = address_of(first.contact)
    if not _may_mail(address, now):
        return False
    asked = Erasure.objects.filter(state=State.REQUESTED)
    asked.filter(pk=first.pk).update(bearer=bearer, asked_with=None)
    asked.filter(pk__in=[one.pk for one in others]).update(bearer=bearer, asked_with=first)
    # Whom the person has not chosen this time.
    asked.filter(asked_with=first).exclude(pk__in=[one.pk for one in others]).delete()
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
    """Mail the link that confirms a request once more, with those asked for together with it. Return False where it is
    confirmed or over, or the mailbox got its three mails of the hour."""
    first = erasure.asked_with or erasure
    group = Erasure.objects.filter(Q(pk=first.pk) | Q(asked_with=first), state=State.REQUESTED)
    requests = sorted(group.select_related("contact__user"), key=lambda one: one.pk != first.pk)
    return _mail_link(requests, pos, language, now, first.bearer)


@transaction.atomic
def withdraw(erasure: Erasure) -> bool:
    """Take a request back before it is begun. Return False where it is too late.

    One that was not confirmed leaves nothing; a confirmed one stays as a record without the person.
    """
    unconfirmed = Erasure.objects.filter(pk=erasure.pk, state=State.REQUESTED)
    if unconfirmed.delete()[0]:
        Mail.objects.filter(kind="data_delete", about__erasure=erasure.pk, state=Mail.State.QUEUED).delete()
        return True
    confirmed = Erasure.objects.filter(pk=erasure.pk, state=State.CONFIRMED)
    taken_back = bool(confirmed.update(state=State.WITHDRAWN, contact=None, token_hash=None))
    if taken_back:
        logger.info("request withdrawn erasure=%s", erasure.pk)
    return taken_back


def address_of(contact: Contact) -> str:
    """Where a person is asked for a confirmation: the address on file, or the one they log in with; may be empty."""
    return contact.email or (contact.user.email if contact.user else "")


@transaction.atomic
def ask_for_child(link: ContactLink, *, pos: PointOfSale, now: datetime) -> Erasure | None:
    """The parent who manages somebody without an address asks for them, and has just shown who they are.

    Staff are told; None where the person is gone. Raises locking.Gone for a parent who is being erased.
    """
    locking.lock(link.parent_id)
    if (found := open_request(link.child, now)) is not None:
        return found
    try:
        made = erasing.request(link.child, channel=Erasure.Channel.ACCOUNT, now=now)
    except erasing.CannotErase:
        return None
    _tell_staff(made, pos, now)
    return made


def _may_mail(address: str, now: datetime) -> bool:
    return bool(address) and limits.hit("data_mail", link_mail.canonical(address), now)


def new_token(erasure: Erasure) -> str:
    """A fresh token for a mail that leaves now; an earlier one dies. Only its hash is kept."""
    nonce = secrets.token_urlsafe(24)
    # Bound to the address: whoever had it before proves nothing.
    token = nonce + link_mail.mark(nonce, erasure.contact.email_key)
    Erasure.objects.filter(pk=erasure.pk).update(token_hash=link_mail.hash_token(token))
    return token


def of_token(token: str, organiser: Organiser, now: datetime) -> Erasure | None:
    """The request that a mailed link confirms; None for one that is confirmed, over, or of nobody."""
    found = (
        Erasure.objects.filter(
            organiser=organiser,
            token_hash=link_mail.hash_token(token),
            state=State.REQUESTED,
            token_expires_at__gt=now,
        )
        .select_related("contact__user")
        .first()
    )
    return found if found is not None and link_mail.is_for(token, found.contact.email_key) else None


@transaction.atomic
def confirm(token: str, *, pos: PointOfSale, now: datetime) -> Erasure | None:
    """The mailbox is proved: the request stands, and those asked for together with it; staff are told.

    Return the request of the link, or None where the link is no longer good.
    """
    found = of_token(token, pos.organiser, now)
    if found is None:
        return None
    together = list(found.asked_together.filter(state=State.REQUESTED).select_related("contact"))
    ids = [one.contact_id for one in (found, *together)]
    held = {one.pk: one for one in Contact.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    if found.contact_id not in held:
        return None
    covered = set(of_mailbox(pos.organiser, _proved(found)).values_list("pk", flat=True))
    for one in together:
        if one.contact_id in held and one.contact_id in covered:
            _confirm(one, pos, now)
        else:
            one.delete()
    return _confirm(found, pos, now)


def _proved(erasure: Erasure) -> str:
    """The address that covers those who were asked for together: the one the person logs in with."""
    user = erasure.contact.user
    return user.email if user else erasure.contact.email_key


def _confirm(asked: Erasure, pos: PointOfSale, now: datetime) -> Erasure | None:
    already = open_request(asked.contact, now)
    if already is not None and already.pk != asked.pk:
        # Staff, or the person in another way, asked meanwhile: one request is enough.
        asked.delete()
        return already
    turned = Erasure.objects.filter(pk=asked.pk, state=State.REQUESTED)
    due_at = due_dates.due(asked.organiser, now)
    if not turned.update(
        state=State.CONFIRMED, confirmed_at=now, due_at=due_at, token_hash=None, token_expires_at=None
    ):
        return None
    asked.refresh_from_db()
    _tell_staff(asked, pos, now)
    return asked


# --- without a log-in -------------------------------------------------------------------------------------------
def of_mailbox(organiser: Organiser, address: str) -> QuerySet[Contact]:
    """Everybody whom the proof of an address covers at this organiser (``contacts.mailbox``)."""
    return mailbox.contacts_of(organiser, address)


def send_link(address: str, *, pos: PointOfSale, language: str, now: datetime) -> None:
    """Mail a link to whoever reads ``address``; nobody is looked up, so nothing tells who is known.

    The mail says what is known when it leaves.
    """
    with transaction.atomic():
        if _may_mail(address, now):
            outbox.queue("data_link", to=normalise_email(address), language=language, now=now, pos=pos)


def new_proof(organiser: Organiser, address: str, now: datetime) -> str:
    """The token of a mail that leaves now: it opens once, within a day."""
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
    return _unopened(token, organiser, now).exists()


def open_proof(token: str, organiser: Organiser, now: datetime) -> MailboxProof | None:
    """Use the link up; None where it was used, is over, or never was."""
    proof = _unopened(token, organiser, now).first()
    used = MailboxProof.objects.filter(pk=proof.pk if proof else None).exclude(token_hash=None)
    return proof if used.update(opened_at=now, token_hash=None) else None


def unopened(token: str, now: datetime) -> MailboxProof | None:
    """The proof, at whichever organiser, behind a link that was not used and is not over."""
    found = MailboxProof.objects.filter(token_hash=link_mail.hash_token(token), expires_at__gt=now)
    return found.select_related("organiser").first()


def _unopened(token: str, organiser: Organiser, now: datetime) -> QuerySet[MailboxProof]:
    return MailboxProof.objects.filter(
        token_hash=link_mail.hash_token(token), organiser=organiser, expires_at__gt=now
    )


def opened(proof_id: int | None, organiser: Organiser, now: datetime) -> MailboxProof | None:
    """The proof a browser opened a moment ago."""
    return MailboxProof.objects.filter(
        pk=proof_id, organiser=organiser, opened_at__gt=now - STAYS_OPEN, expires_at__gt=now
    ).first()


@transaction.atomic
def forget(
    proof: MailboxProof, people: Iterable[Contact], *, pos: PointOfSale, now: datetime, bearer: bool = False
) -> list[Erasure]:
    """One confirmed request for each of ``people``, chosen by name from those the mailbox covers; staff are told.

    Requests there are already stay. Raises CannotErase where somebody has another name meanwhile, or is no longer covered.
    """
    people = list(people)
    covered = of_mailbox(proof.organiser, proof.address).select_for_update(of=("self",))
    held = {one.pk: one for one in covered.filter(pk__in=[one.pk for one in people])}
    _check_names(people, held)
    found = []
    for contact in held.values():
        already = open_request(contact, now)
        if already is None or already.state == State.REQUESTED:
            try:
                already = erasing.request(contact, channel=Erasure.Channel.MAILBOX, now=now, bearer=bearer)
            except erasing.CannotErase:
                continue  # staff were quicker
            _tell_staff(already, pos, now)
        found.append(already)
    return found


# --- staff, and what goes by itself -----------------------------------------------------------------------------
def _tell_staff(erasure: Erasure, pos: PointOfSale, now: datetime) -> None:
    logger.info("somebody asks to be forgotten erasure=%s", erasure.pk)
    staff_mails.tell(erasure, "data_asked", pos, now=now)


def expire(now: datetime) -> int:
    """Requests nobody confirmed in time leave nothing, nor do links nobody opened; returns how many went."""
    return sum(job.run(now) for job in (FORGET_REQUESTS, FORGET_PROOFS, FORGET_MAILS, last_mail.GIVE_UP))


def _forget_request(erasure: Erasure, now: datetime) -> bool:
    """Delete a request nobody confirmed, unless that happened a moment ago."""
    over = Erasure.objects.select_for_update().filter(pk=erasure.pk, state=State.REQUESTED)
    if over.first() is None:
        return False
    Mail.objects.filter(kind="data_delete", about__erasure=erasure.pk).delete()
    over.delete()
    return True


FORGET_REQUESTS = RowJob(
    "privacy.forget_requests",
    gettext_lazy("Delete a request that nobody confirmed"),
    rows=lambda now: Erasure.objects.filter(state=State.REQUESTED, token_expires_at__lte=now).order_by("pk"),
    act=_forget_request,
)
FORGET_PROOFS = Tidying(
    "privacy.forget_proofs",
    gettext_lazy("Delete a link to one’s own data that has ended"),
    rows=lambda now: MailboxProof.objects.filter(expires_at__lte=now),
)
# The address somebody typed there may be anybody's.
FORGET_MAILS = Tidying(
    "privacy.forget_mails",
    gettext_lazy("Delete an e-mail with a link to one’s own data"),
    rows=lambda now: Mail.objects.filter(kind="data_link", created_at__lte=now - TO_CONFIRM),
)
