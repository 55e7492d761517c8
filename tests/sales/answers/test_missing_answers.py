"""A form that is given to what was sold already: its buyers are counted, asked, and staff may enter the answers."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from contacts.models import Contact
from registration_forms.models import Answer, RegistrationForm, Response
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import BUYER, make_order
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill
from tests.staff import Staff, change
from ticketshop.catalogue.models import OrderForm
from ticketshop.history import history
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales import tasks
from ticketshop.sales.admin.form_pages import missing_answers as form_pages
from ticketshop.sales.answers import missing_answers
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass, Order, OrderResponse, Ticket
from ticketshop.sales.orders import orders

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("RF-07")]


@pytest.fixture
def shop(jazz_2027) -> Jazz:
    return jazz_2027


@pytest.fixture
def staff(shop):
    return Staff(make_staff(shop.organiser, "back office", email="office@example.org"))


def buy(shop, tariff, number=1, email="ada@example.org", session=None) -> Order:
    """Return an order whose questions, if there are any yet, need no answer."""
    offer = shop.offers[tariff.pk, (session or shop.third).pk]
    order = make_order({offer: number}, buyer={**BUYER, "email": email})
    order.page = order_mails.order_path(order)
    return order


def buy_pass(shop) -> Order:
    return make_order({shop.season: 1})


def order_form(shop, name: str) -> RegistrationForm:
    """Return a published order form that nothing uses."""
    form = make_form("order", organiser=shop.organiser, name=name)
    ask(form)
    publish(form)
    return form


def page_of(form, name: str) -> str:
    return f"{change(form).removesuffix('change/')}{name}/"


def sold_before(form) -> str:
    return page_of(form, "sold-before")


def work(form) -> None:
    """Run the job until there are no buyers left to ask."""
    while True:
        before = Response.objects.count()
        tasks.ask_unanswered(form_id=form.pk)
        if Response.objects.count() == before:
            return


def assign(staff, form, tariff):
    page = staff.open(page_of(form, "assign"))
    return staff.submit(page.form("^seen$"), {"at": [f"tariff-{tariff.pk}"]})


def press(staff):
    return staff.submit(next(one for one in staff.page.forms if one.method == "post" and one.action == ""))


def test_a_form_that_is_assigned_after_sales_counts_asks_and_lists_them(shop, staff):
    first, _second = buy(shop, shop.adult, 2), buy(shop, shop.adult, email="bob@example.org")
    buy(shop, shop.child, email="child@example.org")
    form = shop.form("tariff")
    ask(form, "Menu", visibility="mandatory")
    ask(form, "Remark")
    publish(form)
    # Not assigned yet: no ticket lacks its answers.
    assert staff.open(change(form)).status == 200
    assert "Ask earlier buyers" not in staff.page.text
    page = assign(staff, form, shop.adult)
    assert page.url == sold_before(form)
    assert "3 tickets were sold before this form was asked for them, and have no answers." in page.text
    assert page.text.count(first.reference) == 2
    assert "3 tickets were sold before" in staff.open(page_of(form, "answers")).text
    staff.open(sold_before(form))
    assert "The buyers are asked by e-mail" in press(staff).text
    assert history.of(form).first().action == "sold_asked"
    work(form)
    told = Mail.objects.filter(kind="answers_wanted")
    assert sorted(told.values_list("recipient", flat=True)) == ["ada@example.org", "bob@example.org"]
    work(form)
    assert told.count() == 2
    letter = mime_messages.build(told.get(recipient="ada@example.org"))
    assert "\n- Menu\n" in letter.body
    assert f"{first.page}answers/" in letter.body
    # Listed as missing until they are answered; no state says that anything was asked.
    page = staff.open(page_of(form, "answers"))
    assert "Menu (3)" in page.text
    assert set(Answer.objects.values_list("state", flat=True)) == {Answer.State.ADDED_LATER}


def test_a_buyer_answers_a_form_that_was_given_to_the_order_later(shop, staff):
    first, second = buy(shop, shop.adult, 2), buy(shop, shop.adult, email="bob@example.org")
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", visibility="mandatory")
    ask(form, "Remark")
    publish(form)
    for order in (first, second):
        missing_answers.add(order, now=timezone.now() - timedelta(hours=1))
    asked_at = Response.objects.filter(ticket__order=first).earliest("pk").created_at
    who = jazz.visitor()
    assert "asks you for more" in who.open(first.page).text
    assert "Answered on" not in who.page.text
    page = who.open(f"{first.page}answers/")
    names = [name for name in page.form("-revision$").names if name.endswith(menu.key)]
    assert len(names) == 2
    who.fill("-revision$", dict.fromkeys(names, "vegan"))
    assert "asks you for more" not in who.page.text
    # It says when it was answered, not when it was asked.
    assert "Answered on" in who.page.text
    assert Response.objects.filter(ticket__order=first).earliest("pk").created_at > asked_at
    assert "Menu (1)" in staff.open(page_of(form, "answers")).text
    states = Answer.objects.filter(response__ticket__order=first).values_list("field__label_en", "state")
    assert set(states) == {("Menu", Answer.State.ANSWERED), ("Remark", Answer.State.BLANK)}
    assert second.reference in staff.open(f"{page_of(form, 'answers')}?missing={menu.key}").text
    assert first.reference not in staff.page.text


def test_staff_enter_the_answers_of_one_ticket_without_a_mail_to_the_buyer(shop, staff):
    order = buy(shop, shop.adult)
    ticket = order.tickets.get()
    assert "Enter answers" not in staff.open(change(ticket)).text
    form = shop.asked("tariff", shop.adult, visibility="mandatory")
    for row in (ticket, order):
        assert "Enter answers" in staff.open(change(row)).text
        assert "Change answers" not in staff.page.text
    staff.open(page_of(ticket, "enter-answers"))
    assert not Response.objects.exists()
    page = press(staff)
    assert page.url == page_of(ticket, "answers")
    page_form = page.form("-revision$")
    (name,) = [name for name in page_form.names if name.endswith(form.fields.get().key)]
    staff.submit(page_form, {name: "vegan", "tell": ""})
    assert Answer.objects.get().v_text == "vegan"
    assert "Enter answers" not in staff.open(change(ticket)).text
    assert "Change answers" in staff.page.text
    assert not Mail.objects.filter(kind="answers_wanted").exists()
    assert "Ask earlier buyers" not in staff.open(change(form)).text


def test_past_cancelled_erased_or_answered_tickets_lack_no_answers(shop):
    form = shop.asked("tariff", shop.adult)
    who = jazz.visitor()
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, jazz.in_every(page, form.fields.get(), "vegan"))
    who.place("on_site")
    shop.adult.form = None
    shop.adult.save()
    lacking = buy(shop, shop.adult, email="lacking@example.org")
    cancelled = buy(shop, shop.adult, email="cancelled@example.org")
    erasing = buy(shop, shop.adult, email="erasing@example.org")
    removed = buy(shop, shop.adult, email="removed@example.org")
    buy(shop, shop.adult, email="over@example.org", session=shop.fourth)
    shop.adult.form = form
    shop.adult.save()
    now = timezone.now()
    assert missing_answers.number_of(form, now) == 5
    orders.cancel(cancelled, by=None, now=now)
    Contact.objects.filter(pk=erasing.buyer_id).update(erasing_at=now)
    Ticket.objects.filter(order=removed).update(holder_erased_at=now)
    shop.fourth.starts_at, shop.fourth.ends_at = now - timedelta(hours=3), now - timedelta(hours=1)
    shop.fourth.save()
    assert [one.order for one in missing_answers.some_of(form, now, 10)] == [lacking]
    assert missing_answers.number_of(form, now) == 1
    for gone in (cancelled, erasing, removed):
        assert missing_answers.add(gone, now=now) == 0
    form.archived_at = now
    form.save()
    assert missing_answers.number_of(form, now) == 0


def test_only_the_group_leader_is_asked_if_the_form_is_set_so(shop):
    order = buy(shop, shop.family, 2)
    form = shop.form("tariff", shop.family, group_asks="leader")
    ask(form, "Menu")
    publish(form)
    assert order.tickets.count() == 8
    # One price gives another number of tickets by now: these were sold in groups of four.
    shop.family.tickets_per_unit = 3
    shop.family.save()
    assert missing_answers.number_of(form, timezone.now()) == 2
    assert missing_answers.add(order, now=timezone.now()) == 2
    asked = [ticket.response_id is not None for ticket in order.tickets.order_by("pk")]
    assert asked == [True, False, False, False] * 2
    assert missing_answers.number_of(form, timezone.now()) == 0


def test_pass_forms_and_forms_added_to_a_pass(shop):
    order = buy_pass(shop)
    own, added = shop.asked("pass"), shop.asked("tariff", label="Certificate")
    shop.season.refresh_from_db()
    shop.season.extra_form = added
    shop.season.save()
    assert [missing_answers.number_of(form, timezone.now()) for form in (own, added)] == [1, 1]
    assert missing_answers.add(order, now=timezone.now(), only={added.pk}) == 1
    assert missing_answers.add(order, now=timezone.now()) == 1
    issued = order.passes.get()
    assert (issued.response.form, issued.extra_response.form) == (own, added)
    assert missing_answers.add(order, now=timezone.now()) == 0


def test_order_forms_of_an_event_and_of_the_shop(shop):
    order = buy(shop, shop.adult, 2)
    own, of_shop = (
        make_form("order", organiser=shop.organiser, name=name) for name in ("own", "of the shop")
    )
    for form in (own, of_shop):
        ask(form)
        publish(form)
    OrderForm.objects.create(form=of_shop, point_of_sale=shop.pos)
    now = timezone.now()
    assert [missing_answers.number_of(form, now) for form in (own, of_shop)] == [0, 1]
    # The event's own form stands in for that of the shop.
    OrderForm.objects.create(form=own, event=shop.event)
    assert [missing_answers.number_of(form, now) for form in (own, of_shop)] == [1, 0]
    assert missing_answers.add(order, now=now) == 1
    made = OrderResponse.objects.get()
    assert (made.order, made.response.form, made.title) == (order, own, "Jazz 2027")
    assert made.response.about_id == order.buyer_id


def test_order_forms_of_event_and_shop_count_orders_that_hold_a_ticket_or_pass_not_over(shop):
    tickets, passes = buy(shop, shop.adult, 2), buy_pass(shop)
    own, of_shop, of_nothing = (order_form(shop, name) for name in ("own", "of the shop", "of nothing"))
    OrderForm.objects.create(form=of_shop, point_of_sale=shop.pos)
    OrderForm.objects.create(form=own, event=shop.event)
    now = timezone.now()

    def lacking() -> list[list[Order]]:
        return [
            list(missing_answers.orders(form.pk, now).order_by("pk")) for form in (own, of_shop, of_nothing)
        ]

    assert lacking() == [[tickets], [passes], []]
    # One form for both: each order once, though it holds two tickets.
    OrderForm.objects.filter(form=own).update(form=of_shop)
    assert lacking() == [[], [tickets, passes], []]
    # An archived form of the event stands in for nothing.
    OrderForm.objects.filter(event=shop.event).update(form=own)
    type(own).objects.filter(pk=own.pk).update(archived_at=now)
    assert lacking()[1] == [tickets, passes]
    Ticket.objects.filter(order=tickets).update(state="cancelled")
    IssuedPass.objects.filter(order=passes).update(valid_until=now - timedelta(days=2))
    assert lacking() == [[], [], []]


@pytest.mark.parametrize("kind", ["order", "pass", "tariff"])
def test_more_than_are_counted_are_stated_as_more(shop, monkeypatch, kind):
    monkeypatch.setattr(missing_answers, "COUNTED", 2)
    form = RegistrationForm(kind=kind)
    with translation.override("fr"):
        french = form_pages.number_text(form, 3)
    assert form_pages.number_text(form, 2).startswith("2 ")
    assert form_pages.number_text(form, 3).startswith("More than 2 ")
    assert french.startswith("Plus de 2 ")
    monkeypatch.setattr(missing_answers, "COUNTED", 1000)
    assert form_pages.number_text(form, 1001).startswith("More than 1,000 ")
    form = shop.form("tariff")
    ask(form, "Menu")
    publish(form)
    buy(shop, shop.adult, 4)
    shop.adult.form = form
    shop.adult.save()
    assert missing_answers.number_of(form, timezone.now()) == 4
    monkeypatch.setattr(missing_answers, "COUNTED", 2)
    assert missing_answers.number_of(form, timezone.now()) == 3


def test_form_without_mandatory_questions_sends_no_mail(shop, staff):
    order = buy(shop, shop.adult)
    form = shop.asked("tariff", shop.adult)
    page = staff.open(sold_before(form))
    assert "nobody gets an e-mail" in page.text
    press(staff)
    work(form)
    assert order.tickets.get().response.form == form
    (mail,) = Mail.objects.filter(kind="answers_wanted")
    assert mime_messages.build(mail) is None


def test_publishing_a_form_that_is_asked_already_leads_to_what_was_sold(shop, staff):
    form = shop.form("tariff", shop.adult)
    ask(form, "Menu", visibility="mandatory")
    buy(shop, shop.adult)
    staff.open(page_of(form, "publish"))
    page = press(staff)
    assert page.url == sold_before(form)
    assert "1 ticket was sold before this form was asked for it, and has no answers." in page.text
    # Said once: a later version leads back to the form.
    ask(form, "Remark")
    staff.open(page_of(form, "publish"))
    assert press(staff).url == change(form)


def test_nothing_of_another_organiser_is_counted_or_reached(shop, staff):
    other = Jazz()
    form = other.asked("tariff", other.adult)
    other.adult.form = None
    other.adult.save()
    order = buy(other, other.adult)
    other.adult.form = form
    other.adult.save()
    assert missing_answers.number_of(form, timezone.now()) == 1
    assert staff.open(sold_before(form)).status == 404
    assert staff.open(page_of(order.tickets.get(), "enter-answers")).status == 404


def test_looking_for_what_lacks_answers_takes_the_same_queries_for_one_and_for_three(shop):
    form = shop.asked("tariff", shop.adult)
    shop.adult.form = None
    shop.adult.save()
    counts = []
    for number in (1, 3):
        order = buy(shop, shop.adult, number, email=f"{number}@example.org")
        shop.adult.form = form
        shop.adult.save()
        missing_answers.lacking(order, timezone.now())  # reads its point of sale, once
        with CaptureQueriesContext(connection) as queries:
            assert len(missing_answers.some_of(form, timezone.now(), 10)) in (1, 4)
            assert len(missing_answers.lacking(order, timezone.now())) == number
        counts.append(len(queries))
        shop.adult.form = None
        shop.adult.save()
    assert counts[0] == counts[1]


def test_choosing_a_form_shows_what_was_sold_there_before(shop, staff):
    buy(shop, shop.adult)
    form = shop.asked("tariff")
    order_form = make_form("order", organiser=shop.organiser)
    ask(order_form)
    publish(order_form)
    buy_pass(shop)
    of_pass = make_form("pass", organiser=shop.organiser)
    ask(of_pass)
    publish(of_pass)
    ticket = "1 ticket was sold before this form was asked for it, and has no answers."
    places = [
        (shop.adult, {"form": form.pk}, ticket),
        (shop.season, {"form": of_pass.pk}, "1 season pass was sold before this form"),
        (shop.event, {"order_form-0-form": order_form.pk}, "1 order was placed before this form"),
    ]
    for row, values, sentence in places:
        staff.open(change(row))
        page = staff.save(**values)
        assert sentence in page.text, row
        assert "Ask for them" in page.text
        # Saved again without a change, nothing is said.
        staff.open(change(row))
        assert sentence not in staff.save().text


def test_replacing_a_form_shows_that_earlier_buyers_keep_the_former_one(shop, staff):
    first = shop.asked("tariff", shop.adult)
    of_pass = shop.asked("pass")
    who = jazz.visitor()
    shop.add(who, shop.adult, 2)
    shop.add_pass(who)
    shop.details(who)
    fill(who)
    who.place("on_site")
    order = Order.objects.get()
    buy(shop, shop.child)
    for row, kind, sentence in (
        (shop.adult, "tariff", "2 tickets or passes were sold with another form"),
        (shop.season, "pass", "1 ticket or pass was sold with another form"),
        (shop.child, "tariff", "1 ticket was sold before this form was asked for it"),
    ):
        another = make_form(kind, organiser=shop.organiser, name="Another")
        ask(another)
        publish(another)
        staff.open(change(row))
        text = staff.save(form=another.pk).text
        assert sentence in text
        assert ("sold with another form" in text) == (row != shop.child)
    assert {ticket.response.form for ticket in order.tickets.all()} == {first}
    assert IssuedPass.objects.get().response.form == of_pass
