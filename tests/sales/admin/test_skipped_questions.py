"""Mandatory questions that staff skip: at the counter and on an order's page, with a link to answer them later."""

import pytest
from django.utils import timezone

from registration_forms.models import Answer, Field
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_order
from tests.sales.exports import test_rows as export_rows
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.history.models import Event
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.counter import waiving
from ticketshop.sales.models import Order
from ticketshop.sales.orders import books

from .conftest import COUNTER

pytestmark = pytest.mark.django_db
SKIP = "Skip the mandatory questions"


@pytest.fixture
def workshop(offer):
    return ask_for_workshop(offer)


def ask_for_workshop(offer):
    """Give the tariff a form with two mandatory questions. Return the limited choice of one of them."""
    form = make_form(organiser=offer.session.event.organiser)
    ask(form, "Diet", visibility="mandatory")
    field = ask(form, "Workshop", type="dropdown", choices=["Clay", "Wood"], visibility="mandatory")
    publish(form)
    choice = field.choices.first()
    choice.capacity = 3
    choice.save()
    offer.tariff.form = form
    offer.tariff.save()
    return choice


def begin(role, offer, pos):
    """Return the staff member of this role on the page of the questions of a new order, for a person with an address."""
    staff = Staff(make_staff(pos.organiser, role))
    staff.open(COUNTER)
    values = {f"offer-{offer.pk}": "1", "last_name": "Ada", "email": "ada@example.org", "method": "cash"}
    staff.fill("^method$", values)
    return staff


@pytest.mark.scenario("BOX-03", "RF-26")
def test_questions_skipped_at_the_counter_are_waived_with_who_and_when_and_take_no_place(
    offer, pos, workshop
):
    staff = begin("back office", offer, pos)
    assert SKIP in staff.page.text
    page = staff.fill("-version$", {"mail_link": "on"})
    assert "Nothing was ordered" in page.text
    assert page.form("-version$").values.get("mail_link") == "on"
    staff.fill("-version$", {"waive": "on"})
    order = Order.objects.get()
    answers = Answer.objects.filter(response=order.tickets.get().response)
    assert set(answers.values_list("state", "waived_by", "waived_at")) == {
        (Answer.State.WAIVED, staff.user.pk, order.placed_at)
    }
    workshop.refresh_from_db()
    assert workshop.used == 0
    page = staff.open(f"/admin/sales/order/{order.pk}/change/")
    assert f"Skipped by {staff.user.email} on" in page.text
    assert Event.objects.get(action="answers_waived").details == {"number": 2}
    assert Mail.objects.filter(kind="answers_later", recipient="ada@example.org").count() == 1
    assert not any(books.check().values())


@pytest.mark.scenario("BOX-03")
def test_the_box_office_has_no_right_to_skip_and_a_posted_tick_changes_nothing(offer, pos, workshop):
    staff = begin("box office", offer, pos)
    assert SKIP not in staff.page.text
    form = staff.page.form("-version$")
    form.add("waive", "on")
    page = staff.submit(form)
    assert "Nothing was ordered" in page.text
    assert not Order.objects.exists()


@pytest.mark.scenario("BOX-03")
def test_an_answer_of_the_buyer_ends_the_state_and_reserves_the_place(offer, pos, workshop):
    visitor, staff = TestClientVisitor(), begin("owner", offer, pos)
    staff.fill("-version$", {"waive": "on"})
    order = Order.objects.get()
    url = f"/{pos.slug}/orders/{order.reference}/{order.secret}/answers/"
    visitor.open(url)
    names = visitor.page.form("-version$").names
    diet, choice = (
        next(name for name in names if name.endswith(f"-{field.key}"))
        for field in (Field.objects.get(label_en="Diet"), workshop.field)
    )
    visitor.fill("-version$", {diet: ""})
    response = order.tickets.get().response
    assert response.answers.filter(state=Answer.State.WAIVED).count() == 2
    visitor.open(url)
    visitor.fill("-version$", {diet: "vegan", choice: workshop.key})
    assert set(response.answers.values_list("state", "waived_by", "waived_at")) == {
        (Answer.State.ANSWERED, None, None)
    }
    workshop.refresh_from_db()
    assert workshop.used == 1


