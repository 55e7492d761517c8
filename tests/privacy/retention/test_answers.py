"""The retention job erases answers on their day; states show it, counts stay, a second run does nothing."""

from collections import Counter
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import Contact
from privacy import retention, tasks
from privacy.declarations import expiry, ownerless
from privacy.erasure import erasing
from privacy.models import RetentionRecord
from registration_forms.answers import changing, responses
from registration_forms.models import Answer, AnswerHistory, Choice, Field, RegistrationForm, Response
from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import make_order
from tests.privacy.retention.rules import only_rules_of
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill, in_every
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import OrderForm, Session
from ticketshop.jobs import rows as jobs
from ticketshop.jobs.models import Failure
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import Order, OrderResponse, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S45", "RF-45")]
# The event ends in the evening of 3 July in Zurich; 28 days later is 31 July.
END = datetime(2027, 7, 3, 20, 30, tzinfo=UTC)
DAY = date(2027, 7, 31)
BEFORE, ON_THE_DAY = datetime(2027, 7, 30, 21, 59, tzinfo=UTC), datetime(2027, 7, 30, 22, 1, tzinfo=UTC)


@pytest.fixture
def all_rules() -> None:
    """The job has all rules in a test that asks for this."""


@pytest.fixture(autouse=True)
def rules(request):
    with nullcontext() if "all_rules" in request.fixturenames else only_rules_of("registration_forms"):
        yield


@pytest.fixture
def form() -> RegistrationForm:
    made = make_form(organiser=OrganiserFactory(time_zone="Europe/Zurich"))
    made.ill = ask(made, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28)
    made.meals = ask(made, "Meals", "multiple_choice", choices=["Lunch", ("Dinner", 5)], retention_days=28)
    made.shirt = ask(made, "Shirt", "dropdown", choices=["S", "L"], retention_days=90)
    made.name_of_club = ask(made, "Club")
    publish(made)
    return made


def answer(
    form: RegistrationForm, *, ends: datetime | None = END, about: Contact | None = None, **given
) -> Response:
    """Stored with a change of every text, so that there is a history."""
    values = {
        form.ill.key: given.get("ill", "nuts"),
        form.meals.key: [one.key for one in form.meals.choices.all()],
        form.shirt.key: form.shirt.choices.get(label="L").key,
        form.name_of_club.key: "Seglerclub",
    }
    stored = make_given(form.published, values, about.pk if about else None, relevant_until=ends)
    (made,) = responses.store([stored], organiser=form.organiser, language="en", now=END - timedelta(days=30))
    changing.change(
        made,
        {**values, form.ill.key: "celery"},
        revision=1,
        by=None,
        source="buyer",
        now=END - timedelta(days=9),
    )
    return made


def read(response: Response) -> dict[str, tuple]:
    """Label -> state, text, choice, choices, and what the history holds."""
    found = {}
    for one in response.answers.select_related("field", "v_choice").order_by("field__position"):
        lines = AnswerHistory.objects.filter(response=response, field=one.field)
        found[one.field.label] = (
            one.state, one.v_text, one.v_choice and one.v_choice.label, one.choices.count(),
            [value for line in lines for value in (line.old, line.new) if value],
        )  # fmt: skip
    return found


def test_answer_is_erased_on_its_day_and_others_stay(form):
    response = answer(form)
    before = read(response)
    assert before["Allergies"] == (1, "celery", None, 0, ["nuts", "celery"])
    assert before["Meals"] == (1, None, None, 2, [])
    assert retention.run(BEFORE) == {} and read(response) == before
    done = retention.run(ON_THE_DAY)
    assert done["registration_forms.Answer"] == 2 and done["registration_forms.AnswerHistory"] == 1
    after = read(response)
    assert after["Allergies"] == (Answer.State.ERASED, None, None, 0, [])
    assert after["Meals"] == (Answer.State.ERASED, None, None, 0, [])
    assert (after["Shirt"], after["Club"]) == (before["Shirt"], before["Club"])
    response.refresh_from_db()
    assert response.erased_on == DAY and response.about is not None
    assert ownerless.counts() == {}


def test_second_run_erases_nothing_and_a_later_day_the_rest(form):
    response = answer(form)
    retention.run(ON_THE_DAY)
    whole = (
        list(Answer.objects.order_by("pk").values()),
        list(RetentionRecord.objects.order_by("pk").values()),
    )
    assert retention.run(ON_THE_DAY + timedelta(days=3)) == {}
    assert (
        list(Answer.objects.order_by("pk").values()),
        list(RetentionRecord.objects.order_by("pk").values()),
    ) == whole
    assert retention.run(END + timedelta(days=90))["registration_forms.Answer"] == 1
    assert read(response)["Shirt"][0] == Answer.State.ERASED
    assert read(response)["Club"][1] == "Seglerclub", "without a time it stays until the person asks, or goes"
    response.refresh_from_db()
    assert response.erased_on == DAY, "the first day"


