"""Every page of the back office: staff see nothing of another organiser, not even that a row exists."""

import copy
import re
from dataclasses import dataclass

import pytest
from django.conf import settings
from django.contrib import admin
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories.accounts import SuperuserFactory
from tests.factories.catalogue import (
    EventFactory,
    SessionFactory,
    VenueFactory,
)
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory, make_staff
from tests.factories.sales import make_order
from tests.office.shops import more, rows
from tests.staff import Staff, change, listing, without_tokens
from tests.visitor import Page
from ticketshop.catalogue.models import Event, Session, Tariff, Venue
from ticketshop.history import history
from ticketshop.lib.translated import in_every_language
from ticketshop.office.scoped_admin import ScopedAdmin
from ticketshop.organisers.models import PointOfSale

pytestmark = pytest.mark.django_db
PAGES = sorted(admin.site._registry.items(), key=lambda item: item[0]._meta.label)
OF_ORGANISERS = [(model, page) for model, page in PAGES if hasattr(model, "organiser_path")]
OWN = {model for model, _page in OF_ORGANISERS}
NEVER_DELETED = (
    "contacts.contact contacts.contactlink sales.customer sales.order sales.ticket sales.issuedpass"
    " sales.payment sales.refund"
    " registration_forms.registrationform registration_forms.field"
    " mail.mail history.event exports.job privacy.erasure jobs.failure"
).split()


def test_all_pages_derive_from_scoped_admin():
    assert all(isinstance(page, ScopedAdmin) for _model, page in PAGES)


@dataclass(frozen=True)
class Opened:
    """A page that a staff member of the first shop has opened. ``kind`` is the end of its URL, or "list"."""

    model: type | None
    kind: str
    url: str
    page: Page


# Accounting may look at rows that a box office may not. The other pages of a row: tests/project/test_pages.py.
ROLES = {
    "owner": {"list", "add", "change"},
    "box office": {"list", "add", "change"},
    "accounting": {"list", "change"},
}


def open_all(role: str, aye: PointOfSale) -> list[Opened]:
    """Open the start page and, for each model, its list, its page to add, and the page of a row, as far as ``ROLES`` names them."""
    staff = Staff(make_staff(aye.organiser, role))
    opened = [Opened(None, "list", "/admin/", staff.open("/admin/"))]
    for model, _page in PAGES:
        base = listing(model)
        urls = {"list": base, "add": f"{base}add/"}
        if hasattr(model, "organiser_path"):
            row = rows(model, aye).first()
            assert row is not None, f"the walk needs a row of {model._meta.label}"
            urls["change"] = f"{base}{row.pk}/change/"
        opened += [
            Opened(model, kind, url, staff.open(url)) for kind, url in urls.items() if kind in ROLES[role]
        ]
    return opened


@pytest.fixture(scope="module")
def opened_by(made_shops, django_db_blocker) -> dict[str, list[Opened]]:
    """Return role -> pages, opened once for all tests that look at them."""
    with django_db_blocker.unblock(), transaction.atomic():
        found = {role: open_all(role, copy.deepcopy(made_shops[0])) for role in ROLES}
        transaction.set_rollback(True)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_all_pages_open_without_errors_and_without_rows_of_others(role, opened_by):
    own_words = 0
    for opened in opened_by[role]:
        assert opened.page.status in {200, 403, 404}, opened.url
        assert "Bee" not in without_tokens(opened.page.source), opened.url
        own_words += "Aye" in opened.page.source
    assert own_words > 10, "the own words must be there for the absence of others to mean something"


def test_owner_opens_list_form_and_row_of_every_own_model(opened_by, rf, aye):
    request = rf.get("/admin/")
    request.user = StaffMembershipFactory(organiser=aye.organiser, role="owner").user
    pages, seen = dict(OF_ORGANISERS), set()
    for opened in opened_by["owner"]:
        if opened.model in OWN:
            may_open = opened.kind != "add" or pages[opened.model].has_add_permission(request)
            assert opened.page.status == (200 if may_open else 403), opened.url
            seen.add(opened.model)
    assert seen == OWN


@pytest.mark.parametrize("role", ROLES)
def test_pages_show_no_technical_value_for_empty_fields(role, opened_by):
    seen = 0
    for opened in opened_by[role]:
        if opened.kind in {"list", "change"} and opened.model in OWN and opened.page.status == 200:
            seen += 1
            # Elsewhere “None” is a word of ours: there is no connection, no order.
            words = r"\bNone\b|\bnan\b" if opened.model._meta.app_label == "catalogue" else r"\bnan\b"
            assert not re.search(words, opened.page.text), (opened.url, opened.page.text[:2000])
    assert seen > 15


