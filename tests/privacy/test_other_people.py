"""An erasure does not change the data of linked people, buyers and guests."""

import re
from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.friends import tickets
from contacts.linking import adding, links
from contacts.models import Contact, ContactLink
from privacy.erasure import erasing
from registration_forms.answers import changing, responses
from registration_forms.models import Answer, AnswerHistory, Response
from tests.accounts.pages import LIST, browser_of, rows
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_cart, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.qr import codes_in_pdf
from ticketshop.catalogue.models import Session
from ticketshop.exports.models import Job
from ticketshop.mail.models import Mail
from ticketshop.sales import access
from ticketshop.sales.mails.order_mails import order_path
from ticketshop.sales.models import Cart, Order, OrderLine, Payment, Ticket

pytestmark = pytest.mark.django_db
FIGURES = ("reference", "state", "total", "vat_total", "currency", "placed_at", "paid_at", "payment_method")


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


@pytest.fixture
def walt(pos):
    return make_visitor(pos, "Walt", "Grey", email="azoe@example.org.org")


def connected(parent: Contact, child: Contact, pos) -> ContactLink:
    link = linked(parent, pos, (child.first_name, child.last_name, child.email))
    assert link.child == child
    assert links.accept(link, by=child.user, now=timezone.now())
    link.refresh_from_db()
    return link


def order_for(buyer: Contact, *for_whom: ContactLink, pos) -> Order:
    """A paid order of one ticket for each, and one for the buyer, with an answer on each ticket."""
    holders = [
        {"first_name": link.entered_first_name, "last_name": link.entered_last_name, "person": str(link.pk)}
        for link in for_whom
    ]
    holders.append({"first_name": buyer.first_name, "last_name": buyer.last_name, "person": "me"})
    order = make_order({OfferFactory(pos=pos): len(holders)}, user=buyer.user, holders=holders, paid=True)
    form = make_form("tariff", organiser=pos.organiser)
    question = ask(form, "Allergies", "text")
    version = publish(form)
    for ticket in order.tickets.order_by("pk"):
        given = responses.NewResponse(
            version, {question.key: f"as said by {ticket.holder}"}, about=ticket.beneficiary_id or buyer.pk
        )
        (ticket.response,) = responses.store(
            [given], organiser=pos.organiser, language="en", now=timezone.now()
        )
        ticket.save(update_fields=["response"])
    return order


def books(order: Order) -> list:
    """Return what accounting sees of an order."""
    return [
        Order.objects.filter(pk=order.pk).values(*FIGURES).get(),
        *OrderLine.objects.filter(order=order).order_by("pk").values(),
        *Payment.objects.filter(order=order).order_by("pk").values(),
        *order.tickets.order_by("pk").values("code", "state", "used_at"),
    ]


def unnumbered(page) -> str:
    """The list as it stands on the page, without the numbers of its rows."""
    return re.sub(r"/\d+/", "/N/", rows(page))


def erase(contact: Contact) -> str:
    return erasing.erase(contact, by=None, now=timezone.now()).state


@pytest.mark.scenario("S35", "RF-45")
def test_guest_is_erased_from_another_order_and_the_ticket_still_admits(zoe, walt, pos):
    order = order_for(walt, connected(walt, zoe, pos), pos=pos)
    theirs, own = order.tickets.order_by("pk")
    assert (theirs.beneficiary, theirs.holder) == (zoe, "Zoe Grey")
    figures, answers = books(order), Answer.objects.filter(response=own.response_id).values().get()
    assert Answer.objects.get(response=theirs.response_id).v_text == "as said by Zoe Grey"
    pdf = f"{order_path(order)}tickets.pdf"
    before = codes_in_pdf(Client().get(pdf).content)
    assert erase(zoe) == "closed"
    theirs.refresh_from_db()
    assert (theirs.beneficiary, theirs.holder, theirs.state) == (None, "", "valid")
    assert theirs.holder_erased_at is not None
    gone = Answer.objects.get(response=theirs.response_id)
    assert (gone.v_text, gone.state, Response.objects.get(pk=theirs.response_id).about) == (
        None if gone.v_text is None else "", Answer.State.ERASED, None
    )  # fmt: skip
    assert books(order) == figures
    assert Answer.objects.filter(response=own.response_id).values().get() == answers
    own.refresh_from_db()
    assert (own.beneficiary, own.holder) == (walt, "Walt Grey")
    assert codes_in_pdf(Client().get(pdf).content) == before
    page = Client().get(order_path(order)).content.decode()
    assert "Walt Grey" in page and "Zoe" not in page


