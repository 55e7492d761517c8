"""Invoices on request: to a named recipient, numbered without gaps, frozen in the archive."""

import hashlib
import re
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import InternalError, transaction
from django.db.utils import IntegrityError
from django.utils import timezone

from privacy.erasure import erasing
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.qr import codes_in_pdf, text_of_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff
from tests.staff import change as address_of
from tests.visitor import TestClientVisitor
from ticketshop.lib.dates import days
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import ArchivedPaper, Invoice, InvoiceCounter, Order
from ticketshop.sales.orders import books, cancelled_lines, orders, single_tickets
from ticketshop.sales.papers import archive, credit_notes, invoices, mailing, receipts
from ticketshop.sales.payments import methods

from .selling import VAT_NUMBER, flat, make_pos, offers, order_with_rates

pytestmark = pytest.mark.django_db
RECIPIENT = {
    "name": "Zqacme Holding AG",
    "extra": "Accounts payable",
    "street": "Zqlane",
    "house_number": "12",
    "postcode": "8001",
    "city": "Zürich",
    "country": "CH",
    "vat_number": "CHE-987.654.321 MWST",
    "reference": "PO-4711",
}


def issue(order: Order, **values) -> Invoice:
    return invoices.issue(order, {**RECIPIENT, **values}, by=None, now=timezone.now())


def link(order: Order) -> str:
    return f"{order_mails.order_path(order)}invoice/"


@pytest.mark.scenario("DOC-02")
def test_buyer_asks_for_an_invoice_and_gets_it_as_it_was_frozen():
    order = order_with_rates()
    visitor = TestClientVisitor()
    page = visitor.open(visitor.open(order_mails.order_path(order)).link("Invoice"))
    page = visitor.fill("house_number", RECIPIENT)
    invoice = Invoice.objects.get()
    assert invoice.full_number == f"{timezone.now().year}-00001"
    assert f"Invoice {invoice.full_number} is issued." in page.messages
    assert "Zqacme" not in page.text
    answer = visitor.open(page.link(f"Invoice {invoice.full_number} (PDF)"))
    content = answer.body
    paper = ArchivedPaper.objects.get()
    assert hashlib.sha256(content).hexdigest() == paper.sha256
    text = flat(content).replace("\N{NO-BREAK SPACE}", " ")
    for stated in (
        "Invoice", invoice.full_number, order.reference, "Zqacme Holding AG", "Accounts payable", "Zqlane 12",
        "8001 Zürich", "CHE-987.654.321 MWST", "PO-4711", "Theatre Association", VAT_NUMBER,
        "8.1% CHF 64.85 CHF 5.25 CHF 70.10", "How it was paid",
    ):  # fmt: skip
        assert stated in text, stated
    assert books.check() == {code: [] for code in books.check()}


def test_unpaid_invoice_has_the_qr_bill_of_its_order():
    order = make_order(method="bank_transfer", pos=make_pos())
    content = bytes(issue(order).archived.content)
    method = methods.of_order(order.point_of_sale, "bank_transfer")
    assert codes_in_pdf(content) == [method.qr_bill(order, order.payments.get()).data]
    (text,) = text_of_pdf(content)
    # The order ends when this day ends, as its page and its mails say.
    with timezone.override(order.point_of_sale.organiser.zone):
        assert days.last_day(order.expires_at) is not None
        until = f"To be paid until {days.until_text(order.expires_at, 'j F Y')}"
    for stated in ("How to pay", until, "Payment part", "CH93 0076 2011 6238 5295 7"):
        assert stated in text, stated
    assert "Account holder" not in text


def test_qr_bill_after_many_lines_is_at_the_bottom_of_the_last_page():
    pos = make_pos()
    lines = offers(pos, *[(f"Tariff {number}", "10.00", "2.6") for number in range(12)])
    order = make_order(dict.fromkeys(lines, 1), method="bank_transfer")
    content = bytes(issue(order).archived.content)
    assert len(codes_in_pdf(content)) == 1
    first, second = text_of_pdf(content)
    assert "Tariff 11" in first
    assert "Payment part" not in first
    assert "Payment part" in second
    assert "Page 2 of 2" in second


