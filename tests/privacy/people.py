"""A person with data of every kind that the shop can store, for tests of the erasure.

Made by the functions of the shop, so that money, places and mails are consistent. ``planting`` overwrites the rows column by
column.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import uuid4

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.db.models import F
from django.test import Client
from django.utils import timezone

from accounts.models import User
from contacts import contacts, merging
from contacts.linking import adding, links, staff_links
from contacts.models import Contact, ContactLink
from privacy.models import Erasure, MailboxProof
from registration_forms.answers import changing, responses
from registration_forms.building import publishing
from registration_forms.field_types import TYPES
from registration_forms.models import Field, FormVersion, Response
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import (
    OrganiserFactory,
    PointOfSaleFactory,
    StaffInvitationFactory,
    make_staff,
)
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentDifferenceFactory, PaymentMethodFactory, make_cart, make_order
from ticketshop.catalogue.models import Offer, SeasonPass, Session
from ticketshop.exports.models import Download, Job
from ticketshop.lib.values import references
from ticketshop.mail import outbox, tasks
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.exports.scope import CUSTOMERS
from ticketshop.sales.models import (
    BankEntry,
    BankFile,
    Cart,
    CashCount,
    CheckIn,
    DateChange,
    DateMessage,
    IssuedPass,
    Order,
    OrderResponse,
    Payment,
    Reversal,
    TicketGift,
    Withdrawal,
)
from ticketshop.sales.orders import orders, reversing
from ticketshop.sales.papers import archive, invoices
from ticketshop.sales.payments import payments
from ticketshop.sales.tickets import codes
from ticketshop.submissions.models import KeptSubmission

PAST = timedelta(days=60)
NOBODY = {"first_name": "No", "last_name": "Body", "email": "nobody@elsewhere.example"}
VALUES = {
    "text": "a text",
    "long_text": "a long text\nof two lines",
    "email": "answered@answers.example",
    "phone": "+41795550100",
    "url": "https://answers.example/me",
    "address": "Rue Haute 3\n1204 Genève",
    "country": "CH",
    "birth_date": date(2001, 2, 3),
    "date": date(2002, 3, 4),
    "time": time(13, 14, 15),
    "date_time": datetime(2003, 4, 5, 6, 7, 8, tzinfo=timezone.get_fixed_timezone(0)),
    "number": Decimal("1234.5"),
    "yes_no": True,
    "consent": True,
}


@dataclass
class Shop:
    """An organiser whose forms have all types of questions."""

    organiser: Organiser
    pos: PointOfSale
    adult: Offer
    book: Offer  # another VAT rate
    season: SeasonPass
    versions: dict[str, FormVersion]
    staff: User
    sessions: list[Session] = field(default_factory=list)


def make_shop(name: str) -> Shop:
    organiser = OrganiserFactory(name=name)
    pos = PointOfSaleFactory(organiser=organiser, friends_family_enabled=True, slug=name.lower())
    for code in ("on_site", "bank_transfer"):
        PaymentMethodFactory(point_of_sale=pos, code=code)
    event = EventFactory(pos=pos, title=f"{name} Evening")
    session = SessionFactory(event=event)
    book = TariffFactory(event=event, name="With the book", price=Decimal("60.00"), vat_rate=Decimal("8.10"))
    return Shop(
        organiser, pos,
        adult=OfferFactory(session=session, capacity=500),
        book=OfferFactory(session=session, tariff=book, capacity=500),
        season=SeasonPassFactory(pos=pos),
        versions={kind: _form_of_all_types(organiser, kind) for kind in ("order", "tariff", "pass")},
        staff=make_staff(organiser, "owner"),
        sessions=[session],
    )  # fmt: skip


def _form_of_all_types(organiser: Organiser, kind: str) -> FormVersion:
    form = make_form(kind, organiser=organiser, name=f"{kind} with everything")
    for code, type_ in TYPES.items():
        if type_.answers:
            ask(form, f"A {code}", code, choices=["One", "Two", "Three"] if type_.has_choices else ())
    return publish(form)


@dataclass
class Person:
    """A person as one organiser knows them."""

    key: str
    shop: Shop
    contact: Contact
    user: User | None
    log_in_goes: bool = True  # no other organiser needs it
    clients: list[Client] = field(default_factory=list)


@dataclass(frozen=True)
class Identity:
    """The data a person types about themselves."""

    key: str
    first_name: str
    last_name: str
    email: str
    phone: str
    street: str = "Rue de la Gare 7"

    @property
    def typed(self) -> dict:
        return {"first_name": self.first_name, "last_name": self.last_name, "email": self.email}


def create_person(shop: Shop, who: Identity, *, user: User | None = None, guest: bool = False) -> Person:
    """Create the contact: with a log-in (a new one unless ``user``), or as a ``guest`` who orders."""
    now = timezone.now()
    if guest:
        made = make_order({shop.adult: 1}, buyer=who.typed, paid=True)
        return Person(who.key, shop, made.buyer, None)
    user = user or UserFactory(email=who.email)
    contact = contacts.for_user(shop.organiser, user, language="fr", now=now)
    contacts.change(
        contact,
        {
            "first_name": who.first_name, "last_name": who.last_name, "phone": who.phone, "street": who.street,
            "postcode": "1201", "city": "Genève", "country": "CH", "birth_date": date(1985, 6, 7),
        },
        by=user, now=now,
    )  # fmt: skip
    return Person(who.key, shop, contact, user)


def live(person: Person, other: Person | None = None) -> None:
    """Do everything the shop offers, with ``other`` as a friend if given."""
    if person.user is not None:
        use_log_in(person, other)
    _order(person, other)
    _leave_carts(person)
    _get_mails(person)
    _be_exported(person, other)
    StaffInvitationFactory(
        organiser=person.shop.organiser, email=person.contact.email, token_hash=f"zqinvited{person.key}"
    )
    MailboxProof.objects.create(
        organiser=person.shop.organiser, address=person.contact.email, token_hash=f"zqproof{person.key}",
        created_at=timezone.now(), expires_at=timezone.now() + PAST,
    )  # fmt: skip


def use_log_in(person: Person, other: Person | None = None) -> None:
    """Do what needs a log-in."""
    # Of this type no log-in asks for it.
    Authenticator.objects.get_or_create(
        user=person.user,
        type="recovery_codes",
        defaults={"data": {"seed": f"zqfactor{person.key}"}, "last_used_at": timezone.now()},
    )
    _join_an_earlier_contact(person)
    _have_friends(person, other)
    _log_in_often(person)
    _work_there_once(person)


def _join_an_earlier_contact(person: Person) -> None:
    typed = {
        "first_name": person.contact.first_name,
        "last_name": person.contact.last_name,
        "email": f"earlier-{person.key}@earlier.example",
    }
    earlier = make_order({person.shop.adult: 1}, buyer=typed, paid=True).buyer
    merging.merge(person.contact, earlier, by=person.user, now=timezone.now())


def _have_friends(person: Person, other: Person | None) -> None:
    """Create links: to a child without an address, to an invited stranger, in both directions with ``other``, and an ended one."""
    now, shop = timezone.now(), person.shop
    asked = adding.Requester(by=person.user, pos=shop.pos, network=f"network {person.key}", language="en")
    people = [
        adding.Person(f"Kid{person.key}", "Little", no_email=True, birth_date=date(2018, 1, 2)),
        adding.Person(f"Stranger{person.key}", "Far", f"stranger-{person.key}@far.example"),
        adding.Person(f"Gone{person.key}", "Away", f"gone-{person.key}@far.example"),
    ]
    outcomes = [adding.add(person.contact, one, asked, now=now) for one in people]
    added = [outcome.link for outcome in outcomes]
    assert all(added), outcomes
    # The unknown person answers "this is not me": this visitor can send no further mail to that e-mail address.
    assert links.not_me(added[2], by=None, now=now)
    if other is not None:
        for parent, child in ((person, other), (other, person)):
            link = staff_links.add(
                parent=parent.contact, child=child.contact, link_type=added[0].type, by=parent.user, now=now,
                consent_reason="said so at the box office",
            )  # fmt: skip
            ContactLink.objects.filter(pk=link.pk).update(ended_by=child.user)


def _log_in_often(person: Person) -> None:
    """Create three browser sessions, a new unproved address, and a failed log-in."""
    slug = person.shop.pos.slug
    for number in range(3):
        client = Client()
        client.force_login(person.user)
        session = client.session
        session[f"typed:{number}"] = (
            f"{person.contact.last_name} {person.user.email} zqsession{person.key}{number}"
        )
        session.save()
        person.clients.append(client)
    person.clients[0].get(f"/{slug}/account/profile/")
    Client().post("/accounts/login/", {"login": person.user.email, "password": PASSWORD})
    Client().post("/accounts/login/", {"login": person.user.email, "password": "wrong"})
    new = EmailAddress.objects.create(user=person.user, email=f"new-{person.key}@new.example")
    EmailConfirmation.objects.create(email_address=new, sent=timezone.now(), key=f"zqkey{person.key}")
    # Visitors have none of these, but the tables exist.
    person.user.groups.add(Group.objects.first())
    person.user.user_permissions.add(Permission.objects.first())


def _order(person: Person, other: Person | None) -> None:
    """Create two paid past orders, one of them with three attendees, and a cancelled and refunded one, all with answers."""
    shop, typed = person.shop, _typed(person)
    first = make_order(
        {shop.adult: 3, shop.season: 1}, user=person.user, buyer=typed, holders=_holders(person, other), paid=True
    )  # fmt: skip
    second = make_order(
        {shop.book: 2}, user=person.user, buyer=typed, method="bank_transfer", paid=True,
        holders=[{"first_name": "Book", "last_name": f"Reader{person.key}"}] * 2,
    )  # fmt: skip
    third = make_order(
        {shop.adult: 1}, user=person.user, buyer=typed, paid=True, holders=_holders(person, None)
    )
    for order in (first, second, third):
        _answer(order)
    _be_invoiced(person, first)
    _withdraw(first, by=shop.staff)
    _record_by_mistake(first, by=shop.staff)
    _undo_an_entry(second, by=shop.staff)
    orders.cancel(third, by=shop.staff, now=timezone.now())
    payments.refund_done(third.payments.get().refunds.get(), by=shop.staff, now=timezone.now())
    Order.objects.filter(pk=second.pk).update(placed_at=F("placed_at") - PAST, paid_at=F("paid_at") - PAST)
    Payment.objects.filter(order=second).update(
        started_at=F("started_at") - PAST, confirmed_at=F("confirmed_at") - PAST
    )
    _bank_entry(person, shop.staff, state="recorded", order=second, payment=second.payments.get())
    if other is not None and other.user is not None:
        link = ContactLink.objects.get(parent=other.contact, child=person.contact, status="active")
        theirs = make_order(
            {shop.adult: 1}, user=other.user, buyer=_typed(other), paid=True,
            holders=[{"first_name": person.contact.first_name, "last_name": "", "person": str(link.pk)}],
        )  # fmt: skip
        _answer(theirs)
        TicketGift.objects.create(
            ticket=theirs.tickets.get(), friend=person.contact, friend_name=f"Gift{person.key}",
            offered_at=timezone.now(), offered_by=person.user,
        )  # fmt: skip


def _withdraw(order: Order, by: User) -> None:
    """Create a withdrawal from the last line of an order, dealt with by ``by``."""
    now = timezone.now()
    Withdrawal.objects.create(
        line=order.lines.latest("pk"), name="Ada Lovelace", stated_at=now, last_day=now.date(), late=False, settled_at=now,
        settled_by=by,
    )  # fmt: skip


def _record_by_mistake(order: Order, by: User) -> None:
    """Record five francs for an order and take them back."""
    now = timezone.now()
    payment = payments.receive(order, Decimal(5), by=by, now=now)
    reversing.reverse(payment, Reversal.Reason.TWICE, by=by, now=now)


def _undo_an_entry(order: Order, by: User) -> None:
    """Create an entry at the door that was undone, with a note."""
    ticket = order.tickets.earliest("pk")
    CheckIn.objects.create(
        session=ticket.session, ticket=ticket, kind="undone", at=timezone.now(), by=by, note="a wrong one", key=uuid4()
    )  # fmt: skip


def _bank_entry(person: Person, user: User | None, **values) -> None:
    """Create a payment of a bank file that ``user`` read in and dealt with."""
    now, organiser = timezone.now(), person.shop.organiser
    file = BankFile.objects.create(organiser=organiser, kind="camt.053", uploaded_at=now, uploaded_by=user)
    key = f"{person.key} {file.pk}"
    BankEntry.objects.create(
        organiser=organiser, file=file, account="CH9300762011623852957", booked_on=now.date(), amount=Decimal(9),
        currency="CHF", payer=f"Payer {key}", text=f"Text {key}", text_key=key, handled_at=now, handled_by=user, **values,
    )  # fmt: skip


def _be_invoiced(person: Person, order: Order, opened_by: User | None = None) -> None:
    """Issue an invoice, which the accounting opened once. Its PDF stays: it names nobody whom the tests look for."""
    recipient = {"name": "Named Ltd", "street": "Lane", "postcode": "3000", "city": "Bern", "country": "CH"}
    invoice = invoices.issue(order, recipient, by=person.user, now=timezone.now())
    archive.open_with_reason(invoice, reason="audit", by=opened_by or person.shop.staff, now=timezone.now())


def _typed(person: Person) -> dict:
    contact = person.contact
    return {"first_name": contact.first_name, "last_name": contact.last_name, "email": contact.email}


def _holders(person: Person, other: Person | None) -> list[dict]:
    names = {"first_name": person.contact.first_name, "last_name": person.contact.last_name}
    found = [{**names, "person": "me"} if person.user else names]
    if other is not None:
        link = ContactLink.objects.get(parent=person.contact, child=other.contact, status="active")
        found.append({"first_name": "Friend", "last_name": "Here", "person": str(link.pk)})
    else:
        found.append({"first_name": "Aunt", "last_name": f"Of{person.key}"})
    return [*found, {"first_name": "Uncle", "last_name": f"Of{person.key}"}, found[0]]


def _answer(order: Order) -> None:
    """Add answers to all types of questions to an order, its tickets and passes, and change one of them."""
    now = timezone.now()
    house_versions = {
        kind: FormVersion.objects.filter(form__organiser=order.organiser, form__kind=kind).latest("pk")
        for kind in ("order", "tariff", "pass")
    }
    wanted = [(order, "response", "order", order.buyer_id)]
    wanted += [
        (ticket, "response", "tariff", ticket.beneficiary_id or order.buyer_id)
        for ticket in order.tickets.order_by("pk")
    ]
    for issued in order.passes.order_by("pk"):
        wanted += [
            (issued, name, "pass", issued.beneficiary_id or order.buyer_id)
            for name in ("response", "extra_response")
        ]
    given = [
        responses.NewResponse(
            house_versions[kind], _answers(house_versions[kind]), about=about, relevant_until=now
        )
        for _row, _name, kind, about in wanted
    ]
    made = responses.store(given, organiser=order.organiser, language="fr", now=now)
    for (row, name, _kind, _about), response in zip(wanted, made, strict=True):
        if isinstance(row, Order):
            OrderResponse.objects.create(order=row, response=response)
        else:
            setattr(row, name, response)
            row.save(update_fields=[name])
        answers = responses.read(response)
        key = next(key for key, value in answers.items() if value == VALUES["text"])
        changing.change(
            response, {**answers, key: "changed"}, revision=1, by=order.created_by, source="buyer", now=now
        )


def _answers(version: FormVersion) -> dict:
    found = {}
    for question in Field.objects.filter(form=version.form_id).prefetch_related("choices"):
        keys = [choice.key for choice in question.choices.all()]
        if TYPES[question.type].column == "choices":
            found[question.key] = keys[:2]
        else:
            found[question.key] = keys[0] if keys else VALUES[question.type]
    return found


def _leave_carts(person: Person) -> None:
    """Create a cart of the log-in and one of a guest with the same address, with all details."""
    shop = person.shop
    users = [person.user, None] if person.user else [None]
    for user in users:
        cart = make_cart({shop.adult: 2}, user=user, buyer=_typed(person), holders=_holders(person, None))
        cart.details["answers"] = {"order": {"key": [f"typed by {person.contact.full_name}"]}}
        cart.save(update_fields=["details"])
    if person.user is not None:
        # A form that was posted after the log-in had ended.
        KeptSubmission.objects.create(
            user=person.user,
            address=f"/{person.shop.pos.slug}/account/profile/?kept={person.key}-once",
            fields=[["street", "Kept Lane 1"]],
            expires_at=timezone.now() + timedelta(minutes=30),
        )


def _get_mails(person: Person) -> None:
    """Create sent, failed and queued mails, one about a child of the person, and one to the log-in without a shop."""
    now, contact = timezone.now(), person.contact
    if contact.email:
        child = ContactFactory(organiser=contact.organiser, email=None)
        outbox.queue(
            "ticket_for_child",
            to=contact.email,
            language="en",
            now=now,
            about={"contact": child.pk},
            pos=person.shop.pos,
            subject_uuid=contact.subject_uuid,
        )
    mine = Mail.objects.filter(subject_uuid=contact.subject_uuid, state="queued").order_by("pk")
    for mail in mine[:3]:
        tasks.send(mail.pk)
    if person.user is not None:
        outbox.queue(
            "account_reset", to=person.user.email, language="en", now=now, about={"user": person.user.pk}
        )
        waiting = outbox.queue(
            "account_confirm", to=person.user.email, language="en", now=now, about={"user": person.user.pk}
        )
        Mail.objects.filter(pk=waiting.pk).update(state="failed", error="SMTPDataError 550")
    assert mine.exists(), "something still waits"


def everything_is_over() -> None:
    """Move sessions and passes into the past."""
    Session.objects.update(starts_at=F("starts_at") - 7 * PAST, ends_at=F("ends_at") - 7 * PAST)
    IssuedPass.objects.update(valid_from=date(2020, 1, 1), valid_until=date(2020, 12, 31))
    Response.objects.update(relevant_until=timezone.now() - PAST)
    cache.set("allauth:none", 1, 60)


def _work_there_once(person: Person) -> None:
    """Create rows by a log-in that was staff before: a payment, a published form, a date change, an ended request."""
    shop, user, now = person.shop, person.user, timezone.now()
    order = make_order({shop.adult: 1}, buyer=NOBODY)
    payments.confirm(order.payments.get(), by=user, now=now)
    codes.renew(order, [codes.key_of(order.tickets.get())], by=user, now=now)
    _be_invoiced(person, order, opened_by=user)
    _undo_an_entry(order, by=user)
    orders.cancel(order, by=user, now=now)
    payments.refund_done(order.payments.get().refunds.get(), by=user, now=now, done_as="cash")
    _record_by_mistake(make_order({shop.adult: 1}, buyer=NOBODY), by=user)
    _sell_at_the_counter(person, user)
    form = make_form(organiser=shop.organiser, name=f"by {person.key}")
    question = ask(form, visibility="mandatory")
    publishing.publish(form, by=user, now=now)
    form.refresh_from_db()
    new = responses.NewResponse(form.published, {}, order.buyer_id, waived=[question.key], waived_by=user)
    responses.store([new], organiser=shop.organiser, language="en", now=now)
    _withdraw(order, by=user)
    _bank_entry(person, user, state="not_ours")
    PaymentDifferenceFactory(point_of_sale=shop.pos, handled_at=now, handled_by=user)
    DateChange.objects.create(organiser=shop.organiser, tell=False, made_at=now, made_by=user)
    DateMessage.objects.create(
        organiser=shop.organiser, session=shop.adult.session, starts_at=now, made_at=now, made_by=user
    )
    LogEntry.objects.create(user=user, object_id="1", object_repr="#1", action_flag=2, change_message="")
    Erasure.objects.create(
        organiser=shop.organiser, subject_uuid=uuid4(), channel="back_office", state="withdrawn", by=user,
        receipt=references.readable(), requested_at=now,
    )  # fmt: skip


def _sell_at_the_counter(person: Person, user: User) -> None:
    """Create a cart that ``user`` filled, one that was filled for the person, and cash that ``user`` counted."""
    shop, now = person.shop, timezone.now()
    times = {"created_at": now, "expires_at": now + PAST}
    Cart.objects.create(point_of_sale=shop.pos, seller=user, **times)
    Cart.objects.create(
        point_of_sale=shop.pos, seller=shop.staff, person_uuid=person.contact.subject_uuid, **times
    )
    none = dict.fromkeys(("opening", "taken", "paid_out", "counted", "difference"), 0)
    CashCount.objects.create(
        organiser=shop.organiser, staff=user, since=now - PAST, counted_at=now, currency="CHF", **none
    )


def _be_exported(person: Person, other: Person | None) -> None:
    """Create a downloaded export that contains the person and ``other``; ``planting`` writes the file."""
    now, everybody = timezone.now(), [one.contact.subject_uuid for one in (person, other) if one]
    job = Job.objects.create(
        organiser=person.shop.organiser, kind="customers",
        parameters={"source": CUSTOMERS}, format="csv", state="done", subjects=everybody,
        created_by=person.user, created_at=now, started_at=now, finished_at=now, expires_at=now + PAST,
    )  # fmt: skip
    Download.objects.create(job=job, by=person.user, at=now)
