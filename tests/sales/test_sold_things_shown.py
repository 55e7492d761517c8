"""Every column of the catalogue, on every page that shows what was sold: what follows a change, and what stays
as sold.

``LIVE``: facts of the visit. Read from the catalogue on each page that shows a ticket. ``AS_SOLD``: what the
buyer agreed to. Copied at the sale; no later change affects it.
"""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.utils import timezone
from icalendar import Calendar

from contacts.models import ContactLink
from tests.exports import steps
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.qr import text_of_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Category, Event, Offer, SeasonPass, Session, Tariff, Venue
from ticketshop.exports import kinds
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales import notices
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass, Ticket

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo("Europe/Zurich")
DAY = timezone.localdate() + timedelta(days=60)
STARTS = datetime.combine(DAY, time(20, 1), ZONE)

LIVE = {
    Event: {"title", "venue", "image"},
    Session: {"starts_at", "ends_at", "doors_at", "state", "sequence", "changed_at"},
    Venue: {"name", "street", "postcode", "city"},
    SeasonPass: {"image"},
    PointOfSale: {"name"},
}
AS_SOLD = {
    Tariff: {"name", "price", "vat_rate", "tickets_per_unit"},
    SeasonPass: {"name", "price", "vat_rate", "valid_from", "valid_until", "entries"},
}
# What no ticket, pass, order, mail or export of them shows.
NOWHERE = {
    Event: {
        "organiser", "slug", "state", "teaser", "description", "image_alt", "category",
        "reminder_hours", "copy_key",
    },
    Session: {"event", "sales_start_at", "sales_end_at"},
    Venue: {"organiser"},
    Tariff: {
        "event", "description", "position", "min_per_order", "max_per_order", "max_per_person", "age_from", "age_until",
        "form", "only_with", "sales_start_at", "sales_end_at", "active", "may_be_given",
    },
    SeasonPass: {
        "organiser", "slug", "teaser", "description", "opens", "entries_per_date", "booking_needed", "cancel_hours", "max_per_order", "max_per_person", "allotment",
        "form", "extra_form", "sales_start_at", "sales_end_at", "active", "copy_key",
    },
    Category: {"organiser", "slug", "name"},
    Offer: {"session", "tariff", "allotment"},
}  # fmt: skip


def columns_of(model) -> set[str]:
    """The columns of a model, each translated one once."""
    names = {field.name for field in model._meta.concrete_fields if not field.primary_key}
    return {name for name in names if name[-3:] not in {"_en", "_fr", "_de", "_it"}}


@pytest.mark.parametrize("model", [Event, Session, Venue, Tariff, SeasonPass, Category, Offer])
def test_every_column_of_the_catalogue_is_decided(model):
    decided = [table.get(model, set()) for table in (LIVE, AS_SOLD, NOWHERE)]
    assert set().union(*decided) == columns_of(model)
    assert sum(map(len, decided)) == len(columns_of(model)), "decided twice"


