"""The requirements for switching on a point of sale: a payment method that works, terms of sale, and a legal name."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from ticketshop.catalogue.models import Event, SeasonPass, Session, Tariff
from ticketshop.history import history
from ticketshop.organisers.models import PointOfSale

from ..models import PaymentMethod
from ..payments.methods import METHODS

# A price to test the payment methods with while nothing is sold yet.
ANY_PRICE = Decimal(10)
# A payment method: its code and its settings.
SetUp = tuple[str, dict]


def open_shop(pos: PointOfSale, *, by, now: datetime) -> None:
    """Open a point of sale for visitors. The caller has locked its row and checked what it needs."""
    if pos.active:
        return
    pos.active, pos.first_opened_at = True, pos.first_opened_at or now
    pos.save(update_fields=["active", "first_opened_at"])
    history.record(pos, "opened", by=by, now=now)


def enabled_methods(pos: PointOfSale) -> list[SetUp]:
    """Return the payment methods that are offered, as stored."""
    rows = PaymentMethod.objects.filter(point_of_sale=pos.pk, enabled=True)
    return list(rows.values_list("code", "settings")) if pos.pk else []


def works(method: SetUp, amount: Decimal, currency: str) -> bool:
    """Return whether visitors can pay this amount by this method: it is for them, completely set up, and
    its provider accepts the keys.
    """
    code, kept = method
    method_class = METHODS.get(code)
    return (
        method_class is not None
        and not method_class.staff_only
        and method_class.is_set_up(kept)
        and not method_class(kept).faults()
        and method_class(kept).takes(amount, currency)
    )


def unpayable(pos: PointOfSale, methods: Iterable[SetUp]) -> list[Decimal]:
    """Return the prices of the shop that none of ``methods`` takes, the lowest first. A shop without prices is
    tested with a usual one.
    """
    methods, currency = list(methods), pos.organiser.currency
    return [
        price
        for price in prices(pos) or [ANY_PRICE]
        if not any(works(method, price, currency) for method in methods)
    ]


def prices(pos: PointOfSale) -> list[Decimal]:
    """Return the different prices above zero of published events and passes on sale, the lowest first."""
    if not pos.pk:
        return []
    tariffs = Tariff.objects.filter(
        event__points_of_sale=pos, event__state=Event.State.PUBLISHED, active=True, price__gt=0
    )
    passes = SeasonPass.objects.filter(points_of_sale=pos, active=True, price__gt=0)
    amounts = {
        price for rows in (tariffs, passes) for price in rows.order_by().values_list("price", flat=True)
    }
    return sorted(amounts)


def has_vat(pos: PointOfSale) -> bool:
    """Return whether a price of a published event, or of a pass on sale, contains VAT."""
    tariffs = Tariff.objects.filter(
        event__points_of_sale=pos,
        event__state=Event.State.PUBLISHED,
        active=True,
        price__gt=0,
        vat_rate__gt=0,
    )
    passes = SeasonPass.objects.filter(points_of_sale=pos, active=True, price__gt=0, vat_rate__gt=0)
    return tariffs.exists() or passes.exists()


def has_terms(pos: PointOfSale) -> bool:
    """Return whether the shop has terms of sale in any language."""
    return any((getattr(pos, f"terms_{code}") or "").strip() for code, _name in settings.CONTENT_LANGUAGES)


def sells_something(pos: PointOfSale, now: datetime) -> bool:
    """Return whether the shop shows a future date or a pass."""
    sessions = Session.objects.filter(
        event__points_of_sale=pos, event__state=Event.State.PUBLISHED, ends_at__gt=now, offers__isnull=False
    )
    return sessions.exists() or SeasonPass.objects.filter(points_of_sale=pos, active=True).exists()
