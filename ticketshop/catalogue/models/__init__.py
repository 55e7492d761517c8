"""The models of the programme: events and their sessions, tariffs, season passes, and the places they share."""

from .columns import COUNT, PRICE, RATE
from .events import Category, Event, Session
from .order_forms import OrderForm
from .passes import SeasonPass
from .places import Allotment, Hold, Venue
from .tariffs import Offer, Tariff

__all__ = [
    "COUNT",
    "PRICE",
    "RATE",
    "Allotment",
    "Category",
    "Event",
    "Hold",
    "Offer",
    "OrderForm",
    "SeasonPass",
    "Session",
    "Tariff",
    "Venue",
]
