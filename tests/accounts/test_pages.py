"""The visitor's own pages at a point of sale: home, profile, orders and tickets."""

import re
from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import Contact
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from ticketshop.history import history
from ticketshop.history.models import Event as HistoryEvent

pytestmark = pytest.mark.django_db
HOME, PROFILE, ORDERS = "/theatre/account/", "/theatre/account/profile/", "/theatre/account/orders/"


@pytest.fixture
def user(pos, visitor):
    """A log-in whose browser is ``visitor``."""
    user = UserFactory(email="ada@example.org")
    visitor.client.force_login(user)
    return user


@pytest.mark.parametrize("url", [HOME, PROFILE])
def test_contact_is_created_when_the_account_is_first_opened(user, visitor, url):
    assert not Contact.objects.exists()
    assert visitor.open(url).status == 200
    contact = Contact.objects.get()
    assert (contact.user, contact.email, contact.language) == (user, "ada@example.org", "en")
    visitor.open(url)
    assert Contact.objects.count() == 1


def test_every_organiser_has_a_separate_contact(user, visitor):
    PointOfSaleFactory(slug="festival")
    visitor.open(HOME)
    visitor.open("/festival/account/")
    assert Contact.objects.filter(user=user).values("organiser").distinct().count() == 2


# --- profile --------------------------------------------------------------------------------------------------

TYPED = {
    "first_name": " Ada  Augusta ",
    "last_name": "Lovelace",
    "phone": "079 123 45 67",
    "street": "St James’s Square 12",
    "postcode": "1201",
    "city": "Genève",
    "birth_date": "1975-12-10",
    "language": "fr",
}


def test_profile_is_stored_normalised(user, visitor):
    visitor.open(PROFILE)
    page = visitor.fill("^birth_date$", TYPED)
    assert page.messages == ["Your profile is saved."]
    contact = Contact.objects.get()
    assert (contact.first_name, contact.phone) == ("Ada Augusta", "+41791234567")
    assert (contact.birth_date, contact.language) == (date(1975, 12, 10), "fr")
    assert list(Contact.objects.search("ada lovelace 079 123")) == [contact]
    shown = visitor.open(PROFILE).form("^birth_date$").values
    assert {name: shown[name] for name in ("phone", "city", "birth_date")} == {
        "phone": "+41 79 123 45 67",
        "city": "Genève",
        "birth_date": "1975-12-10",
    }


def test_history_names_changed_columns_without_values(user, visitor):
    visitor.open(PROFILE)
    visitor.fill("^birth_date$", TYPED)
    changed, created = history.of(Contact.objects.get())
    assert (changed.action, changed.by, created.action) == ("changed", user, "created")
    assert changed.details["columns"] == sorted(TYPED)
    written = str(list(HistoryEvent.objects.values_list("details", flat=True)))
    for value in ("Ada", "Lovelace", "791234567", "James", "1201", "Genève", "1975"):
        assert value not in written
    visitor.open(PROFILE)
    visitor.fill("^birth_date$", {})
    assert history.of(Contact.objects.get()).count() == 2, "saving the same again is no change"


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+41 79 123 45 67", "+41791234567"),
        ("0041 (0)79 123 45 67", "+41791234567"),
        ("+33 6 12 34 56 78", "+33612345678"),
        ("０７９１２３４５６７", "+41791234567"),
        ("", ""),
    ],
)
def test_phone_numbers_are_accepted_as_people_write_them(user, visitor, typed, stored):
    visitor.open(PROFILE)
    visitor.fill("^birth_date$", {**TYPED, "phone": typed})
    assert Contact.objects.get().phone == stored


@pytest.mark.parametrize(
    ("field", "typed", "words"),
    [
        ("phone", "12", "+41"),
        ("phone", "call me", "+41"),
        ("birth_date", "2031-02-30", "valid date"),
        ("birth_date", "0000-01-01", "valid date"),
        ("birth_date", "9999-01-01", "and today"),
        ("birth_date", "1800-01-01", "and today"),
        ("birth_date", (timezone.now() + timedelta(days=2)).date().isoformat(), "and today"),
        ("first_name", "", "required"),
        ("first_name", "www.evil.example", "without an address or a link"),
        ("last_name", "x" * 101, "at most 100"),
        ("language", "xx", "valid choice"),
    ],
)
def test_invalid_input_has_an_error_at_its_field_and_typed_values_stay(user, visitor, field, typed, words):
    visitor.open(PROFILE)
    page = visitor.fill("^birth_date$", {**TYPED, field: typed})
    assert "There is a problem" in page.text
    assert words in page.text
    shown = page.form("^birth_date$").values
    if field != "language":
        assert shown[field] == typed
    assert shown["city"] == "Genève"
    assert Contact.objects.get().city == "", "nothing is stored"