def test_unpaid_invoice_without_a_qr_bill_tells_how_to_pay():
    order = make_order(method="bank_transfer", pos=make_pos(city=""))
    content = bytes(issue(order).archived.content)
    assert codes_in_pdf(content) == []
    text = flat(content)
    for stated in ("How to pay", "To be paid until", "Account holder", "CH93"):
        assert stated in text, stated


@pytest.mark.parametrize("method", ["on_site"])
def test_unpaid_order_of_another_method_has_no_invoice(method):
    order = make_order(method=method)
    assert TestClientVisitor().open(link(order)).status == 404
    with pytest.raises(invoices.CannotIssue, match="state"):
        issue(order)


def test_second_invoice_is_refused_until_the_first_is_taken_back():
    order = order_with_rates()
    first = issue(order)
    with pytest.raises(invoices.CannotIssue, match="exists"):
        issue(order)
    note = credit_notes.withdraw(order, by=None, now=timezone.now())
    assert (note.total, note.vat_total) == (-first.total, -first.vat_total)
    assert sum(Decimal(row["vat"]) for row in note.rates) == -first.vat_total
    text = flat(bytes(note.archived.content))
    assert "Credit note" in text
    assert first.full_number in text
    assert "Zqacme" in text
    third = issue(order, name="Right Name")
    assert [paper.number for paper in invoices.of_order(order)] == [1, 2, 3]
    assert third.total == first.total
    with pytest.raises(invoices.CannotIssue, match="nothing"):
        credit_notes.withdraw(make_order(paid=True), by=None, now=timezone.now())


def test_wrong_input_gives_sentences_at_the_fields_and_keeps_what_was_typed():
    order = order_with_rates()
    visitor = TestClientVisitor()
    text = visitor.open(link(order)).text
    assert "House number (optional)" in text
    assert "Postcode" in text
    assert "Postcode (optional)" not in text
    page = visitor.fill(
        "house_number", {**RECIPIENT, "name": "", "postcode": "", "city": "x" * 81, "street": "Kept"}
    )
    assert page.status == 200
    assert "Enter the postcode." in page.text
    assert 'value="Kept"' in page.source
    assert not Invoice.objects.exists()
    assert not InvoiceCounter.objects.exists()


def test_year_is_that_of_the_organisers_time_zone():
    """Half past midnight in Auckland is still the day before in UTC."""
    order = order_with_rates(make_pos(time_zone="Pacific/Auckland"))
    instant = datetime(2027, 1, 1, 0, 30, tzinfo=ZoneInfo("Pacific/Auckland"))
    invoice = invoices.issue(order, RECIPIENT, by=None, now=instant)
    assert invoice.full_number == "2027-00001"
    assert invoice.retained_until.isoformat() == "2037-12-31"


def test_each_organiser_and_year_has_its_own_series():
    one, other = order_with_rates(), order_with_rates()
    now = timezone.now()
    numbers = [
        invoices.issue(order, RECIPIENT, by=None, now=instant).full_number
        for order, instant in (
            (one, now),
            (other, now),
            (order_with_rates(one.point_of_sale), now + timedelta(days=400)),
        )
    ]
    assert numbers[0] == numbers[1] == f"{now.year}-00001"
    assert numbers[2] == f"{(now + timedelta(days=400)).year}-00001"


def test_invoice_is_in_the_language_of_the_order_and_has_no_vat_without_a_number():
    order = order_with_rates(make_pos(vat_number=""))
    Order.objects.filter(pk=order.pk).update(language="fr")
    text = flat(bytes(issue(order, vat_number="").archived.content))
    assert "Facture" in text
    assert not re.search(r"\bTVA\b", text)
    invoice = Invoice.objects.get()
    assert (invoice.rates, invoice.vat_total) == ([], 0)