def test_pages_without_an_organiser_are_for_the_administrator(aye):
    staff, root = Staff(make_staff(aye.organiser)), Staff(SuperuserFactory())
    for model, _page in set(PAGES) - set(OF_ORGANISERS):
        assert staff.open(listing(model)).status == 403
        assert root.open(listing(model)).status == 200


def test_invalid_id_gives_404(aye):
    staff = Staff(make_staff(aye.organiser))
    for wrong in ("0", "-1", "abc", "%00", "9" * 40, "1%2F2", "_5F"):
        for page in ("change", "history", "delete", "mark-paid"):
            assert staff.open(f"/admin/sales/order/{wrong}/{page}/").status in {403, 404}, (wrong, page)


@pytest.mark.parametrize("label", NEVER_DELETED)
def test_djangos_delete_is_off_for_people_and_orders_even_for_the_administrator(label, aye):
    root = Staff(SuperuserFactory())
    model = next(model for model, _page in PAGES if model._meta.label_lower == label)
    row = rows(model, aye).first()
    assert "delete_selected" not in root.open(listing(model)).source
    assert f"{row.pk}/delete/" not in root.open(change(row)).source
    assert root.open(f"{listing(model)}{row.pk}/delete/").status == 403
    assert model._default_manager.filter(pk=row.pk).exists()


# --- keys and choices ---------------------------------------------------------------------------------
def test_choices_belong_to_the_own_organiser_and_others_are_invalid(aye, bee):
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="box office")
    staff = Staff(user)
    event, foreign = rows(Event, aye).first(), rows(Venue, bee).first()
    form = staff.open(change(event)).form("^_save$")
    assert str(event.venue_id) in form.choices["venue"]
    assert str(foreign.pk) not in form.choices["venue"]
    assert form.choices["points_of_sale"] == [str(aye.pk)]
    staff.submit(form, {"venue": foreign.pk}, button=("_save", "Save"))
    assert any("valid choice" in error for error in staff.errors)
    staff.submit(form, {"points_of_sale": bee.pk}, button=("_save", "Save"))
    assert any("not one of the available choices" in error for error in staff.errors)
    event.refresh_from_db()
    assert event.venue.organiser_id == aye.organiser_id


def test_row_accepts_only_choices_of_its_organiser(aye, bee):
    """An owner of A and B: a venue of B is no choice for an event of A."""
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="owner")
    form = Staff(user).open(change(rows(Event, aye).first())).form("^_save$")
    assert str(rows(Venue, aye).first().pk) in form.choices["venue"]
    assert str(rows(Venue, bee).first().pk) not in form.choices["venue"]


def test_autocomplete_finds_only_rows_of_own_organisers(aye, bee):
    def found(user, app, model, field, term=""):
        query = {"app_label": app, "model_name": model, "field_name": field, "term": term}
        response = Staff(user).client.get(reverse("admin:autocomplete"), query)
        return (
            [row["text"] for row in response.json()["results"]]
            if response.status_code == 200
            else response.status_code
        )

    owner, root = make_staff(aye.organiser), SuperuserFactory()
    assert "Bee allotment" in found(root, "catalogue", "offer", "allotment")
    assert "Aye allotment" in found(owner, "catalogue", "offer", "allotment")
    assert "Bee allotment" not in found(owner, "catalogue", "offer", "allotment")
    assert found(owner, "sales", "order", "buyer", "Beeperson") == []
    assert len(found(owner, "sales", "order", "buyer", "Ayeperson")) == 1
    assert found(owner, "contacts", "contact", "user") == 403


def test_posted_inline_rows_of_others_are_not_changed(aye, bee):
    """The posted id of an inline row is replaced by that of another organiser's row."""
    staff = Staff(make_staff(aye.organiser))
    mine, theirs = rows(Tariff, aye).first(), rows(Tariff, bee).first()
    form = staff.open(change(mine.event)).form("^_save$")
    values = {"tariffs-0-id": theirs.pk, "tariffs-0-price": "1.00", "tariffs-0-name_en": "Stolen"}
    page = staff.submit(form, values, button=("_save", "Save"))
    assert page.status == 200
    theirs.refresh_from_db()
    assert (theirs.name, theirs.event.organiser_id) == ("Bee tariff", bee.organiser_id)


def test_list_filters_offer_only_own_values(aye, bee):
    page = Staff(make_staff(aye.organiser)).open(listing(Event))
    assert "Aye category" in page.source
    assert "Bee category" not in page.source


