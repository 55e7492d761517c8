"""New codes for lost or stolen tickets and passes: who gets them, what the old codes are afterwards, and races."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import IntegrityError
from django.utils import timezone

from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.qr import codes_in_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.sales.admission_lists import tickets_of
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass, Order, ReplacedCode, Ticket
from ticketshop.sales.orders import books
from ticketshop.sales.tickets import codes

NOW = timezone.now


@pytest.fixture
def pos():
    return friendly_pos()


@pytest.fixture
def order(pos) -> Order:
    return make_order({OfferFactory(pos=pos): 2}, paid=True)


def renew(order, *admissions, before=None):
    keys = [codes.key_of(row) for row in admissions]
    return codes.renew(order, keys, by=None, now=NOW(), before=before)


def broken() -> set[str]:
    return {code for code, found in books.check().items() if found}


# --- staff ----------------------------------------------------------------------------------------------------
@pytest.mark.django_db
@pytest.mark.scenario("TIC-04")
def test_staff_give_one_ticket_a_new_code_and_its_pdf_goes_to_the_buyer(pos, order, mailoutbox):
    mark_sent()
    first, other = tickets_of(order)
    staff = Staff(make_staff(pos.organiser, "box office"))
    staff.open(change(order))
    staff.open(staff.page.link("New code"))
    page = staff.fill("chosen", {"chosen": codes.key_of(first)})
    assert "The ticket has a new code; the old one lets nobody in any more." in page.text
    renewed = Ticket.objects.get(pk=first.pk)
    assert renewed.code != first.code
    assert Ticket.objects.get(pk=other.pk).code == other.code
    replaced = ReplacedCode.objects.get()
    assert (replaced.code, replaced.admission, replaced.reason) == (first.code, first, "new_code")
    assert replaced.replaced_by == staff.user
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    ((_name, pdf, _mime_type),) = letter.attachments
    assert codes_in_pdf(pdf) == [renewed.code]
    assert broken() == set()


@pytest.mark.django_db
def test_pages_and_pdf_of_the_order_show_the_new_code_only(order):
    first, other = tickets_of(order)
    renew(order, first)
    path, renewed = order_mails.order_path(order), Ticket.objects.get(pk=first.pk)
    visitor = TestClientVisitor()
    assert sorted(codes_in_pdf(visitor.client.get(f"{path}tickets.pdf").content)) == sorted(
        [renewed.code, other.code]
    )
    assert first.code[:5] not in visitor.open(f"{path}tickets/").text


@pytest.mark.django_db
@pytest.mark.scenario("TIC-04")
def test_the_old_link_of_the_order_says_that_it_was_replaced(order, mailoutbox):
    mark_sent()
    old = order_mails.order_path(order)
    codes.renew(order, [codes.key_of(tickets_of(order)[0])], by=None, now=NOW(), new_link=True)
    visitor = TestClientVisitor()
    for path in ("", "tickets.pdf", "tickets/", "calendar.ics"):
        answer = visitor.client.get(f"{old}{path}")
        assert (answer.status_code, b"This link was replaced" in answer.content) == (410, True)
    new = order_mails.order_path(Order.objects.get(pk=order.pk))
    (letter,) = deliver(mailoutbox)
    assert new in letter.body
    assert order.reference in visitor.open(new).text
    assert history.of(order).filter(action="link_replaced").exists()


@pytest.mark.django_db
def test_a_beneficiary_gets_the_new_code_and_not_that_of_another_ticket(pos, mailoutbox):
    ada = make_visitor(pos, "Ada", "Lovelace")
    bob = linked(ada, pos).child
    order = make_order({OfferFactory(pos=pos): 2}, buyer=ada, paid=True)
    theirs, other = tickets_of(order)
    Ticket.objects.filter(pk=theirs.pk).update(beneficiary=bob)
    mark_sent()
    renew(order, theirs, other)
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {ada.email, bob.email}
    ((_name, pdf, _mime_type),) = letters[bob.email].attachments
    assert codes_in_pdf(pdf) == [Ticket.objects.get(pk=theirs.pk).code]
    assert len(codes_in_pdf(letters[ada.email].attachments[0][1])) == 2


@pytest.mark.django_db
def test_a_pass_has_a_new_code_from_its_own_page_and_staff_find_it_by_the_old_one(pos):
    order = make_order({SeasonPassFactory(pos=pos): 1}, paid=True)
    issued = order.passes.get()
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert "has a new code" in staff.press(issued, "new-code").text
    assert "lost or stolen: has a new code" in staff.open(change(issued)).text
    assert IssuedPass.objects.get().code != issued.code
    assert IssuedPass.objects.get().code[:8] in staff.open(f"/admin/sales/issuedpass/?q={issued.code}").text
    assert f"{order.reference}" in staff.open(f"/admin/sales/issuedpass/?q={issued.code.lower()}").text
    assert broken() == set()


@pytest.mark.django_db
def test_the_history_tells_that_a_code_was_replaced_and_no_code(order):
    ticket = tickets_of(order)[0]
    renew(order, ticket)
    assert history.of(ticket).get(action="code_replaced").details == {"reason": "new_code"}
    assert history.of(order).get(action="codes_replaced").details == {}


def _cancelled_date(ticket):
    Session.objects.filter(pk=ticket.session_id).update(state="cancelled")


REFUSED = {
    "used at the entrance": lambda ticket: Ticket.objects.filter(pk=ticket.pk).update(
        state="used", used_at=NOW()
    ),
    "is cancelled. Nothing": lambda ticket: Ticket.objects.filter(pk=ticket.pk).update(state="cancelled"),
    "is not paid yet": lambda ticket: Order.objects.update(state="pending"),
    "The date of": _cancelled_date,
    "is over": lambda ticket: Session.objects.filter(pk=ticket.session_id).update(
        starts_at=NOW() - timedelta(hours=2), ends_at=NOW()
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("sentence", REFUSED)
def test_a_ticket_that_is_not_valid_gets_no_new_code(order, sentence):
    ticket, other = tickets_of(order)
    REFUSED[sentence](ticket)
    with pytest.raises(codes.CannotReplace, match=sentence):
        renew(order, ticket, other)
    assert not ReplacedCode.objects.exists()


@pytest.mark.django_db
def test_tickets_of_another_order_or_none_are_refused(order):
    foreign = make_order(paid=True).tickets.get()
    for chosen in ((), (foreign,), (tickets_of(order)[0], foreign)):
        with pytest.raises(codes.CannotReplace, match="Choose the tickets"):
            renew(order, *chosen)


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["new-codes", "new-code"])
def test_a_page_that_is_sent_twice_replaces_the_code_once(pos, order, page, mailoutbox):
    mark_sent()
    ticket = tickets_of(order)[0]
    staff = Staff(make_staff(pos.organiser, "box office"))
    row, entered = (order, {"chosen": codes.key_of(ticket)}) if page == "new-codes" else (ticket, {})
    opened = staff.open(f"{change(row).removesuffix('change/')}{page}/")
    form = next(form for form in opened.forms if form.method == "post" and form.action == "")
    assert "has a new code" in staff.submit(form, entered).text
    staff.page = opened
    assert "codes of this order were replaced after you opened this page" in staff.submit(form, entered).text
    assert ReplacedCode.objects.count() == 1
    assert len(deliver(mailoutbox)) == 1


# --- at the same time -----------------------------------------------------------------------------------------
def renewed_by_two(order, monkeypatch, **page) -> None:
    read = codes.admissions_of

    def read_then_meet(of_order):
        admissions = read(of_order)
        meet()
        return admissions

    monkeypatch.setattr(codes, "admissions_of", read_then_meet)
    at_once(*(partial(renew, order, tickets_of(order)[0], **page) for _clerk in range(2)))


def without_locks(monkeypatch) -> None:
    monkeypatch.setattr(codes, "lock_order", lambda pk: Order.objects.select_related("buyer").get(pk=pk))
    monkeypatch.setattr(codes, "lock", lambda admissions: None)


@pytest.mark.django_db(transaction=True)
def test_two_new_codes_at_once_follow_each_other_and_both_old_ones_are_replaced(order, monkeypatch):
    renewed_by_two(order, monkeypatch)
    assert ReplacedCode.objects.count() == 2
    assert broken() == set()


@pytest.mark.django_db(transaction=True)
def test_without_locks_both_replace_the_same_code(order, monkeypatch):
    without_locks(monkeypatch)
    with pytest.raises(IntegrityError):
        renewed_by_two(order, monkeypatch)


@pytest.mark.django_db(transaction=True)
def test_a_page_sent_twice_at_once_replaces_the_code_once(order, monkeypatch):
    with pytest.raises(codes.CannotReplace, match="after you opened this page"):
        renewed_by_two(order, monkeypatch, before=0)
    assert ReplacedCode.objects.count() == 1


def entered_meanwhile(order, monkeypatch) -> tuple[bool, int]:
    """Renew the code of a ticket that is let in when it was read, and not locked yet."""
    real = codes.lock

    def meet_then_lock(admissions):
        meet()
        real(admissions)

    monkeypatch.setattr(codes, "lock", meet_then_lock)
    ticket = tickets_of(order)[0]

    def refused() -> bool:
        try:
            renew(order, ticket)
        except codes.CannotReplace:
            return True
        return False

    enter = partial(
        Ticket.objects.filter(pk=ticket.pk, code=ticket.code, state="valid").update,
        state="used",
        used_at=NOW(),
    )
    return tuple(at_once(refused, second(enter)))


@pytest.mark.django_db(transaction=True)
def test_a_ticket_let_in_meanwhile_keeps_its_code(order, monkeypatch):
    assert entered_meanwhile(order, monkeypatch) == (True, 1)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_a_used_ticket_gets_a_new_code(order, monkeypatch):
    monkeypatch.setattr(codes, "lock", lambda admissions: None)
    assert entered_meanwhile(order, monkeypatch) == (False, 1)
