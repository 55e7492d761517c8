"""A date tonight at the theatre with sold tickets, so that the door has codes to scan. Each start on another day adds one."""

import random
import uuid
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.utils import translation
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from accounts.models import User
from contacts.models import Contact
from ticketshop.catalogue.models import Allotment, Event, Offer, Session
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Ticket
from ticketshop.sales.orders.dates import date_messages

from . import forms
from .catalogue import DOORS, TARIFFS, Date, Shop
from .past_orders.ledger import Ledger
from .past_orders.purchases import Planner, Sale
from .past_orders.settling import Outcome
from .programme.plan import House
from .programme.theatre import THEATRE

SHOW = "nino-et-la-lune-perdue"  # with children, whose age is to be checked
STARTS = time(19, 30)
# Tariff -> quantity of each paid order; the first one is Alice's.
PAID = (
    {"adult": 2},
    {"family": 1},
    {"adult": 1, "child": 2},
    {"adult": 2, "child": 1},
    {"reduced": 2},
    {"adult": 1, "child": 1},
    {"adult": 2, "child": 2},
    {"reduced": 1},
    {"family": 1},
    {"adult": 4},
    {"adult": 1, "child": 1},
    {"adult": 2},
)
MESSAGE_SUBJECT = {"en": "{event}: please come by the side door", "fr": "{event} : entrez par le côté"}
MESSAGE = {
    "en": "The street in front of the theatre is being repaired. Please come by the side door; it opens at {doors}.",
    "fr": "La rue devant le théâtre est en travaux. Merci d’entrer par le côté ; ouverture des portes à {doors}.",
}
ALICE, CASHIER = "alice@example.org", "office@theatre.example"


def write(today: date) -> bool:
    """Write the date of this evening. Return False if it exists, or if the theatre is not the demo's any more."""
    house = THEATRE
    starts_at = datetime.combine(today, STARTS, house.zone)
    pos = PointOfSale.objects.filter(slug=house.slug).select_related("organiser").first()
    event = Event.objects.filter(organiser=pos and pos.organiser, slug=SHOW).first() if pos else None
    cashier = User.objects.filter(email=CASHIER).first()
    if event is None or cashier is None or event.sessions.filter(starts_at=starts_at).exists():
        return False
    with transaction.atomic(), translation.override("en"):
        evening = _date(house, event, starts_at)
        shop = Shop(house, pos, [evening], [])
        rng = random.Random(f"{house.seed} {today}")
        planner = Planner(shop, _buyers(pos), rng, today)
        entries = Ledger(shop, cashier, rng, planner.midnight).write(_sales(planner, evening))
        forms.Answerer(shop, entries).write()
        _message(evening.session, cashier, planner.midnight - timedelta(hours=3))
    return True


def _message(session: Session, staff: User, now: datetime) -> None:
    """Write to everybody of the date, the evening before, by the actions of the back office. No job is queued."""
    draft = date_messages.Draft(MESSAGE_SUBJECT, MESSAGE, [Ticket.State.VALID])
    with app.replace_connector(InMemoryConnector()):
        date_messages.write(session, draft, key=uuid.uuid4(), by=staff, now=now)
        date_messages.WRITE.run(now)
    Mail.objects.filter(kind="date_message", state=Mail.State.QUEUED, created_at=now).update(
        state=Mail.State.SENT, attempts=1, sent_at=now + timedelta(seconds=2)
    )


def _date(house: House, event: Event, starts_at: datetime) -> Date:
    show = next(show for show in house.shows if show.slug == SHOW)
    session = Session.objects.create(
        event=event,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=show.minutes),
        doors_at=starts_at - DOORS,
    )
    allotment = Allotment.objects.create(
        organiser=event.organiser,
        name=f"{show.title.fr}, {starts_at:%d.%m.%Y %H:%M}",
        capacity=show.places,
    )
    names = {title.en: name for name, (title, _description) in TARIFFS.items()}
    offers = {}
    for tariff in event.tariffs.select_related("form__published").order_by("position"):
        offer = Offer(session=session, tariff=tariff, allotment=allotment)
        offers[names.get(tariff.name_en, tariff.name_en)] = offer
    Offer.objects.bulk_create(offers.values())
    return Date(show, session, offers)


def _buyers(pos: PointOfSale) -> list[Contact]:
    """Return Alice and other visitors with an e-mail address, in the order in which they were made."""
    known = Contact.objects.filter(organiser=pos.organiser, erasing_at=None).exclude(email="").order_by("pk")
    known = known.select_related("user", "organiser").filter(user__isnull=False)
    rows = list(known[: 2 * len(PAID)])
    return sorted(rows, key=lambda contact: contact.email != ALICE)[: len(PAID) + 1]


def _sales(planner: Planner, evening: Date) -> list[Sale]:
    """Return the paid orders, and one to be paid at the box office."""
    sales = []
    for number, (buyer, basket) in enumerate(zip(planner.visitors, PAID, strict=False), 1):
        things = {evening.offers[name]: quantity for name, quantity in basket.items()}
        placed = planner.midnight - timedelta(hours=36 + number)
        sales.append(planner.certain(buyer, things, placed, placed + timedelta(hours=20)))
    placed = planner.midnight - timedelta(hours=5)
    contents = planner.contents({evening.offers["adult"]: 2})
    unpaid = Sale(planner.visitors[-1], contents, planner.methods["on_site"], placed, Outcome("pending"))
    return [*sales, planner.count(unpaid)]
