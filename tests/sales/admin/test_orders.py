"""Orders in the back office: found, marked paid, cancelled, told of again, paid back."""

import re
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from contacts.models import Contact
from tests.factories.accounts import PASSWORD
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory, make_staff
from tests.factories.sales import make_order
from tests.privacy.office import log_in_aged
from tests.staff import Staff, change, listing
from tests.visitor import Form, Page
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import StaffMembership
from ticketshop.sales.models import Customer, IssuedPass, Order, Payment, Refund, Ticket
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments
from ticketshop.submissions.models import KeptSubmission

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__name="The Theatre")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office", email="office@example.org"))


def actions(row) -> list[str]:
    return list(history.of(row).values_list("action", flat=True))


def confirmation(page) -> Form:
    """Return the form with which the page of a button is confirmed."""
    return next(form for form in page.forms if form.method == "post" and form.action == "")


# --- mark paid ----------------------------------------------------------------------------------------
def test_mark_paid_issues_the_tickets_and_says_by_whom(staff, pos):
    order = make_order(pos=pos, method="bank_transfer")
    page = staff.press(order, "mark-paid")
    order.refresh_from_db()
    assert order.state == Order.State.PAID
    assert {ticket.state for ticket in order.tickets.all()} == {Ticket.State.VALID}
    assert order.payments.get().confirmed_by == staff.user
    assert history.of(order).first().by == staff.user
    assert "The order is paid" in page.text
    assert "office@example.org" in page.source
    assert Mail.objects.filter(kind="order_paid", about__order=order.pk).count() == 1


def test_mark_paid_asks_first_and_the_order_page_formats_amounts_by_language_and_hides_past_deadlines(
    staff, pos
):
    order = make_order(pos=pos)
    staff.open(change(order))
    assert "Amount: 35.00" in staff.page.text
    question = staff.open(staff.page.link("Mark paid"))
    assert "CHF\N{NO-BREAK SPACE}35.00 by “Pay at the box office” has arrived" in question.source
    order.refresh_from_db()
    assert order.state == Order.State.PENDING
    staff.submit(confirmation(question), {"method": "cash"})
    staff.client.cookies["language"] = "fr"
    page = staff.open(change(order))
    assert "Montant\N{NO-BREAK SPACE}: 35,00" in page.source
    assert "Impayée jusqu’au" in page.source
    assert "None" not in page.text


def test_mark_paid_twice_changes_nothing(staff, pos):
    order = make_order(pos=pos)
    staff.press(order, "mark-paid", method="cash")
    before = (actions(order), Mail.objects.count(), Order.objects.get(pk=order.pk).paid_at)
    page = staff.press(order, "mark-paid")
    assert "Nothing has changed" in page.text
    assert (actions(order), Mail.objects.count(), Order.objects.get(pk=order.pk).paid_at) == before


def test_money_for_a_cancelled_order_is_to_be_paid_back(staff, pos):
    order = make_order(pos=pos, method="bank_transfer")
    orders.cancel(order, by=None, now=timezone.now())
    page = staff.press(order, "mark-paid")
    order.refresh_from_db()
    assert order.state == Order.State.CANCELLED
    assert Refund.objects.get(payment__order=order).amount == order.total
    assert "to be paid back" in page.text


def cancel(staff, order, **values):
    """Fill in the page *Cancel* of an order and confirm."""
    return staff.press(order, "cancel", **values)


# --- cancel -------------------------------------------------------------------------------------------
def test_cancel_says_what_happens_with_the_money(staff, pos):
    offer = OfferFactory(pos=pos, capacity=10)
    order = make_order({offer: 2}, paid=True)
    question = staff.open(f"{change(order).removesuffix('change/')}cancel/")
    assert "CHF\N{NO-BREAK SPACE}70.00 was paid without a payment service" in question.source
    # Money that came twice goes back in any case, and is not counted.
    payments.receive(order, order.total, by=None, now=timezone.now())
    question = staff.open(f"{change(order).removesuffix('change/')}cancel/")
    assert "CHF\N{NO-BREAK SPACE}70.00 was paid without a payment service" in question.source
    assert "140.00" not in question.text
    staff.submit(confirmation(question), {"what": "order"})
    order.refresh_from_db()
    offer.allotment.refresh_from_db()
    assert (order.state, offer.allotment.sold) == (Order.State.CANCELLED, 0)
    refund = Refund.objects.get(payment__order=order, kind=Refund.Kind.PAID_BACK)
    assert refund.state == Refund.State.REQUESTED
    assert history.of(order).first().by == staff.user
    assert Mail.objects.filter(kind="order_cancelled").exists()


