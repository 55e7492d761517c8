"""Exports from the pages of the back office: asked for, written by the worker, fetched."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.exports import steps
from tests.factories import registration_forms as made
from tests.factories.organisers import make_staff
from tests.sales import jazz
from tests.staff import Staff, change, listing
from ticketshop.exports import jobs
from ticketshop.exports.models import Download, Job
from ticketshop.limits import limits

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop() -> jazz.Jazz:
    return jazz.Jazz()


@pytest.fixture
def owner(shop) -> Staff:
    return Staff(make_staff(shop.organiser, email="owner@jazz.example"))


def form_of(page):
    """The form of a page of one row: the one that sends to the page itself."""
    return next(form for form in page.forms if form.method == "post" and form.action == "")


def ask_for(staff: Staff, address: str, **values) -> Job:
    page = staff.open(address)
    staff.submit(form_of(page), {"file_format": "csv", **values})
    return Job.objects.latest("pk")


@pytest.mark.scenario("RF-41", "RF-42")
def test_from_a_form_through_the_job_to_the_file(shop, owner):
    """A buyer answers in the shop; the organiser presses Export at the form and gets the rows."""
    form = shop.form("tariff", shop.adult)
    menu = made.ask(form, "Menu", "dropdown", choices=["Vegan", "Meat"])
    made.publish(form)
    buyer = jazz.visitor()
    shop.add(buyer, shop.adult, 2)
    jazz.fill(buyer, jazz.in_every(shop.details(buyer), menu, menu.choices.first().key))
    buyer.place("on_site")

    address = f"/admin/registration_forms/registrationform/{form.pk}/export/"
    assert f'href="{address}"' in owner.open(change(form)).source
    assert "Do not open it in a spreadsheet" in owner.open(address).text
    job = ask_for(owner, address, kind="participants")
    assert owner.page.url == change(job)
    assert "waits for its turn" in owner.page.text
    assert owner.page.link("Look again") == ""

    steps.done(job)
    page = owner.open(change(job))
    assert "2 of 2" in page.text
    assert f'formaction="/admin/exports/job/{job.pk}/download/"' in page.source
    answer, body = steps.fetch(owner, job)
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="participants-20')
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert {"private", "no-store"} <= set(answer.headers["Cache-Control"].split(", "))
    rows = steps.Read(body)
    assert rows.column(menu.key) == ["Vegan", "Vegan"]
    assert rows.labels[rows.keys.index(menu.key)] == "Menu"
    assert rows.column("order.buyer_email") == ["ada@example.org"] * 2

    log = Download.objects.get()
    assert (log.job, log.by.email) == (job, "owner@jazz.example")
    assert "owner@jazz.example" in owner.open(change(job)).text
    assert "Participants" in owner.open(listing(Job)).text


@pytest.mark.scenario("RF-42")
def test_where_an_export_can_be_asked_for(shop, owner):
    """Each page is asked for one of its lists, the next one for the next list; with ``make soak`` for all."""
    for number, (address, kinds) in enumerate(offered_exports(shop, owner).items()):
        export(owner, address, kinds[number % len(kinds)])


@pytest.mark.soak
def test_each_list_is_exported_from_each_page(shop, owner):
    for address, kinds in offered_exports(shop, owner).items():
        for kind in kinds:
            export(owner, address, kind)


def export(owner: Staff, address: str, kind: str) -> None:
    job = steps.done(ask_for(owner, address, kind=kind))
    assert job.state == "done", (address, kind, job.error)


def offered_exports(shop, owner) -> dict[str, list[str]]:
    """Check that the pages of a row lead to the page of its export, and what that offers. Return its URL -> kinds of lists."""
    found = {}
    forms = {kind: shop.asked(kind, *tariffs) for kind, tariffs in
             (("order", ()), ("tariff", (shop.adult,)), ("pass", ()))}  # fmt: skip
    expected = {
        change(forms["order"]): ["participants", "passes", "orders", "answers"],
        change(forms["tariff"]): ["participants", "passes", "orders", "answers"],
        change(forms["pass"]): ["passes", "orders", "answers"],
        change(shop.event): ["participants", "orders", "answers"],
        change(shop.third): ["participants", "orders", "answers"],
        change(shop.season): ["passes", "orders", "answers"],
    }
    for address, kinds in expected.items():
        page = owner.open(address)
        url = address.replace("/change/", "/export/")
        assert f'href="{url}"' in page.source
        page = owner.open(url)
        offered = [one for one in kinds if f'name="kind" value="{one}"' in page.source]
        assert offered == kinds, address
        usual = "orders" if address == change(forms["order"]) else kinds[0]
        assert form_of(page).values["kind"] == usual, address
        found[url] = kinds
    page = owner.open("/admin/sales/customer/")
    assert 'href="/admin/sales/customer/export/"' in page.source
    return {**found, "/admin/sales/customer/export/": ["customers", "orders"]}


def test_form_with_mistakes_shows_errors(shop, owner):
    form = shop.form("tariff", shop.adult)
    made.ask(form, "Allergies", sensitive=True, purpose="The kitchen", retention_days=28)
    made.publish(form)
    page = owner.open(f"/admin/registration_forms/registrationform/{form.pk}/export/")
    owner.submit(form_of(page), {"kind": "participants", "sensitive": "on"})
    assert "Enter what you need the sensitive answers for." in owner.errors
    owner.submit(form_of(owner.page), {"kind": "orders", "file_format": "csv", "since": "nonsense"})
    assert owner.page.status == 200
    assert "Not exported yet" in owner.page.text
    assert not Job.objects.exists()


NONSENSE = ("nul\x00inside", "1" + "0" * 30, "<script>alert(1)</script>", "x" * 100_000, "9999-12-31T23:59")
FIELDS = (
    "kind", "file_format", "tariff", "order_state", "answer", "since", "reason", "cancelled", "sensitive",
)  # fmt: skip


def send_nonsense(shop: jazz.Jazz, owner: Staff, step: int) -> None:
    """Post every ``step``-th value in each field, in the next field the next values."""
    form = shop.asked("tariff", shop.adult)
    address = f"/admin/registration_forms/registrationform/{form.pk}/export/"
    good = {"kind": "participants", "file_format": "csv"}
    token = form_of(owner.open(address)).values["csrfmiddlewaretoken"]
    for number, name in enumerate(FIELDS):
        for value in NONSENSE[number % step :: step]:
            sent = {**good, name: value, "csrfmiddlewaretoken": token}
            answer = owner.client.post(address, sent, headers={"origin": "http://testserver"})
            assert answer.status_code in {200, 302}, (name, value[:20])
            assert b"<script>alert" not in answer.content


def test_nonsense_in_every_field_is_answered_in_words(shop, owner):
    """One or two of the values in each field, the others in the next ones."""
    send_nonsense(shop, owner, step=3)
    for value in ("0", "x", "-1", "9" * 30, "%00"):
        assert owner.open(f"/admin/sales/customer/export/?organiser={value}").status == 404


@pytest.mark.soak
def test_every_nonsense_in_every_field_is_answered_in_words(shop, owner):
    send_nonsense(shop, owner, step=1)


def test_too_many_exports_in_an_hour_are_refused(shop, owner, monkeypatch):
    monkeypatch.setitem(limits.LIMITS, "export", limits.Limit(2, limits.HOUR))
    for _time in range(2):
        ask_for(owner, f"/admin/catalogue/event/{shop.event.pk}/export/", kind="orders")
    page = owner.open(f"/admin/catalogue/event/{shop.event.pk}/export/")
    assert owner.submit(form_of(page), {"kind": "orders", "file_format": "csv"}).status == 429
    assert Job.objects.count() == 2


def test_the_list_asks_as_much_for_three_as_for_one(shop, owner):
    counted = []
    for number in (1, 3):
        while Job.objects.count() < number:
            job = steps.done(steps.ask("participants", shop.event, "event", by=owner.user))
            jobs.fetch(job, by=owner.user, now=timezone.now())
        owner.open(listing(Job))  # the session knows of the click
        with CaptureQueriesContext(connection) as queries:
            page = owner.open(listing(Job))
        counted.append(len(queries))
        assert len(set(re.findall(r"/exports/job/\d+/change/", page.source))) == number
        assert not any("subjects" in query["sql"] for query in queries), "who is in a file is read for a list"
    assert counted[0] == counted[1]
