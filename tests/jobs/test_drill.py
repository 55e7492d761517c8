"""One row of each job fails: all other rows are done, and the failure is logged, shown to staff, and tried again.

A database trigger refuses to write the row, so no job can know of it. A periodic job without a case here fails the last test.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from django.core.files.base import ContentFile
from django.db import connection
from django.db.models import F, Model
from django.utils import timezone
from procrastinate.contrib.django import app

from accounts.models import Session, User
from contacts.linking import adding, inviting
from contacts.models import AddressSuppression, Contact, LinkRequest
from privacy.declarations import expiry
from privacy.erasure import erasing
from privacy.models import Erasure, MailboxProof
from registration_forms.answers import changing, responses
from registration_forms.models import Answer, AnswerHistory, ChoiceHold
from tests.factories.accounts import SuperuserFactory, UserFactory
from tests.factories.catalogue import AllotmentFactory, OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import (
    OrganiserFactory,
    PointOfSaleFactory,
    StaffInvitationFactory,
    make_staff,
)
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.sales.bank import bank
from tests.sales.bookings.conftest import make_holder
from tests.staff import Staff, listing
from ticketshop.catalogue.models import Hold, OrderForm
from ticketshop.catalogue.models import Session as Date
from ticketshop.exports.models import Job
from ticketshop.jobs import rows
from ticketshop.jobs.models import Failure
from ticketshop.lib.personal import RETENTION
from ticketshop.limits import limits
from ticketshop.limits.models import Counter
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale, StaffInvitation
from ticketshop.organisers.permissions import organiser_id_of
from ticketshop.sales.models import (
    ArchivedPaper,
    BankEntry,
    Cart,
    DateChange,
    DateMessage,
    MessageRecipient,
    Order,
    OrderResponse,
    Payment,
    PaymentMethod,
    Refund,
    Ticket,
)
from ticketshop.sales.orders import orders
from ticketshop.sales.orders.dates import date_messages
from ticketshop.sales.papers import invoices
from ticketshop.sales.payments import payments, provider_pages
from ticketshop.submissions.models import KeptSubmission

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
POISON = """
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'poisoned'; END $$;
    CREATE TRIGGER poison BEFORE {event} ON {table} FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION refuse();
