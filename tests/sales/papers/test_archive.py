"""The restricted archive: an erasure leaves the PDF as it is and removes every other copy of the recipient; it ends by itself."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.utils import timezone

from privacy import retention
from privacy.erasure import erasing
from privacy.plan import outcome, planning, wording
from tests.factories.organisers import make_staff
from tests.privacy.office import bin_page
from tests.privacy.scanner import Needles, Token, scan
from tests.sales.papers.test_invoices import RECIPIENT, issue, link
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.lib.personal import ARCHIVE
from ticketshop.sales.models import ArchivedPaper, Customer, Invoice, Order
from ticketshop.sales.orders import books
from ticketshop.sales.papers import credit_notes

from .selling import flat, order_with_rates

pytestmark = pytest.mark.django_db
TOKENS = [Token("company", "Zqacme Holding AG"), Token("street", "Zqlane")]


def past_order() -> Order:
    """An order of which nothing is to come: the erasure defers nothing."""
    order = order_with_rates()
    session = order.tickets.first().session
    session.starts_at, session.ends_at = (datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in (19, 21))
    session.save()
    return order


def erase(order: Order):
    return erasing.erase(order.buyer, by=None, now=timezone.now())


@pytest.mark.scenario("S32")
def test_erasure_leaves_the_pdf_unchanged_and_no_other_copy_of_the_recipient():
    order = past_order()
    paper = issue(order).archived
    before = (paper.sha256, bytes(paper.content))
    places = {hit.place for hit in scan(Needles(TOKENS))}
    assert places == {"sales_invoice.recipient", "sales_archivedpaper.content"}
    erase(order)
    paper.refresh_from_db()
    assert (paper.sha256, bytes(paper.content)) == before
    assert {hit.place for hit in scan(Needles(TOKENS))} == {"sales_archivedpaper.content"}
    assert books.check()["I11"] == []


@pytest.mark.scenario("S02", "S32")
def test_preview_of_an_erasure_names_the_pdf_that_stays_in_the_archive():
    order = past_order()
    issue(order)
    preview = Staff(make_staff(order.organiser)).open(bin_page(order.buyer))
    assert "1 The invoice with the recipient’s name, as PDF" in preview.text


@pytest.mark.scenario("S32")
def test_recipient_is_in_no_list_search_or_page_before_and_after_the_erasure():
    order = past_order()
    issue(order)
    staff = Staff(make_staff(order.organiser))
    visitor, of_buyer = TestClientVisitor(), link(order)
    assert "Zqacme" not in visitor.open(of_buyer).text
    for _time in ("before", "after"):
        for url in (
            change(order),
            f"{listing(Order)}?q=Zqacme",
            f"{listing(Customer)}?q=Zqacme",
            listing(Order),
        ):
            text = staff.open(url).text
            assert "Zqacme" not in text.replace("q=Zqacme", "")
        assert order.reference not in staff.open(f"{listing(Order)}?q=Zqacme").text
        if order.buyer:
            erase(order)
            order.refresh_from_db()
    assert visitor.open(of_buyer).status == 404


@pytest.mark.scenario("S32")
def test_preview_receipt_and_your_data_here_state_the_archive_and_its_day():
    order = past_order()
    invoice = issue(order)
    plan = planning.plan(order.buyer, now=timezone.now())
    [retained] = [part for part in plan.retained if part.model is ArchivedPaper]
    assert (retained.basis, retained.until, retained.rows) == (ARCHIVE, invoice.retained_until, 1)
    erasure = erase(order)
    assert [
        (kept.reason, kept.until) for kept in outcome.of(erasure).kept if kept.reason == str(ARCHIVE.reason)
    ] == [(str(ARCHIVE.reason), invoice.retained_until)]
    [orders_area] = [
        summary for summary in wording.area_summaries(order.organiser) if ARCHIVE in summary.stays
    ]
    assert any("locked archive" in sentence for sentence in orders_area.until)
    page = TestClientVisitor().open(f"/{order.point_of_sale.slug}/data/about/")
    assert "locked archive" in page.text


@pytest.mark.scenario("S32")
def test_paper_is_deleted_after_its_day_and_not_before():
    order = past_order()
    invoice = issue(order)
    erase(order)
    last = invoice.retained_until
    retention.run(datetime(last.year, 12, 31, 12, tzinfo=UTC))
    assert ArchivedPaper.objects.filter(invoice=invoice).exists()
    staff, address = (
        Staff(make_staff(order.organiser, "accounting")),
        f"/admin/sales/order/{order.pk}/archive/",
    )
    form = staff.open(address).form("reason")
    assert address in staff.open(change(order)).source
    retention.run(datetime(last.year + 1, 1, 1, 12, tzinfo=UTC))
    assert not ArchivedPaper.objects.filter(invoice=invoice).exists()
    assert Invoice.objects.get().total == order.total
    for page in (
        staff.submit_late(address, form, paper=str(invoice.pk), reason="Audit"),
        staff.open(address),
    ):
        assert (
            "“Archived invoices” is not possible now. No invoice of this order is in the archive" in page.text
        )
    assert address not in staff.open(change(order)).source
    assert "Not possible now: Send the e-mail again, Archived invoices" in staff.page.text


def test_credit_note_after_the_erasure_names_the_invoice_in_place_of_the_recipient():
    order = past_order()
    invoice = issue(order)
    erase(order)
    note = credit_notes.withdraw(Order.objects.get(pk=order.pk), by=None, now=timezone.now())
    text = flat(bytes(note.archived.content))
    assert "The recipient is the one named on that invoice." in text
    assert invoice.full_number in text
    assert "Zqacme" not in text


def test_recipient_is_typed_in_the_invoice_alone():
    order = past_order()
    issue(order)
    order.buyer.refresh_from_db()
    assert RECIPIENT["name"] not in (order.buyer.company, order.buyer.full_name)


def test_damaged_pdf_is_not_shown_and_the_page_says_what_to_do():
    order = order_with_rates()
    invoice = issue(order)
    url = f"{link(order)}{invoice.full_number}.pdf"
    visitor, staff = TestClientVisitor(), Staff(make_staff(order.organiser, "accounting"))
    assert visitor.open(url).headers["Content-Type"] == "application/pdf"
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE sales_archivedpaper DISABLE TRIGGER sales_archivedpaper_frozen")
        cursor.execute("UPDATE sales_archivedpaper SET content = content || '\\x00'")
        cursor.execute("ALTER TABLE sales_archivedpaper ENABLE TRIGGER sales_archivedpaper_frozen")
    page = visitor.open(url)
    assert "it is not what was issued" in page.text
    staff.open(f"/admin/sales/order/{order.pk}/archive/")
    page = staff.fill("reason", {"paper": str(invoice.pk), "reason": "Tax audit"})
    assert "This PDF is damaged" in page.text
    assert not invoice.archived.openings.exists()
