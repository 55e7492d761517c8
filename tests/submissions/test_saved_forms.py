"""Typed input is shown again after a log-in: forms answered by the log-in page, an old token, or a lost session."""

import io
import json
import time
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image

from accounts.models import Session
from contacts.models import Contact
from registration_forms.answers import responses
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.catalogue import EventFactory, OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Event, Tariff
from ticketshop.office import staff_sessions
from ticketshop.sales import tasks
from ticketshop.submissions.models import KeptSubmission

pytestmark = pytest.mark.django_db
KEPT = "What you typed is kept for an hour: it comes back once you have logged in."
NOT_SAVED = "Nothing has been saved yet: this is what you typed before you were logged out."
STILL_HERE = "What you typed is still here"


@pytest.fixture
def pos():
    return PointOfSaleFactory(name="The Shop", slug="the-shop")


@pytest.fixture
def staff(pos):
    staff = Staff(make_staff(pos.organiser, email="owner@example.org"))
    staff.open("/admin/")
    return staff


def an_hour_later(visitor) -> None:
    """The back office was left alone for more than its hour."""
    session = visitor.client.session
    session[staff_sessions.SEEN] = time.time() - staff_sessions.IDLE_SECONDS - 60
    session.save()


def session_lost(visitor) -> None:
    Session.objects.all().delete()


def log_in(visitor, email: str, password: str = PASSWORD):
    return visitor.fill("^login$", {"login": email, "password": password})


# --- the back office --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ended", [an_hour_later, session_lost])
def test_page_with_inlines_shows_the_typed_input_after_the_log_in(ended, staff, pos):
    offer = OfferFactory(pos=pos)
    event = offer.session.event
    form = staff.open(change(event)).form("^_save$")
    typed = {
        "title_en": "Typed for an hour", "description_en": "Line one\r\n\r\nLine <two> & “three”", "tariffs-0-price": "41.50",
        "tariffs-1-name_en": "Students", "tariffs-1-price": "12.00", "sessions-0-places": "77",
    }  # fmt: skip
    ended(staff)
    page = staff.submit(form, typed, button=("_save", "Save"))
    assert page.url.startswith("/accounts/login/")
    assert KEPT in page.text
    page = log_in(staff, "owner@example.org")
    assert page.url == change(event)
    assert NOT_SAVED in " ".join(staff.errors)
    shown = page.form("^_save$")
    for name, value in typed.items():
        assert shown.values[name] == value, name
    event.refresh_from_db()
    assert event.title != "Typed for an hour", "nothing is saved by looking"
    assert Tariff.objects.filter(event=event).count() == 1
    assert staff.open(change(event)).form("^_save$").values["title_en"] == "Typed for an hour", "nor gone"
    staff.save()
    assert staff.errors == []
    event.refresh_from_db()
    assert (event.title, event.description_en) == (
        "Typed for an hour",
        "Line one\n\nLine <two> & “three”",
    )
    assert {tariff.name: tariff.price for tariff in event.tariffs.all()} == {"Adult": 41.50, "Students": 12}
    assert offer.session.offers.first().allotment.capacity == 77
    assert not KeptSubmission.objects.exists()


def test_input_of_a_new_row_is_shown_again(staff, pos):
    form = staff.open(f"{listing(Event)}add/").form("^_save$")
    session_lost(staff)
    staff.submit(
        form, {"title_en": "New", "points_of_sale": [pos.pk]}, button=("_continue", "Save and go on")
    )
    page = log_in(staff, "owner@example.org")
    assert page.form("^_save$").values["title_en"] == "New"
    assert not Event.objects.exists()
    staff.save()
    assert Event.objects.get().title == "New"


def test_stored_values_can_be_shown_instead_of_the_input(staff, pos):
    event = EventFactory(pos=pos, title="Stored")
    staff.open(change(event))
    form = staff.page.form("^_save$")
    session_lost(staff)
    staff.submit(form, {"title_en": "Typed"}, button=("_save", "Save"))
    page = log_in(staff, "owner@example.org")
    page = staff.open(f"{change(event)}{page.link('Show what is stored')}")
    assert page.form("^_save$").values["title_en"] == "Stored"
    assert NOT_SAVED not in page.text


def test_confirmation_page_shows_its_fields_again(staff, pos):
    pos.friends_family_enabled = True
    pos.save()
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    link = linked(make_visitor(pos), pos)
    address = change(link).replace("change", "consent")
    form = staff.open(address).form("^reason$")
    an_hour_later(staff)
    staff.submit(form, {"reason": "She said so at the box office."})
    page = log_in(staff, "owner@example.org")
    assert (page.url, page.form("^reason$").values["reason"]) == (address, "She said so at the box office.")
    link.refresh_from_db()
    assert link.status == "pending"
    staff.fill("^reason$")
    link.refresh_from_db()
    assert link.status == "active"