def answer(order, language: str, **typed) -> str:
    """Let the buyer answer questions by their labels, on a page in this language. Return the text of the order's page."""
    visitor = TestClientVisitor(**{"accept-language": language})
    page = f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/"
    visitor.open(f"{page}answers/")
    names = visitor.page.form("-version$").names
    keys = {field.label_en: field.key for field in Field.objects.all()}
    values = {
        name: value for label, value in typed.items() for name in names if name.endswith(f"-{keys[label]}")
    }
    assert len(values) == len(typed)
    visitor.fill("-version$", values)
    return " ".join(visitor.open(page).text.split())


@pytest.mark.scenario("BOX-03")
@pytest.mark.parametrize("diet", ["", "vegan"])
def test_questions_skipped_by_staff_count_as_read_in_the_language_of_the_buyer_who_answers(
    offer, pos, workshop, diet
):
    staff = begin("owner", offer, pos)
    names = staff.page.form("-version$").names
    diet_field = next(name for name in names if name.endswith(f"-{Field.objects.get(label_en='Diet').key}"))
    staff.fill("-version$", {"waive": "on", diet_field: diet})
    order = Order.objects.get()
    response = order.tickets.get().response
    assert response.language == "en"
    text = answer(order, "fr", Workshop=workshop.key)
    response.refresh_from_db()
    assert response.language == "fr"
    assert response.created_at > order.placed_at
    assert ", en français" in text
    # A later change of an answer is none of the first reading.
    answer(order, "en", Diet="vegetarian")
    response.refresh_from_db()
    assert response.language == ("fr" if diet else "en")


@pytest.fixture
def owing(offer, pos):
    """Return an order, with a buyer, whose ticket got the form after the sale and so owes two answers."""
    order = make_order({offer: 1}, pos=pos)
    ask_for_workshop(offer)
    missing_answers.add(order, now=timezone.now())
    return order


@pytest.mark.scenario("BOX-03")
def test_what_an_order_owes_is_skipped_on_its_page_and_the_link_is_mailed_with_the_questions(owing, pos):
    office = Staff(make_staff(pos.organiser, "back office"))
    page = office.open(change(owing))
    assert "Skip mandatory questions" in page.text
    assert "Mail a link to answer later" not in page.text
    office.press(owing, "skip-questions")
    page = office.open(change(owing))
    assert "Skip mandatory questions" not in page.text
    office.press(owing, "mail-answers-link")
    mail = Mail.objects.get(kind="answers_later")
    text = mime_messages.build(mail).body
    assert "Diet" in text
    assert f"/orders/{owing.reference}/{owing.secret}/answers/" in text
    assert set(Event.objects.filter(object_id=str(owing.pk)).values_list("action", flat=True)) > {
        "answers_waived", "answers_link_mailed",
    }  # fmt: skip


@pytest.mark.scenario("BOX-03")
def test_export_names_who_skipped_and_when_and_the_state_outlives_their_log_in(owing, offer, pos):
    user, now = make_staff(pos.organiser, "owner"), timezone.now()
    assert waiving.waive(owing, by=user, now=now) == 2
    assert waiving.waive(owing, by=user, now=now) == 0

    def exported():
        rows = export_rows.rows("answers", offer.session.event, "event", states=True)
        return {(row["state"], row["skipped_by"], row["skipped_at"]) for row in rows}

    assert exported() == {("waived", user.email, now)}
    user.delete()
    assert exported() == {("waived", None, now)}
    page = Staff(make_staff(pos.organiser, "owner", email="new@example.org")).open(change(owing))
    assert "Skipped by staff whose log-in is gone" in page.text