class Sold:
    """A paid order of a visitor for themselves and a friend, with a pass, and everything that shows it."""

    def __init__(self, mailoutbox):
        self.mailoutbox = mailoutbox
        self.pos = friendly_pos(name="Oldshop", organiser__time_zone="Europe/Zurich")
        organiser = self.pos.organiser
        self.venue = VenueFactory(
            organiser=organiser, name="Oldhall", street="Oldstreet 1", postcode="1201", city="Oldtown"
        )
        self.event = EventFactory(pos=self.pos, title="Oldtitle", venue=self.venue)
        self.session = SessionFactory(
            event=self.event,
            starts_at=STARTS,
            ends_at=STARTS + timedelta(hours=2),
            doors_at=STARTS - timedelta(minutes=42),
        )
        self.tariff = TariffFactory(event=self.event, name="Oldtariff", price=Decimal("31.41"))
        offer = OfferFactory(session=self.session, tariff=self.tariff)
        self.season_pass = SeasonPassFactory(
            pos=self.pos,
            name="Oldpass",
            price=Decimal("92.65"),
            valid_until=date(DAY.year + 1, 3, 17),
            entries=4077,
        )
        self.buyer = make_visitor(self.pos, email="buyer@example.org")
        self.link = linked(self.buyer, self.pos, ("Fred", "Friend", "friend@example.org"))
        ContactLink.objects.filter(pk=self.link.pk).update(permission_parent="view")
        self.order = make_order({offer: 2, self.season_pass: 1}, buyer=self.buyer, paid=True)
        self.tickets = list(self.order.tickets.order_by("pk"))
        Ticket.objects.filter(pk=self.tickets[1].pk).update(beneficiary=self.link.child)
        self.staff = Staff(make_staff(organiser, "owner"))
        self.visitor = TestClientVisitor()
        self.visitor.client.force_login(self.buyer.user)
        mark_sent()

    def places(self) -> dict[str, str]:
        """The name of each place -> what it says now."""
        return {name: " ".join(read().split()) for name, read in self.readers().items()}

    def readers(self) -> dict[str, Callable[[], str]]:
        page, back_office = self.visitor.open, self.staff.open
        order = order_mails.order_path(self.order)
        account = f"/{self.pos.slug}/account/"
        passes = IssuedPass.objects.filter(order=self.order)
        return {
            "order page": lambda: page(order).text,
            "tickets page": lambda: page(f"{order}tickets/").text,
            "PDF": lambda: " ".join(text_of_pdf(self.visitor.send("GET", f"{order}tickets.pdf").body)),
            "calendar": self.calendar,
            "account": lambda: page(account).text,
            "orders in the account": lambda: page(f"{account}orders/").text,
            "friend's page": lambda: page(f"{account}friends-and-family/{self.link.pk}/").text,
            "mail to the buyer": lambda: self.mail("order_paid"),
            "mail to the friend": lambda: self.mail("ticket_for_you"),
            "staff: order": lambda: back_office(change(self.order)).text,
            "staff: ticket": lambda: back_office(change(self.tickets[0])).text,
            "staff: tickets": lambda: back_office(listing(Ticket)).text,
            "staff: pass": lambda: back_office(change(passes.get())).text,
            "staff: passes": lambda: back_office(listing(IssuedPass)).text,
            "staff: customer": lambda: back_office(f"/admin/sales/customer/{self.buyer.pk}/change/").text,
            "export: participants": lambda: self.export("participants", self.event, "event"),
            "export: orders": lambda: self.export("orders", self.event, "event"),
            "export: passes": lambda: self.export("passes", self.season_pass, "pass"),
        }

    def calendar(self) -> str:
        content = self.visitor.send("GET", f"{order_mails.order_path(self.order)}calendar.ics").body
        (entry,) = Calendar.from_ical(content).walk("VEVENT")
        start, end = (entry.decoded(name).astimezone(ZONE) for name in ("dtstart", "dtend"))
        return f"{entry['summary']} {entry['location']} {start:%H:%M} {end:%H:%M} {entry['status']}"

    def mail(self, kind: str) -> str:
        """The mail as it would leave now, text and HTML, with its attachments' text."""
        if kind == "ticket_for_you":
            about = {"order": self.order.pk, "contact": self.link.child_id}
            notices.outbox.queue(
                kind, to="friend@example.org", language="en", now=timezone.now(), about=about, pos=self.pos
            )
        else:
            notices.queue(self.order, kind, timezone.now(), again=True)
        (letter,) = deliver(self.mailoutbox)
        html = letter.alternatives[0].content
        pdf = [" ".join(text_of_pdf(content)) for _name, content, _mime_type in letter.attachments]
        return " ".join([letter.subject, letter.body, html, *pdf])

    @staticmethod
    def export(kind: str, at, source: str) -> str:
        """The rows of an export, with times in the organiser's zone."""
        table = kinds.KINDS[kind].table(steps.ask(kind, at, source))
        cells = [cell for page in table.pages for row in page.rows for cell in row]
        local = (cell.astimezone(ZONE) if isinstance(cell, datetime) else cell for cell in cells)
        return " ".join(
            f"{cell:%H:%M}"
            if isinstance(cell, datetime)
            else f"{cell:%-d %B}"
            if isinstance(cell, date)
            else str(cell)
            for cell in local
        )


@pytest.fixture
def sold(mailoutbox):
    return Sold(mailoutbox)


def write(row, column: str, value) -> None:
    setattr(row, column, value)
    row.save()


# Row and column, the text before, the text afterwards, and the least number of places that show it.
LIVE_TEXTS = [
    ("event", "title", "Oldtitle", "Newtitle", 13),
    ("venue", "name", "Oldhall", "Newhall", 8),
    ("venue", "street", "Oldstreet 1", "Newstreet 2", 4),
    ("venue", "postcode", "1201", "8001", 4),
    ("venue", "city", "Oldtown", "Newtown", 6),
    ("pos", "name", "Oldshop", "Newshop", 6),
]


def test_live_texts_are_the_same_new_ones_in_every_place(sold):
    before = sold.places()
    for row, column, _old, new, _least in LIVE_TEXTS:
        write(getattr(sold, row), column, new)
    after = sold.places()
    for _row, _column, old, new, least in LIVE_TEXTS:
        shown = {name for name, text in before.items() if old in text}
        assert len(shown) >= least, (old, shown)
        assert {name for name, text in after.items() if new in text} == shown, new
        left = {name for name, text in after.items() if old in text.replace(f"Ordered as “{old}”.", "")}
        assert not left, old


