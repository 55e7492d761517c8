"""Change what a parent typed about a child, and invite a child without an e-mail address to their own account.

Until the owner of the invited address accepts, the address stands on the request only: nothing else is sent there, and
the parent does not learn who owns it.
"""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from contacts import contacts, locking
from contacts.models import Contact, ContactLink, LinkRequest
from ticketshop.jobs.rows import RowJob
from ticketshop.mail import outbox

from . import adding, link_mail, links

HANDED_OVER = "link_handed_over"


def edit(
    link: ContactLink, *, first_name: str, last_name: str, birth_date: date | None, by, now: datetime
) -> bool:
    """Set the names and the date of birth that the parent typed. Return False if the link has ended.

    The child's contact changes too, but only while the parent alone has made it known (``is_parents_own``). Raises
    locking.Gone.
    """
    with transaction.atomic():
        link = _lock(link)
        if not link.is_open or not link.typed_by_parent:
            return False
        names = {"first_name": first_name, "last_name": last_name}
        typed = {f"entered_{name}": value for name, value in names.items()}
        if link.is_parents_own:
            contacts.change(link.child, {**names, "birth_date": birth_date}, by=by, now=now)
            typed["entered_birth_date"] = birth_date
        if any(getattr(link, name) != value for name, value in typed.items()):
            ContactLink.objects.filter(pk=link.pk).update(**typed)
            adding.record_on_both(link, "link_edited", by=by, now=now)
    return True


def invite(
    link: ContactLink, email: str, requester: adding.Requester, *, now: datetime
) -> adding.Outcome | None:
    """Invite the owner of an e-mail address to take over the child's account.

    Return LINKED, whether a mail goes out or not; a refusal as ``adding.add`` returns it without a look-up; None if the
    link has ended or others have made the child known too. Raises locking.Gone.
    """
    person = adding.Person(link.entered_first_name, link.entered_last_name, email)
    if refused := adding.refusal_without_look_up(link.parent, person, requester):
        return refused
    with transaction.atomic():
        if refused := adding.refusal_by_limit(link.parent, person, requester, now):
            return refused
        link = _lock(link)
        if not link.is_open or not link.is_parents_own:
            return None
        mailable = link_mail.may_send(requester.pos.organiser, email, link.parent, now)
        delivery = (
            LinkRequest.Delivery.QUEUED if mailable == link_mail.YES else LinkRequest.Delivery.SUPPRESSED
        )
        values = {
            "email": email,
            "token_hash": None,
            "new_contact": False,
            "sent_at": None,
            # Set again when the mail leaves. Set here too, so that an address that gets no mail is erased as well.
            "expires_at": now + timedelta(days=requester.pos.organiser.link_request_days),
            "used_at": None,
            "delivery_state": delivery,
        }
        link.request, _created = LinkRequest.objects.update_or_create(link=link, defaults=values)
        link_mail.queue(link, requester, now, send=mailable == link_mail.YES)
        adding.record_on_both(link, "link_invited", by=requester.by, now=now)
    return adding.Outcome(adding.LINKED, link)


def waiting(link: ContactLink) -> LinkRequest | None:
    """Return the unanswered invitation of a link; None if there is none."""
    return LinkRequest.objects.filter(link=link, used_at=None).exclude(email="").first()


def withdraw(link: ContactLink, *, by, now: datetime) -> bool:
    """Withdraw the invitation of a link; the mailed token stops working. Return False if there is none."""
    return _use_up(waiting(link), "link_invitation_withdrawn", by=by, now=now)


def decline(request: LinkRequest, *, not_me: bool, now: datetime) -> bool:
    """Decline an invitation; the link stays as it was. Return False if it was answered already.

    With ``not_me`` this parent can't cause further mails to the address.
    """
    with transaction.atomic():
        if not_me:
            link_mail.suppress(request.link, now=now)
        return _use_up(request, "link_invitation_declined", by=None, now=now)


def _use_up(request: LinkRequest | None, action: str, *, by, now: datetime) -> bool:
    """Erase the address of an invitation and its token. Return False if it was answered already."""
    if request is None:
        return False
    with transaction.atomic():
        unused = LinkRequest.objects.filter(pk=request.pk, used_at=None).exclude(email="")
        used_up = unused.update(used_at=now, token_hash=None, email="")
        if used_up:
            adding.record_on_both(request.link, action, by=by, now=now)
            if action != HANDED_OVER:
                forget_mails(request.link)
    return bool(used_up)


def forget_mails(link: ContactLink) -> None:
    """Erase the recipients of the invitation mails of a link; a mail that has not left is cancelled."""
    outbox.forget_recipients("link_invited", {"link": link.pk}, subject_uuid=link.child.subject_uuid)


def _ended_invitations(now: datetime) -> QuerySet[LinkRequest]:
    """Return invitations that were not answered in time, and those of links that ended and can't be restored."""
    ended = Q(link__ended_at__lte=now - links.UNDO)
    rows = LinkRequest.objects.exclude(email="").filter(Q(expires_at__lte=now) | ended)
    return rows.select_related("link__child").order_by("pk")


def _end_invitation(request: LinkRequest, now: datetime) -> bool:
    """Erase the address. Return False if the invitation was answered, or renewed with another address, meanwhile."""
    still_ended = _ended_invitations(now).values("pk")
    ended = LinkRequest.objects.filter(pk__in=still_ended, pk=request.pk, email=request.email)
    if not ended.update(used_at=now, token_hash=None, email=""):
        return False
    adding.record_on_both(request.link, "link_invitation_ended", by=None, now=now)
    forget_mails(request.link)
    return True


END = RowJob(
    "contacts.end_invitations",
    gettext_lazy("End an invitation that nobody answered"),
    rows=_ended_invitations,
    act=_end_invitation,
)


def hand_over(request: LinkRequest, *, now: datetime) -> Contact | None:
    """Give the child the e-mail address of the invitation, whose mailbox was just proved. Return the child.

    None if the invitation was answered or withdrawn meanwhile, or others have made the child known too. The link stays,
    with the child's consent that the parent sees the tickets, as the invitation says. Raises locking.Gone.
    """
    with transaction.atomic():
        link = _lock(request.link)
        email = request.email
        if not link.is_open or not link.is_parents_own:
            return None
        if not _use_up(request, HANDED_OVER, by=None, now=now):
            return None
        contacts.change(link.child, {"email": email}, by=None, now=now)
        ContactLink.objects.filter(pk=link.pk).update(entered_email=email)
        links.accept(link, by=None, now=now)
    return link.child


def _lock(link: ContactLink) -> ContactLink:
    """Lock both contacts of a link and the link. Return the link as it is now. Raises locking.Gone."""
    locked = locking.lock_all([link.parent_id, link.child_id], needed=[link.parent_id, link.child_id])
    current = ContactLink.objects.select_for_update(no_key=True).get(pk=link.pk)
    current.parent, current.child = locked[link.parent_id], locked[link.child_id]
    return current