def test_cancel_of_an_unpaid_order_says_that_no_money_goes_back(staff, pos):
    order = make_order(pos=pos)
    question = staff.open(f"{change(order).removesuffix('change/')}cancel/")
    assert "none is to be paid back" in question.source
    staff.submit(confirmation(question))
    assert not Refund.objects.exists()


def test_cancel_twice_changes_nothing(staff, pos):
    order = make_order(pos=pos, paid=True)
    staff.press(order, "cancel")
    assert "Nothing has changed" in staff.press(order, "cancel").text
    assert Refund.objects.count() == 1
    assert actions(order).count("cancelled") == 1


@pytest.mark.scenario("TIC-02", "PAY-08")
def test_staff_cancel_one_ticket_and_pay_back_less_than_it_cost(staff, pos):
    order = make_order({OfferFactory(pos=pos): 3}, paid=True)
    ticket = order.tickets.earliest("pk")
    page = cancel(staff, order, what="tickets", chosen=f"ticket{ticket.pk}", pay_back="other", amount="10")
    assert "CHF 10.00 goes back to the buyer" in page.text
    ticket.refresh_from_db()
    assert (ticket.state, Refund.objects.get().amount) == (Ticket.State.CANCELLED, 10)
    page = cancel(staff, order, what="tickets", chosen=f"ticket{order.tickets.latest('pk').pk}")
    assert "CHF 60.00 goes back to the buyer" in page.text


