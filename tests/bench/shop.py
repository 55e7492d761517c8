"""Fill the bench's database: ``python -m tests.bench.shop`` prints ids and URLs as JSON.

Among others: a season of 50 events, a theatre with an event of 6 tariffs, the same with a signed-in visitor, a hall with 100 places.
"""

import json
import re
from datetime import timedelta
from decimal import Decimal

import django

django.setup()

from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from tests.bench.door import DEVICES, ENTRIES, WARM  # noqa: E402
from tests.factories.accounts import UserFactory  # noqa: E402
from tests.factories.catalogue import (  # noqa: E402
    AllotmentFactory,
    CategoryFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory, make_staff  # noqa: E402
from tests.factories.registration_forms import ask, make_form, publish  # noqa: E402
from tests.factories.sales import PaymentMethodFactory, make_order  # noqa: E402
from tests.friends import linked, make_visitor  # noqa: E402
from tests.rig import HOST, shop  # noqa: E402

EVENTS, DATES = 50, 2
TARIFFS = ["Adult", "Reduced", "Child", "Family of four", "Gallery", "Standing room"]
PLENTY = 1_000_000
TEASER = "An evening about a letter that arrives forty years late, and about who may open it."
DESCRIPTION = """
The house is **dark**, the street is not. For *two hours* nobody leaves the room, and then everybody does.

- with an introduction, an hour before
- with a talk afterwards

See [the house](https://house.example/) for more.
"""


def event(pos, tariffs: int, dates: int, capacity: int, number: int = 0, **values) -> tuple:
    """Create an event with offers and texts in two languages."""
    made = EventFactory(
        pos=pos,
        title_en=f"The Letter {number}",
        title_fr=f"La Lettre {number}",
        teaser_en=TEASER,
        teaser_fr=TEASER,
        description_en=DESCRIPTION,
        description_fr=DESCRIPTION,
        **values,
    )
    prices = [
        TariffFactory(event=made, name=name, position=place, price=Decimal(40 - 5 * place))
        for place, name in enumerate(TARIFFS[:tariffs])
    ]
    offers = []
    for day in range(dates):
        start = timezone.now() + timedelta(days=20 + 3 * number + day)
        session = SessionFactory(event=made, starts_at=start)
        allotment = AllotmentFactory(
            organiser=pos.organiser, capacity=capacity, name=f"{made}, day {day + 1}"
        )
        offers += [OfferFactory(session=session, tariff=tariff, allotment=allotment) for tariff in prices]
    return made, offers


def season() -> dict:
    """Create a shop with 50 events, two dates and three tariffs each, and two passes."""
    pos = PointOfSaleFactory(slug="season", name="The Season", tagline="Theatre by the lake")
    places = {
        "venue": VenueFactory(organiser=pos.organiser, name="Great Hall"),
        "category": CategoryFactory(organiser=pos.organiser, name="Theatre"),
    }
    for number in range(EVENTS):
        event(pos, tariffs=3, dates=DATES, capacity=300, number=number, **places)
    SeasonPassFactory(pos=pos), SeasonPassFactory(pos=pos)
    return {"shop": f"/{pos.slug}/"}


def theatre() -> dict:
    """Create the event for the event page and the purchase, and the rows of the yardstick."""
    pos = PointOfSaleFactory(slug="theatre", name="The Theatre")
    PaymentMethodFactory(point_of_sale=pos)
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    place = VenueFactory(
        organiser=pos.organiser, name="Small Stage", street="Rue du Lac 1", postcode="1200", city="Genève"
    )
    for number in range(20):
        VenueFactory(
            organiser=pos.organiser, street=f"Rue de la Gare {number}", postcode="1200", city="Genève"
        )
        AllotmentFactory(organiser=pos.organiser)
    made, offers = event(pos, tariffs=6, dates=1, capacity=PLENTY, venue=place)
    allotment = offers[0].allotment_id
    return {
        "event": f"/{pos.slug}/events/{made.slug}/",
        "offer": offers[0].pk,
        "plain": f"/plain/{allotment}/",
        "allotment": allotment,
    }


def family() -> dict:
    """Create an event like the theatre's, and the log-in of a visitor with four friends and two tickets in the cart."""
    pos = PointOfSaleFactory(slug="family", name="The Family Theatre", friends_family_enabled=True)
    made, offers = event(
        pos, tariffs=6, dates=1, capacity=PLENTY, venue=VenueFactory(organiser=pos.organiser)
    )
    contact = make_visitor(pos)
    for name in ("Bob", "Carol", "Dan", "Eve"):
        linked(contact, pos, (name, "Miller", f"{name.lower()}@example.org"))
    url, browser = (
        f"/{pos.slug}/events/{made.slug}/",
        Client(headers={"host": HOST, "x-forwarded-proto": "https"}),
    )
    browser.force_login(contact.user, backend="accounts.log_in.backends.AccountBackend")
    (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(url).content.decode()))
    form = {"csrfmiddlewaretoken": token, f"offer-{offers[0].pk}": 2}
    added = browser.post(f"/{pos.slug}/cart/add/", form, headers={"origin": f"https://{HOST}"})
    assert added.status_code == 302, added.content
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())
    return {"family_event": url, "family_cookies": cookies}


