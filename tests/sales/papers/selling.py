"""Orders with several VAT rates, and the texts of papers about them."""

from decimal import Decimal

from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory
from tests.factories.sales import make_order
from tests.qr import text_of_pdf
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order

VAT_NUMBER = "CHE-123.456.789 MWST"


def make_pos(**values) -> PointOfSale:
    """A shop of an organiser with legal name, postal address and VAT number."""
    organiser = OrganiserFactory(
        **{
            "legal_name": "Theatre Association",
            "street": "Stage Street 7",
            "postcode": "3011",
            "city": "Bern",
            "vat_number": VAT_NUMBER,
            **values,
        }
    )
    return PointOfSaleFactory(organiser=organiser)


def offers(pos: PointOfSale, *priced: tuple[str, str, str]) -> list:
    """An offer of one date for each (tariff, price, VAT rate)."""
    event = EventFactory(pos=pos, title="Hamlet")
    session = SessionFactory(event=event)
    return [
        OfferFactory(
            session=session,
            tariff=TariffFactory(event=event, name=name, price=Decimal(price), vat_rate=Decimal(rate)),
        )
        for name, price, rate in priced
    ]


def order_with_rates(pos: PointOfSale | None = None, **values) -> Order:
    """A paid order with three VAT rates, whose VAT is rounded on each line: 163.30 with 6.42 VAT."""
    adult, meal, book = offers(
        pos or make_pos(), ("Adult", "35.05", "8.1"), ("Meal", "23.10", "2.6"), ("Programme", "47.00", "0")
    )
    return make_order({adult: 2, meal: 2, book: 1}, paid=True, **values)


def flat(content: bytes) -> str:
    """Return the text of all pages of a PDF, in one line with plain spaces."""
    return " ".join(" ".join(text_of_pdf(content)).split())
