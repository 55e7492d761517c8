"""The page on which staff erase a person: preview, rights, and protection against accidents."""

from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.accounts import PASSWORD
from tests.factories.organisers import make_staff
from tests.privacy.office import (
    VERA,
    Office,
    bin_page,
    coming_order,
    erase,
    log_in_aged,
    make_office,
    past_order,
)
from tests.staff import BACKEND, change, listing, without_tokens
from tests.visitor import Page
from ticketshop.history import history
from ticketshop.organisers.models import StaffMembership
from ticketshop.sales.models import Customer, Order

pytestmark = pytest.mark.django_db


def browser(user) -> Client:
    """Return a client that is logged in and can post any fields, also those that no form shows."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    return client


def state_of(office: Office) -> tuple:
    """Everything of Vera that a click could change."""
    contact = Contact.objects.get(pk=office.vera.pk)
    return (
        contact.full_name, contact.email, contact.erasing_at, Erasure.objects.count(),
        Order.objects.get(pk=office.order.pk).buyer_id,
    )  # fmt: skip


@pytest.mark.scenario("S01", "S02")
def test_erasure_from_the_search_to_the_receipt(office):
    staff = office.staff()
    found = staff.open(f"{listing(Customer)}?q=vera+zweig")
    assert "Vera Zweig" in found.text
    profile = staff.open(change(office.vera, Customer))
    assert office.order.reference in profile.text
    assert profile.link("Erase…") == bin_page(office.vera)

    preview = staff.open(bin_page(office.vera))
    assert "Vera Zweig" in preview.text
    for words in ("What is erased", "What stays", "ten years after the business year", "Contacts", "Orders"):
        assert words in preview.text, words
    assert "What waits" not in preview.text
    assert state_of(office)[:2] == ("Vera Zweig", "vera@zweig.example")

    receipt = staff.fill("^seen$", {})
    done = Erasure.objects.get()
    assert done.state == Erasure.State.CLOSED
    assert (done.reason, done.by, done.channel) == ("request", office.owner, "back_office")
    assert receipt.url == change(done)
    assert done.receipt in receipt.text
    assert f"Erased. The receipt is {done.receipt}." in receipt.text
    assert "Zweig" not in receipt.text


@pytest.mark.scenario("S02", "S03")
def test_preview_changes_nothing(office):
    staff, before = office.staff(), state_of(office)
    staff.open(bin_page(office.vera))
    staff.client.get(bin_page(office.vera), headers={"sec-purpose": "prefetch"})
    staff.client.head(bin_page(office.vera))
    assert state_of(office) == before


@pytest.mark.scenario("S03")
def test_post_without_csrf_token_erases_nothing(office):
    staff, before = office.staff(), state_of(office)
    form = staff.open(bin_page(office.vera)).form("^seen$")
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = staff.client.cookies
    values = {name: value for name, value in form.values.items() if name != "csrfmiddlewaretoken"}
    assert strict.post(bin_page(office.vera), values).status_code == 403
    assert state_of(office) == before
    assert strict.post(bin_page(office.vera), form.values).status_code == 302
    assert state_of(office) != before


@pytest.mark.scenario("S03")
def test_plan_that_changed_since_the_preview_is_shown_again(office):
    staff = office.staff()
    staff.open(bin_page(office.vera))
    shown = staff.page.form("^seen$")
    coming_order(office.pos)
    before = state_of(office)
    again = staff.submit(shown, {"reason": "objection"})
    assert again.status == 200
    assert "Something changed since you opened this page" in again.text
    assert "What waits" in again.text
    assert state_of(office) == before
    form = again.form("^seen$")
    assert form.values["reason"] == "objection", "what was chosen stays"
    assert form.values["seen"] != shown.values["seen"]
    staff.submit(form)
    assert Erasure.objects.get().state == Erasure.State.DEFERRED


@pytest.mark.scenario("S03")
def test_form_posted_twice_is_one_erasure(office):
    staff = office.staff()
    staff.open(bin_page(office.vera))
    form = staff.page.form("^seen$")
    first = staff.submit(form)
    staff.page = Page(200, bin_page(office.vera), {}, b"")
    second = staff.submit(form)
    assert first.url == second.url == change(Erasure.objects.get())
    assert (first.status, second.status) == (200, 200)


@pytest.mark.scenario("S01")
def test_log_in_older_than_fifteen_minutes_must_be_confirmed(office):
    staff, before = office.staff(), state_of(office)
    log_in_aged(staff, 14 * 60)
    form = staff.open(bin_page(office.vera)).form("^seen$")
    log_in_aged(staff, 16 * 60)
    for answer, note in (
        (staff.client.get(bin_page(office.vera)), ""),
        (staff.client.post(bin_page(office.vera), {**form.values, "reason": "unlawful"}), "&kept=1"),
    ):
        assert answer.status_code == 302
        where = quote(bin_page(office.vera), safe="")
        assert answer["Location"] == f"/accounts/reauthenticate/?next={where}{note}"
    assert state_of(office) == before
    staff.open(bin_page(office.vera))
    back = staff.fill("^password$", {"password": PASSWORD})
    assert back.url == bin_page(office.vera)
    assert "Vera Zweig" in back.text
    assert back.form("^seen$").values["reason"] == "unlawful"
    assert state_of(office) == before


@pytest.mark.scenario("S07")
def test_roles_without_the_right_to_erase_are_refused(office, caplog):
    owner, before = office.staff(), state_of(office)
    values = owner.open(bin_page(office.vera)).form("^seen$").values
    pages = [
        page(row)
        for row in (office.vera, Customer.objects.get(pk=office.vera.pk))
        for page in (change, listing)
    ]
    for page in pages:
        assert "Erase…" in owner.open(page).text
    for role in ("back office", "box office", "accounting"):
        staff = office.staff(role)
        for page in pages:
            assert "Vera" in staff.open(page).source
            assert "Erase…" not in staff.page.text, (role, page)
        caplog.clear()
        with caplog.at_level("WARNING", "ticketshop.privacy"):
            assert browser(staff.user).get(bin_page(office.vera)).status_code == 403
            assert browser(staff.user).post(bin_page(office.vera), values).status_code == 403
        said = [one.getMessage() for one in caplog.records if one.name == "ticketshop.privacy"]
        assert said == [f"erasure refused user={staff.user.pk} contact={office.vera.pk}"] * 2
        assert state_of(office) == before


@pytest.mark.scenario("S07")
def test_former_staff_member_can_not_erase(office):
    staff, before = office.staff(), state_of(office)
    values = staff.open(bin_page(office.vera)).form("^seen$").values
    StaffMembership.objects.filter(user=office.owner).delete()
    for answer in (
        browser(office.owner).get(bin_page(office.vera), follow=True),
        browser(office.owner).post(bin_page(office.vera), values, follow=True),
    ):
        assert answer.status_code == 403
    assert state_of(office) == before


@pytest.mark.scenario("S08")
def test_person_of_another_organiser_is_not_found(office):
    other, before = make_office(), state_of(office)
    staff = other.staff()
    values = staff.open(bin_page(other.vera)).form("^seen$").values
    client = browser(staff.user)
    client.get(bin_page(other.vera))
    for method in ("get", "post"):
        send = getattr(client, method)
        seen = []
        for number in (office.vera.pk, 10**9):
            with CaptureQueriesContext(connection) as queries:
                answer = send(bin_page(number), values if method == "post" else None)
            page = without_tokens(answer.content.decode()).replace(bin_page(number), "its own URL")
            seen.append((answer.status_code, page, len(queries)))
        assert seen[0] == seen[1]
        assert seen[0][0] == 404
    done = erasing.erase(office.wilma, by=None, now=timezone.now())
    assert staff.client.get(change(done)).status_code == 404
    assert done.receipt in office.staff().open(f"{listing(Erasure)}?q={done.receipt}").text
    assert change(done) not in staff.open(f"{listing(Erasure)}?q={done.receipt}").source
    assert state_of(office)[:3] == before[:3]


@pytest.mark.scenario("S10")
def test_staff_member_can_not_erase_their_own_contact(office):
    mine = past_order(
        office.pos, contacts.for_user(office.pos.organiser, office.owner, language="en", now=timezone.now())
    )
    for contact in (mine.buyer, past_order(office.pos, {**VERA, "email": office.owner.email.upper()}).buyer):
        staff = office.staff()
        answer = staff.client.get(bin_page(contact))
        assert answer.status_code == 403
        assert "This is you." in answer.content.decode()
        values = staff.open(bin_page(office.vera)).form("^seen$").values
        refused = browser(office.owner).post(bin_page(contact), values)
        assert refused.status_code == 403 and "This is you." in refused.content.decode()
        contact.refresh_from_db()
        assert contact.erasing_at is None


@pytest.mark.scenario("S10")
def test_erased_staff_member_keeps_log_in_and_authorship(office):
    worker = make_staff(office.pos.organiser, "back office", email="worker@theatre.example")
    contact = contacts.for_user(office.pos.organiser, worker, language="en", now=timezone.now())
    contacts.change(contact, {"first_name": "Work", "last_name": "Er"}, by=worker, now=timezone.now())
    past_order(office.pos, contact)
    contacts.block(office.wilma, by=worker, now=timezone.now())
    preview = office.staff().open(bin_page(contact))
    assert "This person works here too" in preview.text
    erase(office.staff(), contact)
    contact.refresh_from_db()
    worker.refresh_from_db()
    assert contact.erased_at and contact.user_id is None
    assert worker.email == "worker@theatre.example" and worker.memberships.exists()
    assert history.of(office.wilma).get(action="blocked").by == worker


@pytest.mark.scenario("S03")
def test_form_of_another_page_erases_no_second_person(office):
    staff = office.staff()
    values = staff.open(bin_page(office.vera)).form("^seen$").values
    erase(staff, office.wilma)
    theirs = Erasure.objects.get()
    answer = browser(office.owner).post(bin_page(office.vera), {**values, "request": str(theirs.uuid)})
    own = Erasure.objects.exclude(pk=theirs.pk).get()
    assert answer["Location"] == change(own)
    assert own.subject_uuid == office.vera.subject_uuid and own.uuid != theirs.uuid


@pytest.mark.scenario("S03")
def test_invalid_form_erases_nothing(office):
    before = state_of(office)
    values = office.staff().open(bin_page(office.vera)).form("^seen$").values
    owner = browser(office.owner)
    for nonsense in (
        {"request": "x"},
        {"request": ""},
        {"seen": "x" * 500},
        {"seen": "\x00"},
        {"reason": "none-such"},
        {"reason": ""},
    ):
        answer = owner.post(bin_page(office.vera), {**values, **nonsense})
        assert answer.status_code in {200, 400}, nonsense
        assert state_of(office) == before, nonsense
    assert owner.post(bin_page(office.vera), values).status_code == 302
    assert state_of(office) != before