def test_counts_of_rows_and_of_taken_places_stay(form):
    dinner = form.meals.choices.get(label="Dinner")
    Choice.objects.filter(pk=dinner.pk).update(used=3)
    for _number in range(3):
        answer(form)
    before = Response.objects.count(), Answer.objects.count(), AnswerHistory.objects.count()
    retention.run(ON_THE_DAY)
    assert (Response.objects.count(), Answer.objects.count(), AnswerHistory.objects.count()) == before
    dinner.refresh_from_db()
    assert dinner.used == 3
    assert Counter(Answer.objects.values_list("state", flat=True)) == {Answer.State.ERASED: 6, 1: 6}


def test_blank_answers_are_erased_and_unasked_ones_stay(form):
    response = answer(form)
    Answer.objects.filter(response=response, field=form.ill).update(state=Answer.State.BLANK, v_text=None)
    Answer.objects.filter(response=response, field=form.shirt).update(
        state=Answer.State.NOT_ASKED, v_choice=None
    )
    retention.run(END + timedelta(days=400))
    states = read(response)
    assert states["Allergies"][0] == Answer.State.ERASED
    assert states["Shirt"][0] == Answer.State.NOT_ASKED


def test_period_of_an_answer_without_event_counts_from_its_creation(form):
    response = answer(form, ends=None)
    Response.objects.filter(pk=response.pk).update(relevant_until=None)
    assert retention.run(END - timedelta(days=3)) == {}
    assert retention.run(END - timedelta(days=2))["registration_forms.Answer"] == 2


def test_day_is_in_the_organisers_zone_and_other_organisers_answers_stay(form):
    far = make_form(organiser=OrganiserFactory(time_zone="America/New_York"))
    far.ill = ask(far, "Allergies", retention_days=28)
    publish(far)
    (theirs,) = responses.store(
        [make_given(far.published, {far.ill.key: "milk"}, relevant_until=END)],
        organiser=far.organiser, language="en", now=END,
    )  # fmt: skip
    answer(form)
    assert retention.run(ON_THE_DAY)["registration_forms.Answer"] == 2
    assert Answer.objects.get(response=theirs).v_text == "milk"
    assert retention.run(ON_THE_DAY + timedelta(hours=6))["registration_forms.Answer"] == 1


def test_killed_run_is_continued_batch_by_batch(form, monkeypatch):
    job = retention.JOBS["privacy.retention.registration_forms.answer"]
    monkeypatch.setitem(job.__dict__, "at_once", 3)
    for _number in range(5):
        answer(form)
    erase, calls = retention._erase, []

    def killed(ends, rows, now):
        if rows.model is Answer:
            calls.append(rows)
            if len(calls) == 2:
                raise KeyboardInterrupt
        return erase(ends, rows, now)

    monkeypatch.setattr(retention, "_erase", killed)
    with pytest.raises(KeyboardInterrupt):
        retention.run(ON_THE_DAY)
    assert Answer.objects.filter(state=Answer.State.ERASED).count() == 3
    monkeypatch.setattr(retention, "_erase", erase)
    assert retention.run(ON_THE_DAY)["registration_forms.Answer"] == 7
    counted = RetentionRecord.objects.filter(model="registration_forms.Answer")
    assert sum(counted.values_list("rows", flat=True)) == 10


def test_failing_row_is_noted_and_stops_no_other(form, monkeypatch, caplog):
    bad, good = answer(form), answer(form)
    poisoned = Answer.objects.get(response=bad, field=form.ill)
    erase, text = retention._erase, poisoned.v_text

    def refuse(ends, rows, now):
        if rows.model is Answer and rows.filter(pk=poisoned.pk).exists():
            raise DatabaseError(text)
        return erase(ends, rows, now)

    monkeypatch.setattr(retention, "_erase", refuse)
    assert retention.run(ON_THE_DAY)["registration_forms.Answer"] == 3
    assert read(good)["Allergies"][0] == Answer.State.ERASED and read(bad)["Allergies"][1] == text
    assert f"row={poisoned.pk} " in caplog.text and "celery" not in caplog.text
    failure = Failure.objects.get()
    assert (failure.row, failure.organiser) == (str(poisoned.pk), form.organiser)
    monkeypatch.undo()
    assert jobs.try_all_again(failure.next_at) == 1
    assert not Failure.objects.exists()


def test_as_many_queries_for_ten_answers_as_for_three(form):
    def count(number: int) -> int:
        for _number in range(number):
            answer(form)
        with CaptureQueriesContext(connection) as queries:
            retention.run(ON_THE_DAY)
        return len(queries)

    count(1)
    assert count(3) == count(10)


