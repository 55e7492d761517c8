"""The mails about orders: to whom, in which language, once per event, and what they carry."""

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from contacts import contacts
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import BUYER, make_cart, make_order
from tests.qr import codes_in_pdf, text_of_pdf
from ticketshop.lib.values.references import in_groups
from ticketshop.mail import tasks
from ticketshop.mail.models import Mail
from ticketshop.sales import notices
from ticketshop.sales.cart import contents
from ticketshop.sales.mails.order_mails import order_url
from ticketshop.sales.models import IssuedPass, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db

NOW = timezone.now


def deliver(mailoutbox):
    """Send what waits, as the worker does; returns the letters that went out now."""
    already = len(mailoutbox)
    for pk in Mail.objects.filter(state="queued").order_by("pk").values_list("pk", flat=True):
        tasks.send(pk)
    return mailoutbox[already:]


def mark_sent():
    """Mark the queued mails as sent, for a test of later ones: making a mail with its tickets takes as long as an order."""
    Mail.objects.filter(state="queued").update(state="sent", sent_at=NOW(), attempts=1)


def html_of(letter):
    (html,) = [part.content for part in letter.alternatives if part.mimetype == "text/html"]
    return html


def pay(order):
    payments.confirm(order.payments.get(), by=None, now=NOW())


def kinds():
    return list(Mail.objects.order_by("pk").values_list("kind", flat=True))


# --- which, when, once -------------------------------------------------------------------------------------


def test_from_the_order_to_the_tickets(mailoutbox):
    order = make_order(method="bank_transfer")
    (placed,) = deliver(mailoutbox)
    assert order.reference in placed.subject + placed.body
    assert in_groups(order.payments.get().reference) in placed.body
    assert placed.attachments == []
    pay(order)
    (tickets,) = deliver(mailoutbox)
    assert "tickets" in tickets.subject.lower()
    assert kinds() == ["order_placed", "order_paid"]
    assert deliver(mailoutbox) == []


def test_a_free_order_gets_one_mail_with_its_tickets(mailoutbox):
    make_order({OfferFactory(price=Decimal(0)): 1})
    (letter,) = deliver(mailoutbox)
    assert kinds() == ["order_paid"]
    assert len(letter.attachments) == 1


def test_buyers_get_mails_about_cancelled_and_expired_orders(mailoutbox):
    paid, unpaid, expired = make_order(paid=True), make_order(), make_order()
    mark_sent()
    for order in (paid, unpaid):
        orders.cancel(order, by=None, now=NOW())
    orders.expire(expired, now=NOW())
    with_refund, without, late = deliver(mailoutbox)
    assert ["back the way you paid it" in letter.body for letter in (with_refund, without, late)] == [
        True,
        False,
        False,
    ]
    assert all(letter.attachments == [] for letter in (with_refund, without, late))


def test_a_second_call_for_the_same_event_is_one_mail_and_staff_may_ask_for_another(mailoutbox):
    order = make_order(paid=True)
    notices.queue(order, "order_paid", NOW() + timedelta(seconds=1))
    assert kinds().count("order_paid") == 1
    notices.queue(order, "order_paid", NOW(), again=True)
    assert kinds().count("order_paid") == 2


def test_a_job_that_runs_twice_sends_once(mailoutbox):
    make_order()
    mail = Mail.objects.get()
    tasks.send(mail.pk)
    tasks.send(mail.pk)
    mail.refresh_from_db()
    assert (len(mailoutbox), mail.state, mail.attempts) == (1, "sent", 1)


def test_a_mail_tells_what_is_true_when_it_leaves(mailoutbox):
    order = make_order(method="bank_transfer")
    pay(order)
    orders.cancel(order, by=None, now=NOW())
    (letter,) = deliver(mailoutbox)
    # The worker was away: "please pay" and "here are your tickets" are not true any more.
    assert [mail.state for mail in Mail.objects.order_by("pk")] == ["cancelled", "cancelled", "sent"]
    assert "cancel" in letter.subject.lower()


def test_a_refused_order_queues_no_mail():
    offer = OfferFactory()
    cart = make_cart({offer: 1})
    with pytest.raises(orders.CannotPlace):
        orders.place(cart, method="on_site", content_hash="?", user=AnonymousUser(), language="en", now=NOW())
    assert not Mail.objects.exists()


# --- to whom, in which language ------------------------------------------------------------------------------


def test_a_guests_mail_goes_to_the_address_of_the_contact(mailoutbox):
    offer = OfferFactory()
    make_order({offer: 1}, buyer={**BUYER, "email": "Grace@Example.org"})
    make_order({offer: 1}, buyer={**BUYER, "email": "grace@EXAMPLE.org"})
    first, second = deliver(mailoutbox)
    # The same person: an address has one form, however it is typed.
    assert first.to == second.to == ["grace@example.org"]
    assert (first.cc, first.bcc) == ([], [])


def test_a_log_ins_mail_goes_to_the_contacts_address_and_not_to_the_log_ins(mailoutbox):
    user = UserFactory()
    pos = PointOfSaleFactory()
    contact = contacts.for_user(pos.organiser, user, language="en", now=NOW())
    contacts.change(contact, {"email": "elsewhere@example.org"}, by=user, now=NOW())
    make_order({OfferFactory(pos=pos): 1}, user=user)
    (letter,) = deliver(mailoutbox)
    assert letter.to == ["elsewhere@example.org"]


def test_a_buyer_without_an_address_gets_no_mail():
    order = make_order()
    order.buyer.email = None
    order.buyer.save()
    pay(order)
    assert kinds() == ["order_placed"]


