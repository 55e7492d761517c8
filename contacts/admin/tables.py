"""The tables of connections on the page of a contact: its parents, its children, and those that have ended."""

from dataclasses import dataclass

from django.db.models import OuterRef, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from contacts.models import Contact, ContactLink, LinkRequest
from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.mail import bounces
from ticketshop.office.sections import NONE

from . import link_buttons

# Maximum number of rows in each table; the list of connections has all of them.
MOST = 100
END_REASONS = {
    "removed": gettext_lazy("removed by the parent"),
    "declined": gettext_lazy("declined or left by the child"),
    "not_me": gettext_lazy("“This is not me”"),
    "merged": gettext_lazy("the same connection twice after two contacts were joined"),
    "ended": gettext_lazy("ended by staff"),
}

# PostgreSQL plans nine joined tables for longer than it reads them: as prepared statements they are planned once.
_OPEN, _CONTACT = Q(status__in=ContactLink.OPEN), Parameter("contact")
_PARENTS = Compiled(
    lambda: _shown(_OPEN, Q(child=_CONTACT)).order_by("parent__sort_key", "parent__pk")[:MOST]
)
_CHILDREN = Compiled(
    lambda: _shown(_OPEN, Q(parent=_CONTACT)).order_by("child__sort_key", "child__pk")[:MOST]
)
_ENDED = Compiled(
    lambda: _shown(~_OPEN, Q(parent=_CONTACT) | Q(child=_CONTACT)).order_by("-ended_at", "-pk")[:MOST]
)


@dataclass(frozen=True)
class Line:
    """A connection seen from one of its contacts. ``actions``: its buttons as (label, URL)."""

    link: ContactLink
    other: Contact
    kind: str
    request: str
    end_reason: str
    actions: list[tuple[str, str]]


@dataclass(frozen=True)
class Connections:
    """The tables. ``add``: URL of the page that makes a connection; None if the user may not."""

    parents: list[Line]
    children: list[Line]
    ended: list[Line]
    add: str | None
    most: int = MOST

    @property
    def cut(self) -> bool:
        """Whether a table may have more rows than are shown."""
        return any(len(lines) == MOST for lines in (self.parents, self.children, self.ended))


def read(request, contact: Contact) -> Connections:
    """Return the tables of a contact; three queries for any number of connections."""
    may_act = request.user.has_perm("contacts.change_contactlink", contact)
    may_add = request.user.has_perm("contacts.add_contactlink", contact)
    return Connections(
        parents=_lines(_PARENTS, contact, may_act),
        children=_lines(_CHILDREN, contact, may_act),
        ended=_lines(_ENDED, contact, may_act),
        add=reverse("admin:contacts_contact_add_connection", args=[contact.pk]) if may_add else None,
    )


def _lines(query: Compiled[ContactLink], contact: Contact, may_act: bool) -> list[Line]:
    return [
        Line(
            link,
            link.parent if link.child_id == contact.pk else link.child,
            kind_text(link, seen_from=contact),
            request_text(link),
            end_reason_text(link),
            actions(link) if may_act else [],
        )
        for link in query.all(contact=contact.pk)
    ]


def actions(link: ContactLink) -> list[tuple[str, str]]:
    """Return (label, URL) of the buttons that a connection offers now."""
    return [
        (button.label, reverse(f"admin:contacts_contactlink_{button.name}", args=[link.pk]))
        for button in link_buttons.ALL
        if button.offered(link)
    ]


def kind_text(link: ContactLink, *, seen_from: Contact) -> str:
    """Return what the other contact is, such as “child” or “parent”."""
    other_is_child = link.parent_id == seen_from.pk
    return link.type.label_parent_to_child if other_is_child else link.type.label_child_to_parent


def with_delivery(links: QuerySet[ContactLink]) -> QuerySet[ContactLink]:
    """Annotate connections with ``child_unreachable``: whether e-mails to the child come back."""
    child = (OuterRef(name) for name in ("organiser", "child__email", "child__subject_uuid"))
    return links.annotate(child_unreachable=bounces.unreachable(*child))


def request_text(link: ContactLink) -> str:
    """Return the state of the request to the child; empty if it is answered, or there is none.

    The connection must have the annotation of ``with_delivery``.
    """
    sent: LinkRequest | None = getattr(link, "request", None)
    if sent is None or not link.is_open or link.consent_at is not None:
        return ""
    if link.child_unreachable:
        return _("the request came back: e-mails don’t reach this address")
    if sent.delivery_state == LinkRequest.Delivery.SENT and sent.sent_at:
        return _("request sent on %(date)s") % {"date": day(sent.sent_at)}
    if sent.delivery_state == LinkRequest.Delivery.QUEUED:
        return _("request on its way")
    return _("no request was sent")


def end_reason_text(link: ContactLink) -> str:
    """Return why a connection has ended; empty while it is open."""
    return str(END_REASONS.get(link.end_reason, link.end_reason)) if not link.is_open else ""


def day(instant) -> str:
    """Return the date of an instant in the active time zone, in the short format; a dash without an instant."""
    return date_format(localtime(instant), "SHORT_DATE_FORMAT") if instant else NONE


def _shown(*conditions: Q) -> QuerySet[ContactLink]:
    """Return the connections that fulfil the conditions, with all that a table shows."""
    rows = with_delivery(
        ContactLink.objects.select_related(
            "parent", "child", "type", "origin_pos", "created_by", "ended_by", "request"
        )
    )
    return rows.filter(*conditions)
