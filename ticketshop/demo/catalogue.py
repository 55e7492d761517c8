"""Write the catalogue of a demo organiser from its plan, with one ``bulk_create`` per table."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from ticketshop.catalogue.models import (
    Allotment,
    Category,
    Event,
    Offer,
    SeasonPass,
    Session,
    Tariff,
    Venue,
)
from ticketshop.catalogue.pass_dates import fits_booking
from ticketshop.lib.values import iban
from ticketshop.organisers import terms
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.models import PaymentMethod

from .programme import pictures
from .programme.plan import House, Pass, Show, both

DOORS = timedelta(minutes=30)
TARIFFS = {
    "adult": (both("Adult", "Plein tarif"), both("", "")),
    "reduced": (
        both("Reduced", "Tarif réduit"),
        both(
            "Students, apprentices, pensioners and people out of work, with proof.",
            "Étudiants, apprentis, AVS, AI et personnes sans emploi, avec justificatif.",
        ),
    ),
    "child": (both("Child", "Enfant"), both("Up to 15 years.", "Jusqu’à 15 ans.")),
    "family": (
        both("Family of 4", "Famille de 4"),
        both("Two adults and two children.", "Deux adultes et deux enfants."),
    ),
    "free": (
        both("Free entry", "Entrée libre"),
        both("Please book, the room is small.", "Merci de réserver, la salle est petite."),
    ),
}


@dataclass(frozen=True)
class Date:
    """A session with its offers: name of the tariff -> offer."""

    show: Show
    session: Session
    offers: dict[str, Offer]

    @property
    def allotment(self) -> Allotment:
        """Return the allotment that all offers share."""
        return next(iter(self.offers.values())).allotment


@dataclass(frozen=True)
class Shop:
    """An organiser with the rows that were written."""

    house: House
    pos: PointOfSale
    dates: list[Date]
    passes: list[tuple[Pass, SeasonPass]]

    @property
    def allotments(self) -> list[Allotment]:
        """Return the allotments of all sessions."""
        return [*(date.allotment for date in self.dates), *(sold.allotment for _plan, sold in self.passes)]


def build(house: House, today: date, opened: datetime) -> Shop:
    """Write the organiser, its shop, with terms published when it ``opened``, and everything it sells."""
    organiser = Organiser.objects.create(**house.organiser, second_factor_required=False)
    texts = {
        column: text for name, both in house.texts.items() for column, text in both.columns(name).items()
    }
    midnight = datetime.combine(today, time(), organiser.zone)
    pos = PointOfSale.objects.create(
        organiser=organiser, slug=house.slug, active=True, first_opened_at=midnight, **house.shop
    )
    for column, text in texts.items():
        setattr(pos, column, text)
    terms.publish(pos, at=opened)
    pos.save()
    _payment_methods(house, pos)
    events = _events(house, pos)
    dates = _dates(house, events, today)
    return Shop(house, pos, dates, _passes(house, pos, dates, today))


def _payment_methods(house: House, pos: PointOfSale) -> None:
    account = {"account_holder": house.organiser["legal_name"], "iban": iban.normalise(house.iban)}
    stripe = [PaymentMethod(point_of_sale=pos, code="stripe", settings={"account": house.stripe_account})]
    PaymentMethod.objects.bulk_create(
        [
            PaymentMethod(point_of_sale=pos, code="on_site", settings={"opening_hours": house.opening_hours}),
            PaymentMethod(point_of_sale=pos, code="bank_transfer", settings=account),
            *(
                PaymentMethod(point_of_sale=pos, code=code)
                for code in ("cash", "card_terminal", "invitation")
            ),
            PaymentMethod(point_of_sale=pos, code="invoice", settings=account),
            *(stripe if house.stripe_account else []),
        ]
    )


def _events(house: House, pos: PointOfSale) -> dict[str, Event]:
    venues = {
        key: Venue(organiser=pos.organiser, name=name, street=street, postcode=postcode, city=city)
        for key, (name, street, postcode, city) in house.venues.items()
    }
    Venue.objects.bulk_create(venues.values())
    categories = {
        slug: Category(organiser=pos.organiser, slug=slug, **name.columns("name"))
        for slug, name in house.categories.items()
    }
    Category.objects.bulk_create(categories.values())
    events = Event.objects.bulk_create(
        [
            Event(
                organiser=pos.organiser,
                slug=show.slug,
                state=Event.State.PUBLISHED,
                venue=venues[show.venue],
                category=categories[show.category],
                image=pictures.of_show(house, show),
                **show.title.columns("title"),
                **show.teaser.columns("teaser"),
                **show.text.columns("description"),
                **pictures.WORDS[show.poster[0]].columns("image_alt"),
            )
            for show in house.shows
        ]
    )
    through = Event.points_of_sale.through
    through.objects.bulk_create([through(event=event, pointofsale=pos) for event in events])
    return {event.slug: event for event in events}


def _dates(house: House, events: dict[str, Event], today: date) -> list[Date]:
    sessions, allotments, tariffs, dates = [], [], [], []
    for show in house.shows:
        prices = _tariffs(show, events[show.slug])
        tariffs += prices.values()
        for number, starts_at in enumerate(show.instants(today, house.zone)):
            session = _session(show, events[show.slug], number, starts_at, today)
            title = show.title.fr if house.organiser["languages"][0] == "fr" else show.title.en
            allotment = Allotment(
                organiser=session.event.organiser,
                name=f"{title}, {starts_at:%d.%m.%Y %H:%M}",
                capacity=show.places,
            )
            sessions.append(session)
            allotments.append(allotment)
            offers = {
                name: Offer(session=session, tariff=tariff, allotment=allotment)
                for name, tariff in prices.items()
            }
            dates.append(Date(show, session, offers))
    Session.objects.bulk_create(sessions)
    Allotment.objects.bulk_create(allotments)
    # The child tariff refers to the adult tariff, which is therefore written first.
    Tariff.objects.bulk_create([tariff for tariff in tariffs if tariff.only_with is None])
    Tariff.objects.bulk_create([tariff for tariff in tariffs if tariff.only_with is not None])
    Offer.objects.bulk_create([offer for date_ in dates for offer in date_.offers.values()])
    return dates


def _session(show: Show, event: Event, number: int, starts_at: datetime, today: date) -> Session:
    sales_start = None
    if show.on_sale_in is not None:
        sales_start = datetime.combine(today + timedelta(days=show.on_sale_in), time(10), starts_at.tzinfo)
    return Session(
        event=event,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=show.minutes),
        doors_at=starts_at - DOORS,
        sales_start_at=sales_start,
        state=Session.State.CANCELLED if number == show.cancelled else Session.State.ON_SALE,
    )


def _tariffs(show: Show, event: Event) -> dict[str, Tariff]:
    prices = {name: price for name, price in show.prices._asdict().items() if price is not None}
    if prices == {"adult": 0}:
        prices = {"free": 0}
    made = {}
    for position, (name, price) in enumerate(prices.items()):
        title, description = TARIFFS[name]
        made[name] = Tariff(
            event=event,
            position=position,
            price=Decimal(price),
            vat_rate=show.vat,
            tickets_per_unit=4 if name == "family" else 1,
            max_per_order=4 if name in ("family", "free") else 10,
            only_with=made["adult"] if name == "child" else None,
            age_until=15 if name == "child" else None,
            **title.columns("name"),
            **description.columns("description"),
        )
    return made


def _passes(house: House, pos: PointOfSale, dates: list[Date], today: date) -> list[tuple[Pass, SeasonPass]]:
    made, opened = [], []
    for plan in house.passes:
        title = plan.name.fr if house.organiser["languages"][0] == "fr" else plan.name.en
        chosen = [date_.session for date_ in dates if date_.show.slug in plan.shows]
        made.append((plan, _season_pass(house, pos, plan, title, chosen, today)))
        opened.append(chosen)
    Allotment.objects.bulk_create([sold.allotment for _plan, sold in made])
    SeasonPass.objects.bulk_create([sold for _plan, sold in made])
    shops, sessions = SeasonPass.points_of_sale.through, SeasonPass.sessions.through
    shops.objects.bulk_create([shops(seasonpass=sold, pointofsale=pos) for _plan, sold in made])
    sessions.objects.bulk_create(
        [
            sessions(seasonpass=sold, session=session)
            for (_plan, sold), chosen in zip(made, opened, strict=True)
            for session in chosen
        ]
    )
    _tariffs_of_bookings(made, opened, dates)
    return made


def _tariffs_of_bookings(
    made: list[tuple[Pass, SeasonPass]], opened: list[list[Session]], dates: list[Date]
) -> None:
    """Let each pass book the first tariff for one person of every event that it opens."""
    tariffs = SeasonPass.tariffs.through
    rows = {}
    for (_plan, sold), chosen in zip(made, opened, strict=True):
        for date_ in dates:
            if chosen and date_.session not in chosen:
                continue
            fitting = [offer.tariff for offer in date_.offers.values() if fits_booking(offer.tariff)]
            first = min(fitting, key=lambda tariff: tariff.position)
            rows[sold.pk, first.event_id] = tariffs(seasonpass=sold, tariff=first)
    tariffs.objects.bulk_create(rows.values())


def _season_pass(
    house: House, pos: PointOfSale, plan: Pass, title: str, chosen: list[Session], today: date
) -> SeasonPass:
    days = [session.starts_at.date() for session in chosen] or [
        today + timedelta(days=offset) for offset in plan.days
    ]
    opens = SeasonPass.Opens.CHOSEN_SESSIONS if chosen else SeasonPass.Opens.ALL_EVENTS
    return SeasonPass(
        organiser=pos.organiser,
        slug=plan.slug,
        image=pictures.of_pass(house, plan),
        price=Decimal(plan.price),
        valid_from=min(days),
        valid_until=max(days),
        opens=opens,
        entries=plan.entries,
        entries_per_date=plan.per_date,
        booking_needed=plan.booking_needed,
        cancel_hours=2,
        allotment=Allotment(organiser=pos.organiser, name=title, capacity=plan.places),
        **plan.name.columns("name"),
        **plan.teaser.columns("teaser"),
        **plan.text.columns("description"),
    )
