"""Buyer and friend see their own part of a given ticket: on pages, in files, in mails sent again, in copies of their data, and at the door."""

import io

import pytest
from django.utils import timezone
from pypdf import PdfReader

from privacy.copies import copying
from tests.factories.catalogue import OfferFactory, SessionFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.migrated_database import once_per_file
from tests.qr import codes_in_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff
from ticketshop.catalogue.models import OrderForm
from ticketshop.sales import notices
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders import cancelled_lines, single_tickets
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.orders.giving import taking_back
from ticketshop.sales.tickets import codes, names

from .shop import ALICES_MENU, BOBS_MENU, Giving, client_of, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("TIC-05")]
NOW = timezone.now
PAGES = ("", "tickets/", "tickets.pdf", "calendar.ics", "names/", "answers/", "receipt/", "receipt.pdf")


def make_shop() -> Giving:
    """Alice has two tickets, and has given the first to Bob, who calls himself Robert on it."""
    shop = Giving(quantity=2, form=True, now=NOW())
    shop.given = shop.accepted(post={**shop.answer, "name-first_name": "Robert"})
    shop.other = shop.order.tickets.get(gift=None)
    return shop


made_shop = once_per_file(make_shop)


def secrets(shop) -> tuple[str, ...]:
    ticket = shop.read()
    return (ticket.code, "Robert", BOBS_MENU)


def text_of(answer) -> str:
    if answer.headers["Content-Type"] == "application/pdf":
        return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    return answer.content.decode()


def test_no_page_and_no_file_of_the_order_contains_what_is_the_friends(shop):
    alice = client_of(shop.alice)
    base = order_mails.order_path(shop.order)
    seen = {}
    for page in PAGES:
        answer = alice.get(base + page)
        assert answer.status_code == 200, page
        seen[page] = text_of(answer)
        for secret in secrets(shop):
            assert secret not in seen[page], (page, secret)
    for page in (f"/{shop.pos.slug}/account/", f"/{shop.pos.slug}/account/orders/"):
        text = alice.get(page).content.decode()
        assert shop.other.code in text
        assert not [secret for secret in secrets(shop) if secret in text]
    assert codes_in_pdf(alice.get(f"{base}tickets.pdf").content) == [shop.other.code]
    assert "given to Bob Miller on" in seen[""]
    assert ALICES_MENU in seen["answers/"] and "Alice" in seen["names/"]
    # The friend sees all of it, and nothing of Alice's.
    bob = client_of(shop.bob)
    page = bob.get(f"/{shop.pos.slug}/account/orders/tickets/{shop.given.pk}/").content.decode()
    assert all(secret in page for secret in secrets(shop))
    assert not {ALICES_MENU, shop.order.reference, shop.other.code, shop.order.secret} & set(page.split('"'))
    assert ALICES_MENU not in page and shop.order.reference not in page
    pdf = bob.get(f"/{shop.pos.slug}/account/orders/tickets/{shop.given.pk}/pdf/")
    assert codes_in_pdf(pdf.content) == [shop.given.code]
    assert "Robert Miller" in text_of(pdf) and shop.order.reference not in text_of(pdf)
    calendar = bob.get(f"/{shop.pos.slug}/account/orders/tickets/{shop.given.pk}/calendar/").content.decode()
    assert "CONFIRMED" in calendar and shop.order.reference not in calendar


def test_mails_that_are_sent_again_go_to_the_holder(shop, mailoutbox):
    mark_sent()
    notices.queue(shop.order, "order_paid", NOW(), again=True)
    (letter,) = deliver(mailoutbox)
    assert codes_in_pdf(letter.attachments[0][1]) == [shop.other.code]
    assert "Robert" not in letter.body
    codes.renew(shop.order, [codes.key_of(shop.given)], by=None, now=NOW())
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["bob@example.org"]
    assert codes_in_pdf(letter.attachments[0][1]) == [shop.read().code]


def test_a_name_and_answers_are_corrected_by_the_friend_and_shown_to_no_other_person(shop, mailoutbox):
    mark_sent()
    bob, base = signed_in(shop.bob), f"/{shop.pos.slug}/account/orders/tickets/{shop.given.pk}"
    page = bob.open(f"{base}/name/")
    (first,) = (name for name in page.form("first_name").names if name.endswith("first_name"))
    bob.fill("first_name", {first: "Bobby"})
    assert shop.read().holder == "Bobby Miller"
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["bob@example.org"]
    page = bob.open(f"{base}/answers/")
    assert BOBS_MENU in page.source
    (menu,) = (name for name in page.form("^ask-").names if name.endswith(shop.menu.key))
    page = bob.fill("^ask-", {menu: "salad"})
    assert "salad" in page.text
    assert deliver(mailoutbox) == []
    buyer = names.EditableNames(codes.admissions_of(shop.order), editor=names.Editor.BUYER, now=NOW())
    assert [editable.admission for editable in buyer.editable_names] == [shop.other]


def test_the_holder_s_copy_of_personal_data_contains_the_ticket(shop):
    def copy(contact) -> str:
        chapters = copying.read([contact])
        return " ".join(
            value.text
            for chapter in chapters
            for record in chapter.records
            for part in (record, *record.inside)
            for value in part.values
        )

    alice, bob = copy(shop.alice), copy(shop.bob)
    assert all(secret in bob for secret in secrets(shop))
    assert not [secret for secret in secrets(shop) if secret in alice]
    assert shop.other.code in alice and ALICES_MENU in alice
    assert ALICES_MENU not in bob


