"""Export of answers: a row for every answer, for statistics and other programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from django.db.models import QuerySet, TextField, Value
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registration_forms.models import Answer, RegistrationForm
from ticketshop.exports.kinds import Column, Page, Table
from ticketshop.lib.spreadsheets.formats import Cell

from . import columns, rows
from .columns import ANSWERED, WAIVED, state_words
from .filters import ScopedKind
from .scope import EVENT, PASS, SESSION, Scope


class Long(ScopedKind):
    """The export of answers."""

    code = "answers"
    title = gettext_lazy("Answers: a row for every answer")
    sources = EVENT, SESSION, PASS
    forms = "order", "tariff", "pass"
    permissions = ("sales.view_ticket", "sales.view_order", "registration_forms.view_registrationform")

    def rows_of(self, scope: Scope) -> Table:
        return _Long(scope).table()


@dataclass(frozen=True)
class _ResponseRows:
    """Rows with a response at ``path``. ``context``: expressions for what is shown about each row.

    ``number``: path to the id that is shown, if that is not the row's own.
    """

    about: str
    rows: QuerySet
    path: str
    context: tuple
    people: tuple[str, ...]
    number: str = "pk"


_NONE = Value(None, output_field=TextField())
# The cells of an answer that was not skipped: by whom, and when.
_NOT_SKIPPED = (None, None)
# Positions in a row that was read, after the row's own id: the response, its form and version, the number
# shown, the context, people.
_RESPONSE, _FORM, _VERSION, _NUMBER, _CONTEXT = 1, 2, 3, 4, 5


class _Long:
    """All answers in a scope: of participants, of orders, of passes."""

    def __init__(self, scope: Scope):
        self.scope, self.response_rows = scope, _response_rows(scope)
        forms = set().union(*(rows.forms_of(source.rows, source.path) for source in self.response_rows))
        if scope.form_kind:
            forms &= {scope.number}
        self.forms = forms
        self.names = dict(RegistrationForm.objects.filter(pk__in=forms).values_list("pk", "name"))
        self.answers = columns.of_forms(forms, sensitive=scope.sensitive)
        self.words = state_words()

    def table(self) -> Table:
        """Return the columns, and the rows page by page."""
        named = [
            ("about", _("asked of")),
            ("number", _("its number")),
            ("order", _("order")),
            ("what", _("event or season pass")),
            ("session", _("date")),
            ("tariff", _("tariff")),
            ("first_name", _("first name")),
            ("last_name", _("last name")),
            ("form", _("form")),
            ("text_version", _("text version")),
            ("key", _("key of the question")),
            ("label", _("question")),
            ("answer", _("answer")),
        ]
        if self.scope.states:
            named += [
                ("state", _("state of the answer")),
                ("skipped_by", _("skipped by")),
                ("skipped_at", _("skipped")),
            ]
        pages = chain.from_iterable(self.pages(source) for source in self.response_rows)
        return Table([Column(*head) for head in named], self.count(), pages)

    def count(self) -> int:
        """Return the number of rows."""
        fields = self.answers.fields()
        answers = Answer.objects.filter(field__in=fields).order_by()
        if not self.scope.states:
            answers = answers.filter(state=ANSWERED)
        return sum(
            answers.filter(response__in=source.rows.order_by().values(source.path)).count()
            for source in self.response_rows
        )

    def pages(self, source: _ResponseRows) -> Iterator[Page]:
        """Yield the rows, page by page."""
        of_response = f"{source.path}_id", f"{source.path}__form_id", f"{source.path}__version__number"
        with_answers = source.rows.filter(**{f"{source.path}__form__in": self.forms})
        for page in rows.pages(with_answers, *of_response, source.number, *source.context, *source.people):
            people = _CONTEXT + len(source.context)
            by_response = {row[_RESPONSE]: row for row in page}
            lines: list[list[Cell]] = []
            answers = list(self.answers.each(list(by_response)))
            skipped = self._skipped(answers)
            for response, column, state, cell, version in answers:
                if state != ANSWERED and not self.scope.states:
                    continue
                row = by_response[response]
                number = row[_VERSION] if version is None else self.answers.version(version)
                line = [source.about, row[_NUMBER], *row[_CONTEXT:people], self.names[row[_FORM]], number]
                line += [column.key, column.label, cell]
                if self.scope.states:
                    line += [self.words[state], *skipped.get((response, column.key), _NOT_SKIPPED)]
                lines.append(line)
            yield Page(lines, rows.people(page, *range(people, people + len(source.people))))

    def _skipped(self, answers: list[tuple]) -> dict[tuple[int, str], tuple[Cell, Cell]]:
        """Return (response id, question key) -> who skipped the question, and when. One query, or none if nothing was skipped."""
        ids = {response for response, _column, state, *_rest in answers if state == WAIVED}
        if not (ids and self.scope.states):
            return {}
        rows = Answer.objects.filter(response__in=ids, state=WAIVED).values_list(
            "response", "field__key", "waived_by__email", "waived_at"
        )
        return {(response, key): (email, at) for response, key, email, at in rows}


def _response_rows(scope: Scope) -> list[_ResponseRows]:
    order = ("order__reference",)
    names = rows.holder_names()
    whose = "beneficiary_id", "order__buyer_id"
    date = "session__starts_at", rows.name_as_sold("line__tariff_name", "line__offer__tariff__name")
    of_ticket = (*order, rows.translated("session__event__title"), *date, *names)
    of_pass = (*order, rows.name_as_sold("line__title", "season_pass__name"), _NONE, _NONE, *names)
    of_order = ("order__reference", _NONE, _NONE, _NONE, *rows.buyer_names("order__"))
    tickets, passes, orders = scope.tickets(), scope.passes(), scope.order_responses()
    sources = [
        _ResponseRows(_("participant"), tickets, "response", of_ticket, (*whose, "response__about_id")),
        _ResponseRows(_("season pass"), passes, "response", of_pass, (*whose, "response__about_id")),
        _ResponseRows(
            _("season pass"),
            passes,
            "extra_response",
            of_pass,
            (*whose, "extra_response__about_id"),
        ),
        _ResponseRows(_("order"), orders, "response", of_order, ("order__buyer_id",), "order_id"),
    ]
    # A form of one kind has responses of one of them only.
    kept = {"order": sources[3:], "tariff": [sources[0], sources[2]], "pass": [sources[1]]}
    return kept.get(scope.form_kind, sources)
