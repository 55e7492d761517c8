"""Places booked with a season pass: what they take, what they give back, and the pages."""

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SeasonPassFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import linked, make_visitor
from tests.sales.bookings.conftest import make_holder
from tests.sales.exports.test_rows import rows as export_rows
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.sales.orders.dates.changing import cancel_date
from tests.sales.orders.dates.test_cancelled_dates import work
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Allotment, SeasonPass, Session, Tariff
from ticketshop.history.models import Event as HistoryRecord
from ticketshop.mail.models import Mail
from ticketshop.sales.bookings import booking, cancelled_passes
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Cart, IssuedPass, Order, Ticket
from ticketshop.sales.orders import books, orders, single_tickets
from ticketshop.sales.orders.buyers import CannotPlace
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.tickets import codes

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAS-01")]


def one_line(letter) -> str:
    return " ".join(letter.body.split())


def another_date(holder, days: int = 1, **options):
    begins = holder.offer.session.starts_at + timedelta(days=days)
    session = SessionFactory(event=holder.offer.session.event, starts_at=begins)
    return OfferFactory(session=session, tariff=holder.offer.tariff, **options)


# --- book ---------------------------------------------------------------------------------------------------
def test_booking_is_an_order_for_nothing_that_takes_a_place_and_an_entry(holder):
    order = holder.book()
    ticket = order.tickets.get()
    assert (order.state, order.total, order.payment_method, order.buyer) == (
        "paid",
        0,
        "free",
        holder.contact,
    )
    assert (ticket.state, ticket.booked_with, ticket.holder) == ("valid", holder.issued, "Alice Martin")
    assert (holder.left(), holder.sold()) == (4, 1)
    assert Mail.objects.filter(kind="order_paid", about__order=order.pk).count() == 1
    assert not Cart.objects.exists()
    assert HistoryRecord.objects.filter(model="sales.issuedpass", action="place_booked").count() == 1
    assert books.check() == {code: [] for code in books.check()}


