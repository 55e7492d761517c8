"""The list of erasures: open requests, deferred and failed ones, receipts, and downloaded lists."""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import merging
from contacts.models import Contact
from privacy import tasks
from privacy.admin import erase_page
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.exports import steps
from tests.privacy.office import VERA, Office, bin_page, coming_order, erase, past_order
from tests.staff import Staff, change, listing
from ticketshop.exports import jobs
from ticketshop.exports.models import Job
from ticketshop.sales.models import Customer, Order

pytestmark = pytest.mark.django_db


def asked_by_visitor(contact: Contact) -> Erasure:
    return erasing.request(contact, channel=Erasure.Channel.ACCOUNT, now=timezone.now())


def downloaded(office: Office):
    """A list of all customers, fetched by the owner."""
    made = steps.ask("customers", office.pos.organiser, "customers", by=office.owner)
    made.file.save("customers.csv", ContentFile(b"Vera Zweig"), save=False)
    made.state, made.subjects = Job.State.DONE, [office.vera.subject_uuid, office.wilma.subject_uuid]
    made.save()
    assert jobs.fetch(made, by=office.owner, now=timezone.now())
    return made


def test_request_of_a_visitor_is_listed_and_leads_to_the_preview(office):
    asked, staff = asked_by_visitor(office.vera), office.staff()
    listed = staff.open(listing(Erasure))
    assert asked.receipt in listed.text and "to be done" in listed.text
    page = staff.open(change(asked))
    assert "The person has asked for it. Nothing is erased yet." in page.text
    preview = staff.open(page.link("See what is erased, and erase"))
    assert preview.url == bin_page(office.vera)
    assert "The person asked for it themselves on" in preview.text and "visitor’s account" in preview.text
    receipt = staff.fill("^seen$", {})
    done = Erasure.objects.get()
    assert (done.pk, done.state, done.by, done.channel) == (
        asked.pk,
        Erasure.State.CLOSED,
        office.owner,
        "account",
    )
    assert receipt.url == change(asked)
    assert "See what is erased, and erase" not in receipt.text


def test_request_of_a_visitor_posted_twice_is_one_erasure(office):
    asked = asked_by_visitor(office.vera)
    staff = office.staff()
    form = staff.open(bin_page(office.vera)).form("^seen$")
    for _ in range(2):
        answer = staff.client.post(bin_page(office.vera), form.values)
        assert (answer.status_code, answer["Location"]) == (302, change(asked))
    assert Erasure.objects.count() == 1


def test_request_without_a_proved_mailbox_is_not_listed(office):
    asked = asked_by_visitor(office.vera)
    staff = office.staff()
    assert asked.receipt in staff.open(listing(Erasure)).text
    Erasure.objects.update(state=Erasure.State.REQUESTED, confirmed_at=None)
    assert asked.receipt not in staff.open(listing(Erasure)).text
    assert staff.client.get(change(asked)).status_code == 404


@pytest.mark.scenario("S43")
def test_receipt_is_found_by_its_code_and_contains_no_name(office):
    staff = office.staff()
    erase(staff, office.vera)
    erase(staff, office.wilma)
    first, second = Erasure.objects.order_by("pk")
    typed = first.receipt.lower().replace("-", " ")
    found = staff.open(f"{listing(Erasure)}?q={typed}").source
    assert change(first) in found and change(second) not in found
    receipt = staff.open(change(first))
    for words in ("Erased", "Kept", "Contacts", "Orders", "emptied", "ten years after the business year"):
        assert words in receipt.text, words
    assert "Vera" not in receipt.text and "Zweig" not in receipt.text
    assert "Reçu" in office.staff(language="fr").open(change(first)).text


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("accounting", 200), ("back office", 403), ("box office", 403)]
)
def test_erasures_are_visible_to_roles_with_the_right_only(office, role, status):
    done = erasing.erase(office.vera, by=None, now=timezone.now())
    staff = office.staff(role)
    assert staff.client.get(listing(Erasure)).status_code == status
    assert staff.client.get(change(done)).status_code in {status, 404}
    assert staff.client.post(change(done), {"state": "withdrawn"}).status_code in {403, 404}
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED


@pytest.mark.scenario("S02", "S26")
def test_downloaded_lists_are_named_in_the_preview_and_on_the_receipt(office):
    staff = office.staff()
    assert "Lists that were downloaded" not in staff.open(bin_page(office.vera)).text
    made = downloaded(office)
    path = made.file.path
    preview = staff.open(bin_page(office.vera)).text
    assert "Lists that were downloaded" in preview and office.owner.email in preview
    assert "Customers: a row for everybody who ordered" in preview
    assert "Exports 1 File" in preview
    receipt = erase(staff, office.vera)
    assert "These files are outside the system and name the person: please delete them" in receipt.text
    made.refresh_from_db()
    assert not made.file and not storages["exports"].exists(path)

    done = Erasure.objects.get()
    told = staff.press(done, "copies-deleted")
    assert "these files are deleted." in told.text
    assert "please delete them" not in told.text
    done.refresh_from_db()
    assert done.copies_deleted_at is not None
    assert "is not possible now. Nothing has changed." in staff.press(done, "copies-deleted").text
    assert (
        office.staff("accounting").client.get(f"/admin/privacy/erasure/{done.pk}/copies-deleted/").status_code
        == 403
    )


