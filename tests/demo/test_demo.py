"""The content of the demo shop, in both languages, and the consistency of its orders."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import F, Max
from modeltranslation.translator import translator
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from contacts.models import Contact
from registration_forms.models import Answer, Choice, FormVersion, RegistrationForm, Response
from tests.demo.conftest import MIDNIGHT
from ticketshop.catalogue import programme
from ticketshop.catalogue.models import Category, Event, SeasonPass, Session, Tariff
from ticketshop.demo import filling, log_ins
from ticketshop.demo.money import card_payments
from ticketshop.demo.past_orders import counter_evening
from ticketshop.demo.programme import pictures
from ticketshop.history.models import Event as History
from ticketshop.lib.values.text import normalise_email, normalise_line
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale, StaffMembership
from ticketshop.sales.models import (
    Dispute,
    Invoice,
    IssuedPass,
    Order,
    OrderLine,
    OrderResponse,
    Payment,
    PaymentMethod,
    Refund,
    Ticket,
)
from ticketshop.sales.orders import books, waiting_money

pytestmark = [pytest.mark.usefixtures("demo"), pytest.mark.django_db]

SAME_IN_BOTH = {"Antigone", "Cyrano de Bergerac", "Théâtre du Lac", "Seeklang Festival", "Concerts"}


def shown(slug):
    """The programme as it stands in the morning."""
    return programme.programme(PointOfSale.objects.get(slug=slug), MIDNIGHT + timedelta(hours=9))


def test_orders_places_and_money_are_consistent():
    assert {code: found for code, found in books.check().items() if found} == {}


def test_no_periodic_job_has_work_in_the_new_demo():
    assert not ProcrastinateJob.objects.exists()
    assert set(Mail.objects.values_list("state", flat=True)) == {"sent"}
    assert not list(settings.MAILBOX_DIR.glob("*"))


def test_orders_exist_in_every_state():
    assert Order.objects.filter(point_of_sale__slug="theatre").count() == 320 + len(counter_evening.SALES)
    assert Order.objects.filter(point_of_sale__slug="festival").count() == 180
    for shop in ("theatre", "festival"):
        orders = Order.objects.filter(point_of_sale__slug=shop)
        assert set(orders.values_list("state", flat=True)) == {"paid", "pending", "cancelled", "expired"}
        cards = {"stripe"} if shop == "theatre" else set()
        invited = {"invitation"} if shop == "theatre" else set()
        assert set(orders.values_list("payment_method", flat=True)) == {
            "free",
            "on_site",
            "bank_transfer",
            "cash",
            "card_terminal",
            *cards,
            *invited,
        }
        named = orders.filter(without_person=False)
        assert set(named.values_list("buyer__created_via", flat=True)) == {
            "guest_order",
            "account",
            "back_office",
        }
        assert orders.filter(state="paid").count() > orders.count() * 0.6
    assert Refund.objects.filter(state="done").count() > 10
    assert Ticket.objects.filter(state="used").count() > 100


def test_demo_shows_what_can_happen_to_money():
    owner = User.objects.get(email="owner@theatre.example")
    office = User.objects.get(email="office@theatre.example")
    by_hand = Refund.objects.filter(state="requested", payment__order__point_of_sale__slug="theatre").count()
    assert by_hand
    for user in (owner, office):
        assert [waiting.sentence for waiting in waiting_money.read(user)] == [
            f"{by_hand} refunds have to be paid by hand.",
            "1 refund was refused by the payment service: pay it in another way.",
            "1 payment of a bank file is to be looked at.",
            "1 payment is disputed by its buyer at their bank.",
        ]
    (of_charlie,) = Order.objects.filter(buyer__email="charlie@example.org", payment_method="stripe")
    assert sorted(of_charlie.tickets.values_list("state", flat=True)) == ["cancelled", "valid", "valid"]
    assert Refund.objects.get(payment__order=of_charlie).state == "done"
    papers = Invoice.objects.order_by("number").values_list("kind", "order__state")
    assert list(papers) == [
        ("invoice", "paid"),
        ("invoice", "paid"),
        ("invoice", "pending"),
        ("credit_note", "paid"),
    ]


def test_fake_stripe_has_the_card_payments_of_the_past(tmp_path):
    card_payments.write(tmp_path / "state.json")
    (account,) = json.loads((tmp_path / "state.json").read_text()).values()
    of_kind = {}
    for row in account["objects"].values():
        of_kind.setdefault(row["object"], []).append(row)
    cards = Payment.objects.filter(method="stripe", state="confirmed")
    assert {row["id"]: row["amount_total"] for row in of_kind["checkout.session"]} == {
        reference: amount * 100 for reference, amount in cards.values_list("provider_reference", "amount")
    }
    assert {row["metadata"]["key"]: row["status"] for row in of_kind["refund"]} == {
        refund.provider_key: {"done": "succeeded", "failed": "failed"}[refund.state]
        for refund in Refund.objects.filter(payment__in=cards)
    }
    (dispute,) = of_kind["dispute"]
    assert dispute["id"] == Dispute.objects.get().provider_reference
    assert max(row["created"] for rows in of_kind.values() for row in rows) < MIDNIGHT.timestamp()


def test_no_row_is_later_than_midnight():
    latest = [
        Order.objects.aggregate(at=Max("placed_at"))["at"],
        Order.objects.aggregate(at=Max("paid_at"))["at"],
        Order.objects.aggregate(at=Max("cancelled_at"))["at"],
        Payment.objects.aggregate(at=Max("confirmed_at"))["at"],
        Refund.objects.aggregate(at=Max("done_at"))["at"],
        Mail.objects.aggregate(at=Max("created_at"))["at"],
        History.objects.aggregate(at=Max("at"))["at"],
        Ticket.objects.aggregate(at=Max("used_at"))["at"],
    ]
    assert max(latest) < MIDNIGHT
    assert Order.objects.earliest("placed_at").placed_at < MIDNIGHT - timedelta(days=180)


def test_pending_orders_do_not_expire_on_the_first_day():
    waiting = Order.objects.filter(state="pending")
    assert waiting and not waiting.filter(expires_at__lt=MIDNIGHT + timedelta(days=1))
    assert not Order.objects.filter(expires_at__lte=F("placed_at"))


def test_used_tickets_belong_to_past_sessions():
    assert Ticket.objects.filter(state="used", used_at__isnull=False).exists()
    assert not Ticket.objects.filter(state="used", session__starts_at__gt=MIDNIGHT)
    assert not Ticket.objects.exclude(state="used").filter(used_at__isnull=False)
    early, late = timedelta(hours=1), timedelta(minutes=10)
    assert not Ticket.objects.filter(used_at__lt=F("session__starts_at") - early)
    assert not Ticket.objects.filter(used_at__gt=F("session__starts_at") + late)


@pytest.mark.parametrize(("slug", "events"), [("theatre", 14), ("festival", 12)])
def test_programme_has_every_kind_of_date(slug, events):
    rows = shown(slug).events
    assert len(rows) == events
    dates = {session.state for row in rows for session in row.sessions}
    assert dates == {"on_sale", "sold_out", "cancelled", "not_yet"}
    assert any(row.from_price == 0 for row in rows), "something is free"
    assert any(row.few for row in rows), "something is nearly sold out"
    assert all(row.event.venue.street and row.event.category for row in rows)


def test_demo_has_passes_for_a_season_five_entries_and_a_weekend():
    assert [
        row.on_sale and row.left > 0 for slug in ("theatre", "festival") for row in shown(slug).passes
    ] == [True] * 3
    assert set(SeasonPass.objects.values_list("opens", "entries")) == {
        ("all", None),
        ("all", 5),
        ("chosen", None),
    }
    weekend = SeasonPass.objects.get(opens="chosen")
    assert (weekend.valid_until - weekend.valid_from).days == 3
    assert weekend.sessions.count() == 9


def test_child_tickets_need_an_adult_and_a_family_has_four_tickets():
    children = Tariff.objects.filter(name_en="Child")
    assert children and all(child.only_with.name_en == "Adult" for child in children)
    assert set(Tariff.objects.filter(name_en="Family of 4").values_list("tickets_per_unit", flat=True)) == {4}


@pytest.mark.parametrize("model", [PointOfSale, Category, Event, Tariff, SeasonPass])
def test_texts_exist_in_both_languages(model):
    for row in model.objects.all():
        for field in translator.get_options_for_model(model).fields:
            english, french = getattr(row, f"{field}_en"), getattr(row, f"{field}_fr")
            assert bool(english) == bool(french), (row, field)
            if english and english not in SAME_IN_BOTH:
                assert english != french, (row, field)
            assert not re.search(r" [:;!?»]|« |'", french), ("French signs", row, french)
            assert "'" not in english, ("typewriter's apostrophe", row, english)
            assert "{" not in english + french


def test_orders_are_written_in_the_language_of_their_buyers():
    for language, wrong in (("fr", {"Adult", "Reduced"}), ("en", {"Plein tarif", "Tarif réduit"})):
        lines = OrderLine.objects.filter(order__language=language)
        names = set(lines.values_list("tariff_name", flat=True))
        assert names and not names & wrong


def test_terms_are_published_before_buyers_accept_them():
    accepted = Order.objects.exclude(terms_version=None)
    assert accepted.exists()
    assert not accepted.filter(terms_version__published_at__gt=F("placed_at")).exists()


def test_descriptions_have_enough_text():
    for event in Event.objects.all():
        for text in (event.description_en, event.description_fr):
            assert 2 <= len(text.split("\n\n")) <= 4
            assert len(text) > 180


def test_rows_pass_full_validation():
    for model in (PointOfSale, Event, Session, Tariff, SeasonPass, Contact, Order):
        # The database has checked the keys.
        keys = [field.name for field in model._meta.concrete_fields if field.is_relation]
        for row in model.objects.all():
            try:
                row.clean_fields(exclude=["password", *keys])
            except ValidationError as error:
                pytest.fail(f"{model.__name__} {row.pk}: {error}")


def test_past_visitors_have_answers():
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


def test_both_shops_can_sell():
    theatre, festival = PointOfSale.objects.get(slug="theatre"), PointOfSale.objects.get(slug="festival")
    assert (theatre.languages, festival.languages) == (["fr", "en"], ["en", "fr"])
    assert (theatre.friends_family_enabled, festival.friends_family_enabled) == (True, False)
    for shop in (theatre, festival):
        methods = {row.code: row.settings for row in PaymentMethod.objects.filter(point_of_sale=shop)}
        cards = {"stripe"} if shop == theatre else set()
        counter = {"cash", "card_terminal", "invitation", "invoice"}
        assert set(methods) == {"on_site", "bank_transfer"} | cards | counter
        assert methods["bank_transfer"]["account_holder"]
        assert is_iban(methods["bank_transfer"]["iban"])


def is_iban(text):
    text = text.replace(" ", "")
    return int("".join(str(int(sign, 36)) for sign in text[4:] + text[:4])) % 97 == 1


def test_every_log_in_works():
    for email, _who in log_ins.LOG_INS:
        user = User.objects.get(email=email)
        assert user.check_password(log_ins.PASSWORD)
        assert EmailAddress.objects.get(user=user, verified=True, primary=True).email == email
    assert list(User.objects.filter(is_superuser=True).values_list("email", flat=True)) == [
        "admin@example.org"
    ]
    known = {email for email, _who in log_ins.LOG_INS}
    assert not any(user.has_usable_password() for user in User.objects.exclude(email__in=known))
    assert set(StaffMembership.objects.values_list("user__email", "organiser__name", "role__name")) == {
        ("owner@theatre.example", "Théâtre du Lac", "owner"),
        ("office@theatre.example", "Théâtre du Lac", "back office"),
        ("box@theatre.example", "Théâtre du Lac", "box office"),
        ("door@theatre.example", "Théâtre du Lac", "door"),
        ("owner@festival.example", "Seeklang Festival", "owner"),
    }


def test_alice_bob_and_charlie_are_contacts_of_the_theatre():
    names = {"alice": "Alice Martin", "bob": "Bob Müller", "charlie": "Charlie Dubois"}
    for who, name in names.items():
        contact = Contact.objects.get(user__email=f"{who}@example.org")
        assert contact.organiser.name == "Théâtre du Lac"
        assert contact.full_name == name
        assert contact.phone and contact.street and contact.postcode and contact.city
    alice = Order.objects.filter(buyer__user__email="alice@example.org")
    assert alice.filter(state="paid").count() == alice.count() == 3
    coming = Ticket.objects.filter(order__in=alice, session__starts_at__gt=MIDNIGHT)
    assert {ticket.state for ticket in coming} == {"valid"}


def test_contacts_are_stored_as_the_shop_stores_them():
    for contact in Contact.objects.all():
        assert contact.email_key == normalise_email(contact.email or "")
        assert contact.full_name == normalise_line(contact.full_name)
        assert not contact.phone or re.fullmatch(r"\+41\d{9}", contact.phone)
        assert not contact.email or contact.email.split("@")[1] in {
            "example.org",
            "example.net",
            "example.com",
        }
    guests = Contact.objects.filter(created_via="guest_order")
    assert guests and not guests.filter(user__isnull=False)
    assert not guests.filter(orders__isnull=True), "who never ordered would be erased"


def test_prices_have_the_vat_of_their_kind():
    rates = set(Tariff.objects.values_list("vat_rate", flat=True)) | set(
        SeasonPass.objects.values_list("vat_rate", flat=True)
    )
    assert rates == {Decimal("2.60"), Decimal("8.10")}, "culture; and where a meal or a drink is included"
    assert Order.objects.filter(total=0, payment_method="free", vat_total=0).exists()


def test_pictures_have_alternative_texts():
    for house in filling.HOUSES:
        for show in house.shows:
            event = Event.objects.get(organiser__name=house.organiser["name"], slug=show.slug)
            assert event.image.name == pictures.of_show(house, show)
            assert event.image_alt_en.startswith("Poster: ")
