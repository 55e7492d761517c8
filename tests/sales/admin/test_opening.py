"""The page *Ready to open?* of a point of sale: each item, who sees what, and opening."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.factories.catalogue import EventFactory, OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory
from tests.sales.mails.test_order_mails import deliver
from tests.staff import Staff, change
from ticketshop.catalogue.models import Event
from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.mail import pause
from ticketshop.mail.models import Mail
from ticketshop.sales.admin.opening import missing

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-01")]
NOW = timezone.now()


@pytest.fixture
def pos():
    return PointOfSaleFactory(
        slug="theatre", name="Theatre", active=False, terms="", organiser__legal_name=""
    )


@pytest.fixture
def owner(pos):
    return Staff(make_staff(pos.organiser))


def page(pos) -> str:
    return change(pos).replace("change/", "ready/")


def states(pos) -> dict[str, bool]:
    """Return title -> whether it is done."""
    pos.refresh_from_db()
    return {item.title: item.done for item in missing.read(pos, timezone.now())}


def heartbeat(seconds: int) -> None:
    """Write the heartbeat of a worker, so many seconds old."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - make_interval(secs => %s))",
            [seconds],
        )


def mail(state: str, minutes: int) -> Mail:
    """Return a mail of the installation that was queued so many minutes ago, and sent then if it is sent."""
    at = timezone.now() - timedelta(minutes=minutes)
    sent_at = at if state == Mail.State.SENT else None
    return Mail.objects.create(
        kind="x", recipient="a@b.test", language="en", state=state, created_at=at, sent_at=sent_at
    )


def complete(pos) -> None:
    """Enter everything that the shop needs."""
    organiser = pos.organiser
    for name, value in {
        "legal_name": "Theatre Ltd", "street": "Main Street", "house_number": "1", "postcode": "8000", "city": "Zürich",
        "vat_number": "CHE-1", "privacy_contact": "data@theatre.test",
    }.items():  # fmt: skip
        setattr(organiser, name, value)
    organiser.save()
    pos.terms, pos.email_sender_address = "What is bought is bought.", "box@theatre.test"
    pos.save()
    PaymentMethodFactory(point_of_sale=pos)
    OfferFactory(pos=pos)
    heartbeat(5)
    mail(Mail.State.SENT, 1)


def test_an_empty_shop_lacks_everything_and_a_complete_one_nothing(pos):
    assert {title for title, done in states(pos).items() if done} == {"VAT", "Test mode off"}
    complete(pos)
    assert all(states(pos).values())
    assert len(states(pos)) == 12


@pytest.mark.parametrize(
    ("title", "columns"),
    [
        ("Legal name", {"legal_name": "  "}),
        ("Postal address", {"street": ""}),
        ("Postal address", {"postcode": ""}),
        ("Postal address", {"city": ""}),
        ("VAT", {"vat_number": ""}),
        ("Privacy contact", {"privacy_contact": ""}),
    ],
)
def test_what_the_organiser_lacks_is_missing(title, columns, pos):
    complete(pos)
    for name, value in columns.items():
        setattr(pos.organiser, name, value)
    pos.organiser.save()
    assert [title for title, done in states(pos).items() if not done] == [title]


def test_programme_is_missing_until_a_published_event_has_a_date_with_places(pos):
    complete(pos)
    Event.objects.update(state=Event.State.DRAFT)
    assert [name for name, done in states(pos).items() if not done] == [
        "An event on sale",
        "A tariff with places",
    ]
    offer = OfferFactory(pos=pos, capacity=0)
    assert [name for name, done in states(pos).items() if not done] == ["A tariff with places"]
    offer.allotment.capacity = 1
    offer.allotment.save()
    assert all(states(pos).values())
    offer.tariff.active = False
    offer.tariff.save()
    assert not states(pos)["A tariff with places"]
    SeasonPassFactory(pos=pos)
    assert states(pos)["A tariff with places"]


def test_way_to_pay_counts_only_if_its_keys_work_and_test_mode_is_named(pos, stripe, settings):
    complete(pos)
    pos.payment_methods.all().delete()
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    found = states(pos)
    assert found["A way to pay that works"]
    assert not found["Test mode off"]
    settings.STRIPE_ACCOUNTS = {}
    assert not states(pos)["A way to pay that works"]


