"""From the programme to the tickets: over real HTTP, with the real worker and a mail server on a real socket."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from django.db import connection
from django.utils import timezone
from icalendar import Calendar
from procrastinate.contrib.django import app

from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.organisers import make_staff
from tests.journeys.conftest import make_shop
from tests.qr import codes_in_pdf
from tests.smtp import Postbox
from tests.visitor import HttpVisitor
from ticketshop.lib.values.references import in_groups
from ticketshop.mail import pause
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Payment
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def postbox(settings):
    with Postbox() as box:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", box.port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield box


@pytest.fixture
def visitor(live_server):
    someone = HttpVisitor(live_server.url)
    yield someone
    someone.close()


def work() -> None:
    """Run the jobs that are due, as a worker does; in a thread, since a browser may keep an event loop in this one."""

    def run() -> None:
        with app.replace_connector(app.connector.get_worker_connector()) as worker:
            worker.run_worker(wait=False, install_signal_handlers=False, listen_notify=False)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(run).result()


def choose_two_tariffs_and_a_pass(visitor, shop):
    assert "Hamlet" in visitor.open(shop.home).text
    visitor.open(visitor.page.link("Hamlet"))
    visitor.fill("cart/add/", {f"offer-{shop.adult.pk}": 2, f"offer-{shop.child.pk}": 1})
    visitor.open(shop.home)
    visitor.open(visitor.page.link("The whole season"))
    page = visitor.fill("cart/add/", {f"pass-{shop.season_pass.pk}": 1})
    assert "CHF 208.00" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    return visitor.to_details()


def staff_marks_it_paid(visitor, shop, order):
    """From the list of orders, in the back office."""
    staff = HttpVisitor(f"http://{visitor.host}:{visitor.port}")
    person = make_staff(shop.pos.organiser)
    staff.log_in(person.email, PASSWORD, "/accounts/login/?next=/admin/sales/order/")
    assert order.reference in staff.page.text
    staff.open(staff.page.link(order.reference))
    question = staff.open(staff.page.link("Mark paid"))
    page = staff.submit(next(form for form in question.forms if form.method == "post" and form.action == ""))
    assert "The order is paid" in page.text
    assert order.payments.get().confirmed_by == person
    staff.close()


HOLDERS = [("Ada", "Lovelace"), ("Charles", "Babbage"), ("Byron", "King"), ("Ada", "Lovelace")]


def test_a_guest_buys_by_bank_transfer_and_gets_the_tickets_when_the_money_has_come(visitor, postbox):
    shop = make_shop()
    choose_two_tariffs_and_a_pass(visitor, shop)
    review = visitor.give_details(email="ada@example.org", holders=HOLDERS)
    assert review.text.count("Ada Lovelace") >= 3
    order_page = visitor.place("bank_transfer")
    assert "Thank you, your places are reserved" in order_page.text
    order = Order.objects.get()
    reference = in_groups(order.payments.get().reference)
    assert reference in order_page.text
    assert "Download the tickets" not in order_page.text
    assert visitor.send("GET", f"{order_page.url}tickets.pdf").status == 404

    work()
    (placed,) = postbox.letters
    assert placed.recipients == ["ada@example.org"]
    assert reference in placed.text

    staff_marks_it_paid(visitor, shop, order)
    work()
    _placed, tickets = postbox.letters
    ((name, pdf),) = tickets.attachments.items()
    assert name == f"tickets-{order.reference}.pdf"
    codes = {admission.code for rows in (order.tickets.all(), order.passes.all()) for admission in rows}
    assert len(codes) == 4
    assert set(codes_in_pdf(pdf)) == codes

    # Weeks later, from the mail, in another browser.
    elsewhere = HttpVisitor(f"http://{visitor.host}:{visitor.port}")
    page = elsewhere.open(re.search(r"http://testserver(/\S+)", tickets.text)[1])
    assert "Your order is complete" in page.text
    download = elsewhere.send("GET", page.link("Download the tickets (PDF)"))
    assert download.headers["Content-Type"] == "application/pdf"
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert set(codes_in_pdf(download.body)) == codes
    shown = elsewhere.open(page.link("Show or print them here")).text
    assert all(code in shown for code in codes)
    calendar = elsewhere.send("GET", page.link("Add to your calendar"))
    (entry,) = Calendar.from_ical(calendar.body).walk("VEVENT")
    assert entry["summary"] == "Hamlet"
    assert isinstance(entry.decoded("dtstart"), datetime)
    assert entry.decoded("dtstart") == shop.adult.session.starts_at.replace(microsecond=0)
    elsewhere.close()
    assert [mail.state for mail in Mail.objects.all()] == ["sent", "sent"]


def test_a_signed_in_visitor_pays_at_the_box_office_and_finds_everything_in_the_account(visitor, postbox):
    shop = make_shop()
    user = UserFactory(email="grace@example.org")
    visitor.log_in(user.email, PASSWORD, f"/accounts/login/?next={shop.home}")
    choose_two_tariffs_and_a_pass(visitor, shop)
    assert "We send the tickets to you, grace@example.org" in visitor.page.text
    visitor.give_details(first_name="Grace", last_name="Hopper", holders=HOLDERS)
    page = visitor.place("on_site")
    order = Order.objects.get()
    assert order.buyer.user == user
    assert order.reference in page.text
    payments.confirm(Payment.objects.get(), by=user, now=timezone.now())
    work()
    # "Please pay" is not true any more when the worker comes: one mail, with the tickets.
    (letter,) = postbox.to("grace@example.org")
    assert letter.subject.startswith("Your tickets")

    orders = visitor.open(f"{shop.home}account/orders/")
    assert order.reference in orders.text
    page = visitor.open(orders.link(order.reference))
    assert "Your order is complete" in page.text
    assert "Hamlet" in visitor.open(f"{shop.home}account/").text
    # Next time nothing is asked that is known already.
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    form = visitor.to_details().form("^buyer-first_name$")
    assert form.values["buyer-first_name"] == "Grace"


def test_a_buyer_cancels_and_the_places_are_free_again(visitor, postbox):
    shop = make_shop()
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 3})
    visitor.to_details()
    visitor.give_details(email="ada@example.org")
    visitor.place("on_site")
    assert shop.left == 97
    visitor.open(visitor.page.link("Cancel this order"))
    page = visitor.fill("cancel|csrf", {})
    assert "This order is cancelled" in page.text
    assert shop.left == 100
    work()
    # "Please pay" was not true any more when the worker came: one mail.
    (letter,) = postbox.letters
    assert re.search(f"{Order.objects.get().reference}.*cancelled", letter.subject)


def test_a_mail_server_that_is_away_delays_the_mail_and_nothing_else(visitor, postbox, settings):
    settings.EMAIL_PORT = 9  # no server listens there
    shop = make_shop()
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    visitor.to_details()
    visitor.give_details(email="ada@example.org")
    assert "Thank you" in visitor.place("on_site").text
    work()
    mail = Mail.objects.get()
    assert (mail.state, mail.attempts, mail.error) == ("queued", 1, "ConnectionRefusedError")
    settings.EMAIL_PORT = postbox.port
    run_what_waits()
    mail.refresh_from_db()
    assert (mail.state, mail.attempts, mail.error) == ("sent", 2, "")
    assert len(postbox.letters) == 1


def test_mail_to_a_refused_address_fails_without_a_retry_and_other_mails_are_sent(visitor, postbox):
    postbox.refuse["gone@example.org"] = "550 no such person"
    shop = make_shop()
    for address in ("gone@example.org", "here@example.org"):
        visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
        visitor.to_details()
        visitor.give_details(email=address)
        visitor.place("on_site")
    work()
    assert {mail.recipient: (mail.state, mail.error) for mail in Mail.objects.all()} == {
        "gone@example.org": ("failed", "SMTPRecipientsRefused 550"),
        "here@example.org": ("sent", ""),
    }
    assert len(postbox.letters) == 1


def run_what_waits() -> None:
    """As if the time had passed until the next try."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = now() WHERE status = 'todo'")
    pause.end()
    work()
