"""The connections of one contact as its page shows them: parents and children apart, then what is over."""

from dataclasses import dataclass

from django.db.models import OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.mail import returned
from ticketshop.office.sections import NONE

from ..models import Contact, ContactLink, LinkRequest
from . import link_buttons

# The page shows so many of each kind; the list of connections has them all.
MOST = 100
END_REASONS = {
    "removed": gettext_lazy("removed by the parent"),
    "declined": gettext_lazy("declined or left by the child"),
    "not_me": gettext_lazy("“This is not me”"),
    "merged": gettext_lazy("the same connection twice after two contacts were joined"),
    "ended": gettext_lazy("ended by staff"),
}


@dataclass(frozen=True)
class Line:
    """One connection seen from one of its ends. ``actions``: what may be done to it, as (words, address)."""

    link: ContactLink
    other: Contact
    kind: str
    request: str
    end_reason: str
    actions: list[tuple[str, str]]


@dataclass(frozen=True)
class Connections:
    """All a contact's page says of connections; ``add`` is the address of the page that makes one, where allowed."""

    parents: list[Line]
    children: list[Line]
    ended: list[Line]
    add: str | None
    most: int = MOST

    @property
    def cut(self) -> bool:
        return any(len(lines) == MOST for lines in (self.parents, self.children, self.ended))


def read(request, contact: Contact) -> Connections:
    """Three queries, however many there are."""
    known = with_fate(
        ContactLink.objects.select_related(
            "parent", "child", "type", "origin_pos", "created_by", "ended_by", "request"
        )
    )
    open_links = known.filter(status__in=ContactLink.OPEN)
    over = known.filter(Q(parent=contact) | Q(child=contact)).exclude(status__in=ContactLink.OPEN)
    by_name = ["sort_key", "pk"]
    may_act = request.user.has_perm("contacts.change_contactlink", contact)
    may_add = request.user.has_perm("contacts.add_contactlink", contact)
    return Connections(
        parents=_lines(
            open_links.filter(child=contact).order_by(*(f"parent__{name}" for name in by_name)),
            contact,
            may_act,
        ),
        children=_lines(
            open_links.filter(parent=contact).order_by(*(f"child__{name}" for name in by_name)),
            contact,
            may_act,
        ),
        ended=_lines(over.order_by("-ended_at", "-pk"), contact, may_act),
        add=reverse("admin:contacts_contact_add_connection", args=[contact.pk]) if may_add else None,
    )


def _lines(rows: QuerySet[ContactLink], contact: Contact, may_act: bool) -> list[Line]:
    return [
        Line(
            link,
            link.parent if link.child_id == contact.pk else link.child,
            kind_text(link, seen_from=contact),
            request_text(link),
            end_reason_text(link),
            actions(link) if may_act else [],
        )
        for link in rows[:MOST]
    ]


def actions(link: ContactLink) -> list[tuple[str, str]]:
    """The buttons a connection offers now."""
    return [
        (button.label, reverse(f"admin:contacts_contactlink_{button.name}", args=[link.pk]))
        for button in link_buttons.ALL
        if button.offered(link)
    ]


def kind_text(link: ContactLink, *, seen_from: Contact) -> str:
    """What the other one is: “child”, “parent”."""
    other_is_child = link.parent_id == seen_from.pk
    return link.type.label_parent_to_child if other_is_child else link.type.label_child_to_parent


def with_fate(links: QuerySet[ContactLink]) -> QuerySet[ContactLink]:
    """These connections, each with whether e-mails to its child come back (``child_unreachable``)."""
    child = (OuterRef(name) for name in ("organiser", "child__email", "child__subject_uuid"))
    return links.annotate(child_unreachable=returned.unreachable(*child))


def request_text(link: ContactLink) -> str:
    """What became of the request to the child; empty where it is answered, or the child has no address.

    The connection comes from ``with_fate``.
    """
    asked: LinkRequest | None = getattr(link, "request", None)
    if asked is None or not link.is_open or link.consent_at is not None:
        return ""
    if link.child_unreachable:
        return _("the request came back: e-mails don’t reach this address")
    if asked.delivery_state == LinkRequest.Delivery.SENT and asked.sent_at:
        return _("request sent on %(date)s") % {"date": day(asked.sent_at)}
    if asked.delivery_state == LinkRequest.Delivery.QUEUED:
        return _("request on its way")
    return _("no request was sent")


def end_reason_text(link: ContactLink) -> str:
    return str(END_REASONS.get(link.end_reason, link.end_reason)) if not link.is_open else ""


def day(instant) -> str:
    """An instant's day in the organiser's time."""
    return date_format(localtime(instant), "SHORT_DATE_FORMAT") if instant else NONE