# --- what the shop does with it -------------------------------------------------------------------------------------


@pytest.fixture
def shop():
    return Jazz()


def bought(shop, **columns) -> tuple[Order, Field, TestClientVisitor]:
    """An order placed on the pages, with an answer to a question that is kept for 28 days."""
    form = shop.form("tariff", shop.adult)
    ill = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28, **columns)
    ask(form, "Club")
    publish(form)
    who = jazz.visitor()
    shop.add(who, shop.adult, 1)
    fill(who, in_every(shop.details(who), ill, "nuts"))
    who.order_page = who.place("on_site").url
    return Order.objects.latest("pk"), ill, who


def test_answer_given_in_the_shop_is_erased_and_the_page_explains_it(shop):
    order, _ill, who = bought(shop)
    session = order.tickets.get().session
    response = order.tickets.get().response
    assert response.relevant_until == session.ends_at
    assert "nuts" in who.open(who.order_page).text
    assert "Allergies" in who.open(f"{who.order_page}answers/").text
    due = session.ends_at + timedelta(days=28)
    assert retention.run(due - timedelta(days=1, hours=1)) == {}
    assert retention.run(due + timedelta(hours=1))["registration_forms.Answer"] == 1
    page = who.open(who.order_page).text
    assert "nuts" not in page and "the time they were kept for is over" in page
    assert "asks you for more" not in page
    assert "Allergies" not in who.open(f"{who.order_page}answers/").text


def test_a_mandatory_answer_that_is_erased_is_not_missing(shop):
    order, ill, who = bought(shop, visibility="mandatory")
    staff = Staff(make_staff(shop.organiser, "owner"))
    retention.run(order.tickets.get().session.ends_at + timedelta(days=29))
    assert "asks you for more" not in who.open(who.order_page).text
    page = staff.open(f"{change(ill.form).removesuffix('change/')}answers/")
    assert "<h2>Missing answers" not in page.source
    assert "erased" in page.text


def test_moved_date_moves_the_end_of_the_period(shop):
    order, _ill, _who = bought(shop)
    ticket = order.tickets.get()
    later = ticket.session.ends_at + timedelta(days=100)
    Session.objects.filter(pk=ticket.session_id).update(ends_at=later)
    assert Response.objects.get(ticket=ticket).relevant_until == later
    assert retention.run(later + timedelta(days=27)) == {}
    assert retention.run(later + timedelta(days=29))["registration_forms.Answer"] == 1


@pytest.fixture
def two_dates():
    """An order for a date of either of two events, with what the forms of the shop and of one of the events asked."""
    pos = PointOfSaleFactory()
    first, second = (
        OfferFactory(session=SessionFactory(event=EventFactory(pos=pos))) for _number in range(2)
    )
    order = make_order({first: 1, second: 1}, paid=True)
    made = []
    for place in ({"point_of_sale": order.point_of_sale}, {"event": second.session.event}):
        form = make_form("order", organiser=pos.organiser)
        ask(form, "Parking", retention_days=1)
        OrderForm.objects.create(form=form, **place)
        given = make_given(publish(form), {}, order.buyer_id, relevant_until=END)
        (response,) = responses.store([given], organiser=pos.organiser, language="en", now=END)
        OrderResponse.objects.create(order=order, response=response)
        made.append(response)
    return first.session, second.session, *made


def moved(session, ends, *responses) -> list:
    Session.objects.filter(pk=session.pk).update(ends_at=ends)
    for response in responses:
        response.refresh_from_db()
    return [response.relevant_until for response in responses]


def test_answers_of_an_order_form_stay_until_its_events_are_over(two_dates):
    first, second, of_shop, own = two_dates
    late = first.ends_at + timedelta(days=700)
    assert moved(second, late, of_shop, own) == [first.ends_at, late]
    assert moved(first, late + timedelta(days=1), of_shop, own) == [late + timedelta(days=1), late]


def test_reassigned_order_form_keeps_answers_until_the_last_date(two_dates):
    first, second, of_shop, own = two_dates
    OrderForm.objects.all().delete()
    late = first.ends_at + timedelta(days=700)
    assert moved(first, late, of_shop, own) == [late, late]
    assert moved(first, first.ends_at, of_shop, own) == [max(first.ends_at, second.ends_at)] * 2


def test_periodic_job_erases_overdue_answers(shop):
    order, ill, _who = bought(shop)
    response, now = order.tickets.get().response, timezone.now()
    changing.change(response, {ill.key: "celery"}, revision=1, by=None, source="buyer", now=now)
    past = now - timedelta(days=70)
    Session.objects.filter(pk=order.tickets.get().session_id).update(
        starts_at=past - timedelta(hours=2), ends_at=past
    )
    assert Answer.objects.filter(v_text="celery").exists()
    assert AnswerHistory.objects.exclude(old=None, new=None).exists()
    tasks.erase_what_is_over(0)
    assert not Answer.objects.filter(v_text="celery").exists()
    assert not AnswerHistory.objects.exclude(old=None, new=None).exists()