def test_a_contradictory_choice_is_refused_at_its_field(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    first = f"ticket{order.tickets.earliest('pk').pk}"
    form = confirmation(staff.open(f"{change(order).removesuffix('change/')}cancel/"))
    for values, sentence in (
        ({}, "This field is required"),
        ({"what": "tickets"}, "Choose what to cancel"),
        ({"what": "order", "chosen": first}, "Tickets are chosen below"),
        ({"what": "tickets", "chosen": "ticket0"}, "not one of the available choices"),
        ({"what": "order", "pay_back": "other"}, "Enter the amount"),
        ({"what": "order", "amount": "12"}, "leave this field empty"),
        ({"what": "order", "pay_back": "other", "amount": "-1"}, "greater than or equal to 0"),
        ({"what": "order", "pay_back": "other", "amount": "lots"}, "Enter a number"),
    ):
        staff.submit(form, values)
        assert sentence in " ".join(staff.errors), values
    assert not Refund.objects.exists()
    assert set(order.tickets.values_list("state", flat=True)) == {"valid"}


def test_more_than_was_cancelled_is_not_paid_back_on_that_page(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    chosen = f"ticket{order.tickets.earliest('pk').pk}"
    page = cancel(staff, order, what="tickets", chosen=chosen, pay_back="other", amount="35.01")
    assert "at most CHF 35.00 can be paid back" in " ".join(staff.errors).replace("\N{NO-BREAK SPACE}", " ")
    form = page.form("^amount$")
    assert (form.values["amount"], form.values["chosen"]) == ("35.01", chosen)
    assert not Ticket.objects.filter(state="cancelled").exists()


def test_a_used_ticket_stays_with_its_price_when_the_order_is_cancelled(staff, pos):
    order = make_order({OfferFactory(pos=pos): 3}, paid=True)
    first = order.tickets.earliest("pk")
    Ticket.objects.filter(pk=first.pk).update(state="used", used_at=timezone.now())
    page = cancel(staff, order, what="order")
    assert "CHF 70.00 goes back to the buyer" in page.text
    order.refresh_from_db()
    assert (order.state, order.tickets.filter(state="used").count()) == (Order.State.PAID, 1)
    form = staff.open(f"{change(order).removesuffix('change/')}pay-back/").form("amount")
    assert form.values["amount"] == ""
    assert "Everything in this order was used at the entrance" in cancel(staff, order).text


def test_money_of_a_cancelled_order_can_be_kept(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    cancel(staff, order, what="order", pay_back="other", amount="0")
    order.refresh_from_db()
    assert (order.state, Refund.objects.count()) == (Order.State.CANCELLED, 0)


# --- pay money back -----------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-08")
def test_money_is_paid_back_without_cancelling_and_never_more_than_came(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    address = f"{change(order).removesuffix('change/')}pay-back/"
    form = staff.open(address).form("amount")
    page = staff.submit(form, {"amount": "70.01"})
    assert "At most CHF 70.00" in " ".join(staff.errors).replace("\N{NO-BREAK SPACE}", " ")
    assert page.form("^amount$").values["amount"] == "70.01"
    staff.open(address)
    page = staff.submit(form, {"amount": "20"})
    assert "CHF 20.00 goes back to the buyer" in page.text
    assert set(order.tickets.values_list("state", flat=True)) == {"valid"}
    assert Mail.objects.filter(kind="money_paid_back").count() == 1
    staff.open(address)
    # The form as it was opened before the first decision.
    assert (
        "somebody else paid money of this order back meanwhile" in staff.submit(form, {"amount": "20"}).text
    )
    assert Refund.objects.get().amount == 20
    assert not any(books.check().values())


def test_the_amount_to_pay_back_is_proposed_from_what_is_cancelled(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    chosen = f"ticket{order.tickets.earliest('pk').pk}"
    cancel(staff, order, what="tickets", chosen=chosen, pay_back="other", amount="5")
    page = staff.open(f"{change(order).removesuffix('change/')}pay-back/")
    assert 'value="30.00"' in page.source
    assert "at most CHF 65.00" in page.text


def test_the_password_is_asked_again_before_money_goes_back(staff, pos):
    paid, unpaid = make_order(pos=pos, paid=True), make_order(pos=pos)
    for order, button, asks in ((paid, "pay-back", True), (paid, "cancel", True), (unpaid, "cancel", False)):
        address = f"{change(order).removesuffix('change/')}{button}/"
        log_in_aged(staff, 14 * 60)
        page = staff.open(address)
        form = confirmation(page)
        log_in_aged(staff, 16 * 60)
        for answer in (staff.client.get(address), staff.client.post(address, form.values)):
            assert ("/accounts/reauthenticate/" in answer.get("Location", "")) is asks, button
    assert not Refund.objects.exists()


def test_the_typed_amount_and_choice_come_back_after_the_password(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    chosen = f"ticket{order.tickets.earliest('pk').pk}"
    for button, typed in (
        ("cancel", {"what": "tickets", "chosen": chosen, "pay_back": "other", "amount": "12.50"}),
        ("pay-back", {"amount": "3.75"}),
    ):
        address = f"{change(order).removesuffix('change/')}{button}/"
        log_in_aged(staff, 14 * 60)
        form = staff.open(address).form("amount")
        log_in_aged(staff, 16 * 60)
        page = staff.submit(form, typed)
        assert "it comes back once you have typed your password" in page.text
        page = staff.fill("^password$", {"password": PASSWORD})
        assert page.url == address
        assert "Nothing has been done yet" in page.text
        shown = page.form("^amount$")
        assert {name: shown.values[name] for name in typed} == typed
        assert not Refund.objects.exists()
    staff.submit(shown)
    assert [refund.amount for refund in Refund.objects.all()] == [Decimal("3.75")]
    assert not KeptSubmission.objects.filter(address=address).exists()


def test_a_box_office_cancels_but_does_not_pay_back_more(pos):
    clerk = Staff(make_staff(pos.organiser, "box office"))
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    page = clerk.open(change(order))
    assert "/cancel/" in page.source
    assert "/pay-back/" not in page.source
    assert clerk.open(f"{change(order).removesuffix('change/')}pay-back/").status == 403


# --- the money back -----------------------------------------------------------------------------------
def test_refund_done_is_noted_once_with_by_whom(staff, pos):
    order = make_order(pos=pos, paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    refund = Refund.objects.get()
    staff.press(refund, "done")
    refund.refresh_from_db()
    assert refund.state == Refund.State.DONE
    assert history.of(order).first().action == "refunded"
    assert history.of(order).first().by == staff.user
    assert "Nothing has changed" in staff.press(refund, "done").text


def test_the_box_office_sees_refunds_and_does_not_note_them(pos):
    order = make_order(pos=pos, paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    refund = Refund.objects.get()
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert "Refund done" not in staff.open(change(refund)).source
    assert staff.open(f"{change(refund).removesuffix('change/')}done/").status == 403


# --- tell again ---------------------------------------------------------------------------------------
def test_resend_goes_to_the_buyers_present_address_at_most_three_times_an_hour(staff, pos):
    order = make_order(pos=pos)
    order.buyer.email = "new@example.org"
    order.buyer.save(update_fields=["email"])
    address = f"{change(order).removesuffix('change/')}resend-mail/"
    form = confirmation(staff.open(address))
    for _ in range(3):
        assert "goes out in a moment" in staff.submit_late(address, form).text
    assert Mail.objects.filter(kind="order_placed", recipient="new@example.org").count() == 3
    assert "several times" in staff.press(order, "resend-mail").text
    assert Mail.objects.filter(recipient="new@example.org").count() == 3
    assert actions(order).count("mail_resent") == 3


def test_without_an_address_of_the_buyer_staff_read_what_to_do_instead_of_the_button(staff, pos):
    order = make_order(pos=pos)
    assert "/resend-mail/" in staff.open(change(order)).source
    Contact.objects.filter(pk=order.buyer_id).update(email="", email_key="")
    why_not = "The buyer has no e-mail address. Enter one on their contact first."
    assert f"Not possible now: Send the e-mail again {why_not}" in staff.open(change(order)).text
    assert "/resend-mail/" not in staff.page.source
    assert f"“Send the e-mail again” is not possible now. {why_not}" in staff.press(order, "resend-mail").text
    assert not actions(order).count("mail_resent")
    box_office = Staff(make_staff(pos.organiser, "box office"))
    ask = "Your role can’t do this. Who can: owner or back office."
    assert ask not in staff.open(change(order)).text
    assert f"Send the e-mail again {why_not} {ask}" in box_office.open(change(order)).text


def test_about_a_sale_without_a_name_no_mail_is_sent(staff, pos):
    order = make_order(pos=pos)
    mails = Mail.objects.filter(kind="order_placed", about__order=order.pk)
    address = f"{change(order).removesuffix('change/')}resend-mail/"
    form = confirmation(staff.open(address))
    staff.submit_late(address, form)
    assert mails.count() == 2
    Order.objects.filter(pk=order.pk).update(buyer=None, without_person=True, channel="back_office")
    assert "Send the e-mail again" not in staff.open(change(order)).text
    page = staff.press(order, "resend-mail")
    why_not = "is not possible now. Sold without a name: no e-mail about this order is sent."
    assert why_not in page.text
    assert why_not in staff.submit_late(address, form).text
    assert mails.count() == 2


def test_resend_tells_the_present_state(staff, pos):
    order = make_order(pos=pos, paid=True)
    staff.press(order, "resend-mail")
    assert Mail.objects.filter(kind="order_paid", about__order=order.pk).count() == 2


# --- who may ------------------------------------------------------------------------------------------
def test_without_the_right_to_change_orders_no_button_works(pos):
    order = make_order(pos=pos)
    user = make_staff(pos.organiser, "box office")
    role = StaffMembership.objects.get(user=user).role
    role.permissions.set(role.permissions.exclude(codename="change_order"))
    staff = Staff(user)
    page = staff.open(change(order))
    assert page.status == 200
    assert "Mark paid" not in page.source
    token = page.form("csrf").values["csrfmiddlewaretoken"]
    for button in ("mark-paid", "cancel", "resend-mail"):
        address = f"{change(order).removesuffix('change/')}{button}/"
        assert staff.send("GET", address).status == 403
        assert staff.send("POST", address, {"csrfmiddlewaretoken": token}).status == 403
    order.refresh_from_db()
    assert order.state == Order.State.PENDING
    assert "The buyer’s page" not in page.source


def test_the_role_counts_at_the_orders_organiser(pos):
    """Owner elsewhere does not help here."""
    user = make_staff(pos.organiser, "accounting")
    StaffMembershipFactory(user=user, role="owner")
    role = StaffMembership.objects.get(user=user, organiser=pos.organiser).role
    role.permissions.set(role.permissions.exclude(codename="change_order"))
    order = make_order(pos=pos)
    assert Staff(user).open(f"{change(order).removesuffix('change/')}mark-paid/").status == 403


def test_figures_are_never_typed(staff, pos):
    order = make_order(pos=pos)
    page = staff.open(change(order))
    assert 'name="_save"' not in page.source
    token = page.form("csrf").values["csrfmiddlewaretoken"]
    assert staff.send("POST", change(order), {"csrfmiddlewaretoken": token, "total": "0"}).status == 403


# --- found --------------------------------------------------------------------------------------------
def listed(staff, text: str, model=Order) -> set[str]:
    page = staff.open(f"{listing(model)}?q={text}")
    assert page.status == 200
    return {word for word in page.source.split('"') if "/change/" in word and "/admin/" in word}


def test_orders_are_found_by_reference_and_by_the_buyers_words(staff, pos):
    buyer = ContactFactory(
        organiser=pos.organiser,
        first_name="Zoé",
        last_name="Müller-Weiß",
        email="zoe.mw@example.org",
        phone="+41791234567",
    )
    order, other = make_order(pos=pos, buyer=buyer), make_order(pos=pos)
    row = f"/admin/sales/order/{order.pk}/change/"
    reference = order.reference
    for text in (
        reference,
        reference.lower(),
        reference[:3],
        reference.replace("-", ""),
        reference.replace("-", "+"),
    ):
        assert row in " ".join(listed(staff, text)), text
    for text in ("zoe", "mull", "weiss", "zoe+mül", "zoe.mw", "079+123", "91234", buyer.number):
        assert row in " ".join(listed(staff, text)), text
        assert f"/{other.pk}/" not in " ".join(listed(staff, text)), text
    assert not listed(staff, "nobody")


def test_tickets_and_passes_are_found_by_code_and_by_the_name_on_them(staff, pos):
    order = make_order(
        {OfferFactory(pos=pos): 1, SeasonPassFactory(pos=pos): 1},
        holders=[
            {"first_name": "Ada", "last_name": "Lovelace"},
            {"first_name": "Alan", "last_name": "Turing"},
        ],
        paid=True,
    )
    ticket, issued = order.tickets.get(), order.passes.get()
    for text in (ticket.code[:6].lower(), "love", "Ada lov", order.reference):
        assert listed(staff, text, Ticket), text
    for text in (issued.code, "turi"):
        assert listed(staff, text, IssuedPass), text
    assert not listed(staff, "turing", Ticket)


def test_a_customer_is_a_contact_with_orders_and_shows_them(staff, pos):
    buyer = ContactFactory(organiser=pos.organiser, last_name="Hopper")
    ContactFactory(organiser=pos.organiser, last_name="Nobody")
    order = make_order({OfferFactory(pos=pos): 1, SeasonPassFactory(pos=pos): 1}, buyer=buyer, paid=True)
    page = staff.open(listing(Customer))
    assert "Hopper" in page.source
    assert "Nobody" not in page.source
    page = staff.open(change(buyer, Customer))
    for text in (
        order.reference,
        order.tickets.get().code[:8],
        order.passes.get().code[:8],
        buyer.email,
        "Tickets",
    ):
        assert text in page.source


def test_an_order_whose_buyer_was_forgotten_still_opens(staff, pos):
    order = make_order(pos=pos, paid=True)
    Order.objects.filter(pk=order.pk).update(buyer=None, secret="", language="")
    page = staff.open(change(order))
    assert page.status == 200
    assert "No e-mail about this order can be sent any more" in page.text
    assert "Erased customer" in page.text and "Erased customer" in staff.open(listing(Order)).text
    assert "No e-mail about this order can be sent any more" in staff.press(order, "resend-mail").text


def test_the_start_page_counts_what_waits(staff, pos):
    make_order(pos=pos)
    make_order(pos=pos, paid=True)
    over = make_order(pos=pos, paid=True)
    orders.cancel(over, by=None, now=timezone.now())
    failed = Mail.objects.filter(about__order=over.pk).update(state=Mail.State.FAILED)
    assert failed
    text = staff.open("/admin/").text
    assert "Ordered today CHF 70.00 2 orders, paid or not yet" in text
    assert "Waiting for payment 1 CHF 35.00" in text
    assert "To be paid back 1 CHF 35.00" in text
    assert f"E-mails that failed or came back {failed} in the last 14 days" in text


@pytest.mark.parametrize(("language", "space"), [("en", ""), ("fr", "\N{NO-BREAK SPACE}")])
def test_percentages_have_a_space_in_french_alone(pos, language, space):
    staff = Staff(make_staff(pos.organiser, "back office"), language)
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    full = re.search(r"(\d+)(\s?)%</meter> (\d+)(\s?)%</td>", staff.open("/admin/").source)
    assert full and full[2] == full[4] == space
    rate = {"en": "2.6", "fr": "2,6"}[language]
    assert f"({rate}{space}%)" in staff.open(change(order)).source


def test_each_figure_of_the_start_page_opens_the_rows_it_counts(staff, pos):
    elsewhere = PointOfSaleFactory(organiser__name="Cinema")
    StaffMembershipFactory(user=staff.user, organiser=elsewhere.organiser, role="back office")
    foreign = make_order(pos=elsewhere)
    unpaid, paid, cancelled = make_order(pos=pos), make_order(pos=pos, paid=True), make_order(pos=pos)
    orders.cancel(cancelled, by=None, now=timezone.now())
    midnight = timezone.localtime(timezone=ZoneInfo(pos.organiser.time_zone)).replace(
        hour=0, minute=0, second=0
    )
    old = make_order(pos=pos)
    Order.objects.filter(pk=old.pk).update(placed_at=midnight - timedelta(minutes=1))
    Order.objects.filter(pk=paid.pk).update(placed_at=midnight + timedelta(seconds=1))
    everything = {order.reference for order in (foreign, unpaid, paid, cancelled, old)}

    def shown(label: str) -> set[str]:
        figures = staff.open("/admin/").source.split("The Theatre</h2>")[1]
        source = staff.open(Page(200, "", {}, figures.encode()).link(label)).source
        return {reference for reference in everything if reference in source}

    every = staff.open(listing(Order)).source
    assert all(reference in every for reference in everything)
    assert shown("Ordered today") == {unpaid.reference, paid.reference}
    assert shown("Waiting for payment") == {unpaid.reference, old.reference}
    for order in (make_order(pos=pos, paid=True), make_order(pos=elsewhere, paid=True)):
        orders.cancel(order, by=None, now=timezone.now())
        everything.add(order.reference)
    own, others = Refund.objects.order_by("pk").values_list("payment__order__reference", flat=True)
    refunds = staff.open(listing(Refund)).source
    assert own in refunds and others in refunds
    assert shown("To be paid back") == {own}


def test_the_figure_of_failed_mails_opens_those_of_the_last_days(staff, pos):
    order = make_order(pos=pos, paid=True)
    for days, address in ((13, "recent@example.org"), (15, "old@example.org")):
        mail = Mail.objects.filter(about__order=order.pk).first()
        mail.pk, mail.once = None, address
        mail.recipient, mail.state = address, Mail.State.FAILED
        mail.created_at = timezone.now() - timedelta(days=days)
        mail.save(force_insert=True)
    assert "old@example.org" in staff.open(f"{listing(Mail)}?trouble=1").source
    start = staff.open("/admin/")
    assert "E-mails that failed or came back 1" in start.text
    page = staff.open(start.link("E-mails that failed or came back"))
    assert "recent@example.org" in page.source and "old@example.org" not in page.source


def test_the_start_page_names_money_that_waits_for_staff_of_that_organiser(staff, pos):
    order = make_order({OfferFactory(pos=pos): 2}, paid=True)
    assert "to be paid by hand" not in staff.open("/admin/").text
    cancel(staff, order, what="tickets", chosen=f"ticket{order.tickets.earliest('pk').pk}")
    page = staff.open("/admin/")
    assert "1 refund has to be paid by hand" in page.text
    assert "Ordered today CHF 35.00 1 order" in page.text
    assert order.reference in staff.open(page.link("1 refund has to be paid by hand")).text
    other = Staff(make_staff(PointOfSaleFactory().organiser, "back office"))
    assert "to be paid by hand" not in other.open("/admin/").text
    Refund.objects.update(state="failed")
    page = staff.open("/admin/")
    assert "to be paid by hand" not in page.text
    assert order.reference in staff.open(page.link("1 refund was refused by the payment service")).text


def test_a_payment_confirmed_elsewhere_meanwhile_is_no_fault(staff, pos):
    order = make_order(pos=pos)
    address = f"{change(order).removesuffix('change/')}mark-paid/"
    question = staff.open(address)
    payments.confirm(Payment.objects.get(order=order), by=None, now=timezone.now())
    assert "Nothing has changed" in staff.submit(confirmation(question)).text
