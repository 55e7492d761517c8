"""An example of every kind of mail, from real rows, for the tests of the layout.

``make(kind, pos, language)`` returns the Mail row for ``mime_messages.build``. A new kind of mail needs a function here.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

from allauth.account.models import EmailAddress
from django.utils import timezone

from contacts.linking import adding, inviting
from privacy.erasure import erasing
from privacy.requests import requests
from registration_forms.answers import responses
from registration_forms.models import AnswerHistory
from tests.factories import registration_forms as forms
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import StaffInvitationFactory, make_staff
from tests.factories.sales import make_order
from tests.friends import BOB, linked, make_visitor, managing
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Offer, Session, Tariff
from ticketshop.exports.models import Download, Job
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.counter import waiving
from ticketshop.sales.models import (
    DateChange,
    DateMessage,
    Dispute,
    MessageRecipient,
    Order,
    Refund,
    Reversal,
    Ticket,
    TicketGift,
)
from ticketshop.sales.orders import cancelled_lines, orders, reversing, single_tickets
from ticketshop.sales.orders.withdrawal import stating
from ticketshop.sales.papers import invoices
from ticketshop.sales.payments import disputes, payments, refunds
from ticketshop.sales.payments.methods.base import DisputeStatus

TITLE = (
    "Le Malade imaginaire, ou la véritable histoire d’un homme qui se croyait Donaudampfschifffahrtskapitän"
)
_EXAMPLES: dict[str, Callable[[PointOfSale], dict]] = {}


def kinds() -> list[str]:
    return sorted(_EXAMPLES)


def make(kind: str, pos: PointOfSale, language: str = "en") -> Mail:
    """Create the rows of the mail, queue it and return it."""
    values = {"to": "grace@example.org", **_EXAMPLES[kind](pos)}
    return outbox.queue(kind, language=language, now=timezone.now(), pos=pos, **values)


def example(*names: str):
    def decorate(function):
        _EXAMPLES.update(dict.fromkeys(names, function))
        return function

    return decorate


# --- log-ins and data ----------------------------------------------------------------------------------------


@example("account_confirm")
def _unproved(pos):
    user = UserFactory()
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=False)
    return {"to": user.email, "about": {"user": user.pk}}


@example("account_reset", "account_changed")
def _log_in(pos):
    user = UserFactory()
    return {"to": user.email, "about": {"user": user.pk}}


@example("account_factor")
def _factor(pos):
    user = UserFactory()
    return {"to": user.email, "about": {"user": user.pk, "why": "totp_activated"}}


@example("account_exists", "account_unknown")
def _nothing(pos):
    return {}


@example("data_link")
def _known_address(pos):
    return {"to": ContactFactory(organiser=pos.organiser, email="grace@example.org").email}


@example("data_delete")
def _request(pos):
    contact = make_visitor(pos, "Zoe", "Grey")
    erasure = requests.ask(contact, pos=pos, language="en", now=timezone.now())
    return {"to": contact.email, "about": {"erasure": erasure.pk}}


@example("data_asked")
def _confirmed_request(pos):
    values = _request(pos)
    requests.Erasure.objects.filter(pk=values["about"]["erasure"]).update(state="confirmed")
    return values


@example("data_due", "data_extended")
def _request_that_waits(pos):
    values = _confirmed_request(pos)
    requests.Erasure.objects.filter(pk=values["about"]["erasure"]).update(
        due_at=timezone.now() + timedelta(days=3), extended_for="complex"
    )
    return values


@example("data_refused")
def _refused_request(pos):
    values = _confirmed_request(pos)
    requests.Erasure.objects.filter(pk=values["about"]["erasure"]).update(
        state="refused", refused_for="not_proved"
    )
    return values


KEPT = {"model": "sales.Order", "basis": "books", "rows": 2, "until": "2036-12-31"}
WAITS = {"model": "sales.Ticket", "pk": 1, "basis": "contract", "until": "2026-12-31T20:00:00+00:00"}


def _erased_person(pos):
    values = _confirmed_request(pos)
    erasure = requests.Erasure.objects.get(pk=values["about"]["erasure"])
    erasure.steps.create(model="contacts.Contact", deleted=False, rows=1)
    requests.Erasure.objects.filter(pk=erasure.pk).update(kept=[KEPT], deferred=[WAITS])
    return values


@example("data_done")
def _wholly_erased_person(pos):
    values = _erased_person(pos)
    requests.Erasure.objects.filter(pk=values["about"]["erasure"]).update(state="closed")
    return values


@example("data_begun")
def _partly_erased_person(pos):
    values = _erased_person(pos)
    requests.Erasure.objects.filter(pk=values["about"]["erasure"]).update(state="deferred")
    return values


@example("data_copies")
def _downloaded_list(pos):
    contact, staff = ContactFactory(organiser=pos.organiser), make_staff(pos.organiser)
    job = Job.objects.create(
        organiser=pos.organiser, kind="customers", subjects=[contact.subject_uuid], created_at=timezone.now()
    )
    Download.objects.create(job=job, by=staff, at=timezone.now())
    erasure = erasing.erase(contact, by=staff, now=timezone.now())
    return {"to": staff.email, "about": {"erasure": erasure.pk}}


# --- friends and family --------------------------------------------------------------------------------------


@example("link_new")
def _added(pos):
    link = linked(make_visitor(pos), pos)
    return {"to": link.child.email, "about": {"link": link.pk}}


@example("link_known")
def _added_known(pos):
    child = ContactFactory(
        organiser=pos.organiser, first_name="Bob", last_name="Miller", email="bob@example.org"
    )
    link = linked(make_visitor(pos), pos)
    assert link.child == child
    return {"to": child.email, "about": {"link": link.pk}}


@example("link_invited")
def _invited(pos):
    parent = make_visitor(pos)
    link = linked(parent, pos, adding.Person("Zoé", "Martin", no_email=True, birth_date=date(2012, 5, 1)))
    asked = adding.Requester(by=parent.user, pos=pos, network="192.0.2.1", language="en")
    inviting.invite(link, "zoe@example.org", asked, now=timezone.now())
    return {"to": "zoe@example.org", "about": {"link": link.pk}}


# --- orders --------------------------------------------------------------------------------------------------


def offer(pos: PointOfSale, **tariff) -> Offer:
    venue = VenueFactory(organiser=pos.organiser, name="Grande salle", city="Genève")
    event = EventFactory(pos=pos, title=TITLE, venue=venue)
    return OfferFactory(session=SessionFactory(event=event), tariff=TariffFactory(event=event, **tariff))


def order(pos: PointOfSale, **values) -> Order:
    names = [("Ada", "Lovelace"), ("שרה", "כהן"), ("Wolfeschlegelsteinhausenbergerdorff", "Ōmura")]
    holders = [{"first_name": first, "last_name": last} for first, last in names]
    wanted = {offer(pos, name="Plein tarif"): 3, SeasonPassFactory(pos=pos, name="Abonnement"): 1}
    return make_order(wanted, holders=holders, **values)


def about(made: Order, **more) -> dict:
    return {"to": made.buyer.email, "about": {"order": made.pk, **more}}


@example("order_placed", "order_reminder")
def _unpaid(pos):
    return about(order(pos, method="bank_transfer"))


@example("order_paid")
def _paid(pos):
    return about(order(pos, paid=True))


@example("order_cancelled")
def _cancelled(pos):
    made = order(pos, paid=True)
    orders.cancel(made, by=None, now=timezone.now())
    return about(made)


@example("order_expired")
def _expired(pos):
    made = order(pos)
    orders.expire(made, now=timezone.now())
    return about(made)


def asked(pos: PointOfSale) -> tuple[Order, forms.RegistrationForm]:
    """Return a paid order whose ticket has answers to a form."""
    made = make_order({offer(pos): 1}, paid=True)
    form = forms.make_form("tariff", organiser=pos.organiser)
    forms.ask(form, "Menu", choices=["Meat", "Vegan"], type="dropdown", visibility="optional")
    given = responses.NewResponse(forms.publish(form), {}, made.buyer_id)
    ticket = made.tickets.get()
    (ticket.response,) = responses.store([given], organiser=pos.organiser, language="en", now=timezone.now())
    ticket.save()
    return made, form


@example("answers_wanted")
def _asked_again(pos):
    made, form = asked(pos)
    forms.ask(form, "What should we know about your allergies?", visibility="mandatory")
    form.asked_again = forms.publish(form)
    form.save()
    return about(made)


@example("withdrawal_received")
def _withdrawn(pos):
    made = make_order({SeasonPassFactory(pos=pos, name="Abonnement"): 1}, paid=True)
    rows = stating.state(pos, reference=made.reference, name="Ada Lovelace", now=timezone.now())
    return about(made, withdrawals=[row.pk for row in rows])


@example("withdrawal_impossible")
def _not_withdrawn(pos):
    return about(order(pos))


@example("answers_later")
def _skipped(pos):
    made, form = asked(pos)
    forms.ask(form, "Which workshop do you choose?", visibility="mandatory")
    form.asked_again = forms.publish(form)
    form.save()
    waiving.waive(made, by=None, now=timezone.now())
    return about(made)


@example("answers_changed")
def _changed(pos):
    made, form = asked(pos)
    change = AnswerHistory.objects.create(
        response=made.tickets.get().response,
        field=form.fields.first(),
        source=AnswerHistory.Source.STAFF,
        at=timezone.now(),
        revision=1,
    )
    return about(made, changes=[change.pk])


def _for_bob(pos: PointOfSale, person=BOB) -> tuple[Order, dict]:
    link = linked(make_visitor(pos), pos, person)
    made = order(pos, user=link.parent.user, paid=True, now=timezone.now() + timedelta(seconds=1))
    Ticket.objects.filter(order=made).update(beneficiary=link.child)
    return made, {"to": link.child.email, "about": {"order": made.pk, "contact": link.child_id}}


@example("ticket_for_you")
def _for_somebody(pos):
    return _for_bob(pos)[1]


@example("ticket_cancelled")
def _no_longer_for_somebody(pos):
    made, values = _for_bob(pos)
    Ticket.objects.filter(order=made).update(state="cancelled")
    return values


@example("ticket_offered")
def _given(pos):
    made, values = _for_bob(pos)
    ticket, bob = made.tickets.first(), values["about"]["contact"]
    pos.friends_family_enabled = True
    pos.save()
    Tariff.objects.filter(offers=ticket.line.offer).update(may_be_given=True)
    gift = TicketGift.objects.create(
        ticket=ticket, friend_id=bob, friend_name="Bob Miller", offered_at=timezone.now()
    )
    return {"to": values["to"], "about": {"gift": gift.pk}}


def _after(state: str):
    """Return a function that makes the example of a mail about a gift in this state."""

    def make_example(pos):
        values = _given(pos)
        gift = TicketGift.objects.get(pk=values["about"]["gift"])
        gift.state, gift.answered_at = state, timezone.now()
        gift.save()
        if state == TicketGift.State.ACCEPTED:
            Ticket.objects.filter(pk=gift.ticket_id).update(gift=gift, beneficiary=gift.friend_id)
        return values

    return make_example


example("ticket_offer_withdrawn")(_after("withdrawn"))
example("ticket_offer_answered", "ticket_received")(_after("accepted"))


@example("mail_check")
def _checked(pos):
    user = make_staff(pos.organiser, email="checks@example.org")
    return {"to": user.email, "about": {"user": user.pk}}


@example("answers_wanted_for_you")
def _holder_asked(pos):
    values = _after(TicketGift.State.ACCEPTED)(pos)
    ticket = Ticket.objects.get(gift=values["about"]["gift"])
    form = forms.make_form("tariff", organiser=pos.organiser)
    forms.ask(form, "What should we know about your allergies?", visibility="mandatory")
    forms.publish(form)
    Tariff.objects.filter(offers=ticket.line.offer).update(form=form)
    missing_answers.add(ticket.order, now=timezone.now())
    about = {"order": ticket.order_id, "contact": ticket.beneficiary_id, "ticket": ticket.pk}
    return {"to": values["to"], "about": about}


# --- dates that change ---------------------------------------------------------------------------------------


ROB = ("Rob", "Miller", "rob@example.org")


def moved(made: Order) -> int:
    """Move the session of an order by a day. Return the id of the change."""
    session = made.tickets.first().session
    change = DateChange.objects.create(
        organiser=made.organiser,
        before={str(session.pk): dates.facts(session).as_json()},
        message="Die Bühne wird repariert.\nWir bitten um Entschuldigung.",
        made_at=timezone.now() + timedelta(minutes=1),
    )
    change.sessions.add(session)
    day = timedelta(days=1)
    Session.objects.filter(pk=session.pk).update(
        starts_at=session.starts_at + day, ends_at=session.ends_at + day
    )
    return change.pk


@example("date_changed")
def _moved(pos):
    made = order(pos, paid=True)
    return about(made, change=moved(made)) | {"subject_uuid": made.buyer.subject_uuid}


@example("date_changed_for_holder")
def _moved_for_a_holder(pos):
    made = order(pos, paid=True)
    Ticket.objects.filter(order=made).update(holder_email="holder@example.org")
    return about(made, change=moved(made)) | {"to": "holder@example.org"}


@example("date_changed_for_you")
def _moved_for_somebody(pos):
    made, values = _for_bob(pos, ROB)
    values["about"]["change"] = moved(made)
    return values | {"subject_uuid": made.tickets.first().beneficiary.subject_uuid}


@example("date_changed_for_child")
def _moved_for_a_child(pos):
    made, values = _for_child(pos)
    values["about"]["change"] = moved(made)
    return values


def written(made: Order, role: str = "buyer", kind: str = "written") -> dict:
    """Write to a ticket holder of an order's first date. Return the ids that the mail is about."""
    ticket = made.tickets.earliest("pk")
    message = DateMessage.objects.create(
        organiser=made.organiser,
        session=ticket.session,
        kind=kind,
        subject={"en": "Another entrance for {event}"} if kind == "written" else {},
        text={"en": "On {date} please come by the side door.\nIt opens at {doors}."}
        if kind == "written"
        else {},
        states=["valid", "reserved"],
        starts_at=ticket.session.starts_at,
        made_at=timezone.now(),
    )
    recipient = MessageRecipient.objects.create(message=message, ticket=ticket, role=role)
    return {"message": message.pk, "ticket": ticket.pk, "recipient": recipient.pk}