def test_mails_about_a_changed_date_and_a_cancelled_ticket_go_to_both_without_the_other_s_data(
    shop, mailoutbox
):
    mark_sent()
    key = next(
        unit.key for unit in cancelled_lines.units_of(shop.order) if unit.admissions[0].pk == shop.given.pk
    )
    single_tickets.cancel(shop.order, [key], by=None, now=NOW())
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {"alice@example.org", "bob@example.org"}
    for secret in (shop.given.code[:5], "Robert", BOBS_MENU):
        assert secret not in letters["alice@example.org"].body
    assert shop.alice.full_name not in letters["bob@example.org"].body
    page = signed_in(shop.alice).open(order_mails.order_path(shop.order))
    assert "Cancelled" in page.text and "Robert" not in page.source


def test_an_exchanged_ticket_is_given_as_before(shop, mailoutbox):
    mark_sent()
    key = next(
        unit.key for unit in cancelled_lines.units_of(shop.order) if unit.admissions[0].pk == shop.given.pk
    )
    later = OfferFactory(session=SessionFactory(event=shop.offer.session.event), tariff=shop.tariff)
    wish = exchanges.Wish([key], later.session, shop.tariff)
    new = exchanges.exchange(shop.order, wish, by=None, now=NOW()).order
    ticket = new.tickets.get()
    assert (ticket.beneficiary, ticket.holder, ticket.gift) == (shop.bob, "Robert Miller", shop.given.gift)
    page = signed_in(shop.alice).open(order_mails.order_path(new))
    assert "given to Bob Miller on" in page.text
    assert not [secret for secret in (ticket.code, "Robert", BOBS_MENU) if secret in page.source]
    assert ticket.code in signed_in(shop.bob).open(f"/{shop.pos.slug}/account/orders/").source
    for letter in deliver(mailoutbox):
        if letter.to == ["alice@example.org"]:
            assert ticket.code not in letter.body and "Robert" not in letter.body
            assert all(
                codes_in_pdf(content) == [] for _name, content, kind in letter.attachments if "pdf" in kind
            )


def test_the_door_refuses_the_old_code_as_replaced_and_shows_the_new_name(shop):
    door = Staff(make_staff(shop.pos.organiser, "door"))
    answers = []
    for code in (shop.ticket.code, shop.given.code):
        door.open(f"/door/{shop.offer.session.pk}/")
        answers.append(door.fill("code", {"code": code}).source)
    old, new = answers
    assert "eplaced" in old and "Robert" not in old
    assert "Robert Miller" in new


def test_a_whole_group_enters_without_the_given_ticket_whose_person_comes_alone(shop):
    door = Staff(make_staff(shop.pos.organiser, "door"))
    page = door.open(f"/door/{shop.offer.session.pk}/people/?q={shop.order.reference}")
    assert "given to another person" in page.text and "Robert Miller" in page.text
    (form,) = [form for form in page.forms if "orders/" in form.action]
    page = door.submit(form)
    assert "1 person let in." in page.text and "Robert" not in page.text
    assert (shop.read().state, shop.order.tickets.get(gift=None).state) == ("valid", "used")
    page = door.open(f"/door/{shop.offer.session.pk}/people/?q=robert")
    assert "Robert Miller" in page.text


def test_the_buyer_does_not_learn_that_the_given_ticket_was_used_and_keeps_the_order_form(shop):
    form = make_form("order", organiser=shop.pos.organiser)
    ask(form, "Newsletter", visibility="optional")
    publish(form)
    OrderForm.objects.create(form=form, point_of_sale=shop.pos)
    missing_answers.add(shop.order, now=NOW())
    alice, used = signed_in(shop.alice), "used at the entrance"
    base = order_mails.order_path(shop.order)
    Ticket.objects.filter(pk=shop.given.pk).update(state="used", used_at=NOW())
    for page in ("", "answers/", "names/"):
        assert used not in alice.open(base + page).text, page
    assert alice.open(f"{base}answers/").form("^ask-").names
    Ticket.objects.filter(pk=shop.other.pk).update(state="used", used_at=NOW())
    assert used in alice.open(base).text


def test_the_counter_prints_the_buyers_tickets_alone(shop):
    clerk = Staff(make_staff(shop.pos.organiser, "box office"))
    page = clerk.open(f"/admin/sales/order/{shop.order.pk}/counter/")
    assert "1 ticket is given to another person and is not printed." in page.text
    for name in ("print", "print-roll"):
        pdf = clerk.client.get(f"/admin/sales/order/{shop.order.pk}/{name}/")
        assert codes_in_pdf(pdf.content) == [shop.other.code]
        assert "Robert" not in text_of(pdf)


def test_staff_see_the_holder_of_the_ticket_and_take_it_back_for_the_buyer(shop, mailoutbox):
    mark_sent()
    staff = Staff(make_staff(shop.pos.organiser, "owner"))
    page = staff.open(f"/admin/sales/ticket/{shop.given.pk}/change/")
    assert "Robert Miller" in page.text and "Given by the buyer" in page.text
    staff.press(shop.given, "take-back")
    ticket = shop.read()
    assert (ticket.gift, ticket.beneficiary, ticket.holder) == (None, shop.alice, "Alice Martin")
    assert ticket.code not in {shop.given.code, shop.ticket.code}
    letters = {
        letter.to[0]: letter
        for letter in deliver(mailoutbox)
        if "taken back" in letter.subject or letter.attachments
    }
    assert codes_in_pdf(letters["alice@example.org"].attachments[0][1]) == [ticket.code]
    assert "given this ticket back" in letters["bob@example.org"].body
    assert BOBS_MENU not in signed_in(shop.alice).open(order_mails.order_path(shop.order)).source
    assert not taking_back.may_take_back(ticket, NOW())
    assert missing_answers.add(shop.order, now=NOW()) == 0
    assert Ticket.objects.filter(response=None).count() == 0