def test_answers_typed_by_staff_are_shown_again(staff, pos):
    form = make_form("tariff", organiser=pos.organiser)
    question = ask(form, "Size")
    publish(form)
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    Tariff.objects.update(form=form)
    ticket = order.tickets.get()
    given = responses.NewResponse(form.published, {question.key: "Small"}, order.buyer_id)
    (ticket.response,) = responses.store([given], organiser=pos.organiser, language="en", now=timezone.now())
    ticket.save(update_fields=["response"])
    staff.open(change(ticket).replace("change", "answers"))
    form = staff.page.form(question.key)
    (name,) = [name for name in form.values if name.endswith(question.key)]
    session_lost(staff)
    staff.submit(form, {name: "Large"})
    page = log_in(staff, "owner@example.org")
    assert STILL_HERE in page.text
    staff.fill(question.key)
    assert "The answers are saved." in staff.page.text
    assert ticket.response.answers.get().v_text == "Large"


def test_action_on_chosen_rows_can_be_sent_again(staff, pos):
    event = EventFactory(pos=pos, state="draft")
    staff.open(listing(Event))
    form = staff.page.form("^action$")
    session_lost(staff)
    staff.submit(form, {"action": "publish", "_selected_action": event.pk})
    page = log_in(staff, "owner@example.org")
    assert STILL_HERE in page.text
    event.refresh_from_db()
    assert event.state == "draft"
    staff.fill("^_selected_action$")
    event.refresh_from_db()
    assert event.state == "published"
    assert not KeptSubmission.objects.exists()


def test_file_is_not_saved_and_the_page_says_it(staff, pos):
    event = EventFactory(pos=pos)
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "PNG")
    values = {**form.values, "_save": "Save", "image": SimpleUploadedFile("p.png", picture.getvalue())}
    answer = staff.client.post(change(event), values, headers={"origin": "http://testserver"})
    assert KeptSubmission.objects.get().has_file
    staff.open(answer.url)
    page = log_in(staff, "owner@example.org")
    assert "The file you chose is not kept. Choose it once more." in " ".join(staff.errors)
    assert page.status == 200


# --- whose it is ---------------------------------------------------------------------------------------------------
def test_other_user_of_the_same_browser_sees_nothing(staff, pos):
    make_staff(pos.organiser, email="other@example.org")
    event = EventFactory(pos=pos, title="Stored")
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    staff.submit(form, {"title_en": "Secret plan"}, button=("_save", "Save"))
    page = log_in(staff, "other@example.org")
    assert page.url == change(event)
    assert "Secret plan" not in page.source


def test_same_user_at_another_browser_sees_nothing(staff, pos):
    event = EventFactory(pos=pos, title="Stored")
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    staff.submit(form, {"title_en": "Typed"}, button=("_save", "Save"))
    assert KeptSubmission.objects.get().user.email == "owner@example.org"
    elsewhere = TestClientVisitor()
    elsewhere.open(f"/accounts/login/?next={change(event)}")
    assert "Typed" not in log_in(elsewhere, "owner@example.org").source


def test_log_out_deletes_the_cookie_with_the_user(staff, pos):
    assert staff.client.cookies["last_log_in"].value
    form = next(form for form in staff.open("/admin/").forms if "logout" in form.action)
    staff.submit(form)
    assert staff.client.cookies["last_log_in"].value == ""


def test_after_an_hour_nothing_is_shown_and_the_row_is_deleted(staff, pos):
    event = EventFactory(pos=pos, title="Stored")
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    staff.submit(form, {"title_en": "Typed"}, button=("_save", "Save"))
    kept = KeptSubmission.objects.get()
    assert kept.expires_at - timezone.now() < timedelta(hours=1, seconds=1)
    KeptSubmission.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert log_in(staff, "owner@example.org").form("^_save$").values["title_en"] == "Stored"
    tasks.tidy(timestamp=0)
    assert not KeptSubmission.objects.exists()


def test_passwords_are_not_saved(client):
    user = UserFactory()
    visitor = TestClientVisitor()
    visitor.log_in(user.email, PASSWORD)
    form = visitor.open("/accounts/password/change/").form("^oldpassword$")
    session_lost(visitor)
    visitor.submit(form, {"oldpassword": PASSWORD, "password1": "a-new-long-password", "password2": "x"})
    assert "a-new-long-password" not in json.dumps(list(KeptSubmission.objects.values("fields")))
    assert PASSWORD not in json.dumps(list(KeptSubmission.objects.values("fields")))


def test_form_of_another_site_is_not_saved(staff, pos):
    event = EventFactory(pos=pos)
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    for origin in ("https://evil.example", "null"):
        answer = staff.client.post(change(event), form.values, headers={"origin": origin})
        assert answer.status_code == 403
        assert b"Planted" not in answer.content
        assert b'name="title_en"' not in answer.content
    assert not KeptSubmission.objects.exists()