def test_filter_by_a_value_of_another_organiser_finds_nothing(aye, bee):
    staff = Staff(make_staff(aye.organiser))
    assert (
        "Aye event" in staff.open(f"{listing(Event)}?venue__id__exact={rows(Venue, aye).first().pk}").source
    )
    page = staff.open(f"{listing(Event)}?venue__id__exact={rows(Venue, bee).first().pk}")
    assert "Aye event" not in page.source
    assert "Nothing found" in page.source


def test_actions_do_not_change_rows_without_permission(aye, bee):
    """Owner of A, box office of B: sees B's events, and may not withdraw them."""
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="box office")
    staff = Staff(user)
    third = EventFactory()
    events = [rows(Event, aye).first(), rows(Event, bee).first(), third]
    form = staff.open(listing(Event)).form("^action$")
    token = form.values["csrfmiddlewaretoken"]
    for event in events:
        data = {
            "csrfmiddlewaretoken": token,
            "action": "withdraw",
            "_selected_action": event.pk,
            "index": "0",
        }
        assert staff.send("POST", listing(Event), data).status == 302
    assert [Event.objects.get(pk=event.pk).state for event in events] == ["draft", "published", "published"]
    assert not history.of(third)


def test_rows_with_view_permission_only_are_not_deleted(aye, bee):
    """Django's own action checks the permission for each row too."""
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="box office")
    staff = Staff(user)
    mine, theirs = (
        SessionFactory(event=rows(Event, aye).first()),
        SessionFactory(event=rows(Event, bee).first()),
    )
    token = staff.open(listing(Session)).form("^action$").values["csrfmiddlewaretoken"]
    for session in (mine, theirs):
        data = {"csrfmiddlewaretoken": token, "action": "delete_selected", "_selected_action": session.pk}
        staff.send("POST", listing(Session), {**data, "post": "yes"})
    assert not Session.objects.filter(pk=mine.pk).exists()
    assert Session.objects.filter(pk=theirs.pk).exists()


# --- the organiser of a new row -----------------------------------------------------------------------
def test_form_hides_the_organiser_for_staff_of_one(aye):
    staff = Staff(make_staff(aye.organiser))
    assert "organiser" not in staff.open(f"{listing(Venue)}add/").form("^_save$").names
    staff.save(name="New hall")
    venue = Venue.objects.get(name="New hall")
    assert venue.organiser == aye.organiser
    assert history.of(venue).get().by == staff.user


def test_staff_of_several_organisers_choose_among_those_they_may_add_to(aye, bee):
    sea = PointOfSaleFactory()
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="back office")
    StaffMembershipFactory(user=user, organiser=sea.organiser, role="box office")
    staff = Staff(user)
    form = staff.open(f"{listing(Venue)}add/").form("^_save$")
    own = [str(aye.organiser_id), str(bee.organiser_id)]
    assert form.choices["organiser"] == ["", *own]
    staff.submit(form, {"name": "No", "organiser": sea.organiser_id}, button=("_save", "Save"))
    assert any("valid choice" in error for error in staff.errors)
    staff.submit(form, {"name": "Yes", "organiser": bee.organiser_id}, button=("_save", "Save"))
    venue = Venue.objects.get(name="Yes")
    assert venue.organiser == bee.organiser
    assert not Venue.objects.filter(name="No").exists()
    staff.open(change(venue))
    assert "organiser" not in staff.page.form("^_save$").names


def test_new_row_refuses_foreign_keys_of_another_organiser(aye, bee):
    """Chosen organiser A, posted venue of B; the user owns both."""
    user = make_staff(aye.organiser)
    StaffMembershipFactory(user=user, organiser=bee.organiser, role="owner")
    staff = Staff(user)
    form = staff.open(f"{listing(Event)}add/").form("^_save$")
    values = {
        "organiser": aye.organiser_id,
        "title_en": "Mixed",
        "points_of_sale": aye.pk,
        "venue": rows(Venue, bee).first().pk,
    }
    staff.submit(form, values, button=("_save", "Save"))
    assert any("valid choice" in error for error in staff.errors)
    assert not Event.objects.filter(title="Mixed").exists()


def test_organiser_of_a_row_cannot_change(aye, bee):
    user = SuperuserFactory()
    venue = rows(Venue, aye).first()
    staff = Staff(user)
    form = staff.open(change(venue)).form("^_save$")
    form.names.add("organiser")
    staff.submit(form, {"organiser": bee.organiser_id, "name": "Renamed"}, button=("_save", "Save"))
    venue.refresh_from_db()
    assert (venue.name, venue.organiser) == ("Renamed", aye.organiser)


