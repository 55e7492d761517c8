"""Two shops of two organisers, with rows of every kind whose texts contain their word."""

from datetime import date, timedelta
from decimal import Decimal

from django.utils import timezone

from contacts.linking import staff_links
from contacts.models import LinkType
from privacy.erasure import erasing
from privacy.models import Erasure, RetentionRecord
from tests.exports import steps
from tests.factories.catalogue import (
    AllotmentFactory,
    CategoryFactory,
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
    VenueFactory,
)
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import (
    PointOfSaleFactory,
    StaffInvitationFactory,
    StaffMembershipFactory,
)
from tests.factories.registration_forms import ask, make_form
from tests.factories.sales import PaymentDifferenceFactory, PaymentMethodFactory, make_order
from tests.sales.bank import bank
from ticketshop.demo.bank_files import Paid
from ticketshop.organisers import permissions
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.orders import orders


def filled(word: str) -> PointOfSale:
    """Return a point of sale with rows of every kind, whose texts contain ``word``."""
    pos = PointOfSaleFactory(name=f"{word} shop", slug=word.lower(), organiser__name=word)
    more(pos, word)
    return pos


def more(pos: PointOfSale, word: str, owner=None) -> None:
    """Add a row of every kind, with every column filled that may be empty."""
    organiser = pos.organiser
    event = EventFactory(
        pos=pos,
        title=f"{word} event",
        venue=VenueFactory(organiser=organiser, name=f"{word} venue"),
        category=CategoryFactory(organiser=organiser, name=f"{word} category"),
    )
    form = make_form("tariff", organiser=organiser, name=f"{word} form")
    ask(form, f"{word} question", "dropdown", choices=[f"{word} choice"])
    offer = OfferFactory(
        session=SessionFactory(event=event),
        tariff=TariffFactory(event=event, name=f"{word} tariff", form=form),
        allotment=AllotmentFactory(organiser=organiser, name=f"{word} allotment"),
    )
    season_pass = SeasonPassFactory(pos=pos, name=f"{word} pass")
    buyer = ContactFactory(
        organiser=organiser, last_name=f"{word}person", email=f"{word}{event.pk}@example.org"
    )
    friend = ContactFactory(organiser=organiser, last_name=f"{word}friend", email="")
    kind = LinkType.objects.get(code="partner")
    staff_links.add(parent=buyer, child=friend, link_type=kind, by=None, now=timezone.now())
    order = make_order({offer: 1, season_pass: 1}, buyer=buyer, paid=True)
    orders.cancel(order, by=None, now=timezone.now())
    if not pos.payment_methods.filter(code="bank_transfer").exists():
        PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    bank.store(organiser, bank.booked(Paid(Decimal(9), payer=f"{word}payer", text=f"{word}text {event.pk}")))
    PaymentDifferenceFactory(
        point_of_sale=pos,
        provider_reference=f"{word} page {event.pk}",
        amount_here=Decimal(11),
        currency_here="CHF",
        resolved_at=timezone.now(),
        handled_at=timezone.now(),
        handled_by=owner,
    )
    StaffMembershipFactory(organiser=organiser, role="box office")
    StaffInvitationFactory(organiser=organiser, email=f"{word}-{event.pk}@staff.example")
    asked = erasing.request(friend, channel=Erasure.Channel.ACCOUNT, now=timezone.now())
    steps.ask("customers", organiser, "customers", by=asked.by)
    orders.EXPIRE.note(order, ZeroDivisionError(), timezone.now())
    day = date(2026, 1, 1) + timedelta(days=event.pk)
    RetentionRecord.objects.create(organiser=organiser, day=day, model="contacts.Contact", rows=3)


def rows(model, pos: PointOfSale):
    return permissions.within(model._default_manager.order_by("pk"), {pos.organiser_id})


def two_shops() -> tuple[PointOfSale, PointOfSale]:
    return filled("Aye"), filled("Bee")