@pytest.mark.scenario("S38")
def test_downloaded_lists_with_a_merged_contact_are_named(office):
    old = past_order(office.pos, {"first_name": "Vera", "last_name": "Alt", "email": "old@alt.example"}).buyer
    made = downloaded(office)
    made.subjects = [old.subject_uuid]
    made.save()
    staff = office.staff()
    assert "Lists that were downloaded" not in staff.open(bin_page(office.vera)).text
    asked = asked_by_visitor(old)
    merging.merge(office.vera, old, by=office.owner, now=timezone.now())
    assert "Lists that were downloaded" in staff.open(bin_page(office.vera)).text
    assert "Lists that were downloaded" in staff.fill("^seen$", {}).text
    asked.refresh_from_db()
    assert (asked.state, asked.subject_uuid) == (Erasure.State.CLOSED, office.vera.subject_uuid)


@pytest.mark.scenario("S01")
def test_person_with_many_records_is_erased_by_a_job_with_progress(office, monkeypatch):
    monkeypatch.setattr(erase_page, "AT_ONCE", 2)
    staff = office.staff()
    running = erase(staff, office.vera)
    done = Erasure.objects.get()
    assert done.state == Erasure.State.BEGUN
    assert "The erasure is running." in running.text
    assert running.link("Look again") == change(done)
    assert Order.objects.get(pk=office.order.pk).buyer_id == office.vera.pk
    assert staff.client.get(change(office.vera, Customer)).status_code == 404, (
        "nobody meets who is being erased"
    )
    tasks.run(done.pk)
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED
    page = staff.open(change(done))
    assert "Look again" not in page.text and "Erased" in page.text


@pytest.mark.scenario("S20")
def test_failed_erasure_shows_its_failure_and_is_tried_again(office, monkeypatch):
    made = downloaded(office)
    storage, refuse = storages["exports"], []

    def delete(name):
        refuse.append(name)
        raise OSError("no")

    monkeypatch.setattr(type(storage), "delete", lambda self, name: delete(name))
    staff = office.staff()
    receipt = erase(staff, office.vera)
    done = Erasure.objects.get()
    assert refuse and done.state == Erasure.State.EMPTIED
    assert "A step has failed (emptied: OSError" in receipt.text and "not erased yet" in receipt.text
    assert "emptied: OSError" in staff.open(listing(Erasure)).text
    monkeypatch.undo()
    assert erasing.go_on(timezone.now()) == 1
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED and not storages["exports"].exists(made.file.name)
    assert "A step has failed" not in staff.open(change(done)).text


@pytest.mark.scenario("S35")
def test_buyer_sees_that_a_guest_was_removed(office, client):
    coming = coming_order(office.pos, VERA)
    address = f"/{office.pos.slug}/orders/{coming.reference}/{coming.secret}/"
    page = client.get(address).content.decode()
    assert "Holda Zweig" in page and "guest removed" not in page
    coming.tickets.update(holder_first_name="", holder_last_name="", holder_erased_at=timezone.now())
    page = client.get(address).content.decode()
    assert "Holda Zweig" not in page and "guest removed" in page


def test_list_of_three_takes_as_many_queries_as_of_one(office):
    def count() -> int:
        staff = office.staff()
        staff.open(listing(Erasure))
        with CaptureQueriesContext(connection) as queries:
            staff.open(listing(Erasure))
        return len(queries)

    asked_by_visitor(office.vera)
    one = count()
    for number in range(2):
        asked_by_visitor(past_order(office.pos, {**VERA, "email": f"v{number}@zweig.example"}).buyer)
    assert count() == one
    assert Staff(office.owner).open(listing(Erasure)).text.count("to be done") >= 3


def test_deferred_erasure_is_listed_with_its_day(office):
    coming = coming_order(office.pos)
    erase(office.staff(), office.vera)
    done = Erasure.objects.get()
    assert done.deferred_until <= timezone.now() + timedelta(days=1, minutes=1)
    assert Contact.objects.get(pk=office.vera.pk).erasing_until > coming.tickets.get().session.ends_at


def test_start_page_shows_the_number_of_open_requests(office):
    staff, box_office, start = office.staff(), office.staff("box office"), "/admin/"
    assert "to be forgotten" not in staff.open(start).text
    asked_by_visitor(office.vera)
    page = staff.open(start)
    assert "1 person has asked to be forgotten." in page.text
    listed = staff.open(page.link("1 person has asked"))
    assert listed.status == 200 and "to be done" in listed.text
    assert "to be forgotten" not in box_office.open(start).text