def test_live_times_are_the_same_new_ones_in_every_place(sold):
    before = sold.places()
    start = {name for name, text in before.items() if "20:01" in text}
    doors = {name for name, text in before.items() if "19:19" in text}
    assert {"order page", "PDF", "calendar", "mail to the friend", "staff: tickets"} <= start
    assert {"tickets page", "PDF", "mail to the buyer"} <= doors
    write(sold.session, "doors_at", STARTS - timedelta(minutes=71))
    write(sold.session, "starts_at", STARTS + timedelta(minutes=22))
    write(sold.session, "ends_at", STARTS + timedelta(minutes=194))
    after = sold.places()
    assert {name for name, text in after.items() if "20:23" in text} == start
    assert {name for name, text in after.items() if "18:50" in text} == doors
    # The time before stands in one sentence alone.
    sentence = f"Moved from {said(STARTS)} to {said(STARTS + timedelta(minutes=22))}"
    left = {name for name, text in after.items() if "20:01" in text.replace(sentence, "")}
    assert not left
    assert not {name for name, text in after.items() if "19:19" in text}
    told = {name for name, text in after.items() if sentence in text}
    assert told >= {
        "order page", "tickets page", "PDF", "account", "orders in the account", "friend's page", "mail to the buyer",
        "mail to the friend", "staff: order", "staff: ticket", "staff: tickets",
    }  # fmt: skip


def said(instant: datetime) -> str:
    return f"{instant:%A} {instant.day} {instant:%B %Y, %H:%M}"


def test_a_cancelled_date_is_cancelled_in_every_place(sold):
    cancelled = {
        "order page": "This date is cancelled", "tickets page": "This date is cancelled", "PDF": "This date is cancelled.",
        "calendar": "CANCELLED", "account": "This date is cancelled", "orders in the account": "This date is cancelled",
        "friend's page": "This date is cancelled", "mail to the buyer": "This date is cancelled.",
        "mail to the friend": "This date is cancelled.", "staff: order": "date cancelled", "staff: ticket": "date cancelled",
        "staff: tickets": "date cancelled", "staff: customer": "date cancelled", "export: participants": "date cancelled",
    }  # fmt: skip
    before = sold.places()
    IssuedPass.objects.filter(order=sold.order).update(state="used")
    write(sold.session, "state", "cancelled")
    after = sold.places()
    # The list of tickets has a filter of this name.
    more = {name for name, words in cancelled.items() if after[name].count(words) > before[name].count(words)}
    assert more == set(cancelled)
    # The pass is used up, so that “valid” can only refer to a ticket.
    texts = (after[name] for name in ("order page", "tickets page", "orders in the account"))
    assert not any("Valid " in text.replace("Valid from", "") for text in texts)
    assert " valid " not in after["export: participants"]


# Row and column, the new value, the text that was sold, the new text, and the least number of places that show what was sold.
AGREED = [
    ("tariff", "name", "Newtariff", "Oldtariff", "Newtariff", 10),
    ("tariff", "price", Decimal("27.18"), "31.41", "27.18", 3),
    ("season_pass", "name", "Newpass", "Oldpass", "Newpass", 10),
    ("season_pass", "price", Decimal("28.18"), "92.65", "28.18", 3),
    ("season_pass", "entries", 4188, "4077", "4188", 4),
    ("season_pass", "valid_until", date(DAY.year + 1, 4, 18), "17 March", "18 April", 5),
]


def test_what_was_agreed_stays_as_it_was_sold_in_every_place(sold):
    before = sold.places()
    for row, column, value, *_texts in AGREED:
        write(getattr(sold, row), column, value)
    after = sold.places()
    for _row, _column, _value, old, new, least in AGREED:
        shown = {name for name, text in before.items() if old in text}
        assert len(shown) >= least, (old, shown)
        assert not {name for name, text in before.items() if new in text}, new
        assert {name for name, text in after.items() if old in text} == shown, old
        # The list of passes has a filter that names today's passes.
        assert {name for name, text in after.items() if new in text} <= {"staff: passes"}, new


def test_a_name_that_is_only_translated_follows_the_reader(sold):
    write(sold.tariff, "name_fr", "Plein tarif")
    write(sold.season_pass, "name_fr", "Abonnement")
    write(sold.event, "title_fr", "Le titre")
    sold.visitor.client.cookies[settings.LANGUAGE_COOKIE_NAME] = "fr"
    text = sold.visitor.open(order_mails.order_path(sold.order)).text
    assert text.count("Plein tarif") >= 2
    assert text.count("Abonnement") >= 2
    assert text.count("Le titre") >= 2
    assert "Oldtariff" not in text
    assert "Oldtitle" not in text
