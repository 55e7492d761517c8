"""Fill an empty installation with two organisers: their seasons, visitors and orders."""

import random
from datetime import date, datetime, time, timedelta

from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import translation

from accounts.models import User
from contacts.models import Contact
from ticketshop.history.models import Event
from ticketshop.lib.values.text import normalise_email
from ticketshop.organisers.models import StaffMembership

from . import catalogue, forms, friends, people
from .catalogue import Shop
from .log_ins import LOG_INS, PASSWORD
from .money import examples
from .past_orders import changed_tickets, counter_evening
from .past_orders.ledger import Ledger, event
from .past_orders.purchases import SEASON, Planner, Sale
from .programme.festival import FESTIVAL
from .programme.plan import House
from .programme.theatre import THEATRE

HOUSES = (THEATRE, FESTIVAL)
STAFF = {
    "theatre": {
        "owner@theatre.example": "owner",
        "office@theatre.example": "back office",
        "box@theatre.example": "box office",
        "door@theatre.example": "door",
    },
    "festival": {"owner@festival.example": "owner"},
}
# The log-in that confirms payments and refunds.
CASHIER = {"theatre": "office@theatre.example", "festival": "owner@festival.example"}
ADMINISTRATOR = "admin@example.org"


@transaction.atomic
def fill(today: date) -> None:
    """Write everything except the posters (``pictures.draw``). The same day gives the same shop, except for secrets."""
    with translation.override("en"):
        users = _log_ins(today)
        for house in HOUSES:
            _fill_house(house, users, today)


def _log_ins(today: date) -> dict[str, User]:
    password = make_password(PASSWORD)
    users = User.objects.bulk_create(
        [User(email=email, password=password, is_superuser=email == ADMINISTRATOR) for email, _who in LOG_INS]
    )
    _prove_addresses(users)
    _join(users, [datetime.combine(today, time(9), THEATRE.zone) - SEASON] * len(users))
    return {user.email: user for user in users}


def _join(users: list[User], instants: list[datetime]) -> None:
    """Set the dates of registration, because the column is filled with the current time when a row is created."""
    for user, instant in zip(users, instants, strict=True):
        user.date_joined = instant
    User.objects.bulk_update(users, ["date_joined"])


def _prove_addresses(users: list[User]) -> None:
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in users]
    )


def _fill_house(house: House, users: dict[str, User], today: date) -> None:
    rng = random.Random(house.seed)
    opened = datetime.combine(today, time(9), house.zone) - SEASON
    shop = catalogue.build(house, today, opened)
    _staff(shop, users)
    forms.write(shop, opened)
    guests = people.visitors(house, shop.pos.organiser, rng)
    planner = Planner(shop, guests, rng, today)
    known = [people.familiar(shop.pos.organiser, users[email], rng) for email in people.FAMILIAR]
    sales = _familiar_sales(planner, known, today) if house is THEATRE else []
    money = examples.plan(planner, known[-1], guests) if house is THEATRE else examples.Examples()
    sales += money.sales.values()
    # The exchange of a ticket adds an order.
    sales += planner.everything(house.orders - len(sales) - (house is THEATRE))
    staff = users[CASHIER[house.slug]]
    _write_buyers(sales, staff, rng)
    entries = Ledger(shop, staff, rng, planner.midnight).write(sales)
    forms.Answerer(shop, entries).write()
    if house is THEATRE:
        _analyze()
        friends.connect(shop.pos, users, planner.midnight)
        changed_tickets.write(known[1], staff, rng, planner.midnight)
        examples.carry_out(money, entries, shop, staff, planner.midnight)
        counter_evening.sell(shop, users["box@theatre.example"], planner.midnight, rng)


def _analyze() -> None:
    """Tell PostgreSQL how many rows there are: the steps that follow use the shop's own queries, of which one took two minutes."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _staff(shop: Shop, users: dict[str, User]) -> None:
    roles = Group.objects.in_bulk(field_name="name")
    StaffMembership.objects.bulk_create(
        [
            StaffMembership(user=users[email], organiser=shop.pos.organiser, role=roles[role])
            for email, role in STAFF[shop.house.slug].items()
        ]
    )


def _familiar_sales(planner: Planner, known: list[Contact], today: date) -> list[Sale]:
    """Return past orders of Alice, Bob and Charlie, an order of Alice with a child and a pass of five entries, and one of Bob
    whose tickets staff change afterwards.
    """
    alice, bob, charlie = known
    dates = {}
    for date_on_sale in planner.shop.dates:
        dates.setdefault(date_on_sale.show.slug, date_on_sale)
    past, next_time = dates["romeo-et-juliette"], dates["la-mouette"]
    concert, tales = dates["quatuor-lemanie"], dates["nuit-du-conte"]
    card = planner.shop.passes[1][1]
    evening = datetime.combine(today, time(20, 14), planner.shop.house.zone)

    def bought(contact, things, placed):
        """Return an order that is paid two days later."""
        return planner.certain(contact, things, placed, placed + timedelta(days=2, hours=-9))

    return [
        bought(alice, {past.offers["adult"]: 2}, past.session.starts_at - timedelta(days=20, minutes=46)),
        bought(alice, {card: 1}, evening - timedelta(days=41, minutes=33)),
        bought(
            alice,
            {next_time.offers["adult"]: 2, next_time.offers["child"]: 1},
            evening - timedelta(days=12),
        ),
        bought(bob, {concert.offers["adult"]: 1}, concert.session.starts_at - timedelta(days=9)),
        bought(bob, {next_time.offers["adult"]: 2}, evening - timedelta(days=11, minutes=4)),
        bought(charlie, {tales.offers["adult"]: 2}, tales.session.starts_at - timedelta(days=15)),
    ]


def _write_buyers(sales: list[Sale], staff: User, rng: random.Random) -> None:
    """Write the contacts of the sales. A guest exists since the first order, a visitor with a log-in since some days before."""
    first: dict[str, tuple[Contact, datetime]] = {}
    for sale in sales:
        contact, earliest = first.get(sale.buyer.number, (sale.buyer, sale.placed_at))
        first[contact.number] = contact, min(earliest, sale.placed_at)
    contacts, users = [], []
    for contact, ordered in sorted(first.values(), key=lambda pair: pair[1]):
        contact.created_at = ordered
        contact.email_key = normalise_email(contact.email or "")
        if contact.user:
            contact.created_at = ordered - timedelta(minutes=rng.randint(2, 9000))
            contact.claimed_at = contact.email_verified_at = contact.created_at
            users.append((contact.user, contact.created_at))
        contacts.append(contact)
    _write_users(users)
    Contact.objects.bulk_create(contacts)
    Event.objects.bulk_create(
        event(contact, "created", _maker(contact, staff), contact.created_at, via=contact.created_via)
        for contact in contacts
    )


def _write_users(users: list[tuple[User, datetime]]) -> None:
    new = [user for user, _joined in users if user.pk is None]
    for user in new:
        user.set_unusable_password()
    User.objects.bulk_create(new)
    _prove_addresses(new)
    _join(*map(list, zip(*users, strict=True)))


def _maker(contact: Contact, staff: User) -> User | None:
    return staff if contact.created_via == Contact.CreatedVia.BACK_OFFICE else contact.user