@example("date_message")
def _message(pos):
    made = order(pos, paid=True)
    return about(made) | {"about": written(made), "subject_uuid": made.buyer.subject_uuid}


@example("date_reminder")
def _reminder(pos):
    made = order(pos, paid=True)
    Ticket.objects.filter(order=made).update(holder_email="holder@example.org")
    return about(made) | {"about": written(made, "address", "reminder"), "to": "holder@example.org"}


# --- a child without an address, names, money ----------------------------------------------------------------


def _for_child(pos: PointOfSale) -> tuple[Order, dict]:
    """Return a paid order with tickets for a child that is managed by a parent who did not buy them."""
    made, values = _for_bob(pos, ROB)
    parent = make_visitor(pos, "Paula", "Parent")
    child = ContactFactory(organiser=pos.organiser, first_name="Tim", last_name="Martin", email=None)
    managing(parent, child), managing(made.buyer, child)
    Ticket.objects.filter(order=made).update(beneficiary=child)
    values["about"]["contact"] = child.pk
    return made, {**values, "to": parent.email, "subject_uuid": parent.subject_uuid}


@example("ticket_for_child")
def _for_a_child(pos):
    return _for_child(pos)[1]


@example("ticket_cancelled_for_child")
def _no_longer_for_a_child(pos):
    made, values = _for_child(pos)
    Ticket.objects.filter(order=made).update(state="cancelled")
    return values