@pytest.mark.parametrize(
    ("of_the_contact", "of_the_visitor", "expected"),
    [("fr", "en", "fr"), ("en", "fr", "en"), ("", "fr", "fr")],
)
def test_the_language_is_the_contacts_else_the_visitors(mailoutbox, of_the_contact, of_the_visitor, expected):
    offer = OfferFactory(price=Decimal(0))
    organiser = offer.session.event.organiser
    contact = ContactFactory(organiser=organiser, language=of_the_contact)
    buyer = {"first_name": contact.first_name, "last_name": contact.last_name, "email": contact.email}
    cart = make_cart({offer: 1}, buyer=buyer)
    order = orders.place(
        cart,
        method="free",
        content_hash=contents.read(cart).content_hash,
        user=AnonymousUser(),
        language=of_the_visitor,
        now=NOW(),
    )
    assert order.buyer == contact
    (letter,) = deliver(mailoutbox)
    assert f'<html lang="{expected}">' in html_of(letter)
    assert ("billets" in letter.subject) == (expected == "fr")


# --- what they carry -----------------------------------------------------------------------------------------


@pytest.fixture
def evening():
    """Two tickets with names and a pass without, paid; (order, the letter with the tickets)."""
    pos = PointOfSaleFactory(name="Théâtre “du” Lac", email_sender_address="box@theatre.example")
    offer, season_pass = OfferFactory(pos=pos), SeasonPassFactory(pos=pos)
    offer.session.event.title = "Le <Cid> & Co"
    offer.session.event.save()
    return make_order(
        {offer: 2, season_pass: 1},
        holders=[
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"first_name": "Zoë", "last_name": "O’Brien"},
        ],
        paid=True,
    )


def tickets_letter(mailoutbox):
    deliver(mailoutbox)
    return mailoutbox[-1]


def codes_of(order):
    return {
        *Ticket.objects.filter(order=order).values_list("code", flat=True),
        *IssuedPass.objects.filter(order=order).values_list("code", flat=True),
    }


def test_the_pdf_has_a_page_for_each_ticket_and_its_code_can_be_scanned(evening, mailoutbox):
    letter = tickets_letter(mailoutbox)
    ((name, content, mime_type),) = letter.attachments
    assert (name, mime_type) == (f"tickets-{evening.reference}.pdf", "application/pdf")
    scanned = codes_in_pdf(content)
    assert len(scanned) == 3
    assert set(scanned) == codes_of(evening)
    pages = text_of_pdf(content)
    assert ["Ada Lovelace" in page for page in pages] == [True, False, False]
    assert "Zoë O’Brien" in pages[1]
    assert all(evening.reference in page for page in pages)
    assert ["Le <Cid> & Co" in page for page in pages] == [True, True, False]
    # In letters too, in groups of five, for a scanner that is broken.
    for page, code in zip(pages, scanned, strict=True):
        assert code in page.replace(" ", "").replace("\n", "")


def test_a_cancelled_ticket_is_not_in_the_pdf(evening, mailoutbox):
    gone = Ticket.objects.filter(order=evening).first()
    Ticket.objects.filter(pk=gone.pk).update(state="cancelled")
    ((_name, content, _mime_type),) = tickets_letter(mailoutbox).attachments
    assert set(codes_in_pdf(content)) == codes_of(evening) - {gone.code}


def test_text_and_html_say_the_same_and_lead_to_the_order(evening, mailoutbox):
    letter = tickets_letter(mailoutbox)
    address = order_url(evening)
    assert address.startswith(f"{settings.BASE_URL}/{evening.point_of_sale.slug}/orders/{evening.reference}/")
    assert address in letter.body
    assert f'href="{address}"' in html_of(letter)
    assert "Le <Cid> & Co" in letter.body
    assert "Le &lt;Cid&gt; &amp; Co" in html_of(letter)
    assert "<Cid>" not in html_of(letter)
    assert "Hello Grace Hopper" in letter.body
    # The code opens a door: it is in the PDF, not in the text that is quoted in answers.
    assert not any(code in letter.body + html_of(letter) for code in codes_of(evening))


def test_the_sender_is_the_shop_and_answers_go_to_it(evening, mailoutbox):
    letter = tickets_letter(mailoutbox)
    assert letter.from_email == f'"Théâtre “du” Lac" <{settings.DEFAULT_FROM_EMAIL}>'
    assert letter.reply_to == ["box@theatre.example"]
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"
    assert letter.message()["Message-ID"].startswith("<mail-")


def test_a_title_can_not_write_mail_headers(mailoutbox):
    pos = PointOfSaleFactory(name="Shop\r\nBcc: eve@example.org")
    make_order({OfferFactory(pos=pos, price=Decimal(0)): 1})
    (letter,) = deliver(mailoutbox)
    message = letter.message()
    assert message["Bcc"] is None
    assert letter.recipients() == [BUYER["email"]]
    assert "\n" not in letter.subject


def test_times_are_those_of_the_organisers_place(mailoutbox):
    pos = PointOfSaleFactory(organiser__time_zone="America/New_York")
    offer = OfferFactory(pos=pos)
    start = (NOW() + timedelta(days=30)).replace(hour=0, minute=30, second=0, microsecond=0)
    offer.session.starts_at, offer.session.ends_at = start, start + timedelta(hours=2)
    offer.session.save()
    make_order({offer: 1}, paid=True)
    letter = tickets_letter(mailoutbox)
    there = start.astimezone(ZoneInfo("America/New_York"))
    assert there.hour in {19, 20}
    assert f"{there:%H}:30" in letter.body
    ((_name, content, _mime_type),) = letter.attachments
    assert f"{there:%H}:30" in text_of_pdf(content)[0]
    assert "00:30" not in letter.body
