"""Buttons of the back office: a row's page has those that can be pressed now, and the page of another answers the same by its URL."""

import re
from decimal import Decimal

import pytest
from django.utils import timezone

from registration_forms.building import drafts
from tests.factories.catalogue import EventFactory, OfferFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, only_if
from tests.factories.sales import make_order
from tests.staff import Staff, change
from ticketshop.history import history
from ticketshop.sales.models import Payment, Refund
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


@pytest.fixture
def form(pos):
    return make_form("tariff", organiser=pos.organiser)


def address(row, button: str) -> str:
    return f"{change(row).removesuffix('change/')}{button}/"


def offered(staff: Staff, row) -> set[str]:
    """Return the labels of the buttons on a row's page."""
    found = re.search(r'(?s)<p class="row-buttons">(.*?)</p>', staff.open(change(row)).source)
    return {label.strip() for label in re.findall(r">([^<]+)</a>", found[1])} if found else set()


def test_page_of_a_button_that_is_not_offered_leads_back_and_tells_so(staff, form):
    assert "Archive" in offered(staff, form)
    assert "Restore" not in offered(staff, form)
    sent = staff.open(address(form, "archive")).form("^csrf")
    restore = address(form, "restore")
    for page in (staff.open(restore), staff.submit_late(restore, sent)):
        assert page.url == change(form)
        assert "“Restore” is not possible now. Nothing has changed." in page.text
    assert not history.of(form).filter(action="restored").exists()
    drafts.set_archived(form, True, by=None, now=timezone.now())
    assert "The form can be chosen" in staff.open(restore).text
    staff.submit_late(restore, sent)
    assert history.of(form).filter(action="restored").exists()


def test_money_that_a_payment_service_pays_back_is_not_noted_by_staff(staff, pos):
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    refund = Refund.objects.get(payment__order=order)
    form = staff.open(address(refund, "done")).form("^done_as$")
    Payment.objects.filter(order=order).update(method="stripe", provider_reference="cs_1")
    page = staff.submit_late(address(refund, "done"), form, done_as="cash")
    assert "“Refund done” is not possible now. Nothing has changed." in page.text
    refund.refresh_from_db()
    assert refund.state == Refund.State.REQUESTED
    Payment.objects.filter(order=order).update(method="cash", provider_reference="")
    staff.submit_late(address(refund, "done"), form, done_as="cash")
    refund.refresh_from_db()
    assert refund.state == Refund.State.DONE


def test_form_that_is_asked_has_no_button_to_archive_it_but_the_reason(staff, pos, form):
    assert "Archive" in offered(staff, form)
    TariffFactory(event=EventFactory(pos=pos), form=form)
    assert "Archive" not in offered(staff, form)
    assert "Not possible now: Archive The form is still asked" in staff.page.text
    page = staff.open(address(form, "archive"))
    assert "“Archive” is not possible now. The form is still asked: take it off" in page.text
    assert page.url == change(form)


def test_question_on_which_another_depends_has_no_button_to_archive_it(staff, form):
    early, late = ask(form, "Early"), ask(form, "Late")
    assert "Archive" in offered(staff, early)
    late.condition = only_if(early, "x")
    late.save()
    assert "Archive" not in offered(staff, early)
    assert "Other questions depend on this one: “Late”." in staff.page.text


def test_archived_question_is_not_restored_into_a_full_form(staff, form):
    old = ask(form, "Old", archived_at=timezone.now())
    assert "Restore" in offered(staff, old)
    for number in range(80):
        ask(form, f"Q{number}")
    assert "Restore" not in offered(staff, old)
    assert "A form has at most 80 questions." in staff.page.text


def test_dates_by_weekday_wait_for_a_tariff(staff, pos):
    event = EventFactory(pos=pos)
    assert "Dates by weekday" not in offered(staff, event)
    assert "The event has no tariff on sale." in staff.page.text
    assert "The event has no tariff on sale." in staff.open(address(event, "dates")).text
    TariffFactory(event=event, price=Decimal(10))
    assert "Dates by weekday" in offered(staff, event)


def test_page_that_explains_more_is_opened_although_its_button_is_not_offered(staff, pos):
    order = make_order({OfferFactory(pos=pos): 1}, paid=True)
    assert "Change names" in offered(staff, order)
    orders.cancel(order, by=None, now=timezone.now())
    assert "Change names" not in offered(staff, order)
    page = staff.open(address(order, "names"))
    assert page.url == address(order, "names")
    assert "the ticket is cancelled" in page.text