def test_worker_and_mails_are_read_from_heartbeat_and_outbox(pos):
    background, mails = "Work in the background", "E-mails go out"
    heartbeat(600)
    found = states(pos)
    assert (found[background], found[mails]) == (False, False)
    heartbeat(5)
    mail(Mail.State.SENT, 60)
    found = states(pos)
    assert (found[background], found[mails]) == (True, True)
    waiting = mail(Mail.State.QUEUED, 20)
    assert not states(pos)[mails]
    mail(Mail.State.SENT, 1)  # others leave: the one that waits is tried again later
    assert states(pos)[mails]
    waiting.delete()
    pause.begin(timezone.now())
    assert not states(pos)[mails]
    pause.end()
    assert states(pos)[mails]


def test_start_page_leads_to_the_list_and_each_item_to_its_field(pos, owner):
    EventFactory(pos=pos, state=Event.State.DRAFT)
    assert "“Theatre” is not open yet." in owner.open("/admin/").text
    source = owner.open(owner.page.link("Ready to open?")).source
    assert f'href="{change(pos.organiser)}#id_legal_name"' in source
    assert f'href="{change(pos)}#id_terms_en"' in source
    assert f'href="{change(pos)}#payment_methods-group"' in source
    assert f'href="{change(Event.objects.get())}"' in source
    for url in (change(pos.organiser), change(pos)):
        fields = owner.open(url).source
        assert "id_legal_name" in fields or "id_terms_en" in fields
    office = Staff(make_staff(pos.organiser, "back office"))
    text = office.open(page(pos)).text
    assert "Your role can’t do this. Who can: owner." in text
    assert change(pos.organiser) not in office.page.source
    assert "Open the point of sale" not in text
    assert office.send("POST", page(pos), {}).status == 403


def test_shop_opens_only_when_nothing_needed_is_missing(pos, owner):
    owner.open(page(pos))
    assert (
        "It stays closed. Enter first: Legal name, Terms of sale, A way to pay that works."
        in owner.fill("^open$", button=("open", "Open")).text
    )
    pos.refresh_from_db()
    assert not pos.active
    complete(pos)
    owner.open(page(pos))
    assert "“Theatre” is open: visitors can buy." in owner.fill("^open$", button=("open", "Open")).text
    pos.refresh_from_db()
    assert pos.active
    assert pos.first_opened_at is not None
    assert history.of(pos).get().action == "opened"
    assert "is not open yet" not in owner.open("/admin/").text


def test_list_of_another_organiser_is_not_found(pos, owner):
    foreign = PointOfSaleFactory(active=False)
    assert owner.open(page(pos)).status == 200
    assert owner.open(page(foreign)).status == 404
    assert foreign.name not in owner.open("/admin/").text


def test_queries_do_not_grow_with_the_programme(pos):
    complete(pos)

    def count() -> int:
        pos.refresh_from_db()
        _ = pos.organiser.name
        with CaptureQueriesContext(connection) as queries:
            missing.read(pos, timezone.now())
        return len(queries)

    one = count()
    for _ in range(2):
        OfferFactory(pos=pos)
    assert count() == one <= 13


BASICS = {
    "legal_name": "Theatre Ltd", "street": "Main Street", "house_number": "1", "postcode": "8000", "city": "Zürich",
    "privacy_contact": "data@theatre.test", "email_sender_address": "box@theatre.test", "terms": "What is bought is bought.",
}  # fmt: skip
SAVE = ("_save", "Save")


def test_basics_are_entered_on_one_page(pos, owner):
    owner.open(page(pos))
    owner.open(owner.page.link("Enter name, address, terms and ways to pay on one page"))
    owner.fill("^_save$", {**BASICS, "on_site": "on", "iban": "CH93 0076 2011 6238 5295 7"}, button=SAVE)
    assert owner.page.url == page(pos)
    left = {title for title, done in states(pos).items() if not done}
    assert left == {"An event on sale", "A tariff with places", "Work in the background", "E-mails go out"}
    transfer, on_site = pos.payment_methods.order_by("code")
    assert transfer.settings == {"account_holder": "Theatre Ltd", "iban": "CH9300762011623852957"}
    assert (transfer.enabled, on_site.enabled) == (True, True)
    assert history.of(pos).get().details["changes"]["email_sender_address"] == ["", "box@theatre.test"]
    assert history.of(pos.organiser).get().details["changes"]["city"] == ["", "Zürich"]
    assert pos.terms_version is not None