def test_unique_constraint_with_the_organiser_gives_an_error_message(aye):
    staff = Staff(make_staff(aye.organiser))
    other = EventFactory(pos=aye, slug="taken")
    staff.open(change(rows(Event, aye).first()))
    page = staff.save(slug="taken")
    assert page.status == 200
    assert staff.errors
    assert Event.objects.filter(slug="taken").get() == other


# --- lists --------------------------------------------------------------------------------------------
def test_lists_are_paged_without_counting_rows(aye):
    VenueFactory.create_batch(60, organiser=aye.organiser)
    staff = Staff(make_staff(aye.organiser))
    with CaptureQueriesContext(connection) as queries:
        page = staff.open(listing(Venue))
    assert not [query["sql"] for query in queries if "COUNT(" in query["sql"].upper()]
    assert page.source.count('class="field-name"') == 50
    second = staff.open(listing(Venue) + page.link("Next page"))
    assert second.source.count('class="field-name"') == 11
    assert "Next page" not in second.source
    assert "Previous page" in second.source


NONSENSE = [
    "p=0",
    "p=-1",
    "p=99999999999999999999",
    "p=a",
    "q=%00",
    "q=%25_%5C%27--",
    "q=" + "x" * 5000,
    "state__exact=%00",
    "state__exact=nonsense",
    "placed_at__gte=nonsense",
    "placed_at__gte=9999-99-99",
    "point_of_sale__id__exact=99999999999999999999999",
    "point_of_sale__id__exact=a",
    "o=99.-99.x",
    "all=1",
    "_popup=1",
    "_to_field=secret",
    "nonsense=1",
    "e=1",
]


def test_unknown_query_strings_cause_no_server_error(aye):
    staff = Staff(make_staff(aye.organiser))
    for query in NONSENSE:
        assert staff.send("GET", f"/admin/sales/order/?{query}").status in {200, 302, 400}, query


def translated_paths() -> list[tuple[type, str]]:
    """Models and the texts of several languages by which their lists are searched, as their pages name them."""
    return [
        (model, path)
        for model, page in OF_ORGANISERS
        for path in page.search_fields
        if in_every_language(model, path) != [path]
    ]


def test_lists_find_texts_in_every_language(aye):
    """English and Italian in the French interface, French and German in the English one."""
    user = make_staff(aye.organiser)
    pages = [Staff(user, language) for language in ("en", "fr")]
    found = translated_paths()
    assert {(model._meta.model_name, path) for model, path in found} >= {
        ("event", "title"), ("session", "event__title"), ("tariff", "name"), ("category", "name"),
        ("seasonpass", "name"), ("pointofsale", "name"),
    }  # fmt: skip
    for model, path in found:
        row = rows(model, aye).first()
        *way, column = path.split("__")
        owner = row
        for name in way:
            owner = getattr(owner, name)
        words = {code: f"Needle {code} word" for code, _name in settings.CONTENT_LANGUAGES}
        type(owner)._base_manager.filter(pk=owner.pk).update(
            **{f"{column}_{code}": text for code, text in words.items()}
        )
        assert change(row) not in pages[0].open(f"{listing(model)}?q=needle+nowhere").source
        for number, code in enumerate(words):
            page = pages[(number + 1) % 2].open(f"{listing(model)}?q=needle+{code}")
            assert change(row) in page.source, (model, path, code)


def test_columns_without_a_filter_cannot_be_queried(aye):
    """A query string can't be used to guess secrets letter by letter, or a buyer's address."""
    staff = Staff(make_staff(aye.organiser))
    for query in ("secret__startswith=a", "buyer__email__startswith=a"):
        assert staff.send("GET", f"/admin/sales/order/?{query}").status == 400


def test_number_of_queries_of_a_list_is_independent_of_its_rows(aye):
    staff = Staff(make_staff(aye.organiser))

    def counted() -> dict[str, int]:
        found = {}
        for address in addresses:
            with CaptureQueriesContext(connection) as queries:
                assert staff.open(address).status == 200
            found[address] = len(queries)
        return found

    addresses = ["/admin/", *(listing(model) for model, _page in OF_ORGANISERS)]
    for address in addresses:
        staff.open(address)  # what is kept between requests is not counted
    once = counted()
    for _ in range(2):
        more(aye, "Aye")
    assert counted() == once
    assert max(once.values()) <= 20


def test_start_page_shows_nothing_of_other_organisers(aye, bee):
    staff = Staff(make_staff(bee.organiser))
    make_order(pos=aye)
    source = staff.open("/admin/").source
    assert "Aye" not in source
    assert re.search(r"Bee event", source)
