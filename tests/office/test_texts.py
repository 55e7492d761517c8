"""Texts of the back office: readable titles of rows, and no technical terms."""

import pytest
from django.contrib import admin
from django.utils import timezone

from tests.factories.accounts import SuperuserFactory
from tests.factories.organisers import make_staff
from tests.office.shops import rows
from tests.staff import Staff, change, listing
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.history.models import Event as HistoryEvent
from ticketshop.organisers.models import Organiser
from ticketshop.sales.models import IssuedPass, Order, Payment, Refund, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos(aye):
    return aye


@pytest.mark.parametrize("model", [Order, Ticket, IssuedPass, Payment, Refund])
def test_page_title_is_the_name_people_know(model, pos):
    staff = Staff(make_staff(pos.organiser))
    row = rows(model, pos).first()
    title = {
        Order: lambda: row.reference,
        Ticket: lambda: row.code[:8],
        IssuedPass: lambda: row.code[:8],
        Payment: lambda: row.reference or row.order.reference,
        Refund: lambda: row.payment.order.reference,
    }[model]()
    page = staff.open(change(row))
    assert f"<h2>{title}</h2>" in page.source
    assert f"#{row.pk}<" not in page.source


def test_history_names_orders_and_tickets_by_reference(pos):
    staff = Staff(make_staff(pos.organiser))
    order = rows(Order, pos).first()
    text = staff.open(listing(HistoryEvent)).text
    assert f"order {order.reference}" in text
    assert f"order {order.pk} " not in text
    event = HistoryEvent.objects.filter(model="sales.order").first()
    assert order.reference in staff.open(change(event)).text


def test_history_names_sessions_by_event_and_day(pos):
    staff = Staff(make_staff(pos.organiser))
    session = rows(Session, pos).first()
    history.record(
        session,
        "changed",
        by=staff.user,
        now=timezone.now(),
        organiser_id=pos.organiser_id,
        columns=["state"],
    )
    assert f"date {session.event}, " in staff.open(listing(HistoryEvent)).text
    assert f"date {session.pk} " not in staff.page.text


def test_new_log_in_is_named_by_its_address(pos):
    root = Staff(SuperuserFactory())
    user = admin.site._registry.keys()
    (model,) = [one for one in user if one._meta.label_lower == "accounts.user"]
    root.open(f"{listing(model)}add/")
    page = root.save(email="new@example.org")
    assert "The log-in new@example.org is added." in page.text
    assert "#" not in " ".join(root.page.messages)
    made = model.objects.get(email="new@example.org")
    assert "new@example.org" in root.open(change(made)).source
    page = root.save()
    assert "The log-in new@example.org is changed." in page.text


def test_organiser_page_leads_owners_to_the_invitations_of_staff(pos):
    owner = Staff(make_staff(pos.organiser))
    owner.open(owner.open(change(pos.organiser, Organiser)).link("Staff"))
    assert owner.open(owner.page.link("Invite staff")).status == 200
