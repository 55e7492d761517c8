"""The figures on the start page of the back office: today's sales, open tasks, places left. The number of
queries is fixed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
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
# How long a failed mail is shown here; later it is found in the list of e-mails.
MAIL_DAYS = 14


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
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    today = Q(placed_at__gte=midnight, state__in=[Order.State.PENDING, Order.State.PAID])
    today &= access.reachable("point_of_sale__")  # test orders are no sales
    sold = _grouped(user, "sales.view_order", _without_cancelled(today), "organiser", "left")
    waiting = _grouped(
        user, "sales.view_order", Order.objects.filter(state=Order.State.PENDING), "organiser", "total"
    )
    due = Refund.objects.exclude(state=Refund.State.DONE)
    refunds = _grouped(user, "sales.view_refund", due, "payment__order__organiser", "amount")
    failed = bounces.troubled(Mail.objects.filter(created_at__gte=now - timedelta(days=MAIL_DAYS)))
    mails = _grouped(user, "mail.view_mail", failed, "organiser", None)
    all_figures = []
    for organiser in _organisers(user):
        figures = Figures(organiser)
        if user.has_perm("sales.view_order", organiser):
            figures.orders_today, figures.amount_today = sold.get(organiser.pk, (0, Decimal(0)))
            figures.waiting, figures.waiting_amount = waiting.get(organiser.pk, (0, Decimal(0)))
        if user.has_perm("sales.view_refund", organiser):
            figures.refunds, figures.refunds_amount = refunds.get(organiser.pk, (0, Decimal(0)))
        if user.has_perm("mail.view_mail", organiser):
            figures.failed_mails = mails.get(organiser.pk, (0, None))[0]
        all_figures.append(figures)
    return all_figures


def _without_cancelled(where: Q) -> QuerySet[Order]:
    """Return orders with ``left``: the total without what is cancelled of it."""
    parts = CancelledLine.objects.filter(cancellation__order=OuterRef("pk")).order_by()
    cancelled = parts.values("cancellation__order").annotate(sum=Sum("total")).values("sum")
    return Order.objects.filter(where).annotate(left=F("total") - Coalesce(Subquery(cancelled), Decimal(0)))


def _organisers(user) -> QuerySet[Organiser]:
    rows = Organiser.objects.order_by("name")
    if user.is_superuser:
        return rows
    return rows.filter(pk__in=list(permissions.permissions_by_organiser(user)))


def _grouped(user, permission: str, rows: QuerySet, organiser: str, amount: str | None) -> dict:
    """Return organiser id -> (number of rows, sum of ``amount``). One query."""
    sums = {"amount": Sum(amount)} if amount else {}
    grouped = permissions.for_staff(rows, user, permission).order_by().values(organiser)
    return {
        row[organiser]: (row["count"], row.get("amount"))
        for row in grouped.annotate(count=Count("pk"), **sums)
    }


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
