"""The pages of bank files in the back office: read in, one click, one by one, and what is refused."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.sales.bank.bank import booked, entries, file_of, paying, singly, store, waiting
from tests.staff import Staff, change, listing
from ticketshop.demo.bank_files import Paid
from ticketshop.history import history
from ticketshop.sales.models import BankEntry, BankFile, Order, Refund
from ticketshop.sales.orders import orders

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-14")]
NOW = timezone.now


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__time_zone="Europe/Zurich")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=20, price=Decimal("35.00"))


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "accounting", email="books@example.org"))


def upload(staff, content: bytes | None, name: str = "camt.xml"):
    """Send a file as a browser does; return the page that comes back."""
    address = f"{listing(BankFile)}add/"
    form = next(form for form in staff.open(address).forms if "content" in form.names)
    fields = {**form.values, "_save": "Save"}
    if content is not None:
        fields["content"] = SimpleUploadedFile(name, content)
    return staff.client.post(address, fields, follow=True, headers={"origin": "http://testserver"})


def text(response) -> str:
    return response.content.decode()


def test_uploaded_file_is_shown_and_one_click_marks_all_exact_payments(staff, pos, offer):
    first, second, third = (waiting(offer) for _number in range(3))
    page = text(
        upload(
            staff,
            file_of(
                *singly(paying(first), paying(second), paying(third, 30), Paid(Decimal(7), payer="Uncle"))
            ),
        )
    )
    assert "4 new payments were read." in page
    assert "4 payments of this file are still to be looked at." in page
    assert page.count("exactly what the order waits for") == 2
    assert "less than the order waits for" in page and "no reference of an order" in page
    assert "Uncle" in page and first.reference in page
    file = BankFile.objects.get()
    assert (file.kind, file.new, file.uploaded_by) == ("camt.053", 4, staff.user)
    page = staff.press(file, "record-exact")
    assert "2 orders are paid." in page.text
    assert [entry.state for entry in entries()] == ["recorded", "recorded", "open", "open"]
    assert {Order.objects.get(pk=order.pk).state for order in (first, second)} == {"paid"}
    event = history.of(first).get(action="bank_entry")
    assert event.by == staff.user
    owner = Staff(make_staff(pos.organiser, "owner"))
    assert "Recorded from a bank file" in owner.open(change(first)).text


def test_same_file_again_changes_nothing_and_a_sentence_explains_it(staff, offer):
    content = file_of(*singly(paying(waiting(offer))))
    upload(staff, content)
    page = text(upload(staff, content))
    assert "There was nothing new in this file, so nothing has changed." in page
    assert "1 payment was known from an earlier file." in page
    assert (BankFile.objects.count(), len(entries())) == (1, 1)


def test_rest_is_dealt_with_one_by_one(staff, pos, offer):
    little, ended = waiting(offer), waiting(offer)
    orders.expire(ended, now=NOW())
    store(pos.organiser, *singly(paying(little, 30), paying(ended), Paid(Decimal(35), payer="Uncle")))
    one, two, three = entries()
    page = staff.open(f"{change(one).removesuffix('change/')}record/")
    assert "so CHF 5.00 is still missing afterwards; the buyer is told." in page.text
    assert "CHF 5.00 is still missing; the buyer is told." in staff.press(one, "record").text
    page = staff.open(f"{change(two).removesuffix('change/')}record/")
    assert "If everything in it is still free, it becomes valid again" in page.text
    assert "The order is paid; the tickets go to the buyer by e-mail." in staff.press(two, "record").text
    page = staff.open(change(three))
    assert "No order of yours is named in it." in page.text
    staff.press(three, "not-ours")
    staff.press(three, "reopen")
    staff.press(three, "done")
    assert [entry.state for entry in entries()] == ["recorded", "recorded", "done"]
    assert list(history.of(three).values_list("action", flat=True))[::-1] == [
        "bank_not_ours",
        "bank_reopened",
        "bank_done",
    ]
    assert "This payment was dealt with already. Nothing has changed." in staff.press(three, "done").text


def test_payment_without_a_reference_is_assigned_to_an_order_that_is_looked_for(staff, pos, offer):
    order = waiting(offer)
    foreign = waiting(OfferFactory(pos=PointOfSaleFactory()))
    store(pos.organiser, *singly(Paid(order.total, payer="Uncle")))
    (entry,) = entries()
    address = f"{change(entry).removesuffix('change/')}assign/"
    assert "No order found." in staff.open(f"{address}?q={foreign.reference}").text
    assert order.reference in staff.open(f"{address}?q={order.reference.lower()}").text
    page = staff.open(f"{address}?order={order.pk}&q=x")
    assert f"CHF 35.00 has come for order {order.reference}." in page.text
    staff.submit(next(form for form in page.forms if form.method == "post" and "order" in form.values))
    assert "The order is paid; the tickets go to the buyer by e-mail." in staff.page.text
    assert (entries()[0].order, entries()[0].state) == (order, "recorded")


def test_other_organisers_order_gives_the_same_answer_as_a_missing_one(staff, pos, offer):
    own = waiting(offer)
    foreign = waiting(OfferFactory(pos=PointOfSaleFactory()))
    store(pos.organiser, *singly(Paid(Decimal(35))))
    (entry,) = entries()
    address = f"{change(entry).removesuffix('change/')}assign/"
    form = next(form for form in staff.open(f"{address}?order={own.pk}").forms if "order" in form.values)
    for number in (foreign.pk, 10**15, "x", 10**30):
        assert staff.submit(form, {"order": str(number)}).status == 404
    assert Order.objects.get(pk=foreign.pk).state == "pending"


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "This is not a bank file."),
        (b"PK\x03\x04", "This is an archive."),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "document type or entities"),
        (b"<a/>", "This is XML, but no bank file."),
        (b"<a>" * 50, "nested too deeply"),
        (b"x" * 8_000_001, "larger than 8 MB"),
    ],
)
def test_file_that_cannot_be_used_is_an_error_at_the_field(staff, content, sentence):
    response = upload(staff, content, "../../evil\x00.xml")
    assert response.status_code == 200
    assert sentence in text(response)
    assert BankFile.objects.count() == 0


def test_post_without_a_file_is_an_error_at_the_field(staff):
    response = upload(staff, None)
    assert response.status_code == 200
    assert "This field is required." in text(response)
    assert BankFile.objects.count() == 0


def test_file_of_other_accounts_stores_nothing_and_names_them(staff, offer):
    waiting(offer)
    page = text(upload(staff, file_of(booked(Paid(Decimal(5))), iban="CH5800791123000889012")))
    assert "The account CH58 0079 1123 0008 8901 2 was left out" in page
    assert not entries()


@pytest.mark.parametrize("role, status", [("box office", 403), ("back office", 200), ("accounting", 200)])
def test_roles_that_may_read_in_files(pos, role, status):
    client = Staff(make_staff(pos.organiser, role)).client
    assert client.get(f"{listing(BankFile)}add/").status_code == status
    assert client.get(listing(BankEntry)).status_code == status


def test_start_page_counts_what_waits(staff, pos, offer):
    order = waiting(offer)
    assert "to be looked at" not in staff.open("/admin/").text
    store(pos.organiser, *singly(paying(order), Paid(Decimal(9))))
    assert "2 payments of bank files are to be looked at." in staff.open("/admin/").text


@pytest.mark.parametrize("model", [BankFile, BankEntry])
def test_lists_take_the_same_queries_for_one_row_and_for_three(staff, pos, offer, model):
    counts = []
    for number in (1, 2):
        made = [waiting(offer) for _more in range(number)]
        for order in made:
            store(pos.organiser, booked(paying(order), bank_reference=order.reference))
        staff.open(listing(model))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            staff.open(listing(model))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_example_file_of_the_demo_can_be_read_in(staff, pos, offer, tmp_path):
    for _number in range(4):
        waiting(offer)
    ended = waiting(offer)
    orders.expire(ended, now=NOW())
    path = tmp_path / "bank.xml"
    call_command("example_bank_file", pos.slug, output=path)
    page = text(upload(staff, path.read_bytes()))
    assert "8 new payments were read." in page
    for words in ("exactly what", "less than the order", "paid already", "has expired", "no reference"):
        assert words in page
    with pytest.raises(CommandError, match="No point of sale"):
        call_command("example_bank_file", "nowhere")
    assert Refund.objects.count() == 0
