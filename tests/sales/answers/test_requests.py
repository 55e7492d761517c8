"""A form that asks more: earlier buyers are counted, and told where the organiser wants it."""

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import Contact
from registration_forms.models import RegistrationForm, Response
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill, in_every
from tests.staff import Staff, change
from ticketshop.history import history
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales import tasks
from ticketshop.sales.answers import requests
from ticketshop.sales.models import Order
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    made = Jazz()
    made.menu = made.asked("tariff", made.adult).fields.get()
    return made


@pytest.fixture
def staff(shop):
    return Staff(make_staff(shop.organiser, "back office", email="office@example.org"))


def buy(shop, number=1, email="ada@example.org") -> Order:
    who = jazz.visitor()
    shop.add(who, shop.adult, number)
    page = shop.details(who)
    fill(who, in_every(page, shop.menu, "vegan"), **{"buyer-email": email})
    who.place("on_site")
    order = Order.objects.latest("pk")
    order.page = who.page.url
    return order


def open_publish(staff, form):
    return staff.open(f"{change(form).removesuffix('change/')}publish/")


def press_publish(staff, **values):
    form = next(form for form in staff.page.forms if form.method == "post" and form.action == "")
    return staff.submit(form, values)


def run(monkeypatch, size=None) -> int:
    """Run the jobs that wait, as a worker does. Return their number."""
    if size:
        some = requests.tell_some
        monkeypatch.setattr(requests, "tell_some", lambda *args: some(*args, size=size))
    done = 0
    while job := next_job():
        tasks.ask_earlier(**job)
        done += 1
    return done


def next_job() -> dict | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs WHERE id = (SELECT min(id) FROM procrastinate_jobs"
            " WHERE task_name = 'sales.ask_earlier') RETURNING args"
        )
        row = cursor.fetchone()
    return json.loads(row[0]) if row else None


@pytest.mark.scenario("RF-07")
@pytest.mark.scenario("RF-35")
def test_earlier_buyers_are_counted_asked_and_owe_the_answer(shop, staff, monkeypatch):
    form = shop.adult.form
    first, second = buy(shop, 2), buy(shop, email="bob@example.org")
    cancelled, over = buy(shop, email="carl@example.org"), buy(shop, email="dora@example.org")
    orders.cancel(cancelled, by=None, now=timezone.now())
    Response.objects.filter(ticket__order=over).update(relevant_until=timezone.now() - timedelta(days=1))
    gone = buy(shop, email="emil@example.org")
    Contact.objects.filter(pk=gone.buyer_id).update(email="")
    new = ask(form, "Size", visibility="mandatory")
    page = open_publish(staff, form)
    assert "5 existing tickets will not have these answers." in page.text
    press_publish(staff, ask_earlier="on")
    assert "Earlier buyers get an e-mail with a link to answer." in staff.page.text
    form.refresh_from_db()
    assert form.asked_again == form.published
    assert history.of(form).first().action == "asked_again"
    assert run(monkeypatch, size=2) >= 3
    told = Mail.objects.filter(kind="answers_wanted")
    assert sorted(told.values_list("recipient", flat=True)) == ["ada@example.org", "bob@example.org"]
    tasks.ask_earlier(version_id=form.published_id)
    assert told.count() == 2
    letter = mime_messages.build(told.get(recipient="ada@example.org"))
    assert f"asks you for more – order {first.reference}" in letter.subject
    assert "\n- Size\n" in letter.body
    assert "\n\nYou can answer until" in letter.body
    assert f"{first.page}answers/" in letter.body
    who = jazz.visitor()
    page = who.open(f"{first.page}answers/")
    names = sorted(name for name in page.form("-revision$").names if name.endswith(new.key))
    assert len(names) == 2
    page = who.fill("-revision$", {names[0]: "L"})
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{names[1]}"]
    who.fill("-revision$", {names[1]: "M"})
    assert "asks you for more" not in who.page.text
    # No mail to a buyer whose answer came in the meantime.
    assert mime_messages.build(told.get(recipient="ada@example.org")) is None
    assert mime_messages.build(told.get(recipient="bob@example.org")) is not None
    assert second.reference in mime_messages.build(told.get(recipient="bob@example.org")).subject


@pytest.mark.scenario("RF-07")
def test_earlier_buyers_are_asked_only_on_request_of_the_organiser(shop, staff, monkeypatch):
    form = shop.adult.form
    buy(shop)
    ask(form, "Size", visibility="mandatory")
    open_publish(staff, form)
    press_publish(staff)
    form.refresh_from_db()
    assert (form.published.number, form.asked_again) == (2, None)
    assert run(monkeypatch) == 0
    # An optional question is never owed: there is nothing to ask for.
    ask(form, "Colour")
    page = open_publish(staff, form)
    assert "will not have these answers" in page.text
    assert "ask_earlier" not in page.source
    data = page.form("csrf").values | {"ask_earlier": "on"}
    staff.send("POST", page.url, data)
    form.refresh_from_db()
    assert (form.published.number, form.asked_again) == (3, None)


@pytest.mark.scenario("RF-07")
def test_request_is_not_offered_without_earlier_buyers(shop, staff):
    ask(shop.adult.form, "Size", visibility="mandatory")
    page = open_publish(staff, shop.adult.form)
    assert "is new." in page.text
    assert "will not have" not in page.text
    assert "ask_earlier" not in page.source


def test_job_for_an_outdated_version_does_nothing(shop):
    form = shop.adult.form
    buy(shop)
    ask(form, "Size", visibility="mandatory")
    version = publish(form)
    tasks.ask_earlier(version_id=version.pk)
    tasks.ask_earlier(version_id=987_654_321)
    assert not Mail.objects.filter(kind="answers_wanted").exists()
    RegistrationForm.objects.filter(pk=form.pk).update(asked_again=version)
    tasks.ask_earlier(version_id=version.pk)
    assert Mail.objects.filter(kind="answers_wanted").exists()


def test_a_page_of_buyers_is_read_at_once(shop):
    form = shop.adult.form
    for number in range(4):
        buy(shop, email=f"buyer-{number}@example.org")
    ask(form, "Size", visibility="mandatory")
    version = publish(form)
    last, counts = 0, []
    for size in (1, 3):
        with CaptureQueriesContext(connection) as queries:
            last = requests.tell_some(version, last, timezone.now(), size=size)
        counts.append(len([one for one in queries.captured_queries if one["sql"].startswith('SELECT "')]))
    assert Mail.objects.filter(kind="answers_wanted").count() == 4
    assert counts[0] == counts[1]
