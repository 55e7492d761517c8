"""Change what a parent typed about a person, and hand a person without an e-mail address their own account.

The address is only noted on the request until its owner accepts: nothing goes there before, and the parent learns
nothing about who has it.
"""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import RowJob
from ticketshop.mail import outbox

from . import adding, contacts, link_mail, links, locking
from .models import Contact, ContactLink, LinkRequest

HANDED_OVER = "link_handed_over"


def edit(
    link: ContactLink, *, first_name: str, last_name: str, birth_date: date | None, by, now: datetime
) -> bool:
    """Set what the parent typed. False if the link is over. Raises locking.Gone.

    The contact of the child changes with it only while nothing else is known of the child (``is_parents_own``).
    """
    with transaction.atomic():
        link = _hold(link)
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


def invite(link: ContactLink, email: str, asked: adding.Asked, *, now: datetime) -> adding.Outcome | None:
    """Invite the owner of an e-mail address to take the child's account over. None where the child is not the parent's own.

    LINKED, whether a mail goes out or not; else as ``adding.add``, before any look-up. Raises locking.Gone.
    """
    person = adding.Person(link.entered_first_name, link.entered_last_name, email)
    if refused := adding.refused_at_once(link.parent, person, asked):
        return refused
    with transaction.atomic():
        if refused := adding.over_a_limit(link.parent, person, asked, now):
            return refused
        link = _hold(link)
        if not link.is_open or not link.is_parents_own:
            return None
        mailable = link_mail.may_send(asked.pos.organiser, email, link.parent, now)
        delivery = (
            LinkRequest.Delivery.QUEUED if mailable == link_mail.YES else LinkRequest.Delivery.SUPPRESSED
        )
        values = {
            "email": email,
            "token_hash": None,
            "new_contact": False,
            "sent_at": None,
            # Counted again when the mail leaves; an address that gets no mail is forgotten as well.
            "expires_at": now + timedelta(days=asked.pos.organiser.link_request_days),
            "used_at": None,
            "delivery_state": delivery,
        }
        link.request, _created = LinkRequest.objects.update_or_create(link=link, defaults=values)
        link_mail.queue(link, asked, now, send=mailable == link_mail.YES)
        adding.record_on_both(link, "link_invited", by=asked.by, now=now)
    return adding.Outcome(adding.LINKED, link)


def waiting(link: ContactLink) -> LinkRequest | None:
    """Return the invitation of a link that nobody has answered yet; else None."""
    return LinkRequest.objects.filter(link=link, used_at=None).exclude(email="").first()


def withdraw(link: ContactLink, *, by, now: datetime) -> bool:
    """Take the invitation back; False where there is none. What was mailed opens nothing any more."""
    return _spend(waiting(link), "link_invitation_withdrawn", by=by, now=now)


def decline(request: LinkRequest, *, not_me: bool, now: datetime) -> bool:
    """Say no to an invitation: everything stays as it was. With ``not_me`` this parent can't make us write there again."""
    with transaction.atomic():
        if not_me:
            link_mail.suppress(request.link, now=now)
        return _spend(request, "link_invitation_declined", by=None, now=now)


def _spend(request: LinkRequest | None, action: str, *, by, now: datetime) -> bool:
    """Forget the address of an invitation, and that it was made; False where it was answered already."""
    if request is None:
        return False
    with transaction.atomic():
        unused = LinkRequest.objects.filter(pk=request.pk, used_at=None).exclude(email="")
        spent = unused.update(used_at=now, token_hash=None, email="")
        if spent:
            adding.record_on_both(request.link, action, by=by, now=now)
            if action != HANDED_OVER:
                forget_mails(request.link)
    return bool(spent)


def forget_mails(link: ContactLink) -> None:
    """Forget where the invitations of a link were sent to; one that has not left is cancelled."""
    outbox.forget_recipients("link_invited", {"link": link.pk}, subject_uuid=link.child.subject_uuid)


def _over(now: datetime) -> QuerySet[LinkRequest]:
    """Invitations nobody has answered in time, and those of links that ended and can't be restored any more."""
    ended = Q(link__ended_at__lte=now - links.UNDO)
    rows = LinkRequest.objects.exclude(email="").filter(Q(expires_at__lte=now) | ended)
    return rows.select_related("link__child").order_by("pk")


def _end_invitation(request: LinkRequest, now: datetime) -> bool:
    """Forget the address, unless it was answered, or another one was invited, a moment ago."""
    over = LinkRequest.objects.filter(pk__in=_over(now).values("pk"), pk=request.pk, email=request.email)
    if not over.update(used_at=now, token_hash=None, email=""):
        return False
    adding.record_on_both(request.link, "link_invitation_ended", by=None, now=now)
    forget_mails(request.link)
    return True


END = RowJob(
    "contacts.end_invitations",
    gettext_lazy("End an invitation that nobody answered"),
    rows=_over,
    act=_end_invitation,
)


def hand_over(request: LinkRequest, *, now: datetime) -> Contact | None:
    """Give the child the address of the invitation, whose mailbox was just proved. Return the child.

    None where the invitation was answered or taken back meanwhile, or the child is not the parent's own any more.
    The link stays, agreed to by the child, and lets the parent see tickets: what the invitation says. Raises locking.Gone.
    """
    with transaction.atomic():
        link = _hold(request.link)
        email = request.email
        if not link.is_open or not link.is_parents_own:
            return None
        if not _spend(request, HANDED_OVER, by=None, now=now):
            return None
        contacts.change(link.child, {"email": email}, by=None, now=now)
        ContactLink.objects.filter(pk=link.pk).update(entered_email=email)
        links.accept(link, by=None, now=now)
    return link.child


def _hold(link: ContactLink) -> ContactLink:
    """Lock both people of a link; return it as it is then. Raises locking.Gone."""
    held = locking.hold_all([link.parent_id, link.child_id], needed=[link.parent_id, link.child_id])
    current = ContactLink.objects.select_for_update(no_key=True).get(pk=link.pk)
    current.parent, current.child = held[link.parent_id], held[link.child_id]
    return current