@example("names_changed")
@example("codes_replaced")
def _renamed(pos):
    made = order(pos, paid=True)
    return about(made, tickets=list(made.tickets.values_list("pk", flat=True)), passes=[])


@example("names_changed_for_you")
@example("codes_replaced_for_you")
def _renamed_for_somebody(pos):
    made, values = _for_bob(pos, ROB)
    values["about"] |= {"tickets": list(made.tickets.values_list("pk", flat=True)), "passes": []}
    return values


@example("money_missing")
def _too_little(pos):
    made = order(pos, method="bank_transfer")
    payment = payments.receive(made, Decimal(5), by=None, now=timezone.now())
    return about(made, payment=payment.pk)


@example("money_returned")
def _too_much(pos):
    made = order(pos, method="bank_transfer")
    payment = payments.receive(made, made.total + 5, by=None, now=timezone.now())
    return about(made, payment=payment.pk, why="paid_too_much")


@example("dispute_opened")
def _disputed(pos):
    made = order(pos, paid=True)
    now = timezone.now()
    disputes.record(made.payments.get(), (DisputeStatus("du_1", "open", made.total, now),), now=now)
    dispute = Dispute.objects.get(payment__order=made)
    return {"to": "staff@example.org", "about": {"order": made.pk, "dispute": dispute.pk}}