@pytest.mark.scenario("S35")
def test_ticket_of_an_erased_guest_is_not_the_buyers(zoe, walt, pos):
    order = order_for(walt, connected(walt, zoe, pos), pos=pos)
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    anns = connected(ann, walt, pos)
    links.change_permission(anns, "view", by=walt.user, now=timezone.now())
    anns.refresh_from_db()
    (own,) = order.tickets.filter(beneficiary=walt)
    assert list(access.tickets_of(walt.user, pos)) == tickets.of_child(anns) == [own]
    # The buyer is the holder of a ticket without a beneficiary.
    order.tickets.filter(pk=own.pk).update(beneficiary=None)
    assert erase(zoe) == "closed"
    assert list(access.tickets_of(walt.user, pos)) == tickets.of_child(anns) == [own]


@pytest.mark.scenario("S35")
def test_child_is_erased_from_the_order_of_its_parent(walt, pos):
    link = linked(walt, pos, adding.Person("Tim", "Little", no_email=True))
    order = order_for(walt, link, pos=pos)
    figures = books(order)
    assert order.tickets.filter(holder_first_name="Tim").exists()
    assert erase(link.child) == "closed"
    assert books(order) == figures
    assert not order.tickets.filter(holder_first_name="Tim").exists()
    assert order.tickets.filter(holder_first_name="Walt").exists()
    assert "Tim" not in Client().get(order_path(order)).content.decode()


@pytest.mark.scenario("S36", "FF-37")
def test_links_vanish_in_both_directions_without_a_hint(zoe, walt, pos):
    connected(walt, zoe, pos)
    connected(zoe, walt, pos)
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    connected(walt, ann, pos)
    walts = browser_of(walt)
    assert "Zoe" in walts.open(LIST).text and "Ann" in walts.open(LIST).text
    assert erase(zoe) == "closed"
    page = walts.open(LIST)
    assert "Zoe" not in page.text and "Ann Other" in page.text
    assert "erased" not in page.text.lower() and "deleted" not in page.text.lower()
    # The page is the same as that of a visitor whose only link is to Ann.
    lone = make_visitor(pos, "Walt", "Grey", email="lone@example.org")
    connected(lone, ann, pos)
    assert unnumbered(page) == unnumbered(browser_of(lone).open(LIST))
    assert not ContactLink.objects.filter(parent=zoe).exists()
    assert not ContactLink.objects.filter(child=zoe).exists()


@pytest.mark.scenario("S36")
def test_joint_bookings_stay(zoe, walt, pos):
    bought_by_zoe = order_for(zoe, connected(zoe, walt, pos), pos=pos)
    bought_by_walt = order_for(walt, connected(walt, zoe, pos), pos=pos)
    figures = [books(order) for order in (bought_by_zoe, bought_by_walt)]
    mine = list(Ticket.objects.filter(beneficiary=walt).order_by("pk").values())
    assert len(mine) == 2
    # Her own ticket is over: nothing waits.
    session = bought_by_zoe.tickets.first().session
    ended = timezone.now() - timedelta(days=3)
    type(session).objects.filter(pk=session.pk).update(starts_at=ended - timedelta(hours=2), ends_at=ended)
    assert erase(zoe) == "closed"
    assert [books(order) for order in (bought_by_zoe, bought_by_walt)] == figures
    assert list(Ticket.objects.filter(beneficiary=walt).order_by("pk").values()) == mine
    page = browser_of(walt).open("/theatre/account/orders/")
    assert bought_by_walt.reference in page.text and "Zoe" not in page.source
    assert {response.about_id for response in Response.objects.all()} == {walt.pk, None}