def test_page_books_a_place_and_leads_to_the_ticket(holder):
    visitor = holder.visitor()
    page = visitor.open(f"/{holder.pos.slug}/events/{holder.offer.session.event.slug}/")
    assert "With your pass" in page.text and "5 entries left" in page.text
    page = visitor.open(page.link("Book "))
    assert page.url == holder.url_of_date
    assert page.form("^key$").values["holder-place1-last_name"] == "Martin"
    page = visitor.fill("^key$")
    assert "Your place is booked." in page.text
    assert f"Booked with “{holder.issued.shown_name}”." in page.text
    order = Order.objects.get(payment_method="free")
    ticket = order.tickets.get()
    assert (ticket.beneficiary, ticket.booked_with) == (holder.contact, holder.issued)
    assert (
        visitor.open(f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/tickets.pdf").status == 200
    )
    account = visitor.open(f"/{holder.pos.slug}/account/orders/")
    assert holder.offer.session.event.title in account.text
    assert "4 entries left" in account.text
    assert visitor.open(account.link("Book a date with this pass")).url == holder.url


def test_event_page_asks_for_passes_only_where_the_organiser_has_some():
    pos = PointOfSaleFactory()
    offer = OfferFactory(pos=pos)
    event = offer.session.event
    contact = make_visitor(pos)
    client = Client()
    client.force_login(contact.user)

    def number_of_statements() -> int:
        client.get(f"/{pos.slug}/events/{event.slug}/")  # what is read once for a process is not counted
        with CaptureQueriesContext(connection) as captured:
            client.get(f"/{pos.slug}/events/{event.slug}/")
        return len(captured)

    SeasonPassFactory(pos=PointOfSaleFactory())
    without = number_of_statements()
    season_pass = SeasonPassFactory(pos=pos, active=False)
    season_pass.tariffs.add(offer.tariff)
    assert number_of_statements() == without + 1
    season_pass.active = True
    season_pass.save()
    for number in (1, 2):
        make_order({season_pass: 1}, buyer=contact, paid=True)
        assert number_of_statements() == without + 1 + 5 * number


def test_same_page_sent_twice_is_one_booking(holder):
    key = uuid.uuid4()
    assert holder.book(key=key) == holder.book(key=key)
    assert (holder.left(), holder.sold()) == (4, 1)
    other = make_holder(offer=None)
    with pytest.raises(CannotPlace, match="conflict"):
        other.book(key=key)


def test_page_sent_again_after_the_date_is_booked_leads_to_the_booking(holder):
    visitor = holder.visitor()
    values = visitor.open(holder.url_of_date).form("^key$").values
    urls = {visitor.send("POST", holder.url_of_date, values).headers["Location"] for _time in range(2)}
    assert len(urls) == 1
    assert holder.left() == 4


def test_pass_for_several_people_books_several_places():
    holder = make_holder(entries=5, entries_per_date=3)
    visitor = holder.visitor()
    page = visitor.open(f"{holder.url_of_date}?places=9")
    assert page.form("^key$").values["places"] == "3"
    page = visitor.open(f"{holder.url_of_date}?places=2")
    visitor.fill("^key$", {"holder-place2-first_name": "Bob", "holder-place2-last_name": "Durand"})
    assert [ticket.holder for ticket in Ticket.objects.order_by("pk")] == ["Alice Martin", "Bob Durand"]
    assert (holder.left(), holder.sold()) == (3, 2)
    holder.book()
    with pytest.raises(CannotPlace) as error:
        holder.book()
    assert error.value.problems == ["This pass gives at most 3 entries for a date. Used or booked: 3."]


def test_form_of_the_tariff_is_asked_and_answers_are_kept_after_an_error(holder):
    form = make_form("tariff", organiser=holder.pos.organiser)
    meal, note = ask(form, "Meal", visibility="mandatory"), ask(form, "Note")
    publish(form)
    Tariff.objects.filter(pk=holder.offer.tariff_id).update(form=form)
    visitor = holder.visitor()
    visitor.open(holder.url_of_date)
    page = visitor.fill("^key$", {f"ask-place1-{note.key}": "by the aisle"})
    assert page.status == 200 and "There is a problem" in page.text
    assert page.form("^key$").values[f"ask-place1-{note.key}"] == "by the aisle"
    assert holder.left() == 5
    visitor.fill("^key$", {f"ask-place1-{meal.key}": "soup"})
    answers = Ticket.objects.get().response.answers
    assert sorted(answers.values_list("v_text", flat=True)) == ["by the aisle", "soup"]


def test_tariff_of_bookings_need_not_be_on_sale_but_the_date_must(holder):
    Tariff.objects.filter(pk=holder.offer.tariff_id).update(active=False)
    assert holder.visitor().open(holder.url_of_date).form("^key$")
    Session.objects.filter(pk=holder.offer.session_id).update(sales_end_at=timezone.now())
    assert "can’t be booked any more" in holder.visitor().open(holder.url_of_date).text


def test_bought_pass_of_a_child_is_used_by_the_buyer_and_of_an_adult_with_log_in_is_not(holder):
    child = linked(holder.contact, holder.pos, ("Mia", "Martin", "")).child
    IssuedPass.objects.filter(pk=holder.issued.pk).update(beneficiary=child)
    visitor = holder.visitor()
    visitor.open(holder.url_of_date)
    visitor.fill("^key$")
    assert Ticket.objects.get().beneficiary == child
    adult = make_visitor(holder.pos, "Bob")
    IssuedPass.objects.filter(pk=holder.issued.pk).update(beneficiary=adult)
    assert holder.visitor().open(holder.url_of_date).status == 404


# --- refused before a page is filled in ----------------------------------------------------------------------------
def set_pass(**columns):
    return lambda holder: IssuedPass.objects.filter(pk=holder.issued.pk).update(**columns)


def open_something_else(holder):
    SeasonPass.objects.update(opens=SeasonPass.Opens.CHOSEN_EVENTS)


def no_tariff(holder):
    holder.issued.season_pass.tariffs.clear()


def sold_out(holder):
    Allotment.objects.filter(pk=holder.offer.allotment_id).update(capacity=0)


TODAY = timezone.localdate()
REFUSALS = {
    "All 5 entries of this pass are used or booked.": set_pass(entries_left=0),
    "This pass is valid from": set_pass(
        valid_from=TODAY + timedelta(days=30), valid_until=TODAY + timedelta(days=60)
    ),
    "This pass was valid until": set_pass(valid_until=TODAY),
    "This pass does not open this date.": open_something_else,
    "This date can’t be booked with the pass.": no_tariff,
    "This date is sold out.": sold_out,
    "This date is cancelled.": lambda holder: Session.objects.update(state="cancelled"),
    "This pass gives at most 1 entry for a date": lambda holder: holder.book(),
    "This pass is cancelled.": lambda holder: orders.cancel(holder.issued.order, by=None, now=timezone.now()),
    "This pass is not paid yet.": set_pass(state="reserved"),
}


@pytest.mark.scenario("PAS-03")
@pytest.mark.parametrize("text", REFUSALS)
def test_page_tells_why_a_date_cannot_be_booked_and_shows_no_form(holder, text):
    visitor = holder.visitor()
    assert visitor.open(holder.url_of_date).form("^key$")
    before = Order.objects.count()
    REFUSALS[text](holder)
    after = Order.objects.count()
    page = visitor.open(holder.url_of_date)
    assert text in page.text
    assert not any("key" in form.names for form in page.forms)
    assert Order.objects.count() == after >= before


def test_booking_that_is_refused_meanwhile_keeps_what_was_typed(holder):
    visitor = holder.visitor()
    visitor.open(holder.url_of_date)
    form = visitor.page.form("^key$")
    SeasonPass.objects.update(max_per_order=1)
    Tariff.objects.filter(pk=holder.offer.tariff_id).update(max_per_person=1)
    make_order({holder.offer: 1}, buyer=holder.contact, paid=True)
    page = visitor.submit(form, {"holder-place1-first_name": "Zoé"})
    assert "at most 1 per person" in page.text
    assert page.form("^key$").values["holder-place1-first_name"] == "Zoé"
    assert holder.left() == 5


def test_passes_of_others_and_dates_of_other_shops_are_not_found(holder):
    stranger = make_holder(offer=OfferFactory(pos=holder.pos))
    assert holder.visitor().open(holder.url).status == 200
    for url in (holder.url, holder.url_of_date):
        assert stranger.visitor().open(url).status == 404
    elsewhere = OfferFactory(pos=PointOfSaleFactory(organiser=holder.pos.organiser))
    assert holder.visitor().open(f"{holder.url}{elsewhere.session_id}/").status == 404
    assert holder.visitor().open(f"{holder.url}{'9' * 30}/").status == 404


def test_guest_is_asked_to_log_in(holder):
    page = TestClientVisitor().open(holder.url)
    assert page.url.startswith("/accounts/login/?next=")


def test_dates_of_a_pass_are_listed_with_constant_queries(holder):
    visitor = holder.visitor()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            visitor.open(holder.url)
        return len(captured)

    queries()
    with_one = queries()
    for days in (1, 2):
        another_date(holder, days)
    assert queries() == with_one
    assert visitor.page.text.count("Book a place") == 3


# --- cancel -------------------------------------------------------------------------------------------------
def test_cancelled_booking_gives_place_and_entry_back(holder):
    order = holder.book()
    visitor = holder.visitor()
    page = visitor.open(f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/")
    assert "It can be cancelled until" in page.text
    visitor.open(page.link("Cancel the booking"))
    page = visitor.submit(next(form for form in visitor.page.forms if not form.action))
    assert "The entry is back on your pass." in page.text
    assert (holder.left(), holder.sold(), Ticket.objects.get().state) == (5, 0, "cancelled")
    order.refresh_from_db()
    assert order.state == "cancelled"
    assert HistoryRecord.objects.filter(model="sales.issuedpass", action="booking_cancelled").count() == 1
    assert books.check() == {code: [] for code in books.check()}
    again = holder.book()
    assert again != order and holder.left() == 4


def test_mails_and_page_tell_what_a_booking_took_and_that_it_is_back(holder, mailoutbox):
    mark_sent()
    order = holder.book()
    (letter,) = deliver(mailoutbox)
    name = holder.issued.season_pass.name
    assert f"Booked with “{name}”. 4 entries left. You can cancel the booking until" in one_line(letter)
    ticket = Ticket.objects.select_related("session", "booked_with__season_pass").get()
    booking.cancel(order, ticket, by=holder.contact.user, now=timezone.now())
    (letter,) = deliver(mailoutbox)
    assert f"What you booked with “{name}” is back on the pass. 5 entries left." in one_line(letter)
    page = holder.visitor().open(f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/")
    assert "What the booking took is back on the pass." in page.text
    assert "This order is cancelled" in page.text and "If money still comes" not in page.text


def test_mail_with_a_pass_does_not_tell_that_its_code_works_once(mailoutbox):
    once = "The code of a ticket works once."
    make_holder(entries=5)
    (letter,) = deliver(mailoutbox)[-1:]
    assert once not in letter.body and "Show the code at the door" in letter.body
    make_holder(entries=5).book()
    assert once in deliver(mailoutbox)[-1].body


def test_mail_about_one_of_two_places_and_about_a_cancelled_date_tell_that_entries_are_back(mailoutbox):
    holder = make_holder(entries=5, entries_per_date=2)
    order = holder.book(2)
    first, _other = order.tickets.order_by("pk")
    mark_sent()
    single_tickets.cancel(order, [codes.key_of(first)], by=None, now=timezone.now())
    (letter,) = deliver(mailoutbox)
    assert "is back on the pass. 4 entries left." in one_line(letter)
    cancel_date(holder.offer.session, refund=True)
    work()
    (letter,) = deliver(mailoutbox)
    assert "is back on the pass. 5 entries left." in one_line(letter)


def test_passes_without_a_number_of_entries_and_cancelled_passes_get_nothing_back(mailoutbox):
    holder = make_holder()
    order = holder.book()
    mark_sent()
    orders.cancel(order, by=None, now=timezone.now())
    (letter,) = deliver(mailoutbox)
    assert "is cancelled" in letter.body and "back on the pass" not in letter.body
    counted = make_holder(entries=5)
    counted.book()
    mark_sent()
    orders.cancel(counted.issued.order, by=None, now=timezone.now())
    cancelled_passes.CANCEL.run(timezone.now())
    letters = deliver(mailoutbox)
    assert len(letters) == 2 and not any("back on the pass" in letter.body for letter in letters)


@pytest.mark.parametrize(
    ("hours", "sentence"), [(96, "could be cancelled until"), (None, "by the organiser only")]
)
def test_booking_after_the_deadline_is_not_cancelled(hours, sentence):
    holder = make_holder(entries=5, cancel_hours=hours)
    order = holder.book()
    visitor = holder.visitor()
    page = visitor.open(f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/")
    assert "Cancel the booking" not in page.text
    url = f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/bookings/{order.tickets.get().pk}/cancel/"
    page = visitor.open(url)
    assert sentence in page.text and not any("cancel" in form.action for form in page.forms)
    ticket = Ticket.objects.select_related("session", "booked_with__season_pass").get()
    with pytest.raises(single_tickets.CannotCancel):
        booking.cancel(order, ticket, by=None, now=timezone.now())
    assert holder.left() == 4


def test_page_that_cancels_exists_for_bookings_only(holder):
    order = make_order({holder.offer: 1}, buyer=holder.contact, paid=True)
    url = f"/{holder.pos.slug}/orders/{order.reference}/{order.secret}/bookings/{order.tickets.get().pk}/cancel/"
    assert holder.visitor().open(url).status == 404


def test_staff_who_cancel_a_booking_give_the_entry_back_but_not_of_a_used_one():
    holder = make_holder(entries=5, entries_per_date=2)
    order = holder.book(2)
    used, other = order.tickets.order_by("pk")
    Ticket.objects.filter(pk=used.pk).update(state="used", used_at=timezone.now())
    single_tickets.cancel(order, [codes.key_of(other)], by=None, now=timezone.now())
    assert holder.left() == 4
    assert books.check()["I13"] == []


def test_bookings_of_a_cancelled_pass_are_cancelled_by_the_job(holder):
    later = another_date(holder)
    tickets = [holder.ticket(), holder.ticket(offer=later)]
    over = another_date(holder, 2)
    past = holder.ticket(offer=over)
    Session.objects.filter(pk=over.session_id).update(
        starts_at=timezone.now() - timedelta(hours=4), ends_at=timezone.now() - timedelta(hours=2)
    )
    assert cancelled_passes.CANCEL.run(timezone.now()) == 0
    orders.cancel(holder.issued.order, by=None, now=timezone.now())
    assert cancelled_passes.CANCEL.run(timezone.now()) == 2
    assert {Ticket.objects.get(pk=ticket.pk).state for ticket in tickets} == {"cancelled"}
    assert Ticket.objects.get(pk=past.pk).state == "valid"
    assert cancelled_passes.CANCEL.run(timezone.now()) == 0
    assert Mail.objects.filter(kind="order_cancelled").count() == 3
    assert books.check() == {code: [] for code in books.check()}


def test_booked_ticket_is_not_exchanged(holder):
    order = holder.book()
    wish = exchanges.Wish([codes.key_of(order.tickets.get())], session=another_date(holder).session)
    with pytest.raises(exchanges.CannotExchange) as error:
        exchanges.exchange(order, wish, by=None, now=timezone.now())
    assert "is booked with a pass" in error.value.problems[0]


# --- settings -------------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAS-03")
def test_tariffs_of_bookings_are_one_for_each_event_and_for_one_person(holder):
    staff = Staff(make_staff(holder.pos.organiser))
    event = holder.offer.session.event
    family = TariffFactory(event=event, name="Family", tickets_per_unit=4)
    reduced = TariffFactory(event=event, name="Reduced")
    foreign = TariffFactory()
    page = staff.open(change(holder.issued.season_pass))
    assert f"{event.title}: Family" in page.text and str(foreign.event) not in page.text
    staff.save(tariffs=[str(holder.offer.tariff_id), str(reduced.pk)])
    assert staff.errors == [f"Choose one tariff of “{event.title}”."]
    staff.open(change(holder.issued.season_pass))
    staff.save(tariffs=[str(family.pk)])
    assert "is not for one person alone" in staff.errors[0]
    staff.open(change(holder.issued.season_pass))
    staff.save(tariffs=[str(reduced.pk)], cancel_hours="2")
    assert list(holder.issued.season_pass.tariffs.all()) == [reduced]


@pytest.mark.scenario("PAS-03")
def test_pass_page_tells_which_events_cannot_be_booked(holder):
    staff = Staff(make_staff(holder.pos.organiser))
    url = change(holder.issued.season_pass)
    assert "Nobody can book" not in staff.open(url).text
    other = OfferFactory(pos=holder.pos)
    Session.objects.filter(pk=other.session_id).update(
        starts_at=holder.offer.session.starts_at, ends_at=holder.offer.session.ends_at
    )
    assert f"Nobody can book “{other.session.event.title}” with it" in staff.open(url).text
    SeasonPass.objects.update(booking_needed=False)
    assert "Nobody can book" not in staff.open(url).text


def test_season_pass_in_the_shop_tells_how_its_holder_gets_in(holder):
    season_pass = SeasonPassFactory(pos=holder.pos, booking_needed=False, entries_per_date=2)
    visitor = holder.visitor()
    first = visitor.open(f"/{holder.pos.slug}/passes/{holder.issued.season_pass.slug}/").text
    second = visitor.open(f"/{holder.pos.slug}/passes/{season_pass.slug}/").text
    assert "With a place that you book for the date" in first
    assert "With the code of the pass" in second and "For up to 2 people" in second


# --- the back office --------------------------------------------------------------------------------------------
def test_back_office_shows_the_pass_of_a_ticket_and_the_bookings_of_a_pass(holder):
    staff = Staff(make_staff(holder.pos.organiser))
    ticket = holder.ticket()
    assert holder.issued.code[:8] in staff.open(change(ticket)).text
    text = staff.open(change(holder.issued)).text
    assert ticket.session.event.title in text and "Booked dates" in text


def test_exports_name_the_pass_of_a_booked_ticket_and_the_entries_of_a_pass(holder):
    ticket = holder.ticket()
    found = export_rows("participants", holder.offer.session, "session")
    assert [row["booked_with"] for row in found if row["ticket"] == ticket.pk] == [holder.issued.code[:8]]
    found = export_rows("passes", holder.issued.season_pass, "pass")
    assert [(row["entries"], row["entries_left"]) for row in found] == [(5, 4)]


def test_nothing_is_booked_in_a_shop_that_is_switched_off(holder):
    ticket, visitor = holder.ticket(), holder.visitor()
    holder.pos.active = False
    holder.pos.save()
    page = visitor.open(holder.url)
    assert page.status == 200
    assert "Nothing can be booked while the shop is closed." in page.text
    assert holder.url_of_date not in page.source
    values = {
        "key": uuid.uuid4(),
        "places": 1,
        "holder-place1-first_name": "A",
        "holder-place1-last_name": "B",
    }
    client = Client()
    client.force_login(holder.contact.user)
    assert client.get(holder.url_of_date).status_code == 404
    assert client.post(holder.url_of_date, values).status_code == 404
    assert holder.left() == 4
    page = visitor.open(f"{order_mails.order_path(ticket.order)}bookings/{ticket.pk}/cancel/")
    assert page.status == 200
    visitor.submit(next(form for form in page.forms if form.action == ""))
    assert holder.left() == 5
