"""Numbers of places, sold, held and left, for the back office. Selling uses ``places``."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, Sum
from django.db.models.functions import Coalesce, Now

from .models import Allotment, Offer


@dataclass(frozen=True)
class Stock:
    """The places of an allotment, or of several together."""

    capacity: int
    sold: int
    held: int

    @property
    def left(self) -> int:
        """Return the number of places that can still be sold."""
        return max(0, self.capacity - self.sold - self.held)

    def __add__(self, other: "Stock") -> "Stock":
        return Stock(self.capacity + other.capacity, self.sold + other.sold, self.held + other.held)


NOTHING = Stock(0, 0, 0)


def of_allotments(allotments: Iterable[int]) -> dict[int, Stock]:
    """Return allotment id -> stock. One query."""
    rows = (
        Allotment.objects.filter(pk__in=list(allotments))
        .annotate(held=Coalesce(Sum("holds__places", filter=Q(holds__expires_at__gt=Now())), 0))
        .values_list("pk", "capacity", "sold", "held")
    )
    return {pk: Stock(capacity, sold, held) for pk, capacity, sold, held in rows}


def of_sessions(sessions: Iterable[int]) -> dict[int, dict[int, Stock]]:
    """Return session id -> allotment id -> stock, in the order of the offers. Two queries."""
    offers = Offer.objects.filter(session_id__in=list(sessions)).order_by("pk")
    pairs = list(offers.values_list("session_id", "allotment_id"))
    stocks = of_allotments({allotment for _session, allotment in pairs})
    by_session: dict[int, dict[int, Stock]] = {}
    for session, allotment in pairs:
        by_session.setdefault(session, {})[allotment] = stocks[allotment]
    return by_session