def test_database_refuses_to_change_an_invoice_or_its_pdf():
    invoice = issue(order_with_rates())
    for rows, change in (
        (Invoice.objects.filter(pk=invoice.pk), {"total": Decimal(1)}),
        (Invoice.objects.filter(pk=invoice.pk), {"number": 9}),
        (ArchivedPaper.objects.filter(invoice=invoice), {"content": b"other"}),
    ):
        with pytest.raises((InternalError, IntegrityError), match="never changed"), transaction.atomic():
            rows.update(**change)
    Invoice.objects.filter(pk=invoice.pk).update(recipient={})


def test_staff_issue_and_take_back_an_invoice():
    order = order_with_rates()
    staff = Staff(make_staff(order.organiser, "back office"))
    staff.open(f"/admin/sales/order/{order.pk}/invoice/")
    page = staff.fill("house_number", RECIPIENT)
    assert "is issued." in page.text
    assert Invoice.objects.get().issued_by == staff.user
    assert "Zqacme" not in page.text
    assert Invoice.objects.get().full_number in page.text
    page = staff.press(order, "withdraw-invoice")
    assert "Credit note" in page.text
    assert "Zqacme" not in staff.open(f"/admin/sales/order/{order.pk}/history/").text


def test_opening_the_archive_needs_the_right_and_a_reason_and_is_noted():
    order = order_with_rates()
    invoice = issue(order)
    url = f"/admin/sales/order/{order.pk}/archive/"
    for role in ("back office", "box office"):
        assert Staff(make_staff(order.organiser, role)).open(url).status == 403
    assert Staff(make_staff(make_pos().organiser)).open(url).status == 404
    staff = Staff(make_staff(order.organiser, "accounting"))
    staff.open(url)
    page = staff.fill("reason", {"paper": str(invoice.pk), "reason": ""})
    assert page.headers["Content-Type"].startswith("text/html")
    assert not invoice.archived.openings.exists()
    page = staff.fill("reason", {"paper": str(invoice.pk), "reason": "Tax audit"})
    assert page.headers["Content-Type"] == "application/pdf"
    opening = invoice.archived.openings.get()
    assert (opening.opened_by, opening.reason) == (staff.user, "Tax audit")
    owner = Staff(make_staff(order.organiser))
    history = owner.open(f"/admin/sales/order/{order.pk}/history/").text
    assert "Archived invoice opened" in history
    assert "Tax audit" in owner.open(url).text


def test_paper_of_another_order_is_not_opened():
    order, other = order_with_rates(), order_with_rates()
    foreign = issue(other)
    issue(order)
    staff = Staff(make_staff(order.organiser, "accounting"))
    staff.open(f"/admin/sales/order/{order.pk}/archive/")
    page = staff.fill("reason", {"paper": str(foreign.pk), "reason": "Curious"})
    assert page.headers["Content-Type"].startswith("text/html")
    assert not foreign.archived.openings.exists()
    same = f"{link(order)}{foreign.year}-{foreign.number + 1}.pdf"
    assert TestClientVisitor().open(same).status == 404


def test_erased_buyer_gets_no_invoice():
    order = order_with_rates()
    erasing.erase(order.buyer, by=None, now=timezone.now() + timedelta(days=900))
    with pytest.raises(invoices.CannotIssue, match="erased"):
        issue(Order.objects.get(pk=order.pk))


def test_damaged_pdf_is_noticed():
    paper = issue(order_with_rates()).archived
    assert archive.is_intact(paper)
    paper.content = b"other"
    assert not archive.is_intact(paper)


def test_free_order_has_no_invoice():
    [offer] = offers(make_pos(), ("Adult", "0.00", "8.1"))
    order = make_order({offer: 1})
    assert "Invoice" not in TestClientVisitor().open(order_mails.order_path(order)).text
    with pytest.raises(invoices.CannotIssue, match="nothing"):
        issue(order)


def test_cancelled_order_can_not_be_invoiced_any_more():
    order = order_with_rates()
    orders.cancel(order, by=None, now=timezone.now())
    with pytest.raises(invoices.CannotIssue, match="state"):
        issue(order)