def asking() -> dict:
    """Create an event whose participants answer three questions, one with limited choices."""
    pos = PointOfSaleFactory(slug="asking", name="The Camp")
    PaymentMethodFactory(point_of_sale=pos)
    made, (offer,) = event(pos, tariffs=1, dates=1, capacity=PLENTY)
    form = make_form(organiser=pos.organiser)
    menu = ask(form, "Menu", "dropdown", choices=["Meat", "Vegan"], visibility="mandatory")
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", PLENTY), "19:00"], visibility="mandatory")
    name = ask(form, "Name on the badge", "text", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    answers = {one.key: one.choices.order_by("position").first().key for one in (menu, bus)}
    return {
        "asking_event": f"/{pos.slug}/events/{made.slug}/",
        "asking_offer": offer.pk,
        "answers": answers | {name.key: "Grace"},
    }


def cards() -> dict:
    """Create an event whose tickets are paid by card or at the box office."""
    pos = PointOfSaleFactory(slug="cards", name="The Card Theatre")
    PaymentMethodFactory(point_of_sale=pos)
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    made, (offer,) = event(pos, tariffs=1, dates=1, capacity=PLENTY)
    return {"card_event": f"/{pos.slug}/events/{made.slug}/", "card_offer": offer.pk}


def hall() -> dict:
    """Create 100 places with one tariff."""
    pos = PointOfSaleFactory(slug="hall", name="The Hall")
    PaymentMethodFactory(point_of_sale=pos)
    made, offers = event(pos, tariffs=1, dates=1, capacity=100)
    return {
        "rush_event": f"/{pos.slug}/events/{made.slug}/",
        "rush_offer": offers[0].pk,
        "rush_allotment": offers[0].allotment_id,
    }


def paid() -> dict:
    """Create an event without price: an order is paid when it is placed, so that its mail contains the tickets."""
    pos = PointOfSaleFactory(slug="paid", name="The Open House")
    made, (offer,) = event(pos, tariffs=1, dates=1, capacity=PLENTY)
    offer.tariff.price = 0
    offer.tariff.save()
    return {"paid_event": f"/{pos.slug}/events/{made.slug}/", "paid_offer": offer.pk}


def door() -> dict:
    """Create a date with sold tickets, and the log-in sessions of three devices at its door."""
    pos = PointOfSaleFactory(slug="door-bench", name="The Great Hall")
    _made, (offer,) = event(pos, tariffs=1, dates=1, capacity=PLENTY)
    names = [{"first_name": "Grace", "last_name": "Hopper"}] * 10
    codes = []
    for _order in range(DEVICES * (WARM + ENTRIES) // len(names)):
        order = make_order({offer: len(names)}, holders=names, paid=True)
        codes += order.tickets.values_list("code", flat=True)
    url, devices = f"/door/{offer.session_id}/", []
    for _device in range(DEVICES):
        browser = Client(headers={"host": HOST, "x-forwarded-proto": "https"})
        browser.force_login(
            make_staff(pos.organiser, "door"), backend="accounts.log_in.backends.AccountBackend"
        )
        page = browser.get(url).content.decode()
        (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page))
        devices.append([{name: cookie.value for name, cookie in browser.cookies.items()}, token])
    return {"door": url, "door_codes": codes, "door_devices": devices}


def friends() -> dict:
    """Create an organiser with friends and family, which ``tests.bench.people`` fills with contacts."""
    organiser = OrganiserFactory(name="The Club")
    PointOfSaleFactory(organiser=organiser, slug="club", name="The Club", friends_family_enabled=True)
    return {
        "organiser": organiser.pk,
        "staff": make_staff(organiser).pk,
        "visitors": [UserFactory().pk for _ in range(30)],
    }


def main() -> None:
    shop.prepare()
    print(
        json.dumps(
            season() | theatre() | family() | asking() | cards() | hall() | paid() | door() | friends()
        )
    )


if __name__ == "__main__":
    main()
