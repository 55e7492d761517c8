"""Every page, fetched once for all that is looked at: status, caches, markup, codes, and what belongs to others.

The same visits prove that looking at a page changes no row. ``test_routes.py`` has the table of pages and sends their forms.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from tests.project.codes import codes_in
from tests.project.test_markup import Markup
from tests.project.test_routes import (
    ABOUT_CODES,
    ADMIN,
    ROWS,
    TENANTS,
    Pages,
    address,
    assert_private,
    browser,
)
from tests.project.world import House, World
from tests.staff import change, listing
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Visit:
    """A response. ``who`` has opened the page: a guest, a visitor, staff with all permissions, the platform's administrator."""

    who: str
    name: str  # the name in the table of routes; in the back office the model
    url: str
    status_code: int
    headers: Mapping[str, str]
    cookies: Mapping
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode(errors="replace")

    @property
    def is_html(self) -> bool:
        return self.status_code == 200 and self.headers["Content-Type"].startswith("text/html")


@dataclass
class Visited:
    """All visits, and the tables whose rows they have changed. ``lists`` are pages whose download the history records."""

    visits: list[Visit]
    changed_by_visits: set[str]
    changed_by_lists: set[str]

    def by(self, *people: str) -> Iterator[Visit]:
        return (visit for visit in self.visits if visit.who in people)


def open_page(client: Client, who: str, name: str, url: str) -> Visit:
    answer = client.get(url)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return Visit(who, name, url, answer.status_code, answer.headers, answer.cookies, content)


def visit_shop(house: House) -> Iterator[Visit]:
    """Open the pages of the table, as a guest without cookies and then as the visitor."""
    visitor = browser(house.visitor)
    for name, row in ROWS.items():
        url = reverse(name, kwargs=row.args(house))
        yield open_page(browser(), "guest", name, url)
        yield open_page(visitor, "visitor", name, url)


# Pages of a shop that are looked at as HTML.
OF_A_SHOP = [name for name in ROWS if name.startswith(("shop:", "account:")) and not name.endswith("_pdf")]


def visit_office(world: World) -> Iterator[Visit]:
    """Open the pages of one row of each model as staff, and those of its newest row as the platform's administrator."""
    boss, admin, house = browser(world.aye.boss), browser(world.admin), world.aye
    urls = ["/admin/", "/admin/jsi18n/", "/admin/sales/", "/admin/sales/customer/export/"]
    urls += [f"/admin/privacy/erasure/person/{house.contact.pk}/"]
    urls += [f"{listing(Order)}{end}/" for end in ("counter", "takings", "figures", "accounting")]
    urls += [f"/door/{house.offer.session.pk}/{end}" for end in ("", "people/?q=a", "count/")]
    yield from (open_page(boss, "staff", "", url) for url in urls)
    for model, pages in TENANTS.items():
        urls = [address(model, "changelist"), address(model, "add")]
        urls += [address(model, kind, house.row(model).pk) for kind in kinds_of(pages)]
        yield from (open_page(boss, "staff", model, url) for url in urls)
    for name in sorted(ADMIN.keys() - ABOUT_CODES):
        model = apps.get_model(name)
        known = None if ADMIN[name].platform else house.row(name).pk
        urls = [listing(model)] if ADMIN[name].platform else []
        for row in model._default_manager.exclude(pk=known).order_by("-pk")[:1]:
            urls += [change(row, model), change(row, model).replace("/change/", "/history/")]
        yield from (open_page(admin, "administrator", name, url) for url in urls)


def kinds_of(pages: Pages) -> list[str]:
    buttons = [button for button, _needed in pages.buttons]
    return ["change", "history", "delete", *(button for button in buttons if button not in LISTS)]


# The history records who has downloaded a list of people.
LISTS = ("door_list", "door_sheet", "door_entries", "door_entries_csv")
# Sessions, and counters of limits, are written by looking at a page.
LOOKING = {"accounts_session", "limits_counter", "cache_entries"}


def fingerprint() -> dict[str, str]:
    """Return table -> digest of all its rows."""
    with connection.cursor() as cursor:
        names = sorted(set(connection.introspection.table_names(cursor)) - LOOKING)
        digest = "SELECT '{0}', count(*) || ' ' || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {1} t"
        cursor.execute(
            " UNION ALL ".join(digest.format(name, connection.ops.quote_name(name)) for name in names)
        )
        return dict(cursor.fetchall())