def test_only_the_latest_forms_of_a_browser_are_saved(staff, pos):
    forms = [
        (row, staff.open(change(row)).form("^_save$")) for row in (EventFactory(pos=pos) for _ in range(7))
    ]
    session_lost(staff)
    for row, form in forms:
        staff.page.url = change(row)
        staff.submit(form, {"title_en": f"Typed {row.pk}"}, button=("_save", "Save"))
    assert sorted(kept.address for kept in KeptSubmission.objects.all()) == sorted(
        change(row) for row, _form in forms[2:]
    )


def test_nul_and_hostile_values_cause_no_server_error(staff, pos):
    event = EventFactory(pos=pos, title="Stored")
    form = staff.open(change(event)).form("^_save$")
    session_lost(staff)
    staff.submit(form, {"title_en": 'a\x00b"><script>alert(1)</script>'}, button=("_save", "Save"))
    page = log_in(staff, "owner@example.org")
    assert page.form("^_save$").values["title_en"] == 'ab"><script>alert(1)</script>'
    assert "<script>alert(1)" not in page.source


# --- an old token --------------------------------------------------------------------------------------------------
def test_form_with_an_old_token_is_shown_with_a_new_one(staff, pos):
    event = EventFactory(pos=pos, title="Stored")
    form = staff.open(change(event)).form("^_save$")
    form.values["csrfmiddlewaretoken"] = "x" * 64
    page = staff.submit(form, {"title_en": "Typed"}, button=("_save", "Save"))
    assert page.status == 403
    assert "What you typed is still here." in page.text
    event.refresh_from_db()
    assert event.title == "Stored"
    assert staff.fill("^title_en$").status == 200
    event.refresh_from_db()
    assert event.title == "Typed"


def test_page_for_an_old_token_has_the_look_of_the_shop_and_no_passwords(pos):
    user = UserFactory()
    visitor = TestClientVisitor()
    visitor.log_in(user.email, PASSWORD)
    form = visitor.open(f"/{pos.slug}/account/profile/").form("^first_name$")
    form.values["csrfmiddlewaretoken"] = "x" * 64
    page = visitor.submit(form, {"first_name": "Ada", "last_name": "Lovelace"})
    assert page.status == 403
    assert "The Shop" in page.text
    visitor.fill("^first_name$")
    assert Contact.objects.get(user=user).full_name == "Ada Lovelace"
    guest = TestClientVisitor()
    form = guest.open("/accounts/login/").form("^login$")
    form.values["csrfmiddlewaretoken"] = "x" * 64
    page = guest.submit(form, {"login": user.email, "password": PASSWORD})
    assert page.status == 403
    assert PASSWORD not in page.source
    assert "Go back, reload the page" in page.text


# --- visitors -------------------------------------------------------------------------------------------------------
def test_profile_form_can_be_sent_again_after_the_log_in(pos):
    user = UserFactory()
    visitor = TestClientVisitor()
    visitor.log_in(user.email, PASSWORD)
    address = f"/{pos.slug}/account/profile/"
    form = visitor.open(address).form("^first_name$")
    session_lost(visitor)
    page = visitor.submit(form, {"first_name": "Ada", "last_name": "Lovelace"})
    assert KEPT in page.text
    page = log_in(visitor, user.email)
    assert (page.url, STILL_HERE in page.text) == (address, True)
    visitor.fill("^first_name$")
    assert Contact.objects.get(user=user).full_name == "Ada Lovelace"
    assert visitor.open(address).form("^first_name$").values["first_name"] == "Ada"
    assert not KeptSubmission.objects.exists()


@pytest.mark.parametrize("leave_it", [False, True])
def test_button_without_fields_leads_to_a_page_after_the_log_in(leave_it):
    pos = friendly_pos()
    pos.organiser.link_consent_required = True
    pos.organiser.save()
    alice = make_visitor(pos)
    link, people = linked(alice, pos), f"/{pos.slug}/account/friends-and-family/"
    visitor = TestClientVisitor()
    visitor.log_in(alice.email, PASSWORD)
    form = visitor.open(people).form("resend/")
    session_lost(visitor)
    visitor.submit(form)
    page = log_in(visitor, alice.email)
    assert (page.status, page.url) == (200, f"{people}{link.pk}/resend/")
    if leave_it:
        page = visitor.open(f"{page.url}{page.link('Leave it')}")
        assert (page.status, page.url) == (200, f"/{pos.slug}/account/")
    else:
        page = visitor.submit(next(form for form in page.forms if form.action.endswith("resend/")))
        assert (page.status, page.url) == (200, people)
        assert "We tell Bob Miller once more" in page.messages[0]


def test_log_out_after_the_end_of_the_session_saves_nothing(pos):
    user = UserFactory()
    visitor = TestClientVisitor()
    visitor.log_in(user.email, PASSWORD)
    form = visitor.open(f"/{pos.slug}/account/profile/").form("logout")
    session_lost(visitor)
    visitor.submit(form)
    assert not KeptSubmission.objects.exists()
