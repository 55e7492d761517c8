"""The figures on the start page of the back office: today's sales, open tasks, places left. The number of
queries is fixed.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum, Value
from django.utils import timezone

from ticketshop.catalogue import stock
from ticketshop.catalogue.models import Session
from ticketshop.mail import bounces
from ticketshop.mail.models import Mail
from ticketshop.organisers import access, permissions
from ticketshop.organisers.models import Organiser, PointOfSale

from ..cart import caps
from ..models import CancelledLine, Order, Refund
from ..payments import method_states
from . import waiting_money

SESSIONS = 8


@dataclass
class Figures:
    """The figures of one organiser today, in its currency. None where the user may not see a figure."""

    organiser: Organiser
    orders_today: int | None = None
    amount_today: Decimal | None = None
    waiting: int | None = None
    waiting_amount: Decimal | None = None
    refunds: int | None = None
    refunds_amount: Decimal | None = None
    failed_mails: int | None = None


@dataclass(frozen=True)
class SessionLine:
    """A date in the near future, with its places."""

    session: Session
    stock: stock.Stock | None

    @property
    def per_cent(self) -> int:
        """Return how full the date is, in percent of its capacity: sold and held places."""
        places = self.stock
        return 100 * (places.sold + places.held) // places.capacity if places and places.capacity else 0


@dataclass(frozen=True)
class Overview:
    """Everything the start page shows: figures by organiser, next dates, networks with many unpaid orders,
    money that waits, payment methods that do not work, and points of sale that were never opened."""

    organisers: list[Figures]
    sessions: list[SessionLine]
    # Networks with many unpaid orders: ``count``, and ``latest``, the id of the latest order.
    networks: list[dict]
    money: list[waiting_money.Waiting]
    methods: list[method_states.MethodState]
    not_open: list[PointOfSale]


def read(user, now: datetime) -> Overview:
    """Return the start page of this user, each figure only if their role may see it."""
    orders = permissions.for_staff(Order.objects.all(), user, "sales.view_order")
    return Overview(
        _figures(user, now),
        _next_sessions(user, now),
        caps.many_of_one_network(orders),
        waiting_money.read(user),
        method_states.read(user),
        _not_open(user),
    )


def _not_open(user) -> list[PointOfSale]:
    """Return the points of sale that were never opened. One query."""
    rows = PointOfSale.objects.filter(active=False, first_opened_at=None).order_by("name", "pk")
    return list(permissions.for_staff(rows, user, "organisers.view_pointofsale")[:SESSIONS])


def _figures(user, now: datetime) -> list[Figures]:
    sums = _sums(user, now)
    none = (0, Decimal(0))
    all_figures = []
    for organiser in _organisers(user):
        figures, own = Figures(organiser), sums.get(organiser.pk, {})
        if user.has_perm("sales.view_order", organiser):
            figures.orders_today, ordered = own.get("ordered", none)
            figures.amount_today = ordered - own.get("cancelled", none)[1]
            figures.waiting, figures.waiting_amount = own.get("waiting", none)
        if user.has_perm("sales.view_refund", organiser):
            figures.refunds, figures.refunds_amount = own.get("refunds", none)
        if user.has_perm("mail.view_mail", organiser):
            figures.failed_mails = own.get("mails", none)[0]
        all_figures.append(figures)
    return all_figures


def _sums(user, now: datetime) -> dict[int, dict[str, tuple[int, Decimal]]]:
    """Return organiser id -> what was counted -> (number of rows, sum of their amounts). One query.

    What was cancelled of today's orders is summed up in a part of its own: a subquery for each of 30,000 orders took most of the
    time of the start page. An order of today can't be cancelled before today, so the condition on ``made_at`` removes no row. With it
    PostgreSQL can begin with the cancellations of today instead of the orders; it reads all cancellations to find them, because
    ``made_at`` has no index.
    """
    midnight = _midnight(now)
    failed = bounces.recently_troubled(Mail.objects.all(), now)
    cancelled = CancelledLine.objects.filter(
        _sold_since(midnight, "cancellation__order__"), cancellation__made_at__gte=midnight
    )
    waiting = Order.objects.filter(state=Order.State.PENDING)
    due = Refund.objects.exclude(state=Refund.State.DONE)
    first, *others = (
        _grouped(user, "ordered", "sales.view_order", Order.objects.filter(ordered_today(now)), "total"),
        _grouped(user, "cancelled", "sales.view_order", cancelled, "total"),
        _grouped(user, "waiting", "sales.view_order", waiting, "total"),
        _grouped(user, "refunds", "sales.view_refund", due, "amount"),
        _grouped(user, "mails", "mail.view_mail", failed),
    )
    sums: dict[int, dict[str, tuple[int, Decimal]]] = {}
    for organiser, name, count, amount in first.union(*others, all=True):
        sums.setdefault(organiser, {})[name] = (count, amount)
    return sums


def ordered_today(now: datetime) -> Q:
    """Return the condition for the orders that the figure “Ordered today” counts; today in the active time zone."""
    return _sold_since(_midnight(now))


def _midnight(now: datetime) -> datetime:
    return timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)


def _sold_since(instant: datetime, prefix: str = "") -> Q:
    """Return the condition for orders placed since an instant, paid or not yet. Test orders are no sales.

    ``prefix``: the path to the order.
    """
    states = [Order.State.PENDING, Order.State.PAID]
    placed = Q(**{f"{prefix}placed_at__gte": instant, f"{prefix}state__in": states})
    return placed & access.reachable(f"{prefix}point_of_sale__")


def _organisers(user) -> QuerySet[Organiser]:
    rows = Organiser.objects.order_by("name")
    if user.is_superuser:
        return rows
    return rows.filter(pk__in=list(permissions.permissions_by_organiser(user)))


def _grouped(user, name: str, permission: str, rows: QuerySet, amount: str = "") -> QuerySet:
    """Return a query for (organiser id, name, number of rows that the user may see, sum of ``amount`` or 0)."""
    allowed = permissions.for_staff(rows, user, permission).order_by()
    return allowed.values_list(allowed.model.organiser_path, Value(name)).annotate(
        count=Count("pk"), amount=Sum(amount) if amount else Value(Decimal(0))
    )


def _next_sessions(user, now: datetime) -> list[SessionLine]:
    rows = Session.objects.filter(ends_at__gt=now).exclude(state=Session.State.CANCELLED)
    rows = permissions.for_staff(rows, user, "catalogue.view_session")
    sessions = list(rows.select_related("event__organiser").order_by("starts_at", "pk")[:SESSIONS])
    stocks = stock.of_sessions([session.pk for session in sessions])
    return [
        SessionLine(
            session, sum(found.values(), stock.NOTHING) if (found := stocks.get(session.pk)) else None
        )
        for session in sessions
    ]