@pytest.mark.scenario("S35")
def test_data_others_typed_about_the_person_is_erased(zoe, walt, pos):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    about_ann = connected(walt, ann, pos)
    about_zoe = connected(walt, zoe, pos)
    assert about_zoe.entered_email == "zoe@example.org"
    before = ContactLink.objects.filter(pk=about_ann.pk).values().get()
    mails = list(Mail.objects.filter(subject_uuid__in=[ann.subject_uuid, walt.subject_uuid]).values())
    assert erase(zoe) == "closed"
    assert list(ContactLink.objects.values()) == [before]
    assert list(Mail.objects.filter(subject_uuid__in=[ann.subject_uuid, walt.subject_uuid]).values()) == mails


@pytest.mark.scenario("RF-45")
def test_a_participants_answers_history_drafts_mails_and_export_files_go_and_the_counts_stay(zoe, walt, pos):
    """Bought three tickets, and takes part in the order of a friend: all in one run, hers alone."""
    hers = order_for(zoe, pos=pos)
    for ticket in order_for(walt, connected(walt, zoe, pos), pos=pos).tickets.all():
        (answer,) = Answer.objects.filter(response=ticket.response_id).select_related("field")
        changing.change(
            ticket.response, {answer.field.key: f"changed by {ticket.holder}"}, revision=1, by=None,
            source="buyer", now=timezone.now(),
        )  # fmt: skip
    make_cart(pos=pos, user=zoe.user)
    now = timezone.now()
    job = Job.objects.create(
        organiser=pos.organiser,
        kind="participants",
        state="done",
        created_at=now,
        subjects=[zoe.subject_uuid],
    )
    job.file.save("list.csv", ContentFile(b"Zoe;Grey"))
    storage, name = job.file.storage, job.file.name
    about_her, not_hers = Response.objects.filter(about=zoe), Response.objects.filter(about=walt)
    gone, kept = list(about_her.values_list("pk", flat=True)), list(not_hers.values_list("pk", flat=True))
    assert len(gone) == 2 and AnswerHistory.objects.filter(response__in=gone).exclude(new=None).exists()
    assert Mail.objects.filter(subject_uuid=zoe.subject_uuid, state="queued").exists() and storage.exists(
        name
    )
    walts = [
        list(Answer.objects.filter(response__in=kept).order_by("pk").values()),
        list(AnswerHistory.objects.filter(response__in=kept).order_by("pk").values()),
    ]
    counts = [Response.objects.count(), Answer.objects.count(), Ticket.objects.count()]
    figures = [books(order) for order in Order.objects.order_by("pk")]
    Session.objects.update(starts_at=now - timedelta(days=4), ends_at=now - timedelta(days=3))
    assert erase(zoe) == "closed"
    left = Answer.objects.filter(response__in=gone)
    assert {(answer.state, answer.v_text) for answer in left} == {(Answer.State.ERASED, None)}
    assert not AnswerHistory.objects.filter(response__in=gone).exclude(old=None, new=None).exists()
    assert not Cart.objects.exists() and not storage.exists(name)
    assert not Mail.objects.filter(recipient="zoe@example.org").exists()
    assert [
        list(Answer.objects.filter(response__in=kept).order_by("pk").values()),
        list(AnswerHistory.objects.filter(response__in=kept).order_by("pk").values()),
    ] == walts
    assert [Response.objects.count(), Answer.objects.count(), Ticket.objects.count()] == counts
    assert [books(order) for order in Order.objects.order_by("pk")] == figures
    hers.refresh_from_db()
    assert hers.buyer is None
