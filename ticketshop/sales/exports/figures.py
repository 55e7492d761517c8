"""Figures of a period: what was sold, cancelled and entered, and the money that came and went.

They are sums of the rows of ``Books``, so they are equal to the export for the accounting and to what ``check_books`` checks.
The number of queries does not depend on the number of orders.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from ticketshop.catalogue.models import Event, Offer, SeasonPass, Session, Tariff
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import Organiser

from ..models import Admission, CheckIn, Order, OrderLine, Ticket
from .books import SOLD_BEFORE, UNSOLD, Books


@dataclass
class Sales:
    """Numbers of orders and tickets, and what they cost. A season pass counts as one ticket. What was paid by a payment recorded by
    mistake, and waits for money again, counts as sold and as cancelled, each on its day.

    ``invited``: of the tickets, those of invitations. ``gross`` and ``cancelled_gross`` contain VAT.
    """

    orders: int = 0
    tickets: int = 0
    invited: int = 0
    cancelled: int = 0
    entered: int = 0
    gross: Decimal = ZERO
    cancelled_gross: Decimal = ZERO

    @property
    def left(self) -> int:
        """Return how many more tickets were sold than cancelled."""
        return self.tickets - self.cancelled

    @property
    def net(self) -> Decimal:
        """Return what was sold minus what was cancelled, VAT included."""
        return self.gross - self.cancelled_gross


@dataclass
class Money:
    """Money that came, without what was recorded by mistake, and that went. ``lost``: taken by banks after disputes; ``rounding``: cash beyond the amounts."""

    came: Decimal = ZERO
    went_back: Decimal = ZERO
    lost: Decimal = ZERO
    rounding: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        """Return what stayed of the money."""
        return self.came - self.went_back - self.lost + self.rounding


@dataclass
class Figures:
    """The figures of a period. Keys without anything are missing.

    ``dates``: session id -> sales; ``passes``: season pass id -> sales; ``tariffs``: tariff id -> sales; ``channels``:
    ``Order.Channel`` -> sales. ``methods``: code of a payment method -> money. For one event there is no money: payments
    belong to whole orders.
    """

    organiser: Organiser
    since: date
    until: date
    event: Event | None
    total: Sales = field(default_factory=Sales)
    dates: dict[int, Sales] = field(default_factory=dict)
    passes: dict[int, Sales] = field(default_factory=dict)
    tariffs: dict[int, Sales] = field(default_factory=dict)
    channels: dict[str, Sales] = field(default_factory=dict)
    days: dict[date, Sales] = field(default_factory=dict)
    money: Money = field(default_factory=Money)
    methods: dict[str, Money] = field(default_factory=dict)
    channels_money: dict[str, Money] = field(default_factory=dict)
    days_money: dict[date, Money] = field(default_factory=dict)
    sessions: dict[int, Session] = field(default_factory=dict)
    offers: dict[int, Offer] = field(default_factory=dict)
    sold_passes: dict[int, SeasonPass] = field(default_factory=dict)

    @property
    def has_money(self) -> bool:
        """Return whether there are figures of money."""
        return self.event is None

    def tariff(self, pk: int) -> Tariff:
        """Return a tariff of ``tariffs``."""
        return next(offer.tariff for offer in self.offers.values() if offer.tariff_id == pk)

    def every_day(self) -> Iterator[date]:
        """Yield the days of the period."""
        for number in range((self.until - self.since).days + 1):
            yield self.since + timedelta(days=number)

    def sales_of(self, day: date, channel: str, offer: Offer | None, season_pass: int | None) -> list[Sales]:
        """Return every sum to which a line of this day and channel belongs."""
        sums = [self.total, _sum(self.days, day, Sales), _sum(self.channels, channel, Sales)]
        if offer is not None:
            sums += [_sum(self.dates, offer.session_id, Sales), _sum(self.tariffs, offer.tariff_id, Sales)]
        elif season_pass is not None:
            sums.append(_sum(self.passes, season_pass, Sales))
        return sums

    def money_of(self, day: date, method: str, channel: str) -> list[Money]:
        """Return every sum to which money of this day, method and channel belongs."""
        return [
            self.money,
            _sum(self.days_money, day, Money),
            _sum(self.methods, method, Money),
            _sum(self.channels_money, channel, Money),
        ]


def _sum(sums: dict, key: Hashable, kind: type):
    if key not in sums:
        sums[key] = kind()
    return sums[key]


def read(organiser: Organiser, since: date, until: date, event: Event | None = None) -> Figures:
    """Return the figures of these days, both included, in the time zone of the organiser; with ``event``, of that event."""
    books, figures = Books(organiser, since, until), Figures(organiser, since, until, event)
    _read_sales(books, figures)
    _read_orders(books, figures)
    _read_entries(books, figures)
    figures.sessions = Session.objects.select_related("event").in_bulk(figures.dates)
    if figures.has_money:
        _read_money(books, figures)
    return figures


def _by_day(rows: QuerySet, instant: str, organiser: Organiser, *groups: str) -> QuerySet:
    """Return the rows grouped by the day of an instant and by these columns."""
    with_day = rows.order_by().annotate(day=TruncDate(instant, tzinfo=organiser.zone))
    return with_day.values_list("day", *groups)


# --- sales --------------------------------------------------------------------------------------------------
def _read_sales(books: Books, figures: Figures) -> None:
    """Add what was sold and what was cancelled. Six queries."""
    gone = books.cancelled_lines()
    if figures.event is not None:
        gone = gone.filter(line__offer__session__event=figures.event)
    sold_rows = [
        *_lines_by_day(books.sold_lines(), "order__paid_at", figures, books.organiser),
        *_lines_by_day(books.sold_before(), SOLD_BEFORE, figures, books.organiser),
    ]
    unsold_rows = _lines_by_day(books.unsold_lines(), UNSOLD, figures, books.organiser)
    of_cancelled = ("cancellation__order__channel", "line__offer", "line__season_pass")
    gone_rows = list(
        _by_day(gone, "cancellation__made_at", books.organiser, *of_cancelled).annotate(
            tickets=Sum("places"), gross=Sum("total")
        )
    )
    gone_rows += [(*row[:5], row[6]) for row in unsold_rows]
    _read_products(figures, [row[2:4] for row in (*sold_rows, *gone_rows)])
    for day, channel, offer, season_pass, places, guests, gross in sold_rows:
        for sales in figures.sales_of(day, channel, figures.offers.get(offer), season_pass):
            sales.tickets += places
            sales.invited += guests
            sales.gross += gross
    for day, channel, offer, season_pass, places, gross in gone_rows:
        for sales in figures.sales_of(day, channel, figures.offers.get(offer), season_pass):
            sales.cancelled += places
            sales.cancelled_gross += gross


def _lines_by_day(
    lines: QuerySet[OrderLine], instant: str, figures: Figures, organiser: Organiser
) -> QuerySet:
    """Return day, channel, offer, season pass, places, those of invitations and the amount, of the lines that the figures are about."""
    if figures.event is not None:
        lines = lines.filter(offer__session__event=figures.event)
    guests = Sum("places", filter=~Q(order__invitation=""), default=0)
    return _by_day(lines, instant, organiser, "order__channel", "offer", "season_pass").annotate(
        tickets=Sum("places"), guests=guests, gross=Sum("total")
    )


def _read_products(figures: Figures, pairs: Iterable[tuple[int | None, int | None]]) -> None:
    """Read the offers and passes with these ids. At most two queries."""
    pairs = list(pairs)
    offers, passes = ({pair[place] for pair in pairs} - {None} for place in (0, 1))
    with_names = Offer.objects.select_related("session__event", "tariff")
    figures.offers = with_names.in_bulk(offers) if offers else {}
    figures.sold_passes = SeasonPass.objects.in_bulk(passes) if passes else {}


def _read_orders(books: Books, figures: Figures) -> None:
    """Add the numbers of orders that were paid, without those that wait for their money again. An order made by an exchange is not
    counted as one. Three queries.
    """
    orders = Order.objects.filter(exchange__isnull=True, **books.of_orders(""))
    if figures.event is not None:
        lines = OrderLine.objects.filter(**books.of_orders(), offer__session__event=figures.event)
        orders = orders.filter(pk__in=lines.order_by().values("order"))
    before, since = SOLD_BEFORE.removeprefix("order__"), UNSOLD.removeprefix("order__")
    unsold = {f"{before}__isnull": False, **books.within(since)}
    for rows, instant, sign in (
        (orders.filter(**books.within("paid_at")), "paid_at", 1),
        (orders.filter(**books.within(before)), before, 1),
        (orders.filter(**unsold), since, -1),
    ):
        for day, channel, number in _by_day(rows, instant, books.organiser, "channel").annotate(
            number=Count("pk")
        ):
            for sales in figures.sales_of(day, channel, None, None):
                sales.orders += sign * number


def _read_entries(books: Books, figures: Figures) -> None:
    """Add the people who were let in during the period, with a ticket or with the code of a pass, to the dates and to the total."""
    used = Ticket.objects.filter(state=Admission.State.USED, **books.of_orders(), **books.within("used_at"))
    if figures.event is not None:
        used = used.filter(session__event=figures.event)
    passes = CheckIn.objects.filter(
        issued_pass__isnull=False, **books.of_orders("issued_pass__order"), **books.within("at")
    )
    if figures.event is not None:
        passes = passes.filter(session__event=figures.event)
    kinds = CheckIn.Kind
    let_in = Count("pk", filter=Q(kind=kinds.IN))
    let_out = Count("pk", filter=Q(kind__in=(kinds.OUT, kinds.UNDONE)))
    numbers = [
        *used.order_by().values_list("session").annotate(number=Count("pk")),
        *passes.order_by().values_list("session").annotate(number=let_in - let_out),
    ]
    for session, number in numbers:
        _sum(figures.dates, session, Sales).entered += number
        figures.total.entered += number


# --- money --------------------------------------------------------------------------------------------------
def _read_money(books: Books, figures: Figures) -> None:
    """Add the money that came and went. Six queries."""
    organiser = books.organiser
    came = _by_day(books.payments(), "confirmed_at", organiser, "method", "order__channel")
    for day, method, channel, amount, rounding in came.annotate(sum=Sum("amount"), roundings=Sum("rounding")):
        for money in figures.money_of(day, method, channel):
            money.came += amount
            money.rounding += rounding
    of_payment = ("payment__method", "payment__order__channel")
    _read_reversals(books, figures)
    for day, method, channel, amount in _by_day(books.refunds(), "done_at", organiser, *of_payment).annotate(
        sum=Sum("amount")
    ):
        for money in figures.money_of(day, method, channel):
            money.went_back += amount
    # Cash is rounded when money goes back in cash, however it was paid.
    rounded = books.refunds().exclude(rounding=0)
    for day, method, channel, rounding in _by_day(
        rounded, "done_at", organiser, "done_as", "payment__order__channel"
    ).annotate(roundings=Sum("rounding")):
        for money in figures.money_of(day, method, channel):
            money.rounding -= rounding
    lost = _by_day(books.lost_disputes(), "closed_at", organiser, *of_payment)
    for day, method, channel, amount in lost.annotate(sum=Sum("amount")):
        for money in figures.money_of(day, method, channel):
            money.lost += amount


def _read_reversals(books: Books, figures: Figures) -> None:
    """Take away the money that was recorded by mistake, on the day on which it was taken back. One query."""
    rows = _by_day(
        books.reversals(), "made_at", books.organiser, "payment__method", "payment__order__channel"
    )
    for day, method, channel, amount, rounding in rows.annotate(
        sum=Sum("payment__amount"), roundings=Sum("payment__rounding")
    ):
        for money in figures.money_of(day, method, channel):
            money.came -= amount
            money.rounding -= rounding
