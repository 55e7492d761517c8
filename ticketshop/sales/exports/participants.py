"""Export of participants: a row for every ticket, with the answers to its form and to the order form."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports.kinds import Column, Page, Table

from . import columns, rows
from .filters import ScopedKind
from .scope import EVENT, SESSION, Scope


class Participants(ScopedKind):
    """The export of participants."""

    code = "participants"
    title = gettext_lazy("Participants: a row for every ticket")
    sources = EVENT, SESSION
    forms = "order", "tariff"
    permissions = ("sales.view_ticket", "sales.view_order", "registration_forms.view_registrationform")

    def rows_of(self, scope: Scope) -> Table:
        return _Participants(scope).table()


class _Participants:
    """The rows of tickets with their answers, page by page."""

    def __init__(self, scope: Scope):
        self.tickets = tickets = scope.tickets()
        forms = rows.forms_of(tickets, "response") | scope.own_forms("tariff")
        self.answers = columns.of_forms(forms, **scope.drawn)
        self.order = rows.OrderData(scope, tickets)
        self.states = rows.state_texts()

    def table(self) -> Table:
        """Return the columns, and the rows page by page."""
        named = [
            ("ticket", _("ticket number")),
            ("state", _("state of the ticket")),
            ("event", _("event")),
            ("session", _("date")),
            ("tariff", _("tariff")),
            ("first_name", _("first name")),
            ("last_name", _("last name")),
            ("email", _("e-mail address of the holder")),
            ("code", _("code (its beginning)")),
            ("booked_with", _("booked with the pass (beginning of its code)")),
        ]
        heads = [*(Column(*head) for head in named), *self.answers.columns, *self.order.columns]
        return Table(heads, self.tickets.count(), self.pages())

    def pages(self) -> Iterator[Page]:
        """Yield the rows, page by page."""
        own = (
            rows.ticket_state(), rows.translated("session__event__title"), "session__starts_at",
            rows.name_as_sold("line__tariff_name", "line__offer__tariff__name"), *rows.holder_names(),
            "response_id", "response__form_id", "response__version__number", "beneficiary_id",
            "response__about_id", "holder_email", rows.beginning_of_code(),
            rows.beginning_of_code("booked_with__code"),
        )  # fmt: skip
        of_order = rows.OrderData.values("order__")
        width = 1 + len(own)
        for page in rows.pages(self.tickets, *own, *of_order):
            cells = self.answers.read({row[7]: row[8:10] for row in page})
            orders = self.order.read([row[width:] for row in page])
            lines, none = [], self.answers.none
            for row, order in zip(page, orders, strict=True):
                answers = cells.get(row[7], none)
                lines.append([row[0], self.states[row[1]], *row[2:7], *row[12:15], *answers, *order])
            yield Page(lines, rows.people(page, 10, 11, width + 6))
