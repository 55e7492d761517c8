"""Forms of the back office: initial values, accepted input and error messages."""

import errno
import io
import re
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from PIL import Image

from contacts.models import Contact
from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import EventFactory, OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff
from tests.factories.registration_forms import make_form
from tests.staff import Staff, change, listing
from ticketshop.catalogue.models import Event, SeasonPass, Session, Tariff
from ticketshop.lib import storages
from ticketshop.lib.forms.formsets import MOST_ADDED, BoundedFormSet
from ticketshop.organisers.models import Organiser

pytestmark = pytest.mark.django_db
PAGES = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)


@pytest.fixture
def pos():
    return PointOfSaleFactory()


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser))


@pytest.fixture
def root():
    return Staff(SuperuserFactory())


# --- what a new row begins with -----------------------------------------------------------------------------------
def test_new_row_page_starts_with_the_defaults_of_its_columns(root):
    request = root.client.get("/admin/").wsgi_request
    checked = set()
    for model, page in PAGES:
        if not page.has_add_permission(request):
            continue
        form = page.get_form(request)()
        for name in form.fields:
            column = next((one for one in model._meta.concrete_fields if one.name == name), None)
            if column is None or not column.has_default() or isinstance(column, models.BooleanField):
                continue
            assert form[name].initial == column.get_default(), (model._meta.label, name)
            checked.add((model._meta.model_name, name))
    assert checked >= {
        ("organiser", "time_zone"), ("organiser", "languages"), ("organiser", "country"), ("organiser", "currency"),
        ("pointofsale", "languages"), ("pointofsale", "hold_minutes"), ("seasonpass", "max_per_order"),
    }  # fmt: skip


def test_new_organiser_has_default_time_zone_and_languages(root):
    form = root.open(f"{listing(Organiser)}add/").form("^_save$")
    assert form.values["time_zone"] == "Europe/Zurich"
    assert form.values["country"] == "Switzerland (CH)"
    assert form.values["currency"] == "Swiss Franc (CHF)"
    assert form.values["languages_0"] == ["en", "fr"]
    root.save(name="New")
    found = Organiser.objects.get(name="New")
    assert (found.time_zone, found.country, found.currency) == ("Europe/Zurich", "CH", "CHF")
    assert found.languages == ["en", "fr"]


@pytest.mark.parametrize(
    "typed, stored",
    [
        ("Germany (DE)", "DE"),
        ("germany", "DE"),
        ("de", "DE"),
        ("Côte d’Ivoire", "CI"),
        ("cote d'ivoire", "CI"),
    ],
)
def test_country_is_found_by_name_or_code(root, typed, stored):
    organiser = OrganiserFactory()
    root.open(change(organiser))
    root.save(country=typed, currency="Euro", time_zone="europe/berlin")
    assert root.errors == []
    organiser.refresh_from_db()
    assert (organiser.country, organiser.currency, organiser.time_zone) == (stored, "EUR", "Europe/Berlin")


def test_unknown_country_is_refused_and_suggestions_are_offered(root):
    organiser = OrganiserFactory()
    page = root.open(change(organiser))
    assert '<option value="France (FR)">' in page.source
    root.save(country="Atlantis", currency="Doubloon")
    assert ["Atlantis" in error for error in root.errors if "valid choice" in error].count(True) == 1
    assert len([error for error in root.errors if "valid choice" in error]) == 2
    assert root.page.form("^_save$").values["country"] == "Atlantis"


# --- languages ----------------------------------------------------------------------------------------------------
def test_language_outside_the_interface_is_neither_first_nor_required(root, pos):
    organiser = pos.organiser
    page = root.open(change(organiser))
    form = page.form("^_save$")
    assert form.choices["languages_1"] == ["en", "fr"]
    assert set(form.choices["languages_0"]) == {"en", "fr", "de", "it"}
    assert "no visitor reads them yet" in page.text
    root.save(languages_0=["de", "fr"], languages_1="de")
    assert any("valid choice" in error for error in root.errors)
    root.open(change(organiser))
    root.save(languages_0=["de", "fr"], languages_1="fr")
    organiser.refresh_from_db()
    assert organiser.languages == ["fr", "de"]
    event = EventFactory(pos=pos, title="Deutsch", title_en="", title_de="Deutsch", title_fr="Français")
    staff = Staff(make_staff(organiser))
    page = staff.open(change(event))
    assert "No visitor reads these texts yet" in page.text
    staff.save(title_de="")
    assert staff.errors == []
    staff.open(change(event))
    staff.save(title_fr="")
    assert any("required" in error for error in staff.errors)


# --- days -----------------------------------------------------------------------------------------------------------
def dated_rows(pos) -> list[models.Model]:
    """A row of each page with days or instants."""
    offer = OfferFactory(pos=pos)
    return [
        offer.session.event, offer.session, offer.tariff, SeasonPassFactory(pos=pos),
        make_form(organiser=pos.organiser), ContactFactory(organiser=pos.organiser),
    ]  # fmt: skip


IMPLAUSIBLE_YEARS = ("1899", "2200", "0001", "0026", "9999")


