"""The tables of the page *Figures*: the same rows for the page and for the spreadsheet."""

from dataclasses import dataclass, field
from datetime import date

from django.utils.formats import date_format, number_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ticketshop.lib.spreadsheets import formats
from ticketshop.lib.spreadsheets.formats import Cell
from ticketshop.lib.web.template_tags import money

from ...exports.figures import Figures, Money, Sales
from ...models import Order
from ...payments.methods import METHODS, name_of

# The columns of numbers, as keys of the spreadsheet.
OF_SALES = ("orders", "tickets", "invited", "cancelled", "left", "entered", "gross", "cancelled_gross", "net")
OF_MONEY = ("came", "went_back", "lost", "rounding", "money_left")


@dataclass(frozen=True)
class Row:
    """A row: its labels as cells, and its sums."""

    about: list[Cell]
    sales: Sales | None = None
    money: Money | None = None


@dataclass(frozen=True)
class Table:
    """``code``: names the table in the spreadsheet. ``heads``: of the cells about; ``columns``: keys of the numbers that it shows."""

    code: str
    title: str
    heads: list[str]
    columns: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    note: str = ""


def labels() -> dict[str, str]:
    """Return key -> label of the columns of numbers."""
    return {
        "orders": _("Orders"),
        "tickets": _("Tickets sold"),
        "invited": _("of which invitations"),
        "cancelled": _("Cancelled"),
        "left": pgettext("tickets", "Left"),
        "entered": pgettext("of people", "Let in"),
        "gross": _("Amount sold"),
        "cancelled_gross": _("Amount cancelled"),
        "net": _("Sales"),
        "came": _("Money received"),
        "went_back": _("Paid back"),
        "lost": _("Lost disputes"),
        "rounding": _("Rounding"),
        "money_left": pgettext("money", "Left"),
    }


def numbers(row: Row) -> dict[str, Cell]:
    """Return key -> number of a row, for the columns that it has."""
    found: dict[str, Cell] = {}
    if row.sales is not None:
        found |= {key: getattr(row.sales, key) for key in OF_SALES}
        found |= {key: formats.Money(found[key]) for key in ("gross", "cancelled_gross", "net")}
    if row.money is not None:
        found |= {key: formats.Money(getattr(row.money, key)) for key in OF_MONEY[:-1]}
        found["money_left"] = formats.Money(row.money.left)
    return found


def texts(table: Table, row: Row, currency: str) -> list[str]:
    """Return the numbers of a row for the page."""
    found = numbers(row)
    cells = [found[key] for key in table.columns]
    return [money(cell, currency) if isinstance(cell, formats.Money) else number_text(cell) for cell in cells]


def number_text(number: Cell) -> str:
    """Return a whole number in the reader's language, with a real minus."""
    return number_format(number, use_l10n=True, force_grouping=True).replace("-", "\N{MINUS SIGN}")


def all_tables(figures: Figures) -> list[Table]:
    """Return the tables, those without rows left out."""
    made = [_total(figures), _dates(figures), _passes(figures), _tariffs(figures), _channels(figures)]
    if figures.has_money:
        made.append(_methods(figures))
    made.append(_days(figures))
    return [table for table in made if table.rows]


def _total(figures: Figures) -> Table:
    columns = OF_SALES + (OF_MONEY if figures.has_money else ())
    row = Row([], figures.total, figures.money if figures.has_money else None)
    return Table("total", _("Total"), [], columns, [row])


def _dates(figures: Figures) -> Table:
    columns = ("tickets", "invited", "cancelled", "left", "entered", "net")
    sessions = sorted(figures.sessions.values(), key=lambda session: (session.starts_at, session.pk))
    rows = [
        Row(
            [session.event.title, localtime(session.starts_at, figures.organiser.zone)],
            figures.dates[session.pk],
        )
        for session in sessions
    ]
    return Table("date", _("By date"), [_("Event"), _("Date")], columns, rows)


def _passes(figures: Figures) -> Table:
    columns = ("tickets", "invited", "cancelled", "left", "net")
    rows = [
        Row([season_pass.name], figures.passes[season_pass.pk])
        for season_pass in sorted(figures.sold_passes.values(), key=lambda season_pass: season_pass.pk)
    ]
    return Table("pass", _("Season passes"), [_("Season pass")], columns, rows)


def _tariffs(figures: Figures) -> Table:
    columns = ("tickets", "invited", "cancelled", "left", "net")
    offers = {offer.tariff_id: offer for offer in figures.offers.values()}
    ordered = sorted(
        offers.values(), key=lambda offer: (offer.session.event.title, offer.tariff.position, offer.tariff_id)
    )
    rows = [
        Row([offer.session.event.title, offer.tariff.name], figures.tariffs[offer.tariff_id])
        for offer in ordered
    ]
    return Table("tariff", _("By tariff"), [_("Event"), _("Tariff")], columns, rows)


def _channels(figures: Figures) -> Table:
    columns = ("orders", "tickets", "cancelled", "left", "net")
    if figures.has_money:
        columns += ("came", "money_left")
    empty = Money() if figures.has_money else None
    rows = [
        Row([str(label)], figures.channels.get(code, Sales()), figures.channels_money.get(code, empty))
        for code, label in Order.Channel.choices
        if code in figures.channels or code in figures.channels_money
    ]
    return Table("channel", _("By channel"), [_("Channel")], columns, rows)


def _methods(figures: Figures) -> Table:
    order = [*METHODS, *sorted(figures.methods.keys() - METHODS.keys())]
    rows = [Row([name_of(code)], None, figures.methods[code]) for code in order if code in figures.methods]
    return Table("method", _("By payment method"), [_("Payment method")], OF_MONEY, rows)


def _days(figures: Figures) -> Table:
    columns: tuple[str, ...] = ("orders", "tickets", "cancelled", "left", "net")
    if figures.has_money:
        columns += ("came", "went_back", "lost", "rounding", "money_left")
    empty = Money() if figures.has_money else None
    rows = [
        Row([day], figures.days.get(day, Sales()), figures.days_money.get(day, empty))
        for day in figures.every_day()
        if day in figures.days or day in figures.days_money
    ]
    return Table(
        "day", _("By day"), [_("Day")], columns, rows, _("Days on which nothing happened are left out.")
    )


def about_text(cell: Cell) -> str:
    """Return what a row is about, for the page: instants and days in the reader's language."""
    if hasattr(cell, "hour"):
        return date_format(cell, "SHORT_DATETIME_FORMAT")
    return date_format(cell, "D j N Y") if isinstance(cell, date) else str(cell)