def test_erasure_after_retention_finds_nothing_and_is_closed(shop):
    order, _ill, _who = bought(shop)
    retention.run(order.tickets.get().session.ends_at + timedelta(days=29))
    Ticket.objects.update(state="used", used_at=timezone.now())
    Order.objects.update(state="cancelled")
    assert erasing.erase(order.buyer, by=None, now=timezone.now()).state == "closed"
    assert ownerless.counts() == {}


# --- what the organiser sees beforehand ---------------------------------------------------------------------------


def test_organiser_sees_upcoming_and_past_retention(form, all_rules):
    now = timezone.now()
    for _number in range(3):
        answer(form, ends=now - timedelta(days=20))
    stranger = ContactFactory(organiser=form.organiser)
    Contact.objects.filter(pk=stranger.pk).update(purge_after=now.date() + timedelta(days=5))
    other = answer(make_twin(form), ends=now - timedelta(days=20))
    staff = Staff(make_staff(form.organiser, "owner"))
    page = staff.open(listing(RetentionRecord))
    due = {(one.model._meta.label, one.rows) for one in expiry.upcoming(form.organiser, now.date(), 30)}
    assert due == {
        ("registration_forms.Answer", 3),
        ("contacts.Contact", 1),
        ("registration_forms.AnswerHistory", 3),
    }
    assert "goes by itself in the next 30 days" in page.text
    assert (
        "Answers: Allergies 3" in page.text and "Answers: Meals 3" in page.text and "Contacts 1" in page.text
    )
    assert other.organiser.name not in page.text
    done = now + timedelta(days=9)
    assert retention.run(done)["registration_forms.Answer"] == 8
    page = staff.open(listing(RetentionRecord))
    went = page.text.partition("What went by itself")[2]
    assert "Answers: Allergies 3" in went and "Contacts 1" in went
    assert "Réponses" in Staff(make_staff(form.organiser, "owner"), "fr").open(listing(RetentionRecord)).text


def make_twin(form: RegistrationForm) -> RegistrationForm:
    made = make_form(organiser=OrganiserFactory(name="Another house"))
    made.ill = ask(made, "Allergies", retention_days=28)
    made.meals = ask(made, "Meals", "multiple_choice", choices=["Lunch"], retention_days=28)
    made.shirt = ask(made, "Shirt", "dropdown", choices=["S", "L"])
    made.name_of_club = ask(made, "Club")
    publish(made)
    return made


@pytest.mark.parametrize(
    ("role", "status"), [("owner", 200), ("accounting", 200), ("back office", 200), ("box office", 403)]
)
def test_retention_is_visible_to_roles_with_the_right_only(form, role, status):
    page = Staff(make_staff(form.organiser, role)).client.get(listing(RetentionRecord))
    assert page.status_code == status


def test_list_of_three_takes_as_many_queries_as_of_one(form):
    staff = Staff(make_staff(form.organiser, "owner"))

    def count() -> int:
        staff.open(listing(RetentionRecord))
        with CaptureQueriesContext(connection) as queries:
            staff.open(listing(RetentionRecord))
        return len(queries)

    today = timezone.localdate()
    for number, field in enumerate([form.ill, form.meals, form.shirt]):
        RetentionRecord.objects.create(
            organiser=form.organiser,
            day=today,
            model="registration_forms.Answer",
            called=field.pk,
            rows=number,
        )
        if number == 0:
            one = count()
    assert count() == one


# --- the promise is not weakened afterwards ---------------------------------------------------------------------


def test_period_of_a_question_with_answers_can_not_be_lengthened(form):
    staff = Staff(make_staff(form.organiser, "back office"))
    page = change(form.shirt)
    staff.open(page)
    assert "answers were given" not in staff.save(retention_days=120).text
    Field.objects.filter(pk=form.shirt.pk).update(retention_days=90)
    answer(form), answer(form)
    for days in (91, ""):
        staff.open(page)
        refused = staff.save(retention_days=days)
        assert "2 answers were given when this said 90 days" in refused.text
    form.shirt.refresh_from_db()
    assert form.shirt.retention_days == 90
    staff.open(page)
    staff.save(retention_days=60)
    form.shirt.refresh_from_db()
    assert form.shirt.retention_days == 60
    retention.run(END + timedelta(days=61))
    staff.open(page)
    staff.save(retention_days=365)
    form.shirt.refresh_from_db()
    assert form.shirt.retention_days == 365, "nobody is left who was promised less"


def test_organisers_without_due_rows_are_skipped():
    OrganiserFactory()
    assert Organiser.objects.exists() and retention.run(timezone.now()) == {}
