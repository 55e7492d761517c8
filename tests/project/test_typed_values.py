"""Numbers, times and codes are accepted in the forms in which people type or paste them, on all back-office pages."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib import admin
from django.db import models
from django.test import RequestFactory

from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import OfferFactory, SessionFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff, change, listing
from ticketshop.lib.dates.moments import MomentField
from ticketshop.lib.values.numbers import NumberField
from ticketshop.office.scoped import Scoped
from ticketshop.sales.models import Order, Refund

pytestmark = pytest.mark.django_db


@pytest.fixture
def pos():
    return PointOfSaleFactory(organiser__time_zone="Europe/Zurich")


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def test_numbers_and_times_use_the_same_two_fields_everywhere():
    request = RequestFactory().get("/admin/")
    request.user = SuperuserFactory()
    seen = set()
    for page in admin.site._registry.values():
        for place in [page, *(inline(page.model, admin.site) for inline in page.inlines)]:
            if not isinstance(place, Scoped):
                continue
            for column in place.model._meta.concrete_fields:
                wanted = {models.DecimalField: NumberField, models.DateTimeField: MomentField}.get(
                    type(column)
                )
                if wanted and column.editable:
                    seen.add(wanted)
                    assert isinstance(place.formfield_for_dbfield(column, request), wanted), column
    assert seen == {NumberField, MomentField}


def test_price_with_a_comma_is_accepted(staff, pos):
    tariff = OfferFactory(pos=pos, price=Decimal("35.00")).tariff
    page = staff.open(change(tariff))
    assert page.form("^_save$").values["price"] == "35.00"
    staff.save(price="12,50")
    tariff.refresh_from_db()
    assert (staff.errors, tariff.price) == ([], Decimal("12.50"))
    staff.open(change(tariff))
    staff.save(price="1,2,5")
    assert staff.errors == ["Enter a number such as 12.50 or 12,50."]


def test_time_in_the_night_of_a_clock_change_is_refused_or_explained(staff, pos):
    session = SessionFactory(event__organiser=pos.organiser, starts_at=datetime(2027, 3, 27, 19, tzinfo=UTC))
    staff.open(change(session))
    staff.save(starts_at="2027-03-28T02:30", ends_at="2027-03-28T05:00")
    assert staff.errors[0].startswith("02:30 does not exist on 28 March 2027")


def spellings(text: str) -> list[str]:
    """Return the spellings of a code that people write, paste and dictate."""
    plain = text.replace("-", "")
    groups = " ".join(plain[start : start + 5] for start in range(0, len(plain), 5))
    return [
        text,
        text.lower(),
        plain,
        groups,
        groups.replace(" ", "\u00a0").lower(),
        f"  {plain[:4]}-{plain[4:]} ",
        f"No. {groups}",
    ]


def found_by(pos) -> tuple[Staff, list[tuple]]:
    """Return a staff member, and rows with the codes by which their lists find them."""
    order = make_order(pos=pos, method="bank_transfer")
    owner = Staff(make_staff(pos.organiser, "owner"))
    owner.press(order, "mark-paid")
    owner.press(order, "cancel")
    payment, refund, ticket = order.payments.get(), Refund.objects.get(), order.tickets.first()
    return owner, [
        (order, order.reference),
        (order, payment.reference),
        (payment, payment.reference),
        (payment, order.reference),
        (refund, order.reference),
        (refund, payment.reference),
        (ticket, ticket.code),
        (ticket, order.reference),
    ]


def search(owner: Staff, row: models.Model, text: str) -> None:
    found = owner.open(f"{listing(type(row))}?q={text.replace(' ', '%20')}")
    assert change(row) in found.source, (row, text)


def test_search_finds_codes_and_references_in_any_spelling(pos):
    """Each code is searched in two spellings, the next one in the next two; with ``make soak`` in all."""
    other = make_order(pos=pos, method="bank_transfer")
    owner, searched = found_by(pos)
    for number, (row, code) in enumerate(searched):
        written = spellings(code)
        for text in (written[number % len(written)], written[(number + 3) % len(written)]):
            search(owner, row, text)
    order = searched[0][0]
    assert change(order) not in owner.open(f"{listing(Order)}?q={other.reference}").source
    assert change(order) not in owner.open(f"{listing(Order)}?q=%25").source


@pytest.mark.soak
def test_search_finds_every_code_in_every_spelling(pos):
    owner, searched = found_by(pos)
    for row, code in searched:
        for text in spellings(code):
            search(owner, row, text)