def changes(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {table for table in after if after[table] != before[table]}


@pytest.fixture(scope="module")
def visited(made_world, django_db_blocker) -> Visited:
    """Open all pages, once per file."""
    with django_db_blocker.unblock(), transaction.atomic():
        world = copy.deepcopy(made_world)
        before = fingerprint()
        visits = [*visit_shop(world.aye), *visit_office(world)]
        visitor = browser(world.bee.visitor)
        for name in OF_A_SHOP:
            url = reverse(name, kwargs=ROWS[name].args(world.bee))
            visits.append(open_page(visitor, "visitor of Beeside", name, url))
        after = fingerprint()
        boss, session = browser(world.aye.boss), world.aye.offer.session
        visits += [
            open_page(boss, "staff", "catalogue.session", address("catalogue.session", kind, session.pk))
            for kind in LISTS
        ]
        found = Visited(visits, changes(before, after), changes(after, fingerprint()))
        transaction.set_rollback(True)
    return found


# --- status and caches --------------------------------------------------------------------------------------------
def test_guests_and_visitors_get_the_expected_status(visited):
    """``test_routes.py`` checks the same of posted forms."""
    for visit in visited.by("guest", "visitor"):
        assert visit.status_code == ROWS[visit.name].get[visit.who == "visitor"], (
            f"{visit.url} by {visit.who}"
        )
    assert {visit.name for visit in visited.by("visitor")} == set(ROWS)


def test_pages_that_are_not_the_same_for_all_are_private(visited):
    guests = {visit.name: visit for visit in visited.by("guest")}
    for visit in visited.by("guest", "visitor"):
        if not ROWS[visit.name].shared or visit.content != guests[visit.name].content:
            assert_private(visit)
    for visit in visited.by("staff", "administrator"):
        if visit.status_code == 200 and "jsi18n" not in visit.url:
            assert_private(visit)


def test_shared_pages_contain_no_personal_data(visited):
    shared = [visit for visit in visited.by("guest") if ROWS[visit.name].shared]
    assert len(shared) > 5
    for visit in shared:
        assert visit.headers["Cache-Control"].startswith("public, max-age="), visit.url
        assert not visit.cookies, visit.url
        assert b"csrfmiddlewaretoken" not in visit.content, visit.url
        if visit.is_html:
            assert "Cookie" in visit.headers["Vary"], visit.url


def test_visits_change_no_row(visited):
    assert len(visited.visits) > 400
    assert visited.changed_by_visits == set()
    assert visited.changed_by_lists == {"history_event"}


def test_fingerprint_differs_after_a_change(world):
    before = fingerprint()
    assert changes(before, fingerprint()) == set()
    world.aye.contact.city = "Changed"
    world.aye.contact.save()
    assert "contacts_contact" in changes(before, fingerprint())


# --- what pages contain -----------------------------------------------------------------------------------------
def test_back_office_pages_have_valid_markup(visited):
    assert_valid(visited.by("staff", "administrator"), at_least=150)


def test_shop_pages_have_valid_markup(visited):
    assert_valid(visited.by("visitor"), at_least=40)


def assert_valid(visits: Iterator[Visit], at_least: int) -> None:
    pages = [visit for visit in visits if visit.is_html]
    wrong = [f"{visit.url}: {mistake}" for visit in pages for mistake in Markup(visit.text).mistakes()]
    assert wrong == [], "\n".join(wrong)
    assert len(pages) > at_least


def test_pages_show_no_technical_codes(visited):
    """To a visitor, and in the back office whichever row a page is about."""
    seen = 0
    for visit in visited.by("visitor", "staff", "administrator"):
        assert codes_in(visit) == [], visit.url
        seen += visit.is_html
    assert seen > 200


def test_visitor_pages_show_nothing_of_other_organisers(visited):
    """Pages as HTML; texts inside of PDF files are not looked at. The pages of the second shop are opened as its visitor only."""
    for other, people in {"Beeside": ("guest", "visitor"), "Ayeside": ("visitor of Beeside",)}.items():
        pages = [
            visit for visit in visited.by(*people) if visit.name in OF_A_SHOP and visit.status_code == 200
        ]
        assert len(pages) > 30
        for visit in pages:
            assert other not in visit.text, visit.url


def test_office_pages_show_nothing_of_other_organisers(visited):
    """To staff with all permissions; ``tests/office/test_scoped_admin.py`` looks at the lists and forms of each role."""
    pages = [visit for visit in visited.by("staff") if visit.is_html]
    assert sum("Ayeside" in visit.text for visit in pages) > 100
    for visit in pages:
        assert "Beeside" not in visit.text, visit.url


PRIVATE = ("account:home", "account:orders", "account:profile", "account:friends")


def test_account_shows_nothing_of_another_visitor(visited, world):
    """The second visitor of the same shop sees nothing of the first one's, which the first one sees."""
    aye = world.aye
    words = ("Ayesideanna", "Ayesidebert", "Ayesideholder", aye.order.reference)
    client = browser(world.second)
    for name in PRIVATE:
        text = client.get(reverse(name, kwargs=ROWS[name].args(aye))).content.decode()
        assert not [word for word in words if word in text], name
    own = "".join(visit.text for visit in visited.by("visitor") if visit.name in PRIVATE)
    assert [word for word in words if word not in own] == []
