"""Reasons why visitors can't buy something: shown to staff, and true in the shop."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registration_forms.models import Choice
from tests.factories.catalogue import (
    AllotmentFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.staff import Staff, change, listing
from ticketshop.catalogue import sale_checks
from ticketshop.catalogue.models import Event, OrderForm, SeasonPass

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(name="The Shop", max_tickets_per_order=20)


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser))


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos)


def sentences(event: Event) -> list[str]:
    return [problem.sentence for problem in sale_checks.of_event(event, timezone.now())]


def second(offer, **values):
    """Another tariff of the same event, sold at the same date."""
    tariff = TariffFactory(event=offer.session.event, name="Child", **values)
    return OfferFactory(session=offer.session, tariff=tariff, allotment=offer.allotment)


def no_date(offer):
    offer.session.starts_at = timezone.now() - timedelta(days=2)
    offer.session.ends_at = timezone.now() - timedelta(days=1)
    offer.session.save()


def no_tariff(offer):
    offer.tariff.active = False
    offer.tariff.save()


def no_offer(offer):
    SessionFactory(event=offer.session.event)


def no_places(offer):
    offer.allotment.capacity = 0
    offer.allotment.save()


def fewer_places_than_one_order_takes(offer):
    OfferFactory(
        session=offer.session,
        tariff=TariffFactory(event=offer.session.event, name="Family", tickets_per_unit=4),
        allotment=AllotmentFactory(organiser=offer.session.event.organiser, capacity=3),
    )


def more_tickets_than_an_order_may_hold(offer):
    second(offer, min_per_order=6, tickets_per_unit=4)


def form_that_is_not_published(offer):
    form = make_form("tariff", organiser=offer.session.event.organiser, name="Sizes")
    ask(form)
    second(offer, form=form)


def question_without_a_place_left(offer):
    form = make_form("tariff", organiser=offer.session.event.organiser)
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 1), ("19:00", 1)], visibility="mandatory")
    publish(form)
    second(offer, form=form)
    bus.choices.update(used=1)


def order_form_without_places_enough(offer):
    form = make_form("order", organiser=offer.session.event.organiser)
    days = ask(
        form,
        "Days",
        "multiple_choice",
        choices=[("Mon", 1), ("Tue", 1)],
        visibility="mandatory",
        rules={"min": 2},
    )
    publish(form)
    OrderForm.objects.create(form=form, event=offer.session.event)
    Choice.objects.filter(pk=days.choices.first().pk).update(used=1)


def required_tariff_off_sale(offer):
    second(offer, only_with=offer.tariff)
    TariffFactory(event=offer.session.event, name="Other")
    OfferFactory(session=offer.session, tariff=TariffFactory(event=offer.session.event, name="Third"))
    no_tariff(offer)


def required_tariff_of_other_dates(offer):
    session = SessionFactory(event=offer.session.event)
    tariff = TariffFactory(event=offer.session.event, name="Child", only_with=offer.tariff)
    OfferFactory(session=session, tariff=tariff)


def required_tariff_at_other_times(offer):
    now = timezone.now()
    second(offer, only_with=offer.tariff, sales_start_at=now + timedelta(days=2))
    offer.tariff.sales_end_at = now + timedelta(days=1)
    offer.tariff.save()


def sales_that_begin_when_they_are_over(offer):
    offer.session.sales_start_at = offer.session.starts_at
    offer.session.save()


def sales_of_the_tariff_after_those_of_the_date(offer):
    second(offer, sales_start_at=offer.session.starts_at + timedelta(days=1))


def shop_that_is_switched_off(offer):
    pos = offer.session.event.points_of_sale.get()
    pos.active = False
    pos.save()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (no_date, "It has no date to come."),
        (no_tariff, "It has no tariff on sale."),
        (no_offer, "Not on sale: "),
        (no_places, "“Adult” has no places: "),
        (
            fewer_places_than_one_order_takes,
            "“Family” takes at least 4 places in one order, and there are 3: ",
        ),
        (
            more_tickets_than_an_order_may_hold,
            "“Child” takes at least 24 tickets in one order, and “The Shop” sells at most 20.",
        ),
        (form_that_is_not_published, "Nobody is asked the form “Sizes”: it is not published yet."),
        (question_without_a_place_left, "Nobody can answer “Bus”, and it is mandatory"),
        (order_form_without_places_enough, "Nobody can answer “Days”, and it is mandatory"),
        (required_tariff_off_sale, "“Child” is sold only together with “Adult”, which is not on sale"),
        (required_tariff_of_other_dates, "“Child” is sold only together with “Adult”, which is not on sale"),
        (required_tariff_at_other_times, "“Child” is sold only together with “Adult”, which is not on sale"),
        (sales_that_begin_when_they_are_over, "Sales would begin only when they are over: "),
        (
            sales_of_the_tariff_after_those_of_the_date,
            "“Child” is on sale only before or after the sales of ",
        ),
        (shop_that_is_switched_off, "The point of sale “The Shop” is switched off."),
    ],
)
def test_what_visitors_cannot_buy_has_a_sentence(fault, sentence, offer):
    event = offer.session.event
    assert sentences(event) == []
    fault(offer)
    event.refresh_from_db()
    assert any(found.startswith(sentence) for found in sentences(event)), sentences(event)


def test_event_page_tells_what_visitors_cannot_buy(offer, staff):
    event = offer.session.event
    assert "What visitors can’t buy" not in staff.open(change(event)).text
    for fault in (no_places, form_that_is_not_published, no_offer, shop_that_is_switched_off):
        fault(offer)
    event.refresh_from_db()
    told = [sentence.partition(": ")[0] for sentence in sentences(event)]  # a page has its own time zone
    assert len(told) == 5  # no places: of both tariffs
    page = staff.open(change(event)).text
    assert [sentence for sentence in told if sentence not in page] == []
    staff.save(teaser_en="Changed")
    assert [sentence for sentence in told if sentence not in staff.page.text] == []  # told after a save, too


def test_dates_and_tariffs_tell_what_concerns_them(offer, staff):
    fine = OfferFactory(session=SessionFactory(event=offer.session.event), tariff=offer.tariff)
    no_places(offer)
    assert "“Adult” has no places: " in staff.open(change(offer.session)).text
    assert "What visitors can’t buy" not in staff.open(change(fine.session)).text
    assert "“Adult” has no places: " in staff.open(change(offer.tariff)).text


def test_many_dates_with_one_fault_are_one_sentence(offer):
    for _number in range(14):
        SessionFactory(event=offer.session.event)
    (found,) = sentences(offer.session.event)
    assert found.endswith("and 11 more dates. Enter the places.")


def test_what_staff_chose_and_the_shop_says_is_no_problem(offer):
    now, event = timezone.now(), offer.session.event
    TariffFactory(event=event, name="Old", active=False)
    SessionFactory(event=event, state="cancelled")
    SessionFactory(event=event, state="sold_out")
    second(offer, sales_end_at=now - timedelta(days=1))
    second(offer, only_with=offer.tariff)
    later = SessionFactory(event=event, sales_start_at=now + timedelta(days=1))
    OfferFactory(session=later, tariff=offer.tariff)
    closed = SessionFactory(event=event, sales_end_at=now - timedelta(days=1))
    OfferFactory(session=closed, tariff=offer.tariff)
    assert sentences(event) == []


def test_tariffs_that_need_each_other_can_be_bought_together(offer):
    other = second(offer, only_with=offer.tariff)
    offer.tariff.only_with = other.tariff
    offer.tariff.save()
    assert sentences(offer.session.event) == []


def test_draft_tells_what_is_missing_and_publishing_warns(pos, staff):
    event = EventFactory(pos=pos, state="draft", title="Hamlet")
    text = staff.open(change(event)).text
    assert "Visitors don’t see this event: it is a draft." in text
    assert "It has no date to come." in text
    staff.open(listing(Event))
    staff.fill("^action$", {"action": "publish", "_selected_action": event.pk})
    assert "1 event was changed." in staff.page.text
    assert "Hamlet: It has no date to come." in staff.page.text


def test_who_may_not_change_the_shop_gets_no_link_to_it(offer):
    shop_that_is_switched_off(offer)
    pos = offer.session.event.points_of_sale.get()
    office = Staff(make_staff(pos.organiser, "back office")).open(change(offer.session.event))
    assert "“The Shop” is switched off." in office.text
    assert change(pos) not in office.source
    assert change(pos) in Staff(make_staff(pos.organiser)).open(change(offer.session.event)).source


# --- season passes --------------------------------------------------------------------------------------------
def pass_sentences(season_pass) -> list[str]:
    return [problem.sentence for problem in sale_checks.of_pass(season_pass, timezone.now())]


def test_pass_page_tells_what_visitors_cannot_buy(pos, staff):
    season_pass = SeasonPassFactory(pos=pos)
    assert pass_sentences(season_pass) == []
    form = make_form("pass", organiser=pos.organiser, name="Photo")
    season_pass.form = form
    season_pass.opens = SeasonPass.Opens.CHOSEN_SESSIONS
    season_pass.save()
    season_pass.allotment.capacity = 0
    season_pass.allotment.save()
    assert pass_sentences(season_pass) == [
        "There are none of it. Enter the number of passes below.",
        "It opens no date yet. Choose its dates below.",
        "Nobody is asked the form “Photo”: it is not published yet.",
    ]
    text = staff.open(change(season_pass)).text
    for sentence in pass_sentences(season_pass):
        assert sentence in text
    ask(form)
    publish(form)
    seat = ask(form, "Seat", "dropdown", choices=[("A", 1)], visibility="mandatory")
    publish(form)
    assert not any("Seat" in sentence for sentence in pass_sentences(season_pass))
    seat.choices.update(used=1)
    assert any("Nobody can answer “Seat”" in sentence for sentence in pass_sentences(season_pass))
    seat.choices.update(capacity=2)
    season_pass.allotment.capacity = 5
    season_pass.allotment.save()
    over = SessionFactory(event=EventFactory(pos=pos), starts_at=timezone.now() - timedelta(days=3))
    season_pass.sessions.set([over])
    season_pass.form.refresh_from_db()
    assert pass_sentences(season_pass) == ["Every date it opens is over. Choose others below."]
    season_pass.opens = SeasonPass.Opens.ALL_EVENTS
    season_pass.valid_from = season_pass.valid_until = timezone.localdate() - timedelta(days=3)
    season_pass.save()
    assert pass_sentences(season_pass) == ["It is no longer valid. Change its last day below."]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"opens": "chosen"}, "Choose at least one date that the pass opens."),
        ({"sales_start_at": "2099-01-01T00:00"}, "Sales would begin only after the pass’s last day."),
    ],
)
def test_pass_without_any_use_is_refused(values, sentence, pos, staff):
    season_pass = SeasonPassFactory(pos=pos)
    staff.open(change(season_pass))
    staff.save(**values)
    assert staff.errors == [sentence]


def test_tariff_and_date_that_cannot_be_bought_are_refused(offer, staff):
    staff.open(change(offer.tariff))
    staff.save(min_per_order=5, max_per_person=4)
    assert staff.errors == ["The smallest order holds more than one person may have. Enter a larger number."]
    staff.open(change(offer.session))
    staff.save(sales_start_at=staff.page.form("^_save$").values["starts_at"])
    assert staff.errors == ["Sales would begin only when the date has begun. Enter an earlier time."]
