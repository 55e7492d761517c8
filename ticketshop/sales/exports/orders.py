"""Export of orders: a row for every order, with the answers to its order forms."""

from collections.abc import Iterator

from django.db.models import Count, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports.kinds import Column, Page, Table
from ticketshop.lib.spreadsheets.formats import Money, Word
from ticketshop.lib.values.money import ZERO

from ..models import Admission, CancelledLine, IssuedPass, Order, Refund, Ticket
from ..payments import refunds
from ..payments.methods import METHODS
from . import columns, rows
from .filters import ScopedKind
from .scope import CUSTOMERS, EVENT, PASS, SESSION, Scope


class Orders(ScopedKind):
    """The export of orders."""

    code = "orders"
    title = gettext_lazy("Orders: a row for every order")
    sources = EVENT, SESSION, PASS, CUSTOMERS
    forms = "order", "tariff", "pass"
    permissions = ("sales.view_order", "registration_forms.view_registrationform")

    def rows_of(self, scope: Scope) -> Table:
        return _Orders(scope).table()


class _Orders:
    """The rows of orders with their answers, page by page."""

    def __init__(self, scope: Scope):
        self.orders = scope.orders()
        forms = rows.forms_of(self.orders, "responses__response") | scope.own_forms("order")
        self.answers = columns.of_forms(forms, **scope.drawn)
        self.states = rows.order_state_texts()
        self.payment_methods = {code: Word(code, method.label) for code, method in METHODS.items()}
        self.languages = rows.language_words()
        self.channels = {code: str(text) for code, text in Order.Channel.choices}

    def table(self) -> Table:
        """Return the columns, and the rows page by page."""
        named = [
            ("reference", _("reference")),
            ("state", _("state of the order")),
            ("channel", _("sold in")),
            ("placed_at", _("placed")),
            ("paid_at", _("paid")),
            ("cancelled_at", _("cancelled on")),
            ("point_of_sale", _("point of sale")),
            ("payment_method", _("payment method")),
            ("currency", _("currency")),
            ("total", _("total")),
            ("vat_total", _("of which VAT")),
            ("cancelled_total", _("of which cancelled")),
            ("paid_back", _("of which paid back")),
            ("tickets", _("tickets")),
            ("passes", _("season passes")),
            ("buyer_first_name", _("buyer’s first name")),
            ("buyer_last_name", _("buyer’s last name")),
            ("buyer_email", _("buyer’s e-mail address")),
            ("buyer_phone", _("buyer’s phone")),
            ("language", _("language")),
        ]
        heads = [*(Column(*head) for head in named), *self.answers.columns]
        return Table(heads, self.orders.count(), self.pages())

    def pages(self) -> Iterator[Page]:
        """Yield the rows, page by page."""
        own = (
            "reference", "state", "channel", "placed_at", "paid_at", "cancelled_at", "point_of_sale__name",
            "payment_method", "currency", "total", "vat_total", _cancelled(), _paid_back(),
            _number(Ticket), _number(IssuedPass),
            *rows.buyer_names(), rows.of_buyer("email"), rows.of_buyer("phone"), "language",
            "buyer_id",
        )  # fmt: skip
        for page in rows.pages(self.orders, *own):
            cells = self.answers.read_several(rows.responses_of({row[0] for row in page}, self.answers))
            lines = []
            for row in page:
                answers = cells.get(row[0], self.answers.none)
                method, language = row[8], row[20]
                lines.append(
                    [
                        *(row[1], self.states[row[2]], self.channels[row[3]], *row[4:8]),
                        *(self.payment_methods.get(method, method), row[9], *map(Money, row[10:14])),
                        *(*row[14:20], self.languages.get(language, language), *answers),
                    ]
                )
            yield Page(lines, rows.people(page, 21))


def _cancelled() -> Coalesce:
    """Return an expression for what is cancelled of an order's total."""
    mine = CancelledLine.objects.filter(cancellation__order=OuterRef("pk")).order_by()
    sums = mine.values("cancellation__order").annotate(sum=Sum("total")).values("sum")
    return Coalesce(Subquery(sums), ZERO)


def _paid_back() -> Coalesce:
    """Return an expression for what of an order's total is paid back, is to be, or was taken by a bank."""
    mine = Refund.objects.filter(
        payment__order=OuterRef("pk"), kind__in=refunds.OF_PRICE, reversal=None
    ).order_by()
    sums = mine.values("payment__order").annotate(sum=Sum("amount")).values("sum")
    return Coalesce(Subquery(sums), ZERO)


def _number(model: type[Admission]) -> Coalesce:
    """Return an expression for the number of tickets or passes of an order that are not cancelled."""
    mine: QuerySet = model._default_manager.filter(order=OuterRef("pk")).exclude(
        state=Admission.State.CANCELLED
    )
    return Coalesce(
        Subquery(mine.order_by().values("order").annotate(number=Count("pk")).values("number")), 0
    )