@pytest.mark.parametrize("ends", ["cancelled", "expired"])
def test_order_that_ends_gets_a_credit_note_for_its_invoice(ends):
    order = make_order(pos=make_pos(), method="bank_transfer")
    invoice = issue(order)
    end = orders.cancel if ends == "cancelled" else lambda order, by, now: orders.expire(order, now=now)
    end(order, by=None, now=timezone.now())
    note = Invoice.objects.get(kind=Invoice.Kind.CREDIT_NOTE)
    assert (note.credits, note.total, note.vat_total) == (invoice, -invoice.total, -invoice.vat_total)
    text = flat(bytes(note.archived.content))
    assert "What was cancelled of order" in text
    assert f"This credit note reduces invoice {invoice.full_number}" in text
    assert books.check()["I11"] == []


def test_order_without_invoice_that_ends_gets_no_credit_note():
    orders.cancel(make_order(), by=None, now=timezone.now())
    assert not Invoice.objects.exists()
    assert not InvoiceCounter.objects.exists()


def test_cancelled_part_is_credited_at_its_rates_and_the_receipt_states_what_is_left():
    order = order_with_rates()
    invoice = issue(order)
    units = cancelled_lines.units_of(order)
    meal = next(unit for unit in units if unit.line.tariff_name == "Meal")
    single_tickets.cancel(order, {meal.key}, by=None, now=timezone.now())
    [note] = Invoice.objects.filter(kind=Invoice.Kind.CREDIT_NOTE)
    assert (note.credits, note.total) == (invoice, Decimal("-23.10"))
    assert [(row["rate"], row["gross"]) for row in note.rates] == [("2.60", "-23.10")]
    assert invoices.standing(order) == invoice
    text = flat(receipts.pdf(Order.objects.get(pk=order.pk))).replace("\N{NO-BREAK SPACE}", " ")
    assert "1 × Hamlet, Meal" in text
    assert "After what was cancelled, the price is CHF 140.20." in text
    assert "2.6%: CHF 23.10, of which VAT CHF 0.59." in text
    credit_notes.withdraw(order, by=None, now=timezone.now())
    again = issue(order)
    assert again.total == Decimal("140.20")
    orders.cancel(Order.objects.get(pk=order.pk), by=None, now=timezone.now())
    assert sum(paper.total for paper in invoices.of_order(order)) == 0
    assert books.check()["I11"] == []


# --- by e-mail --------------------------------------------------------------------------------------------
@pytest.mark.scenario("DOC-02")
def test_invoice_and_credit_note_go_to_the_buyer_at_most_three_times_an_hour(mailoutbox):
    order = order_with_rates()
    issued = issue(order)
    credit_notes.withdraw(order, by=None, now=timezone.now())
    mark_sent()
    visitor = TestClientVisitor()
    for _time in range(3):
        visitor.open(link(order))
        sent = visitor.fill("/invoice/send/$", {})
        assert "The invoice is on its way to the e-mail address of the order." in sent.messages
    letters = deliver(mailoutbox)
    assert [letter.to for letter in letters] == [[order.buyer.email]] * 3
    assert issued.full_number in letters[0].body
    assert "Zqacme" not in letters[0].body
    contents = [content for _name, content, _kind in letters[0].attachments]
    assert contents == [archive.read(paper) for paper in invoices.of_order(order)]
    visitor.open(link(order))
    assert "three times in the last hour" in visitor.fill("/invoice/send/$", {}).text
    assert not deliver(mailoutbox)


def test_staff_send_the_invoice_and_an_erasure_in_between_stops_the_mail(mailoutbox):
    order = order_with_rates()
    staff = Staff(make_staff(order.organiser, "back office"))
    assert "Send the invoice" not in staff.open(address_of(order)).text
    issue(order)
    assert "on its way to the buyer" in staff.press(order, "mail-invoice").text
    Order.objects.update(buyer=None)
    assert not [letter for letter in deliver(mailoutbox) if letter.attachments]
    assert "Send the invoice" not in staff.open(address_of(order)).text


def test_damaged_invoice_is_not_sent(monkeypatch):
    order = order_with_rates()
    issue(order)
    monkeypatch.setattr(archive, "is_intact", lambda paper: False)
    with pytest.raises(mailing.CannotMail, match="damaged"):
        mailing.send(order, by=None, now=timezone.now())