def test_basics_that_are_wrong_change_nothing_and_stay_typed(pos, owner):
    owner.open(page(pos).replace("ready", "basics"))
    typed = {**BASICS, "iban": "CH93 0076 2011 6238 5295 8", "privacy_contact": "nobody"}
    owner.fill("^_save$", typed, button=SAVE)
    assert any("check digits" in error for error in owner.errors)
    assert len(owner.errors) == 2
    assert 'value="Theatre Ltd"' in owner.page.source
    pos.refresh_from_db()
    assert (pos.organiser.legal_name, pos.terms) == ("", "")
    assert not pos.payment_methods.exists()


def test_basics_switch_no_way_to_pay_off(pos, owner):
    complete(pos)
    PaymentMethodFactory(
        point_of_sale=pos,
        code="bank_transfer",
        settings={"account_holder": "Us", "iban": "CH9300762011623852957"},
    )
    source = owner.open(page(pos).replace("ready", "basics")).source
    assert 'name="on_site"' not in source
    owner.fill("^_save$", {"iban": ""}, button=SAVE)
    assert set(pos.payment_methods.filter(enabled=True).values_list("code", flat=True)) == {
        "on_site",
        "bank_transfer",
    }
    assert pos.payment_methods.get(code="bank_transfer").settings["account_holder"] == "Us"


# --- test e-mail ---------------------------------------------------------------------------------------------
def ask_for_mail(staff: Staff, pos):
    """Press *Send me a test e-mail*, and return the page after it."""
    staff.open(page(pos))
    assert "Send me a test e-mail" in staff.page.source
    form = next(form for form in staff.page.forms if form.method == "post" and form.action == "")
    return staff.submit(form, button=("mail", "Send me a test e-mail"))


@pytest.mark.scenario("OPN-01")
def test_a_test_mail_goes_to_the_person_who_asks_and_the_page_tells_what_became_of_it(owner, pos, mailoutbox):
    shown = ask_for_mail(owner, pos)
    assert f"to {owner.user.email} is waiting to be sent" in shown.text
    assert history.of(pos).filter(action="mail_checked", by=owner.user).count() == 1
    (letter,) = deliver(mailoutbox)
    assert letter.to == [owner.user.email]
    assert pos.name in letter.body
    assert f"to {owner.user.email} was sent" in owner.open(page(pos)).text
    # Another person has another mail, or none.
    colleague = Staff(make_staff(pos.organiser, email="colleague@example.org"))
    assert owner.user.email not in colleague.open(page(pos)).text


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"state": "failed", "error": "SMTPRecipientsRefused 550"},
            "The mail server refused the test e-mail of .*: it does not accept this recipient \\(550\\)",
        ),
        ({"error": "ConnectionRefusedError"}, "is still waiting.*: it does not answer"),
        ({"error": "SMTPAuthenticationError 535"}, "does not accept the log-in of this shop \\(535\\)"),
        ({"state": "bounced"}, "came back"),
    ],
)
def test_the_page_tells_why_a_test_mail_did_not_arrive(columns, sentence, owner, pos):
    ask_for_mail(owner, pos)
    Mail.objects.filter(kind="mail_check").update(**columns)
    assert re.search(sentence, owner.open(page(pos)).text)


def test_test_mails_are_limited_per_person(owner, pos):
    for _number in range(limits.LIMITS["mail_check"].count):
        ask_for_mail(owner, pos)
    sent = Mail.objects.filter(kind="mail_check").count()
    assert "several test e-mails already" in ask_for_mail(owner, pos).text
    assert Mail.objects.filter(kind="mail_check").count() == sent
    colleague = Staff(make_staff(pos.organiser, email="colleague@example.org"))
    assert "several test e-mails already" not in ask_for_mail(colleague, pos).text


def test_who_may_not_change_the_shop_sends_a_test_mail_and_reads_who_opens_it(pos, owner):
    staff = Staff(make_staff(pos.organiser, "back office", email="office@example.org"))
    assert "to office@example.org is waiting to be sent" in ask_for_mail(staff, pos).text
    assert Mail.objects.get(kind="mail_check").recipient == "office@example.org"
    who = "Opening the point of sale: Your role can’t do this. Who can: owner."
    assert who in staff.page.text
    assert who not in owner.open(page(pos)).text
    # The other buttons of the page are not theirs.
    for button in ("open", "empty"):
        assert staff.client.post(page(pos), {button: "1"}).status_code == 403


def test_who_may_not_see_the_shop_sends_no_test_mail(pos):
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert staff.client.post(page(pos), {"mail": "1"}).status_code == 403
    assert not Mail.objects.filter(kind="mail_check").exists()
