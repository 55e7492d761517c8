"""Fill the shop of the rush, and queue its periodic jobs; the rig's helper runs both functions.

One date, three tariffs of one allotment of ``PLACES``, and a form in which every participant chooses a bus: the first has ``BUSES``
places. A marathon with ``TICKETS`` participants gives staff a large list to export.
"""

import json
from decimal import Decimal

from procrastinate.contrib.django import app

from registration_forms.models import RegistrationForm
from tests.bench import exports
from tests.factories.accounts import PASSWORD
from tests.factories.catalogue import AllotmentFactory, OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, StaffMembershipFactory, make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory

TARIFFS = {"Adult": 1, "Reduced": 1, "For two": 2}  # name -> tickets for one price


def fill(places: int, buses: int) -> tuple[dict, RegistrationForm]:
    """Create what the buyers rush for. Return its ids and URLs, and the form."""
    pos = PointOfSaleFactory(slug="rush", name="The Arena")
    PaymentMethodFactory(point_of_sale=pos)
    allotment = AllotmentFactory(organiser=pos.organiser, capacity=places)
    first = OfferFactory(pos=pos, allotment=allotment, price=Decimal("35.00"))
    event = first.session.event
    session = SessionFactory(event=event)
    first.delete()
    first.tariff.delete()
    form = make_form(organiser=pos.organiser)
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", buses), "19:00"], visibility="mandatory")
    publish(form)
    tariffs = [
        TariffFactory(event=event, name=name, position=place, tickets_per_unit=tickets, form=form)
        for place, (name, tickets) in enumerate(TARIFFS.items())
    ]
    offers = [OfferFactory(session=session, tariff=tariff, allotment=allotment) for tariff in tariffs]
    limited, other = bus.choices.order_by("position")
    ids = {
        "event": f"/{pos.slug}/events/{event.slug}/",
        "offers": [offer.pk for offer in offers],
        "allotment": allotment.pk,
        "question": bus.key,
        "limited": limited.key,
        "limited_id": limited.pk,
        "other": other.key,
    }
    return ids, form


def queue_periodic_jobs(number: int) -> int:
    """Queue each periodic job once. Return how many there are."""
    names = sorted({name for name, _id in app.periodic_registry.periodic_tasks})
    for name in names:
        # With a lock of its own, because the worker may have queued the same job.
        app.configure_task(name, queueing_lock=f"rush-{number}-{name}").defer(timestamp=0)
    return len(names)


def main(places: int, buses: int, tickets: int) -> None:
    """Fill the shop and print ids and URLs as JSON."""
    ids, form = fill(places, buses)
    marathon = RegistrationForm.objects.get(pk=exports.fill(1, tickets))
    staff = make_staff(form.organiser)
    StaffMembershipFactory(user=staff, organiser=marathon.organiser)
    shop = {**ids, "staff": staff.email, "password": PASSWORD, "forms": [marathon.pk, form.pk]}
    print(json.dumps(shop))
