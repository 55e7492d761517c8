"""Which lines of an order can be withdrawn from, and until when."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.timezone import localdate

from ticketshop.catalogue.models import SeasonPass
from ticketshop.lib.values.money import ZERO

from ...models import LIVING_ORDERS, Order, OrderLine, Withdrawal

# From the day after the order: article 9 of Directive 2011/83/EU.
DAYS = 14
# After the statement, to pay the money back: article 13 of the directive.
DAYS_TO_PAY_BACK = 14
SATURDAY = 5


def has_fixed_date(line: OrderLine) -> bool:
    """Return whether a line is for fixed dates, which exempts it: article 16 (l) of the directive.

    A ticket is for the date of its session, a pass for chosen sessions for theirs. ``line`` comes with its pass.
    """
    return line.season_pass is None or line.season_pass.opens == SeasonPass.Opens.CHOSEN_SESSIONS


def may_be_withdrawn(line: OrderLine) -> bool:
    """Return whether a buyer may withdraw from a line: it costs something and has no fixed date."""
    return line.total > ZERO and not has_fixed_date(line)


def last_day(order: Order) -> date:
    """Return the last day on which the buyer may withdraw, by the time zone of the organiser.

    A period that would end on a Saturday or Sunday ends on the Monday after it: article 3 (4) of Regulation 1182/71.
    """
    zone = ZoneInfo(order.point_of_sale.organiser.time_zone)
    day = localdate(order.placed_at, zone) + timedelta(days=DAYS)
    while day.weekday() >= SATURDAY:
        day += timedelta(days=1)
    return day


def is_late(order: Order, now: datetime) -> bool:
    """Return whether a statement made now comes after the last day."""
    return localdate(now, ZoneInfo(order.point_of_sale.organiser.time_zone)) > last_day(order)


def stated(order: Order, lines: Iterable[OrderLine]) -> list[Withdrawal]:
    """Return the withdrawals from lines of an order. No query if none of them can be withdrawn from."""
    if not any(map(may_be_withdrawn, lines)):
        return []
    rows = Withdrawal.objects.filter(line__order=order).select_related("line__season_pass")
    return list(rows.order_by("pk"))


def on_page(order: Order, lines: list[OrderLine], now: datetime) -> dict:
    """Return what the order's page shows: ``withdrawals``, and ``withdraw_until``, the last day if it offers to withdraw, else None.

    At most one query.
    """
    rows = stated(order, lines)
    done = {row.line_id for row in rows}
    offered = (
        order.point_of_sale.organiser.withdrawal
        and order.state in LIVING_ORDERS
        and not is_late(order, now)
        and any(may_be_withdrawn(line) and line.pk not in done for line in lines)
    )
    return {"withdrawals": rows, "withdraw_until": last_day(order) if offered else None}