def test_implausible_years_are_refused_on_every_page(staff, pos):
    """Dates are entered with all years, as instants, and contacts with three, as days; other pages with one."""
    tried = set()
    for number, row in enumerate(dated_rows(pos)):
        years = {Session: IMPLAUSIBLE_YEARS, Contact: IMPLAUSIBLE_YEARS[::2]}
        form = staff.open(change(row)).form("^_save$")
        found = {
            name: kind for name, kind in _inputs(staff.page.source) if kind in {"date", "datetime-local"}
            and "__prefix__" not in name and name in form.names
        }  # fmt: skip
        for year in years.get(type(row), [IMPLAUSIBLE_YEARS[number % 2]]):
            days = {"date": f"{year}-01-01", "datetime-local": f"{year}-01-01T00:00"}
            staff.submit(form, {name: days[kind] for name, kind in found.items()}, button=("_save", "Save"))
            refused = [error for error in staff.errors if "Enter a year from 1900 to 2199." in error]
            assert len(refused) == len(found), (row, year, found, staff.errors)
        tried |= {(type(row)._meta.model_name, name) for name in found}
    assert {name for model, name in tried if model == "session"} >= {"starts_at", "doors_at", "sales_end_at"}
    assert {model for model, _name in tried} >= {"event", "session", "tariff", "seasonpass", "contact"}
    for model in (Event, Session, Tariff, SeasonPass):
        assert staff.open(listing(model)).status == 200


def _inputs(source: str) -> list[tuple[str, str]]:
    found = []
    for tag in re.findall(r"<input [^>]*>", source):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        found.append((attributes.get("name", ""), attributes.get("type", "text")))
    return found


# --- rows of a page -------------------------------------------------------------------------------------------------
def test_formsets_of_the_back_office_have_a_maximum():
    found = [
        formset
        for _model, page in PAGES
        for inline in page.inlines
        for formset in [inline(page.model, admin.site).formset]
    ]
    assert len(found) > 5
    assert all(issubclass(one, BoundedFormSet) for one in found)


@pytest.mark.parametrize(
    "totals, initial",
    [((9_999_999, 1000), None), ((None, None), -1), ((-5, -5), -5), (("x", "x"), "y")],
)
def test_request_for_too_many_rows_is_answered_quickly(staff, pos, totals, initial):
    event = OfferFactory(pos=pos).session.event
    form = staff.open(change(event)).form("^_save$")
    for prefix, total in zip(("tariffs", "sessions"), totals, strict=True):
        if total is not None:
            form.values[f"{prefix}-TOTAL_FORMS"] = str(total)
        if initial is not None:
            form.values[f"{prefix}-INITIAL_FORMS"] = str(initial)
    begun = time.process_time()
    page = staff.submit(form, {}, button=("_save", "Save"))
    assert time.process_time() - begun < 10
    assert page.status == 200
    assert len(page.body) < 1_500_000
    if 1000 in totals:
        assert [f"Add at most {MOST_ADDED} rows at once" in error for error in staff.errors].count(True) == 2
    assert Tariff.objects.count() == Session.objects.count() == 1


# --- pictures ---------------------------------------------------------------------------------------------------------
def picture(name="p.png") -> SimpleUploadedFile:
    written = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(written, "PNG")
    return SimpleUploadedFile(name, written.getvalue())


def send(staff, row, **values):
    form = staff.open(change(row)).form("^_save$")
    data = {**form.values, **values, "_save": "Save"}
    answer = staff.client.post(change(row), data, headers={"origin": "http://testserver"})
    return answer, answer.content.decode()


def files() -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


def test_full_disk_at_an_upload_gives_an_error_and_stores_nothing(staff, pos, monkeypatch, caplog):
    event = EventFactory(pos=pos, title="Before")
    before = files()
    write = storages.FileSystemStorage._save

    def full(self, name, content):
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(storages.FileSystemStorage, "_save", full)
    answer, source = send(staff, event, title_en="Typed meanwhile", image=picture())
    assert answer.status_code == 200
    assert "disk is full" in source
    assert 'value="Typed meanwhile"' in source
    assert files() == before
    event.refresh_from_db()
    assert (event.title, bool(event.image)) == ("Before", False)
    assert "file not stored error=28" in caplog.text
    monkeypatch.setattr(storages.FileSystemStorage, "_save", write)
    answer, _source = send(staff, event, title_en="Typed meanwhile", image=picture())
    assert answer.status_code == 302
    event.refresh_from_db()
    assert event.title == "Typed meanwhile" and event.image.size


def test_picture_field_asks_again_when_another_field_has_an_error(staff, pos):
    event = EventFactory(pos=pos)
    answer, source = send(staff, event, title_en="", image=picture())
    assert answer.status_code == 200
    assert "Choose the file once more: it is not kept while something is wrong." in source
    answer, source = send(staff, event, title_en="")
    assert "Choose the file once more" not in source


# --- phones -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("typed", ["+49 (0) 351 488 2345 67", "  +49 / 351 / 488 23 45 67  "])
def test_long_phone_number_formats_are_accepted(staff, pos, typed):
    contact = ContactFactory(organiser=pos.organiser)
    staff.open(change(contact))
    staff.save(phone=typed)
    assert staff.errors == []
    contact.refresh_from_db()
    assert contact.phone == "+49351488234567"
