"""The page that says where a form is asked, and the ways to it."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registration_forms.models import RegistrationForm
from tests.factories.catalogue import EventFactory, SeasonPassFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.staff import Staff, change, listing
from ticketshop.catalogue.models import Event, OrderForm, SeasonPass, Tariff, Venue
from ticketshop.history import history

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(name="Box office")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "back office"))


def page_of(form) -> str:
    return f"{change(form).removesuffix('change/')}assign/"


def published(pos, kind: str, name: str) -> RegistrationForm:
    form = make_form(kind, organiser=pos.organiser, name=name)
    ask(form, "Diet")
    publish(form)
    return form


def ticks(staff) -> dict[str, bool]:
    """Key of a place -> whether it is ticked."""
    boxes = re.findall(r'<input[^>]*name="at"[^>]*>', staff.page.source)
    return {re.search('value="([^"]*)"', box)[1]: "checked" in box for box in boxes}


def save(staff, *at: str, every: str = "", **seen) -> None:
    """Press *Save* with these ticks and no others."""
    form = staff.page.form("^seen$")
    values = {name: value for name, value in form.values.items() if name not in ("at", "all")} | seen
    body = [*values.items(), *(("at", key) for key in at), *([("all", every)] if every else [])]
    staff.page = staff._follow("POST", staff.page.url, body)


@pytest.mark.scenario("RF-02", "RF-03")
def test_every_kind_of_form_is_given_to_its_places_by_the_office(staff, pos):
    event = EventFactory(pos=pos, title="Jazz")
    adult, child = TariffFactory(event=event, name="Adult"), TariffFactory(event=event, name="Child")
    season = SeasonPassFactory(pos=pos, name="Season")
    order, guests, holders = (
        published(pos, *one) for one in (("order", "O"), ("tariff", "A"), ("pass", "S"))
    )
    offered = {
        order: {f"shop-{pos.pk}", f"event-{event.pk}"},
        guests: {f"tariff-{adult.pk}", f"tariff-{child.pk}", f"pass-{season.pk}"},
        holders: {f"pass-{season.pk}"},
    }
    for form, keys in offered.items():
        staff.open(change(form))
        assert "Published, but asked nowhere yet." in staff.page.text
        staff.open(staff.page.link("Choose where it is asked"))
        assert ticks(staff) == dict.fromkeys(keys, False)
        save(staff, *keys)
        assert f"The form is asked at {len(keys)} place" in staff.page.text
        assert "Published, but asked nowhere yet." not in staff.page.text
        staff.open(page_of(form))
        assert ticks(staff) == dict.fromkeys(keys, True)
    season.refresh_from_db()
    assert (season.form, season.extra_form) == (holders, guests)
    assert set(Tariff.objects.values_list("form", flat=True)) == {guests.pk}
    assert set(OrderForm.objects.values_list("form", "event", "point_of_sale")) == {
        (order.pk, event.pk, None),
        (order.pk, None, pos.pk),
    }
    assert history.of(adult).filter(action="form_chosen").count() == 1
    assert history.of(order).filter(action="asked_at").count() == 1
    # And taken back; what was never ticked stays as it is.
    staff.open(page_of(order))
    save(staff, f"shop-{pos.pk}")
    staff.open(page_of(guests))
    save(staff, every=str(event.pk))
    season.refresh_from_db()
    assert (season.form, season.extra_form) == (holders, None)
    assert OrderForm.objects.get().point_of_sale == pos
    assert Tariff.objects.filter(form=guests).count() == 2


def test_a_first_publication_leads_to_the_choice_of_places(staff, pos):
    form = make_form("tariff", organiser=pos.organiser)
    ask(form, "Diet")
    staff.press(form, "publish")
    assert "Version 1 is published." in staff.page.text
    assert staff.page.url == page_of(form)
    tariff = TariffFactory(event=EventFactory(pos=pos), form=form)
    ask(form, "Size")
    staff.press(form, "publish")
    assert "Version 2 is published." in staff.page.text
    assert staff.page.url == change(form)
    assert tariff.form == form


def test_another_form_is_replaced_only_as_it_was_seen(staff, pos):
    old, new, other = (published(pos, "tariff", name) for name in ("Old", "New", "Other"))
    tariff = TariffFactory(event=EventFactory(pos=pos), name="Adult", form=old)
    key = f"tariff-{tariff.pk}"
    staff.open(page_of(new))
    assert "asks “Old” now, which a tick replaces" in staff.page.text
    Tariff.objects.update(form=other)
    save(staff, key)
    assert "Somebody else changed meanwhile what is asked here." in staff.page.text
    assert "asks “Other” now" in staff.page.text
    assert ticks(staff) == {key: True}
    tariff.refresh_from_db()
    assert tariff.form == other
    save(staff, key)
    tariff.refresh_from_db()
    assert tariff.form == new


def test_past_events_are_listed_only_when_searched(staff, pos):
    form, long_ago = published(pos, "tariff", "A"), timezone.now() - timedelta(days=30)
    gone, coming = EventFactory(pos=pos, title="Gone"), EventFactory(pos=pos, title="Coming")
    SessionFactory(event=gone, starts_at=long_ago, ends_at=long_ago + timedelta(hours=2))
    SessionFactory(event=coming)
    old, new = TariffFactory(event=gone), TariffFactory(event=coming)
    unsold = TariffFactory(event=coming, active=False)
    staff.open(page_of(form))
    assert set(ticks(staff)) == {f"tariff-{new.pk}"}
    staff.fill("^q$", {"past": "on"})
    assert set(ticks(staff)) == {f"tariff-{new.pk}", f"tariff-{old.pk}"}
    staff.fill("^q$", {"past": "on", "q": "gon"})
    save(staff, f"tariff-{old.pk}")
    Tariff.objects.filter(pk=unsold.pk).update(form=form)
    # What asks the form is always there, so that it can be taken off.
    staff.open(f"{page_of(form)}?q=nothing+like+it")
    assert ticks(staff) == {f"tariff-{old.pk}": True, f"tariff-{unsold.pk}": True}


def test_who_may_not_edit_a_form_gives_it_to_nothing(pos):
    form, tariff = published(pos, "tariff", "A"), TariffFactory(event=EventFactory(pos=pos))
    box = Staff(make_staff(pos.organiser, "box office"))
    box.open(change(form))
    assert "Ask this form at…" not in box.page.text
    assert "Published, but asked nowhere yet." in box.page.text
    assert box.open(page_of(form)).status == 403
    stranger = Staff(make_staff(PointOfSaleFactory().organiser, "back office"))
    assert stranger.open(page_of(form)).status == 404
    # Posted places of another organiser are ignored.
    foreign = TariffFactory(event=EventFactory())
    staff = Staff(make_staff(pos.organiser, "back office"))
    staff.open(page_of(form))
    save(staff, f"tariff-{tariff.pk}", f"tariff-{foreign.pk}", "tariff-x", "nonsense")
    assert list(Tariff.objects.filter(form=form)) == [tariff]


def test_places_are_read_in_as_many_queries_for_one_as_for_many(staff, pos):
    form, event = published(pos, "tariff", "A"), EventFactory(pos=pos)
    TariffFactory(event=event)
    staff.open(page_of(form))

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            staff.open(page_of(form))
        return len(captured)

    one = queries()
    for _number in range(3):
        TariffFactory(event=EventFactory(pos=pos), form=published(pos, "tariff", "Another"))
        SeasonPassFactory(pos=pos)
    assert queries() == one


@pytest.mark.parametrize("model", [Event, SeasonPass, Tariff])
def test_a_form_is_chosen_without_a_popup_and_says_whether_it_is_published(staff, pos, model):
    """A form has questions: a popup could neither make one nor come back with it."""
    event = EventFactory(pos=pos)
    row = {
        Event: lambda: event,
        SeasonPass: lambda: SeasonPassFactory(pos=pos),
        Tariff: lambda: TariffFactory(event=event),
    }
    published(pos, "tariff", "Ready")
    make_form("tariff", organiser=pos.organiser, name="Begun")
    staff.open(change(row[model]()))
    assert "Begun (not published yet)" in staff.page.text
    assert "Ready (not" not in staff.page.text
    assert listing(RegistrationForm) in staff.page.source
    assert f"{listing(RegistrationForm)}add/?" not in staff.page.source
    if model is Event:  # other popups stay: a venue is one page
        assert f"{listing(Venue)}add/?" in staff.page.source
