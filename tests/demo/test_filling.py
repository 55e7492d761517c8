"""Filling the demo: on any day, reproducible, only once."""

from datetime import date

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import transaction

from contacts.models import Contact
from registration_forms.models import Answer, Choice, FormVersion, RegistrationForm, Response
from ticketshop.catalogue.models import Allotment, Event, SeasonPass, Session, Tariff
from ticketshop.demo import filling
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
    OrderResponse,
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


def test_same_day_gives_the_same_shop():
    made = []
    for _ in range(2):
        with transaction.atomic():
            filling.fill(date(2027, 4, 7))
            made.append(contents())
            transaction.set_rollback(True)
    assert made[0] == made[1]
    assert sum(map(len, made[0].values())) > 4000


# Christmas, a leap day, the days the clocks change, the middle of a summer.
@pytest.mark.parametrize("today", ["2026-12-24", "2028-02-29", "2027-03-28", "2027-10-31", "2027-07-15"])
def test_demo_can_be_filled_on_any_day(today):
    filling.fill(date.fromisoformat(today))
    assert {code: found for code, found in books.check().items() if found} == {}
    assert Order.objects.count() == 500 + len(counter_evening.SALES)


def test_past_visitors_have_answers():
    filling.fill(date(2027, 4, 7))
    assert set(RegistrationForm.objects.values_list("kind", flat=True)) == {"order", "tariff", "pass"}
    assert not RegistrationForm.objects.filter(published=None).exists()
    assert OrderResponse.objects.exists()
    for model in (Ticket, IssuedPass):
        assert model.objects.exclude(response=None).exists()
    assert Response.objects.filter(void=True).exists()
    for choice in Choice.objects.filter(capacity__isnull=False):
        assert choice.used == Answer.objects.filter(v_choice=choice, response__void=False).count()
    labels = [
        text
        for form in FormVersion.objects.all()
        for one in form.definition["fields"]
        for text in (one["label"],)
    ]
    assert all(text.get("en") and text.get("fr") for text in labels)


def test_command_fills_the_demo_once(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    monkeypatch.setattr(posters, "poster", lambda seed, kind, palette: f"{kind} {seed}".encode())
    call_command("demo_fill", once=True, today=date(2027, 4, 7))
    events = Event.objects.all()
    passes = SeasonPass.objects.all()
    assert all(default_storage.exists(row.image.name) for row in (*events, *passes))
    call_command("demo_fill", once=True)
    assert Organiser.objects.count() == 2
    with pytest.raises(CommandError, match="already"):
        call_command("demo_fill")


def test_old_posters_are_replaced(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = tmp_path
    for content in (b"old", b"new"):
        monkeypatch.setattr(posters, "poster", lambda seed, kind, palette, content=content: content)
        pictures.draw(filling.HOUSES)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == sum(len(house.shows) + len(house.passes) for house in filling.HOUSES)
    assert {path.read_bytes() for path in files} == {b"new"}
