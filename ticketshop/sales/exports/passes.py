"""Export of season passes: a row for every pass sold, with the answers to its forms and to the order form."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports.kinds import Column, Page, Table

from . import columns, rows
from .filters import ScopedKind
from .scope import PASS, Scope


class Passes(ScopedKind):
    """The export of season passes."""

    code = "passes"
    title = gettext_lazy("Season passes: a row for every pass sold")
    sources = (PASS,)
    forms = "order", "tariff", "pass"
    permissions = ("sales.view_issuedpass", "sales.view_order", "registration_forms.view_registrationform")

    def rows_of(self, scope: Scope) -> Table:
        return _Passes(scope).table()


class _Passes:
    """The rows of passes with their answers, page by page."""

    def __init__(self, scope: Scope):
        self.passes = passes = scope.passes()
        forms = rows.forms_of(passes, "response") | scope.own_forms("pass")
        self.answers = columns.of_forms(forms, **scope.drawn)
        extra, heading = rows.forms_of(passes, "extra_response"), _("Added form: ")
        self.extra = columns.of_forms(extra, prefix="extra.", heading=heading, **scope.drawn)
        self.order = rows.OrderData(scope, passes)
        self.states = rows.state_texts()

    def table(self) -> Table:
        """Return the columns, and the rows page by page."""
        named = [
            ("pass", _("number of the pass")),
            ("state", _("state of the pass")),
            ("season_pass", _("season pass")),
            ("valid_from", _("valid from")),
            ("valid_until", _("valid until")),
            ("first_name", _("first name")),
            ("last_name", _("last name")),
            ("email", _("e-mail address of the holder")),
            ("code", _("code (its beginning)")),
            ("entries", _("entries")),
            ("entries_left", _("entries left")),
        ]
        heads = [
            *(Column(*head) for head in named),
            *self.answers.columns,
            *self.extra.columns,
            *self.order.columns,
        ]
        return Table(heads, self.passes.count(), self.pages())

    def pages(self) -> Iterator[Page]:
        """Yield the rows, page by page."""
        own = (
            "state", rows.name_as_sold("line__title", "season_pass__name"), "valid_from", "valid_until", *rows.holder_names(),
            "response_id", "response__form_id", "response__version__number", "extra_response_id",
            "extra_response__form_id", "extra_response__version__number", "beneficiary_id",
            "response__about_id", "holder_email", rows.beginning_of_code(), "entries", "entries_left",
        )  # fmt: skip
        of_order = rows.OrderData.values("order__")
        width = 1 + len(own)
        for page in rows.pages(self.passes, *own, *of_order):
            cells = self.answers.read({row[7]: row[8:10] for row in page})
            extra = self.extra.read({row[10]: row[11:13] for row in page})
            orders = self.order.read([row[width:] for row in page])
            lines = []
            for row, order in zip(page, orders, strict=True):
                answers = [*cells.get(row[7], self.answers.none), *extra.get(row[10], self.extra.none)]
                lines.append([row[0], self.states[row[1]], *row[2:7], *row[15:19], *answers, *order])
            yield Page(lines, rows.people(page, 13, 14, width + 6))