@example("payment_reversed")
def _never_came(pos):
    made = order(pos, method="bank_transfer")
    payment = payments.receive(made, Decimal(5), by=None, now=timezone.now())
    reversing.reverse(payment, Reversal.Reason.TWICE, by=None, now=timezone.now())
    return about(made, payment=payment.pk)


@example("money_paid_back")
def _goodwill(pos):
    made = order(pos, paid=True)
    refunds.pay_back(made, Decimal(5), before=Decimal(0), by=None, now=timezone.now())
    return about(made, refunds=list(Refund.objects.filter(payment__order=made).values_list("pk", flat=True)))


@example("invoice_sent")
def _papers(pos):
    made = order(pos, paid=True)
    recipient = {"name": "Example AG", "street": "Lane", "postcode": "3000", "city": "Bern", "country": "CH"}
    invoices.issue(made, recipient, by=None, now=timezone.now())
    return about(made)


@example("tickets_cancelled")
def _one_ticket_less(pos):
    made = order(pos, paid=True)
    (first, *_others) = cancelled_lines.units_of(made)
    single_tickets.cancel(made, [first.key], by=None, now=timezone.now(), pay_back=Decimal(1))
    return about(made, cancellation=made.cancellations.get().pk)


@example("staff_invited")
def _staff_invited(pos):
    invitation = StaffInvitationFactory(organiser=pos.organiser, email="grace@example.org")
    return {"about": {"invitation": invitation.pk}}
