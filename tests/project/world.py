"""Two organisers that sell the same things side by side, with staff and visitors.

Every text of an organiser contains its word (``Ayeside`` or ``Beeside``), so a page that shows the other word shows too much.
"""

from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from uuid import uuid4

from django.contrib.auth.models import Group, Permission
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from accounts.models import User
from contacts import contacts
from contacts.linking import adding
from contacts.models import Contact, ContactLink
from privacy.erasure import erasing
from privacy.models import Erasure, RetentionRecord
from registration_forms.answers import responses
from registration_forms.models import Response
from tests.factories.accounts import SuperuserFactory, UserFactory
from tests.factories.catalogue import (
    CategoryFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import (
    OrganiserFactory,
    PointOfSaleFactory,
    StaffInvitationFactory,
    StaffMembershipFactory,
    make_staff,
)
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentDifferenceFactory, PaymentMethodFactory, make_cart, make_order
from tests.friends import managing
from tests.sales.bank import bank
from ticketshop.catalogue.models import Category, Event, Offer, SeasonPass, Venue
from ticketshop.demo.bank_files import Paid
from ticketshop.exports import jobs, kinds
from ticketshop.exports.models import Job
from ticketshop.history.models import Event as HistoryEvent
from ticketshop.jobs.models import Failure
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale, StaffInvitation, StaffMembership
from ticketshop.sales.models import (
    BankEntry,
    BankFile,
    Cart,
    Invoice,
    Order,
    OrderResponse,
    PaymentDifference,
    Refund,
    Ticket,
    TicketGift,
)
from ticketshop.sales.orders import orders
from ticketshop.sales.papers import invoices


@dataclass
class House:
    """An organiser with one row of everything."""

    word: str
    organiser: Organiser
    pos: PointOfSale
    venue: Venue
    category: Category
    event: Event
    offer: Offer
    season_pass: SeasonPass
    visitor: User  # has a contact here, orders, and a friend
    contact: Contact
    namesake: Contact  # has the visitor's e-mail address, another name and no log-in
    link: ContactLink
    order: Order  # paid, with a ticket and a pass
    invoice: Invoice  # of that order
    waiting: Order  # a guest's, to be paid at the box office
    refund: Refund
    cart: Cart  # a guest's
    mail: Mail
    owner: User
    membership: StaffMembership
    boss: User  # staff with every permission there is
    limited: User  # staff with the permissions that a test gives them by ``permit``
    export: Job  # of the participants, waiting
    failure: Failure  # of the order that waits
    erasure: Erasure  # asked for by a guest, to be done
    received: Ticket  # given to the visitor by a guest of theirs
    offered: TicketGift  # a second ticket, which waits for the visitor's answer

    def row(self, model: str):
        """Return the row of a back-office model ("sales.order") that belongs to this organiser."""
        return {
            "organisers.organiser": lambda: self.organiser,
            "organisers.staffmembership": lambda: self.membership,
            "organisers.staffinvitation": lambda: StaffInvitation.objects.get(organiser=self.organiser),
            "organisers.pointofsale": lambda: self.pos,
            "history.event": lambda: HistoryEvent.objects.filter(organiser_id=self.organiser.pk).latest("pk"),
            "mail.mail": lambda: self.mail,
            "jobs.failure": lambda: self.failure,
            "exports.job": lambda: self.export,
            "privacy.erasure": lambda: self.erasure,
            "privacy.retentionrecord": lambda: RetentionRecord.objects.get(organiser=self.organiser),
            "contacts.contact": lambda: self.contact,
            "contacts.contactlink": lambda: self.link,
            "catalogue.allotment": lambda: self.offer.allotment,
            "catalogue.session": lambda: self.offer.session,
            "catalogue.tariff": lambda: self.offer.tariff,
            "catalogue.event": lambda: self.event,
            "catalogue.seasonpass": lambda: self.season_pass,
            "registration_forms.registrationform": lambda: self.offer.tariff.form,
            "registration_forms.field": lambda: self.offer.tariff.form.fields.first(),
            "catalogue.venue": lambda: self.venue,
            "catalogue.category": lambda: self.category,
            "sales.ticket": lambda: self.order.tickets.get(),
            "sales.issuedpass": lambda: self.order.passes.get(),
            "sales.customer": lambda: self.contact,
            "sales.order": lambda: self.order,
            "sales.payment": lambda: self.order.payments.get(),
            "sales.refund": lambda: self.refund,
            "sales.bankfile": lambda: BankFile.objects.get(organiser=self.organiser),
            "sales.bankentry": lambda: BankEntry.objects.get(organiser=self.organiser),
            "sales.paymentdifference": lambda: PaymentDifference.objects.get(point_of_sale=self.pos),
        }[model]()


def _invoice(order: Order, word: str) -> Invoice:
    recipient = {
        "name": f"{word} Recipient",
        "street": "Lane",
        "postcode": "3000",
        "city": "Bern",
        "country": "CH",
    }
    return invoices.issue(order, recipient, by=None, now=timezone.now())


def make_house(word: str) -> House:
    low = word.lower()
    organiser = OrganiserFactory(name=f"{word} Organiser", legal_name=f"{word} Ltd", city=f"{word}ville")
    pos = PointOfSaleFactory(
        organiser=organiser, name=f"{word} Shop", slug=f"{low}-shop", friends_family_enabled=True
    )
    for code in ("on_site", "bank_transfer"):
        PaymentMethodFactory(point_of_sale=pos, code=code)
    venue = VenueFactory(organiser=organiser, name=f"{word} Hall")
    category = CategoryFactory(organiser=organiser, name=f"{word} Plays", slug=f"{low}-plays")
    event = EventFactory(
        pos=pos, title=f"{word} Hamlet", slug=f"{low}-hamlet", venue=venue, category=category
    )
    form = make_form("tariff", organiser=organiser, name=f"{word} Participants")
    ask(form, f"{word} size", "dropdown", choices=[f"{word} large"])
    tariff = TariffFactory(event=event, name=f"{word} Adult", form=form, may_be_given=True)
    offer = OfferFactory(session=SessionFactory(event=event), tariff=tariff)
    offer.allotment.name = f"{word} Stalls"
    offer.allotment.save()
    organiser.withdrawal = True
    organiser.save()
    season_pass = SeasonPassFactory(pos=pos, name=f"{word} Season", slug=f"{low}-season")

    visitor = UserFactory(email=f"visitor@{low}.example")
    now = timezone.now()
    contact = contacts.for_user(organiser, visitor, language="en", now=now)
    contacts.change(contact, {"first_name": f"{word}anna", "last_name": f"{word}son"}, by=visitor, now=now)
    namesake = ContactFactory(
        organiser=organiser, first_name=f"{word}bea", last_name="Mailbox", email=visitor.email
    )
    asked = adding.Requester(by=visitor, pos=pos, network="test", language="en")
    friend = adding.Person(f"{word}bert", f"{word}friend", f"friend@{low}.example")
    link = adding.add(contact, friend, asked, now=now).link

    holders = [
        {"first_name": f"{word}holder", "last_name": "One"},
        {"first_name": f"{word}pass", "last_name": ""},
    ]
    order = make_order({offer: 1, season_pass: 1}, user=visitor, holders=holders, paid=True)
    answer(order, f"{word} parking")
    guest = {"first_name": f"{word}guest", "last_name": "Guest", "email": f"guest@{low}.example"}
    cancelled = make_order({offer: 1}, buyer=guest, paid=True)
    orders.cancel(cancelled, by=None, now=now)
    waiting = make_order({offer: 1}, buyer=guest)
    unknown = Paid(Decimal(12), payer=f"{word}payer", text=f"{word} grant")
    bank.store(organiser, bank.booked(unknown), number=f"{word}-1")
    PaymentDifferenceFactory(point_of_sale=pos, provider_reference=f"{word} page")
    received, offered = gifts(offer, contact, guest, word)
    membership = StaffMembershipFactory(organiser=organiser, user__email=f"owner@{low}.example")
    StaffInvitationFactory(organiser=organiser, email=f"invited@{low}.example")
    RetentionRecord.objects.create(
        organiser=organiser,
        day=now.date(),
        model="registration_forms.Answer",
        called=form.fields.get().pk,
        rows=3,
    )
    return House(
        word, organiser, pos, venue, category, event, offer, season_pass, visitor, contact, namesake, link, order,
        waiting=waiting,
        invoice=_invoice(order, word),
        refund=Refund.objects.get(payment__order=cancelled),
        cart=make_cart({offer: 2}, buyer=guest),
        mail=Mail.objects.filter(organiser=organiser, kind="order_paid").latest("pk"),
        owner=membership.user,
        membership=membership,
        boss=staff_with(organiser, every_permission()),
        limited=staff_with(organiser, set()),
        export=jobs.request(
            kinds.KINDS["participants"], organiser=organiser, parameters={"source": "event", "number": event.pk},
            file_format="csv", by=membership.user, now=now,
        ),
        failure=failed(waiting),
        erasure=erasing.request(cancelled.buyer, channel=Erasure.Channel.MAILBOX, now=now),
        received=received,
        offered=offered,
    )  # fmt: skip


def gifts(offer: Offer, to: Contact, guest: dict, word: str) -> tuple[Ticket, TicketGift]:
    """Return a ticket that was given to a contact, and the offer of a second one, both of one order."""
    giver = {**guest, "first_name": f"{word}giver", "email": f"giver@{word.lower()}.example"}
    made, now = make_order({offer: 2}, buyer=giver, paid=True), timezone.now()
    parent = Contact.objects.get(pk=made.buyer_id)
    managing(parent, to)
    given, other = made.tickets.order_by("pk")
    name = {"friend": to, "friend_name": to.full_name, "offered_at": now}
    gift = TicketGift.objects.create(ticket=given, state="accepted", answered_at=now, **name)
    given.gift, given.beneficiary = gift, to
    given.save()
    Response.objects.filter(ticket=given).update(about=to)
    return given, TicketGift.objects.create(ticket=other, **name)


def failed(order: Order) -> Failure:
    """Return a failure to expire an order."""
    orders.EXPIRE.note(order, ZeroDivisionError(), timezone.now())
    return Failure.objects.get(row=str(order.pk))


def answer(order: Order, text: str) -> None:
    """Answer the form of the order as its buyer."""
    form = make_form("order", organiser=order.organiser, name=text)
    asked = ask(form, text)
    given = responses.NewResponse(publish(form), {asked.key: text}, order.buyer_id)
    (response,) = responses.store([given], organiser=order.organiser, language="en", now=timezone.now())
    OrderResponse.objects.create(order=order, response=response)


@dataclass
class World:
    aye: House
    bee: House
    mixed: User  # owner of the first, box office of the second
    second: User  # another visitor of the first
    second_link: ContactLink  # that visitor's friend
    admin: User


def make_world() -> World:
    aye, bee = make_house("Ayeside"), make_house("Beeside")
    mixed = make_staff(aye.organiser, "owner", email="mixed@staff.example")
    StaffMembershipFactory(user=mixed, organiser=bee.organiser, role="box office")
    second, now = UserFactory(email="second@ayeside.example"), timezone.now()
    contact = contacts.for_user(aye.organiser, second, language="en", now=now)
    contacts.change(contact, {"first_name": "Second", "last_name": "Visitor"}, by=second, now=now)
    asked = adding.Requester(by=second, pos=aye.pos, network="test", language="en")
    added = adding.add(contact, adding.Person("Sec", "Friend", "sec@ayeside.example"), asked, now=now)
    assert added.link, added
    return World(aye, bee, mixed, second, added.link, SuperuserFactory(email="admin@platform.example"))


def staff_with(organiser: Organiser, permissions: Set[str]) -> User:
    """Return a staff member of ``organiser`` with exactly these permissions ("sales.view_order") and a role of their own."""
    user = User.objects.create_user(f"{uuid4().hex}@staff.example")
    role = Group.objects.create(name=f"test {uuid4()}")
    StaffMembership.objects.create(user=user, organiser=organiser, role=role)
    permit(user, permissions)
    return user


RolePermission = Group.permissions.through


def permit(user: User, permissions: Set[str]) -> None:
    """Give the only role of a staff member exactly these permissions."""
    role = StaffMembership.objects.get(user=user).role
    RolePermission.objects.filter(group=role).delete()
    wanted = Permission.objects.annotate(full=Concat("content_type__app_label", Value("."), "codename"))
    rows = RolePermission.objects.bulk_create(
        RolePermission(group=role, permission_id=pk)
        for pk in wanted.filter(full__in=permissions).values_list("pk", flat=True)
    )
    assert len(rows) == len(permissions), permissions


@contextmanager
def withdrawn(user: User, permissions: Set[str]) -> Iterator[None]:
    """Take these permissions from the only role of a staff member for the time of the block."""
    role = StaffMembership.objects.get(user=user).role
    having = RolePermission.objects.filter(group=role)
    wanted = Permission.objects.annotate(full=Concat("content_type__app_label", Value("."), "codename"))
    rows = list(having.filter(permission__in=wanted.filter(full__in=permissions)))
    assert len(rows) == len(permissions), permissions
    having.filter(pk__in=[row.pk for row in rows]).delete()
    yield
    RolePermission.objects.bulk_create(rows)


def every_permission() -> set[str]:
    return {
        f"{app}.{code}" for app, code in Permission.objects.values_list("content_type__app_label", "codename")
    }