"""


@contextmanager
def poisoned(table: str, condition: str, event: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(POISON.format(table=table, condition=condition, event=event))
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


# --- due rows --------------------------------------------------------------------------------------------------


def overdue_orders() -> list[Order]:
    made = [make_order() for _number in range(3)]
    Order.objects.update(expires_at=F("placed_at"))
    return made


def open_pages(provider) -> list[Payment]:
    pos = PointOfSaleFactory()
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    offer = OfferFactory(pos=pos)
    made = [make_order({offer: 1}, method="wallet") for _number in range(3)]
    for order in made:
        provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=timezone.now())
    for page in provider.pages.values():
        provider.pay(page)
    Payment.objects.update(asked_at=timezone.now() - HOUR)
    return list(Payment.objects.order_by("pk"))


def methods_with_lists(provider) -> list[PaymentMethod]:
    return [PaymentMethodFactory(code="wallet", settings={"origin": provider.origin}) for _number in range(3)]


def is_compared(method: PaymentMethod) -> bool:
    return PaymentMethod.objects.filter(pk=method.pk, compared_until__isnull=False).exists()


def refunds_by_a_provider(provider) -> list[Refund]:
    for payment in open_pages(provider):
        provider_pages.settle(payment, now=timezone.now())
        orders.cancel(Order.objects.get(pk=payment.order_id), by=None, now=timezone.now())
    return list(Refund.objects.order_by("pk"))


def bookings_of_a_cancelled_pass() -> list[Ticket]:
    holder = make_holder(entries_per_date=3)
    tickets = [holder.ticket() for _number in range(3)]
    orders.cancel(holder.issued.order, by=None, now=timezone.now())
    return tickets


def payments_of_a_bank_file() -> list[BankEntry]:
    offer = OfferFactory()
    made = [make_order({offer: 1}, method="bank_transfer") for _number in range(3)]
    organiser = offer.session.event.organiser
    bank.store(organiser, *bank.singly(*map(bank.paying, made)))
    BankEntry.objects.update(requested_at=timezone.now())
    return bank.entries()


def payments_dealt_with_long_ago() -> list[BankEntry]:
    made = payments_of_a_bank_file()
    BankEntry.objects.update(requested_at=None, state="done", handled_at=timezone.now() - 70 * DAY)
    return made


def payments_nobody_deals_with() -> list[BankEntry]:
    made = payments_of_a_bank_file()
    BankEntry.objects.update(requested_at=None, booked_on=timezone.now().date() - 400 * DAY)
    return made


def bank_transfers() -> list[Order]:
    return [make_order(method="bank_transfer", now=timezone.now() - 6 * DAY) for _number in range(3)]


def orders_with_an_older_form() -> list[Order]:
    form = make_form()
    question = ask(form, "Name")
    version = publish(form)
    made = [make_order() for _number in range(3)]
    for order in made:
        given = responses.NewResponse(version, {question.key: "Ada"}, order.buyer_id)
        (response,) = responses.store([given], organiser=order.organiser, language="en", now=timezone.now())
        OrderResponse.objects.create(order=order, response=response)
    ask(form, "Size", visibility="mandatory")
    form.asked_again = publish(form)
    form.save()
    return made


def orders_placed_before_a_form() -> list[Order]:
    made = [make_order() for _number in range(3)]
    for order in made:
        form = make_form("order", organiser=order.organiser)
        ask(form, visibility="mandatory")
        publish(form)
        OrderForm.objects.create(form=form, point_of_sale=order.point_of_sale)
        form.sold_asked_at = timezone.now()
        form.save()
    return made


def orders_of_a_changed_date() -> list[Order]:
    offer = OfferFactory()
    made = [
        make_order({offer: 1}, buyer={"first_name": "A", "last_name": "B", "email": f"{n}@example.org"})
        for n in range(3)
    ]
    change = DateChange.objects.create(organiser=made[0].organiser, made_at=timezone.now())
    change.sessions.add(offer.session)
    return made


def orders_of_a_cancelled_date() -> list[Order]:
    made = orders_of_a_changed_date()
    for order in made:
        payments.confirm(order.payments.get(), by=None, now=timezone.now())
    DateChange.objects.update(refund=True)
    Date.objects.update(state="cancelled")
    return made


def message_of_a_date() -> list[MessageRecipient]:
    made = orders_of_a_changed_date()
    session = Date.objects.get()
    draft = date_messages.Draft({"en": "Doors"}, {"en": "They open early."}, ["reserved"])
    message = date_messages.write(session, draft, key=uuid4(), by=None, now=timezone.now())
    assert message is not None and len(made) == 3
    return list(message.recipients.order_by("pk"))


def dates_to_remind_of() -> list[Date]:
    soon = timezone.now() + HOUR
    made = [OfferFactory().session for _number in range(3)]
    for session in made:
        session.event.reminder_hours = 2
        session.event.save()
    Date.objects.update(starts_at=soon, ends_at=soon + HOUR)
    return made


def old_messages() -> list[DateMessage]:
    message_of_a_date()
    for _number in range(2):
        session = OfferFactory().session
        DateMessage.objects.create(
            organiser=session.event.organiser,
            session=session,
            starts_at=session.starts_at,
            made_at=timezone.now(),
        )
    DateMessage.objects.update(made_at=timezone.now() - 370 * DAY)
    return list(DateMessage.objects.order_by("pk"))


def ended_carts() -> list[Cart]:
    made = [make_cart() for _number in range(3)]
    Cart.objects.update(expires_at=timezone.now() - HOUR)
    return made


def ended_holds() -> list[Hold]:
    over = timezone.now() - 2 * HOUR
    return [
        Hold.objects.create(allotment=AllotmentFactory(), key=uuid4(), places=1, expires_at=over)
        for _number in range(3)
    ]


def ended_holds_of_choices() -> list[ChoiceHold]:
    over = timezone.now() - 2 * HOUR
    choices = [
        ask(make_form(), "Bus", "dropdown", choices=[("18:00", 5)]).choices.get() for _number in range(3)
    ]
    return [
        ChoiceHold.objects.create(choice=choice, key=uuid4(), slot="s", expires_at=over) for choice in choices
    ]


def ended_counters() -> list[Counter]:
    for key in ("one", "two", "three"):
        limits.note("cart_add", key, timezone.now() - HOUR)
    return list(Counter.objects.order_by("pk"))


def ended_submissions() -> list[KeptSubmission]:
    over = timezone.now() - HOUR
    return [KeptSubmission.objects.create(address="/admin/", expires_at=over) for _number in range(3)]


def ended_sessions() -> list[Session]:
    over = timezone.now() - HOUR
    return [
        Session.objects.create(session_key=f"{n}{uuid4().hex[1:]}", session_data="", expire_date=over)
        for n in range(3)
    ]


def exports(**values) -> list[Job]:
    return [
        Job.objects.create(
            organiser=OrganiserFactory(), kind="customers", format="csv", created_at=timezone.now(),
            parameters={"source": "customers"}, **values,
        )
        for _number in range(3)
    ]  # fmt: skip


def exports_to_write() -> list[Job]:
    made = exports()
    for job in made:
        job.parameters = {"source": "customers", "number": job.organiser_id}
        job.save()
    return made


def ended_exports() -> list[Job]:
    made = exports(state="done", expires_at=timezone.now() - HOUR)
    for job in made:
        job.file.save("a.csv", ContentFile(b"a"))
    return made


def exports_with_reasons() -> list[Job]:
    return exports(state="failed", finished_at=timezone.now() - 2 * DAY, reason="for the allergic")


def lost_exports() -> list[Job]:
    return exports(state="running", started_at=timezone.now() - 2 * HOUR)


def queued_mails() -> list[Mail]:
    return [Mail.objects.get(about={"order": make_order().pk}) for _number in range(3)]


def people_to_erase() -> list[Erasure]:
    made = [erasing.request(ContactFactory(), channel="mailbox", now=timezone.now()) for _number in range(3)]
    for erasure in made:
        erasing.begin(erasure, timezone.now())
    return made


def never_claimed() -> list[Contact]:
    made = [ContactFactory() for _number in range(3)]
    Contact.objects.update(purge_after=timezone.now() - 2 * DAY)
    return made


def never_used() -> list[Contact]:
    made = [ContactFactory() for _number in range(3)]
    Contact.objects.update(created_at=timezone.now() - 1200 * DAY)
    return made


def connected_with_nobody() -> list[Contact]:
    return [ContactFactory(via=Contact.CreatedVia.FRIENDS_FAMILY) for _number in range(3)]


def connected_again() -> list[Contact]:
    pos = friendly_pos()
    parent = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    names = ("Ada", "Bea", "Cleo")
    made = [linked(parent, pos, adding.Person(name, "Other", no_email=True)).child for name in names]
    Contact.objects.filter(user=None).update(purge_after=timezone.now() + 9 * DAY)
    return made


def ended_staff_invitations() -> list[StaffInvitation]:
    over = timezone.now() - 15 * DAY
    return StaffInvitationFactory.create_batch(3, created_at=over)


def unanswered_invitations() -> list[LinkRequest]:
    pos = friendly_pos()
    made = []
    for number, name in enumerate(("Ada", "Bea", "Cleo")):
        parent = make_visitor(pos, "Ann", name, email=f"ann{number}@example.org")
        link = linked(parent, pos, adding.Person(name, "Other", no_email=True))
        asked = adding.Requester(by=parent.user, pos=pos, network="test", language="en")
        made.append(
            inviting.invite(link, f"{name.lower()}@example.org", asked, now=timezone.now()).link.request
        )
    LinkRequest.objects.update(expires_at=timezone.now() - DAY)
    return made


def suppressions() -> list[AddressSuppression]:
    over = timezone.now() - 2 * DAY
    return [
        AddressSuppression.objects.create(
            organiser=OrganiserFactory(), address_hash=uuid4().bytes, created_at=over, expires_at=over
        )
        for _number in range(3)
    ]


def archived_papers() -> list[ArchivedPaper]:
    recipient = {"name": "Acme", "street": "Lane", "postcode": "3000", "city": "Bern", "country": "CH"}
    past = timezone.now() - 12 * 365 * DAY
    return [
        invoices.issue(make_order(paid=True), recipient, by=None, now=past).archived for _number in range(3)
    ]


def mails_about_nobody() -> list[Mail]:
    now, pos = timezone.now() - 40 * DAY, make_order().point_of_sale
    return [
        outbox.queue("account_unknown", to="a@example.org", language="en", now=now, pos=pos)
        for _number in range(3)
    ]


def answers_to_erase() -> list[Answer]:
    now = timezone.now()
    form = make_form()
    asked = [
        ask(form, "Allergies", retention_days=28),
        ask(form, "Bus", "multiple_choice", choices=["18:00", "20:00"], retention_days=28),
    ]
    version = publish(form)
    values = {asked[0].key: "nuts", asked[1].key: [asked[1].choices.first().key]}
    given = [
        responses.NewResponse(version, values, ContactFactory(organiser=form.organiser).pk, now - 40 * DAY)
        for _number in range(3)
    ]
    made = responses.store(given, organiser=form.organiser, language="en", now=now - 50 * DAY)
    for response in made:
        changed = {**values, asked[0].key: "milk"}
        changing.change(response, changed, revision=1, by=None, source="buyer", now=now)
    return list(Answer.objects.filter(field=asked[0]).order_by("pk"))


def chosen_to_erase() -> list:
    answers_to_erase()
    return list(Answer.choices.through.objects.order_by("pk"))


def changes_to_erase() -> list[AnswerHistory]:
    answers_to_erase()
    return list(AnswerHistory.objects.filter(field__label="Allergies").order_by("pk"))


def log_ins(*, verified: bool) -> list[User]:
    days = 1200 if verified else 9
    made = [UserFactory() for _number in range(3)]
    User.objects.update(date_joined=timezone.now() - days * DAY)
    EmailAddress.objects.update(verified=verified)
    return made


def addresses_never_proved() -> list[EmailAddress]:
    return [
        EmailAddress.objects.create(user=UserFactory(), email=f"{number}@example.org", verified=False)
        for number in range(3)
    ]


def unconfirmed_requests() -> list[Erasure]:
    made = [erasing.request(ContactFactory(), channel="account", now=timezone.now()) for _number in range(3)]
    Erasure.objects.update(state="requested", token_expires_at=timezone.now() - HOUR)
    return made


def ended_proofs() -> list[MailboxProof]:
    over = timezone.now() - HOUR
    return [
        MailboxProof.objects.create(
            organiser=OrganiserFactory(), address="a@example.org", token_hash=uuid4().bytes,
            created_at=over, expires_at=over,
        )
        for _number in range(3)
    ]  # fmt: skip


def old_mails_with_links() -> list[Mail]:
    now = timezone.now() - 8 * DAY
    pos = make_order().point_of_sale
    return [
        outbox.queue("data_link", to="a@example.org", language="en", now=now, pos=pos) for _number in range(3)
    ]


# --- results ---------------------------------------------------------------------------------------------


def state_is(state: str) -> Callable[[Model], bool]:
    return lambda row: type(row).objects.filter(pk=row.pk, state=state).exists()


def is_gone(row: Model) -> bool:
    return not type(row).objects.filter(pk=row.pk).exists()


def _reason(job: Job) -> str:
    return Job.objects.values_list("reason", flat=True).get(pk=job.pk)


def is_reminded(order: Order) -> bool:
    return Mail.objects.filter(kind="order_reminder", about={"order": order.pk}).exists()


def is_asked(order: Order) -> bool:
    return Mail.objects.filter(kind="answers_wanted", about__order=order.pk).exists()


def last_mails() -> list[Mail]:
    """Return last mails to erased people that were never sent."""
    made = []
    for erasure in requests_due_soon():
        mail = outbox.queue(
            "data_done",
            to="gone@example.org",
            language="en",
            now=timezone.now() - timedelta(days=4),
            about={"erasure": erasure.pk},
            pos=PointOfSale.objects.filter(organiser=erasure.organiser_id).first(),
        )
        made.append(mail)
    return made


def has_no_address(mail: Mail) -> bool:
    return Mail.objects.filter(pk=mail.pk, recipient="").exists()


def requests_due_soon() -> list[Erasure]:
    now = timezone.now()
    pos = PointOfSaleFactory()
    make_staff(pos.organiser, "owner")
    made = [
        erasing.request(ContactFactory(organiser=pos.organiser), channel=Erasure.Channel.MAILBOX, now=now)
        for _number in range(3)
    ]
    Erasure.objects.filter(pk__in=[one.pk for one in made]).update(due_at=now + timedelta(days=2))
    return made


def staff_are_reminded(erasure: Erasure) -> bool:
    return Mail.objects.filter(kind="data_due", about__erasure=erasure.pk).exists()


def is_erased(row: Model) -> bool:
    return not type(row).objects.filter(expiry.has_remaining(type(row)), pk=row.pk).exists()


def has_a_day(contact: Contact) -> bool:
    return Contact.objects.filter(pk=contact.pk, purge_after__isnull=False).exists()


def is_told(order: Order) -> bool:
    return Mail.objects.filter(kind="date_changed", about__order=order.pk).exists()


def is_forgotten(contact: Contact) -> bool:
    return Contact.objects.filter(pk=contact.pk, erased_at__isnull=False).exists()


def periodically(made: list) -> list[dict]:
    """Return the arguments of a periodic task, which finds the rows itself."""
    return [{"timestamp": 0}]


@dataclass(frozen=True)
class Case:
    """A job to test. ``task`` runs once for each of ``arguments``; the second of three rows fails, or a row written for it."""

    task: str
    make: Callable[..., list]
    done: Callable[[Model], bool]
    table: str = ""
    event: str = "UPDATE OR DELETE"
    condition: str = "OLD.{column} = {pk}"
    arguments: Callable[[list], list[dict]] = periodically
    organiser: Callable[[Model], int | None] = organiser_id_of
    provider: bool = False  # whether ``make`` gets the provider of payments


def versions(made: list[Order]) -> list[dict]:
    return [{"version_id": made[0].responses.get().response.form.asked_again_id}]


def nobodys(row: Model) -> None:
    """Return rows of the platform, without an organiser."""


CASES = {
    "sales.expire_orders": Case("sales.expire_orders", overdue_orders, state_is("expired")),
    "sales.remind": Case("sales.remind", bank_transfers, is_reminded),
    "sales.ask_providers": Case("sales.ask_providers", open_pages, state_is("confirmed"), provider=True),
    "sales.pay_back": Case("sales.pay_back", refunds_by_a_provider, state_is("done"), provider=True),
    "sales.cancel_bookings": Case(
        "sales.cancel_bookings", bookings_of_a_cancelled_pass, state_is("cancelled")
    ),
    "sales.compare_payments": Case("sales.compare_payments", methods_with_lists, is_compared, provider=True),
    "sales.record_bank_entries": Case(
        "sales.record_bank_entries", payments_of_a_bank_file, state_is("recorded")
    ),
    "sales.ask_earlier": Case(
        "sales.ask_earlier",
        orders_with_an_older_form,
        is_asked,
        "mail_mail",
        "INSERT",
        "NEW.kind = 'answers_wanted' AND (NEW.about ->> 'order')::bigint = {pk}",
        versions,
    ),
    "sales.ask_unanswered": Case(
        "sales.ask_unanswered",
        orders_placed_before_a_form,
        is_asked,
        "mail_mail",
        "INSERT",
        "NEW.kind = 'answers_wanted' AND (NEW.about ->> 'order')::bigint = {pk}",
        lambda made: [{"form_id": order.point_of_sale.order_form.form_id} for order in made],
    ),
    "sales.carry_out_change": Case(
        "sales.carry_out_change",
        orders_of_a_changed_date,
        is_told,
        "mail_mail",
        "INSERT",
        "NEW.kind = 'date_changed' AND (NEW.about ->> 'order')::bigint = {pk}",
        lambda made: [{"change_id": DateChange.objects.get().pk}],
    ),
    "sales.cancel_dates": Case("sales.cancel_dates", orders_of_a_cancelled_date, state_is("cancelled")),
    "sales.send_message": Case(
        "sales.send_message",
        message_of_a_date,
        lambda row: MessageRecipient.objects.filter(pk=row.pk, mail__isnull=False).exists(),
        arguments=lambda made: [{"message_id": made[0].message_id}],
    ),
    "sales.remind_of_date": Case(
        "sales.remind_of_dates",
        dates_to_remind_of,
        lambda session: session.messages.exists(),
        "sales_datemessage",
        "INSERT",
        "NEW.session_id = {pk}",
    ),
    "sales.forget_messages": Case("sales.tidy", old_messages, is_gone),
    "sales.forget_carts": Case("sales.tidy", ended_carts, is_gone),
    "catalogue.forget_holds": Case(
        "sales.tidy", ended_holds, is_gone, organiser=lambda hold: hold.allotment.organiser_id
    ),
    "registration_forms.forget_holds": Case("sales.tidy", ended_holds_of_choices, is_gone),
    "limits.forget_counters": Case("sales.tidy", ended_counters, is_gone),
    "submissions.forget": Case("sales.tidy", ended_submissions, is_gone),
    "accounts.forget_sessions": Case("accounts.tidy", ended_sessions, is_gone),
    "accounts.forget_unproved": Case(
        "accounts.tidy", partial(log_ins, verified=False), is_gone, organiser=nobodys
    ),
    "accounts.forget_unused": Case(
        "accounts.tidy", partial(log_ins, verified=True), is_gone, organiser=nobodys
    ),
    "accounts.forget_addresses": Case("accounts.tidy", addresses_never_proved, is_gone, organiser=nobodys),
    "accounts.forget_staff_invitations": Case("accounts.tidy", ended_staff_invitations, is_gone),
    "contacts.end_invitations": Case("accounts.tidy", unanswered_invitations, is_erased),
    "exports.write": Case(
        "exports.write",
        exports_to_write,
        state_is("done"),
        arguments=lambda made: [{"export_id": job.pk} for job in made],
    ),
    "exports.expire": Case("exports.tidy", ended_exports, state_is("expired")),
    "exports.give_up": Case("exports.tidy", lost_exports, state_is("failed")),
    "exports.forget_reasons": Case("exports.tidy", exports_with_reasons, lambda job: not _reason(job)),
    "mail.send": Case(
        "mail.send",
        queued_mails,
        state_is("sent"),
        arguments=lambda made: [{"mail_id": mail.pk} for mail in made],
    ),
    "privacy.go_on": Case("privacy.go_on", people_to_erase, state_is("closed")),
    "privacy.give_days": Case(RETENTION, connected_with_nobody, has_a_day),
    "privacy.take_days": Case(RETENTION, connected_again, lambda child: not has_a_day(child)),
    "privacy.retention.contacts.contact": Case(RETENTION, never_claimed, is_forgotten),
    "privacy.retention.contacts.contact.unused": Case(RETENTION, never_used, is_forgotten),
    "privacy.retention.contacts.addresssuppression": Case(RETENTION, suppressions, is_gone),
    "privacy.retention.sales.bankentry": Case(RETENTION, payments_dealt_with_long_ago, is_erased),
    "privacy.retention.sales.bankentry.booked_on": Case(RETENTION, payments_nobody_deals_with, is_erased),
    "privacy.retention.sales.archivedpaper": Case(RETENTION, archived_papers, is_gone),
    "privacy.retention.mail.mail": Case(RETENTION, mails_about_nobody, is_erased),
    "privacy.retention.registration_forms.answer": Case(RETENTION, answers_to_erase, is_erased),
    "privacy.retention.registration_forms.answerhistory": Case(RETENTION, changes_to_erase, is_erased),
    "privacy.retention.registration_forms.answer_choices": Case(
        RETENTION, chosen_to_erase, is_gone, organiser=lambda row: row.answer.response.organiser_id
    ),
    "privacy.forget_requests": Case("privacy.expire", unconfirmed_requests, is_gone),
    "privacy.forget_proofs": Case("privacy.expire", ended_proofs, is_gone),
    "privacy.give_up_last_mail": Case("privacy.expire", last_mails, has_no_address),
    "privacy.remind": Case(
        "privacy.remind",
        requests_due_soon,
        staff_are_reminded,
        "mail_mail",
        "INSERT",
        "NEW.kind = 'data_due' AND (NEW.about ->> 'erasure')::bigint = {pk}",
    ),
    "privacy.forget_mails": Case("privacy.expire", old_mails_with_links, is_gone),
}
# Tasks that do no work on rows, or on one row that another job takes up.
WITHOUT_ROWS = {
    "jobs.try_again",
    "jobs.take_up_stalled",
    "privacy.run",  # one erasure; ``privacy.go_on`` takes up what fails
    "privacy.analyse",  # tables
    "builtin:procrastinate.builtin_tasks.remove_old_jobs",
    "procrastinate.builtin_tasks.remove_old_jobs",
}


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO, "ticketshop")
    return caplog


def run(task: str, arguments: dict) -> None:
    app.tasks[task].func(**arguments)


# An export reads its rows in a separate transaction, an erasure has one for each step.
ON_THEIR_OWN, TRANSACTIONS = pytest.mark.django_db(transaction=True), {"exports.write", "privacy.go_on"}


# Jobs whose row fails twice: a ``RowJob``, a ``Tidying``, a ``RowExpiry``, and all whose task is called with the rows to do.
# The others wait in the same functions; with ``make soak`` their rows fail twice, too.
FAIL_TWICE = {
    "sales.expire_orders",
    "sales.forget_carts",
    "privacy.retention.contacts.addresssuppression",
    *(name for name, case in CASES.items() if case.arguments is not periodically),
}


def named(names: Iterable[str]):
    """Return the names as parameters of a test."""
    return [pytest.param(name, marks=ON_THEIR_OWN if name in TRANSACTIONS else ()) for name in names]


@pytest.mark.parametrize("name", named(CASES))
def test_failing_row_does_not_stop_others_and_is_logged_and_tried_again(name, log, request):
    drill(name, log, request, twice=name in FAIL_TWICE)


@pytest.mark.soak
@pytest.mark.parametrize("name", named(name for name in CASES if name not in FAIL_TWICE))
def test_row_that_fails_again_is_tried_after_a_longer_time(name, log, request):
    drill(name, log, request, twice=True)


def drill(name: str, log, request, *, twice: bool) -> None:
    """Let the second of three rows fail once or twice, and then not any more."""
    case = CASES[name]
    made = case.make(request.getfixturevalue("provider")) if case.provider else case.make()
    _first, bad, _last = made
    organiser_id = case.organiser(bad)
    key = f"'{bad.pk}'" if isinstance(bad.pk, str) else bad.pk
    condition = case.condition.format(pk=key, column=bad._meta.pk.column)
    assert not any(case.done(row) for row in made)
    with poisoned(case.table or bad._meta.db_table, condition, case.event):
        for arguments in case.arguments(made):
            run(case.task, arguments)
        assert [case.done(row) for row in made] == [True, False, True]
        failure = Failure.objects.get()
        assert (failure.job, failure.row, failure.times) == (name, str(bad.pk), 1)
        assert failure.organiser_id == organiser_id

        line = next(one.getMessage() for one in log.records if "row failed" in one.getMessage())
        assert f"job={name} " in line and f"row={rows.shown(str(bad.pk))} " in line
        if twice:
            fail_again(case, made, failure)
    try_again(case, bad, failure)
    assert case.done(bad)
    rows.try_all_again(timezone.now())
    assert not Failure.objects.exists()


def fail_again(case: Case, made: list, failure: Failure) -> None:
    """Check that the second row is not tried too early, then again, and then after a longer time."""
    run(case.task, case.arguments(made)[0])
    rows.try_all_again(failure.first_at + timedelta(seconds=59))
    failure.refresh_from_db()
    assert failure.times == 1
    try_again(case, made[1], failure)
    failure.refresh_from_db()
    assert failure.times == 2
    assert failure.next_at - failure.last_at > rows.delay(1)
    assert not case.done(made[1])


def try_again(case: Case, bad: Model, failure: Failure) -> None:
    """Move the clock to the next try, and let the worker run a job that this queues."""
    Failure.objects.filter(pk=failure.pk).update(next_at=timezone.now())
    rows.try_all_again(timezone.now())
    if rows.JOBS[failure.job].defer is not None:
        run(case.task, case.arguments([bad, bad, bad])[0])


def test_each_job_and_task_of_the_worker_has_a_case():
    """A new task either works row by row (``RowJob``) and is tested here, or is listed above with the reason."""
    assert {"sales.expire_orders", "mail.send", "jobs.try_again"} <= set(app.tasks)
    assert set(app.tasks) - WITHOUT_ROWS == {case.task for case in CASES.values()}
    assert set(rows.JOBS) == set(CASES)


def start_page(staff: Staff) -> str:
    return staff.open("/admin/").text


def listed(staff: Staff) -> str:
    """Return the text of the list of failures, of all its pages."""
    page = staff.open(listing(Failure))
    texts = [page.text]
    while "Next page" in page.text:
        page = staff.open(listing(Failure) + page.link("Next page"))
        texts.append(page.text)
    return " ".join(texts)


def test_failures_of_each_job_are_shown_to_staff_of_their_organiser():
    """Those of a row without an organiser to the administrator of the platform alone."""
    now, organiser = timezone.now(), OrganiserFactory()
    staff, stranger = Staff(make_staff(organiser)), Staff(make_staff(OrganiserFactory()))
    given = {"model": "sales.order", "first_at": now, "last_at": now, "next_at": now}
    for number, name in enumerate(rows.JOBS):
        Failure.objects.create(job=name, row=f"{4000 + number}", organiser_id=organiser.pk, **given)
    Failure.objects.create(job="limits.forget_counters", row="4999", organiser_id=None, **given)
    shown = listed(staff)
    assert [name for name, job in rows.JOBS.items() if str(job.title) not in shown] == []
    assert set(re.findall(r"\b4\d\d\d\b", shown)) == {f"{4000 + number}" for number in range(len(rows.JOBS))}
    assert "4999" in listed(Staff(SuperuserFactory()))
    nothing = listed(stranger)
    assert [name for name, job in rows.JOBS.items() if str(job.title) in nothing] == []
    assert f"{len(rows.JOBS)} tasks in the background failed." in start_page(staff)
    assert "in the background failed" not in start_page(stranger)
    Failure.objects.all().delete()
    assert "in the background failed" not in start_page(staff)


def test_failure_ends_when_the_row_is_done_by_hand(log):
    order, other = make_order(), make_order()
    Order.objects.update(expires_at=F("placed_at"))
    for row in (order, other):
        orders.EXPIRE.note(row, ZeroDivisionError(), timezone.now())
    orders.cancel(order, by=None, now=timezone.now())
    rows.try_all_again(timezone.now())
    assert Failure.objects.get().row == str(other.pk)


def test_staff_can_have_a_failed_row_tried_at_once():
    order = make_order()
    Order.objects.update(expires_at=F("placed_at"))
    orders.EXPIRE.note(order, ZeroDivisionError(), timezone.now())
    failure = Failure.objects.get()
    Staff(make_staff(order.organiser)).press(failure, "try-again")
    rows.try_all_again(timezone.now())
    order.refresh_from_db()
    assert (order.state, Failure.objects.count()) == ("expired", 0)


def test_delay_doubles_up_to_a_day():
    delays = [rows.delay(times) for times in range(1, 40)]
    assert delays[:4] == [timedelta(minutes=minutes) for minutes in (1, 2, 4, 8)]
    assert delays == sorted(delays) and delays[-1] == DAY
