"""After an erasure: unchanged books, no page with the person, no page that fails on empty columns."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.postgres.fields import ArrayField
from django.db import connection
from django.db.models import (
    BigAutoField,
    BooleanField,
    CharField,
    DateTimeField,
    ForeignKey,
    JSONField,
    TextField,
    UUIDField,
)
from django.db.models.functions import Cast
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts import contacts, merging
from contacts.linking import staff_links
from contacts.models import Contact, LinkType
from privacy.models import Erasure
from tests.factories.accounts import UserFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.privacy.office import (
    VERA,
    Office,
    bin_page,
    coming_order,
    erase,
    erase_without_page,
    make_office,
    past_order,
)
from tests.staff import Staff, change, listing
from ticketshop.lib.personal import BASES
from ticketshop.organisers.permissions import within
from ticketshop.sales.models import Customer, Order, OrderLine, Payment, Ticket
from ticketshop.sales.tickets import ticket_pdf

pytestmark = pytest.mark.django_db
# What a customer's order still says to accounting; who, in which language and by which link is not among it.
STAYS = {
    Order: [
        "reference", "state", "channel", "payment_method", "currency", "total", "vat_total", "placed_at", "paid_at",
        "cancelled_at", "point_of_sale_id", "organiser_id",
    ],
    OrderLine: [
        "title", "tariff_name", "session_starts_at", "quantity", "unit_price", "total", "vat_rate", "vat_amount", "offer_id",
        "season_pass_id", "allotment_id", "places",
    ],
    Ticket: ["code", "state", "used_at", "session_id", "line_id"],
    Payment: ["method", "state", "amount", "currency", "reference", "started_at", "confirmed_at"],
}  # fmt: skip


def _request(user):
    request = RequestFactory().get("/")
    request.user = user
    return request


def books(order: Order) -> dict:
    """The columns that stay, as the database writes them."""
    found = {}
    for model, columns in STAYS.items():
        where = {"pk": order.pk} if model is Order else {"order": order.pk}
        cast = {f"text_{name}": Cast(name, TextField()) for name in columns}
        found[model] = list(
            model.objects.filter(**where).order_by("pk").annotate(**cast).values_list("pk", *cast)
        )
    return found


@pytest.mark.scenario("S04")
def test_books_do_not_change(office):
    before, staff = books(office.order), office.staff()
    assert all(before.values())
    page = staff.open(change(office.order)).text
    assert "Vera Zweig" in page and "Erased customer" not in page
    erase(staff, office.vera)
    assert books(office.order) == before
    page = staff.open(change(office.order)).text
    assert "Zweig" not in page and "Erased customer" in page
    placed = timezone.localtime(office.order.placed_at, ZoneInfo(office.pos.organiser.time_zone))
    assert f"Kept until 31 Dec {placed.year + 10}" in page
    assert "ten years after the business year" in page
    assert office.order.reference in page
    assert "Client supprimé" in office.staff(language="fr").open(change(office.order)).text
    assert "Client supprimé" in office.staff(language="fr").open(listing(Order)).text


@pytest.mark.scenario("S04", "S19")
def test_no_mail_can_be_sent_again_and_the_page_says_why(office):
    staff = office.staff()
    assert 'href="/admin/sales/order' in staff.open(change(office.order)).source
    assert staff.page.link("Send the e-mail again")
    erase_without_page(office.vera)
    page = staff.open(change(office.order))
    assert "No e-mail about this order can be sent any more" in page.text
    assert "Not possible now:" in page.text and "/resend-mail/" not in page.source
    answer = staff.press(office.order, "resend-mail")
    assert (
        "“Send the e-mail again” is not possible now. No e-mail about this order can be sent any more"
        in answer.text
    )


@pytest.mark.scenario("S06")
def test_erased_person_is_not_found(office):
    staff, vera = office.staff(), office.vera
    number, counted = vera.number, Customer.objects.known().count()
    words = ["zweig", "vera@zweig.example", number]
    for word in words:
        for model in (Contact, Customer):
            assert change(vera, model) in staff.open(f"{listing(model)}?q={word}").source, (word, model)
        assert office.order.reference in staff.open(f"{listing(Order)}?q={word}").text, word
        assert number in staff.open(f"/admin/contacts/contact/{office.wilma.pk}/merge/?q={word}").text
    erase_without_page(vera)
    for word in words:
        for model in (Contact, Customer):
            assert change(vera, model) not in staff.open(f"{listing(model)}?q={word}").source, (word, model)
        assert office.order.reference not in staff.open(f"{listing(Order)}?q={word}").text, word
        assert (
            f"with={vera.pk}"
            not in staff.open(f"/admin/contacts/contact/{office.wilma.pk}/merge/?q={word}").source
        )
    assert Customer.objects.known().count() == counted - 1
    for model in (Contact, Customer):
        assert change(vera, model) not in staff.open(listing(model)).source
        assert change(office.wilma, model) in staff.page.source
        assert staff.client.get(change(vera, model)).status_code == 404
    assert staff.client.get(bin_page(vera)).status_code == 404
    assert office.order.reference in staff.open(f"{listing(Order)}?q={office.order.reference}").text


@pytest.mark.scenario("S06")
def test_pages_and_sorting_work_with_emptied_columns(office):
    """``test_crawl.py`` opens the lists as they are."""
    staff = office.staff()
    coming_order(office.pos)
    erase_without_page(office.vera, bearer=True)
    rows = {Order: office.order, Ticket: office.order.tickets.get(), Payment: office.order.payments.get()}
    seen = 0
    for model, page in admin.site._registry.items():
        if not hasattr(model, "organiser_path") or not page.has_view_permission(_request(office.owner)):
            continue
        # By all columns at once: each is in the ORDER BY.
        for end in ("?o=1.2.3.4.5.6.7.8", "?q=vera"):
            answer = staff.client.get(f"{listing(model)}{end}")
            assert answer.status_code in {200, 302}, f"{listing(model)}{end}"
            assert "Zweig," not in answer.content.decode() and "Vera" not in answer.content.decode().replace(
                "q=vera", ""
            )
            seen += 1
        own = within(model._default_manager.all(), {office.pos.organiser.pk})
        row = rows.get(model) or own.order_by("-pk").first()
        if row is not None and model not in (Contact, Customer):
            assert staff.client.get(change(row, model)).status_code == 200, (model, row.pk)
    assert seen > 50
    text = staff.open(change(office.order)).text
    assert "guest removed" in text and "a guest" not in text
    order = Order.objects.get(pk=office.order.pk)
    assert ticket_pdf.render(order, list(order.tickets.all()), [])


@pytest.mark.scenario("S09")
def test_the_same_address_elsewhere_is_another_person(office):
    user = UserFactory(email="both@example.org")
    there = PointOfSaleFactory()
    here = contacts.for_user(office.pos.organiser, user, language="en", now=timezone.now())
    elsewhere = contacts.for_user(there.organiser, user, language="en", now=timezone.now())
    contacts.change(elsewhere, {"first_name": "Bo", "last_name": "Th"}, by=user, now=timezone.now())
    past_order(office.pos, here)
    kept = past_order(there, elsewhere)
    guest = past_order(there, VERA)
    assert "Their log-in here ends" in office.staff().open(bin_page(here)).text
    erase_without_page(here)
    erase_without_page(office.vera)
    user.refresh_from_db()
    assert user.email == "both@example.org"
    page = Staff(make_staff(there.organiser)).open(change(kept)).text
    assert "Bo Th" in page
    assert Order.objects.get(pk=guest.pk).buyer.full_name == "Vera Zweig"


@pytest.mark.scenario("S38")
def test_both_histories_of_a_merged_person_are_erased(office):
    now = timezone.now()
    old = past_order(office.pos, {"first_name": "Vera", "last_name": "Alt", "email": "old@alt.example"})
    staff = office.staff()
    assert change(old.buyer) in staff.open(f"{listing(Contact)}?q=old@alt.example").source
    merging.merge(office.vera, old.buyer, by=office.owner, now=now)
    assert {old.reference, office.order.reference} <= set(
        staff.open(change(office.vera, Customer)).text.split()
    )
    erase_without_page(office.vera)
    for order in (old, office.order):
        assert Order.objects.get(pk=order.pk).buyer is None
        assert "Erased customer" in staff.open(change(order)).text
    for word in ("old@alt.example", "vera@zweig.example", "Alt"):
        assert change(office.vera) not in staff.open(f"{listing(Contact)}?q={word}").source
        assert old.reference not in staff.open(f"{listing(Order)}?q={word}").text


@pytest.mark.scenario("S43")
def test_record_contains_no_name(office):
    coming_order(office.pos)
    done = erase_without_page(office.vera)
    for text in [str(value) for value in vars(done).values()] + [
        str(vars(step)) for step in done.steps.all()
    ]:
        assert "vera" not in text.lower() and "zweig" not in text.lower()
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    assert done.kept and done.deferred and done.steps.exists()
    for one in done.kept:
        assert set(one) == {"model", "basis", "rows", "until"}
        assert one["model"] in labels and one["basis"] in BASES and type(one["rows"]) is int
        assert one["until"] is None or date.fromisoformat(one["until"])
    for one in done.deferred:
        assert set(one) == {"model", "pk", "basis", "until"}
        assert one["model"] in labels and one["basis"] in BASES and type(one["pk"]) is int
        assert one["until"] is None or datetime.fromisoformat(one["until"])
    assert {(step.model in labels, type(step.rows)) for step in done.steps.all()} == {(True, int)}
    texts = {
        field.name for field in Erasure._meta.concrete_fields
        if isinstance(field, (CharField, TextField)) and not field.choices
    }  # fmt: skip
    assert texts == {"receipt", "registry_version", "token_hash", "failure"}, (
        "a text may come to name somebody"
    )
    kinds = {type(field) for field in Erasure._meta.concrete_fields} - {CharField}
    assert kinds == {BigAutoField, UUIDField, ForeignKey, BooleanField, DateTimeField, JSONField, ArrayField}


def _profile(office: Office, orders: int) -> list[int]:
    for _ in range(orders - 1):
        past_order(office.pos, VERA)
        coming_order(office.pos, VERA)
    friend = contacts.create(
        organiser=office.pos.organiser,
        via="back_office",
        now=timezone.now(),
        first_name="Fri",
        last_name="End",
    )
    staff_links.add(
        parent=office.vera, child=friend, link_type=LinkType.objects.get(code="partner"), by=office.owner, now=timezone.now()
    )  # fmt: skip
    staff = office.staff()
    counts = []
    for url in (change(office.vera, Customer), bin_page(office.vera)):
        staff.open(url)
        with CaptureQueriesContext(connection) as queries:
            staff.open(url)
        counts.append(len(queries))
    assert "Fri End" in staff.open(change(office.vera, Customer)).text
    return counts


@pytest.mark.scenario("S02")
def test_profile_and_preview_take_as_many_queries_for_three_orders_as_for_one(office):
    coming_order(office.pos, VERA)
    other = make_office()
    coming_order(other.pos, VERA)
    one, three = _profile(office, 1), _profile(other, 3)
    assert one == three
    assert three[0] < 40 and three[1] < 26, three
