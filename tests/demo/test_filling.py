"""Filling the demo: on any day, reproducible, only once."""

from datetime import date

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command

from contacts.models import Contact
from tests.demo.conftest import TODAY, analyze, filled
from ticketshop.catalogue.models import Allotment, Event, SeasonPass, Session, Tariff
from ticketshop.demo import filling, tonight
from ticketshop.demo.past_orders import counter_evening
from ticketshop.demo.programme import pictures, posters
from ticketshop.history.models import Event as History
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.models import (
    BankEntry,
    Dispute,
    Invoice,
    IssuedPass,
    Order,
    OrderLine,
    Payment,
    Refund,
    Ticket,
)  # fmt: skip
from ticketshop.sales.orders import books

pytestmark = pytest.mark.django_db

# What names a row, differs by chance on purpose, or counts on from the filling before.
RANDOM = {
    "id",
    "secret",
    "code",
    "checkout_key",
    "content_hash",
    "subject_uuid",
    "once",
    "about",
    "object_id",
    "password",
}
MODELS = (
    Organiser, PointOfSale, Event, Session, Tariff, Allotment, SeasonPass, Contact, Order, OrderLine,
    Ticket, IssuedPass, Payment, Refund, Dispute, Invoice, BankEntry, Mail, History,
)  # fmt: skip


def contents():
    """Every row of the demo, without what is random and without keys to other rows."""
    found = {}
    for model in MODELS:
        columns = [
            field.attname
            for field in model._meta.concrete_fields
            if field.name not in RANDOM and not field.attname.endswith("_id")
        ]
        found[model.__name__ + model._meta.app_label] = [
            [_without_ids(value) for value in row]
            for row in model.objects.order_by("pk").values_list(*columns)
        ]
    return found


def _without_ids(value):
    """The details of an event may name another row by its number, which counts on."""
    return {key: one for key, one in value.items() if key != "link"} if isinstance(value, dict) else value


def test_command_fills_the_demo_once_and_the_same_shop_on_the_same_day(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(posters, "poster", lambda seed, kind, palette: f"{kind} {seed}".encode())
    with filled():
        tonight.write(TODAY)
        before = contents()
    assert not Organiser.objects.exists()
    call_command("demo_fill", once=True, today=TODAY)
    assert contents() == before
    assert sum(map(len, before.values())) > 4000
    events = Event.objects.all()
    passes = SeasonPass.objects.all()
    assert all(default_storage.exists(row.image.name) for row in (*events, *passes))
    call_command("demo_fill", once=True)
    assert Organiser.objects.count() == 2
    with pytest.raises(CommandError, match="already"):
        call_command("demo_fill")


@pytest.mark.soak
@pytest.mark.parametrize(
    "today",
    [
        "2026-12-24",
        "2027-01-01",
        "2027-04-07",
        "2027-07-15",
        "2027-10-31",
        "2027-12-31",
        "2028-02-29",
        "2028-08-31",
    ],
)
def test_demo_can_be_filled_in_any_season(today):
    """Also on a leap day and on the day of 25 hours. ``TODAY``, on which the other tests fill the demo, has 23."""
    filling.fill(date.fromisoformat(today))
    analyze()
    assert {code: found for code, found in books.check().items() if found} == {}
    assert Order.objects.count() == 500 + len(counter_evening.SALES)


def test_old_posters_are_replaced(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    for content in (b"old", b"new"):
        monkeypatch.setattr(posters, "poster", lambda seed, kind, palette, content=content: content)
        pictures.draw(filling.HOUSES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == sum(len(house.shows) + len(house.passes) for house in filling.HOUSES)
    assert {path.read_bytes() for path in files} == {b"new"}