def test_posted_fields_outside_the_form_are_ignored(user, visitor):
    other = UserFactory()
    visitor.open(PROFILE)
    form = visitor.page.form("^birth_date$")
    extra = {
        "email": "evil@example.org",
        "user": str(other.pk),
        "kind": "structure",
        "number": "AAAA-AAAA",
        "organiser": "1",
    }
    form.names |= set(extra)
    before = Contact.objects.values("email", "user", "kind", "number", "organiser").get()
    visitor.submit(form, {**TYPED, **extra})
    assert Contact.objects.get().city == "Genève"
    assert Contact.objects.values("email", "user", "kind", "number", "organiser").get() == before


# --- orders and tickets -----------------------------------------------------------------------------------------


def test_page_shows_own_tickets_and_those_bought_for_the_visitor(pos, user, visitor):
    visitor.open(HOME)
    me = Contact.objects.get()
    offer, season_pass = OfferFactory(pos=pos), SeasonPassFactory(pos=pos)
    mine = make_order(
        {offer: 1, season_pass: 1}, user=user, holders=[{"first_name": "Mine", "last_name": ""}], paid=True
    )
    for_me = make_order({offer: 1}, holders=[{"first_name": "Gift", "last_name": ""}], paid=True)
    for_me.tickets.update(beneficiary=me)
    for_somebody = make_order(
        {offer: 1}, user=user, holders=[{"first_name": "Given", "last_name": "Away"}], paid=True
    )
    for_somebody.tickets.update(beneficiary=ContactFactory(organiser=pos.organiser))
    foreign = make_order({offer: 1}, holders=[{"first_name": "Foreign", "last_name": ""}], paid=True)
    elsewhere = make_order(user=user, holders=[{"first_name": "Elsewhere", "last_name": ""}], paid=True)

    page = visitor.open(ORDERS)
    for expected in (mine.reference, for_somebody.reference, "Mine", "Gift", season_pass.name):
        assert expected in page.text
    for hidden in (
        for_me.reference,
        foreign.reference,
        elsewhere.reference,
        "Given Away",
        "Foreign",
        "Elsewhere",
    ):
        assert hidden not in page.text
    assert for_me.secret not in page.source, "a ticket bought for me opens no order of somebody else"
    home = visitor.open(HOME)
    assert "Mine" in home.text
    assert "Gift" in home.text
    assert "Foreign" not in home.text


def test_empty_account_has_a_message_and_a_link_to_the_shop(user, visitor):
    page = visitor.open(ORDERS)
    assert "You have not ordered anything" in page.text
    assert page.link("See what’s on") == "/theatre/"


def queries(visitor, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert visitor.open(url).status == 200
    return len(captured)


@pytest.mark.parametrize("url", [HOME, ORDERS])
def test_page_takes_the_same_queries_for_one_and_three_orders(pos, user, visitor, url):
    offer, season_pass = OfferFactory(pos=pos), SeasonPassFactory(pos=pos)
    make_order({offer: 1, season_pass: 1}, user=user, paid=True)
    visitor.open(url)
    with_one = queries(visitor, url)
    for _ in range(2):
        make_order({OfferFactory(pos=pos): 2, SeasonPassFactory(pos=pos): 1}, user=user, paid=True)
    assert queries(visitor, url) == with_one


def test_orders_are_paged_and_every_page_number_answers(pos, user, visitor, monkeypatch):
    monkeypatch.setattr("ticketshop.lib.web.pages.page_of.__defaults__", (2,))
    offer = OfferFactory(pos=pos, price=0)
    now = timezone.now()
    references = [
        make_order({offer: 1}, user=user, now=now + timedelta(seconds=count)).reference for count in range(3)
    ]
    first = visitor.open(ORDERS)
    assert [reference in first.text for reference in references] == [False, True, True]
    second = visitor.open(f"{ORDERS}?page=2")
    assert [reference in second.text for reference in references] == [True, False, False]
    for odd in ("0", "-1", "a", "99999999999999999999", "%ff", "２", "1&page=2", ""):
        assert visitor.open(f"{ORDERS}?page={odd}").status == 200


def test_code_of_the_next_ticket_is_one_tap_from_the_account(client):
    user = UserFactory()
    client.force_login(user)
    offer = OfferFactory()
    pos = offer.session.event.points_of_sale.get()
    paid, unpaid = (make_order({offer: 1}, user=user, paid=is_paid) for is_paid in (True, False))
    source = client.get(f"/{pos.slug}/account/").content.decode()
    behind = re.findall(r"(?s)<details.*?</details>", source)
    assert len(behind) == 1
    assert paid.tickets.get().code in behind[0]
    assert "<svg" in behind[0]
    assert "Show the code" in behind[0]
    # The code of an unpaid ticket is not shown.
    assert unpaid.tickets.get().code not in source
    assert "Reserved, waiting for payment" in source
