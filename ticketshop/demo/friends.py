"""Friends and family of Alice: Bob, who accepted the link and has a ticket from her, and her daughter Zoé without an e-mail address."""

from datetime import date, datetime, timedelta

from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from accounts.models import User
from contacts import contacts
from contacts.linking import adding
from contacts.models import Contact, ContactLink, LinkRequest, LinkType
from ticketshop.catalogue.models import Tariff
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders.giving import acceptance, offers


def connect(pos: PointOfSale, users: dict[str, User], now: datetime) -> None:
    """Write Alice's two links as the shop would have created them some weeks before ``now``."""
    alice = Contact.objects.get(organiser=pos.organiser, user=users["alice@example.org"])
    bob = Contact.objects.get(organiser=pos.organiser, user=users["bob@example.org"])
    to_bob = _link(pos, alice, bob, now - timedelta(days=48))
    ContactLink.objects.filter(pk=to_bob.pk).update(
        consent_at=now - timedelta(days=47), consent_by=ContactLink.ConsentBy.CHILD
    )
    LinkRequest.objects.create(
        link=to_bob,
        delivery_state=LinkRequest.Delivery.SENT,
        sent_at=to_bob.started_at,
        expires_at=to_bob.started_at + timedelta(days=30),
        used_at=now - timedelta(days=47),
    )
    zoe = contacts.create(
        organiser=pos.organiser,
        via=Contact.CreatedVia.FRIENDS_FAMILY,
        now=now - timedelta(days=40),
        by=alice.user,
        first_name="Zoé",
        last_name="Martin",
        birth_date=date(now.year - 9, 4, 12),
    )
    # A fixed number, so that the same day gives the same shop.
    Contact.objects.filter(pk=zoe.pk).update(number="9ZM4-7K3Q")
    _link(pos, alice, zoe, now - timedelta(days=40), permission=ContactLink.Permission.MANAGE)
    _give_child_ticket(alice, zoe)
    _give_ticket(to_bob, alice, bob, now - timedelta(days=3))


def _link(
    pos: PointOfSale, parent: Contact, child: Contact, since: datetime, permission: str = "assign"
) -> ContactLink:
    link = ContactLink.objects.create(
        organiser=pos.organiser,
        parent=parent,
        child=child,
        type=LinkType.objects.get(code=LinkType.FRIENDS_FAMILY),
        status=ContactLink.Status.ACTIVE,
        permission_parent=permission,
        entered_first_name=child.first_name,
        entered_last_name=child.last_name,
        entered_email=child.email or "",
        entered_birth_date=None if child.email else child.birth_date,
        origin=ContactLink.Origin.SHOP,
        origin_pos=pos,
        created_by=parent.user,
        started_at=since,
    )
    adding.record_on_both(link, "link_added", by=parent.user, now=since, status=link.status)
    return link


def _give_child_ticket(buyer: Contact, child: Contact) -> None:
    """Make Alice's daughter the beneficiary of the child ticket for Alice's next evening."""
    ticket = Ticket.objects.filter(
        order__buyer=buyer, state="valid", line__offer__tariff__name_en="Child"
    ).first()
    if ticket is not None:
        Ticket.objects.filter(pk=ticket.pk).update(
            beneficiary=child, holder_first_name=child.first_name, holder_last_name=child.last_name
        )


def _give_ticket(link: ContactLink, alice: Contact, bob: Contact, now: datetime) -> None:
    """Let Alice give a ticket to Bob: her first one without a beneficiary, whose tariff asks nothing."""
    ticket = (
        Ticket.objects.filter(
            order__buyer=alice,
            order__state="paid",
            state="valid",
            beneficiary=None,
            response=None,
            session__starts_at__gt=now,
            line__offer__tariff__form=None,
        )
        .order_by("session__starts_at", "pk")
        .first()
    )
    if ticket is None:
        return
    Tariff.objects.filter(offers=ticket.line.offer_id).update(may_be_given=True)
    name = {"holder_first_name": bob.first_name, "holder_last_name": bob.last_name}
    with app.replace_connector(InMemoryConnector()):  # no job is queued
        gift = offers.offer(ticket, link, by=alice.user, now=now)
        acceptance.accept(gift, name, None, language="en", by=bob.user, now=now)
    Mail.objects.filter(state=Mail.State.QUEUED, created_at=now).update(
        state=Mail.State.SENT, attempts=1, sent_at=now + timedelta(seconds=2)
    )
