"""Columns of answers: one for each question key, in the order of the form, with the label of its latest version.

Questions that are not asked any more come last, if they have answers. The same key in several forms is one
column, so that copies of a form share their columns.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from django.utils.translation import gettext as _

from registration_forms.building import versions
from registration_forms.definitions import Question
from registration_forms.field_types import TYPES, FieldType
from registration_forms.models import Answer, Choice, FormVersion
from ticketshop.exports.kinds import Column
from ticketshop.lib.database.compiled import AnyOf, Compiled, array_of
from ticketshop.lib.spreadsheets.formats import Cell, Word

from . import question_columns
from .question_columns import QuestionColumn

# How many combinations of choices are kept as text.
COMBINATIONS = 1000
ANSWERED = Answer.State.ANSWERED.value
BLANK = Answer.State.BLANK.value
WAIVED = Answer.State.WAIVED.value
STATES = {
    ANSWERED: "answered",
    BLANK: "blank",
    Answer.State.NOT_ASKED.value: "not_asked",
    Answer.State.ADDED_LATER.value: "added_later",
    WAIVED: "waived",
    Answer.State.ERASED.value: "erased",
}


def state_words() -> dict[int, Word]:
    """Return state of an answer -> its stored word, with its text in the active language."""
    return {state: Word(code, Answer.State(state).label) for state, code in STATES.items()}


def joined(texts: Iterable[str]) -> str:
    """Return several choices as one text, from which each can be read again: “Bus; Lunch”.

    A text with a semicolon, a quotation mark at its beginning or a space at an end is put in quotation marks,
    with its own quotation marks doubled, as in a CSV.
    """
    return "; ".join(
        '"{}"'.format(text.replace('"', '""'))
        if ";" in text or text[:1] == '"' or text != text.strip()
        else text
        for text in texts
    )


@dataclass(frozen=True)
class _CellRule:
    """The rule for turning an answer into cells: its position, the position of the value in the answer's row (None
    for several choices), and its conversion.
    """

    place: int
    value: int | None
    convert: Callable[[object], Cell] | None
    blank: Cell = None  # the state if there is no answer


@dataclass(frozen=True)
class _Place:
    """The positions of an answer among the cells: from ``first`` on, and ``state`` for the cell of its state, if
    any.

    ``of_choice``: choice id -> its own cell, if each choice has column.
    """

    column: QuestionColumn
    first: int
    state: int | None
    of_choice: dict[int, int] | None = None


class Answers:
    """The answers to some forms: their columns, and the cells for any responses."""

    def __init__(
        self,
        questions: list[QuestionColumn],
        choices: dict[int, str],
        *,
        prefix: str = "",
        heading: str = "",
        states=False,
        apart=False,
    ):
        """``states``: a second column for each question; ``apart``: one column for each choice of a question
        with several answers.
        """
        self.questions, self.choices, self.states = questions, choices, states
        self._numbers: dict[int, int] = {}
        self._words = state_words()
        # The first column contains the number of the version that was answered.
        self.columns = [Column(f"{prefix}text_version", f"{heading}{_('text version')}")] if questions else []
        self._places: dict[int, _Place] = {}
        for column in questions:
            self._put(
                column, f"{prefix}{column.key}", f"{heading}{column.label}", apart and column.has_several
            )
        kinds = {
            TYPES[question.type].column for column in questions for _form, question in column.fields.values()
        }
        self._values = sorted(kinds - {"choices"})
        self._mine = _answers_with(self._values)
        self._combinations: dict[tuple[int, ...], str] = {}
        self._order = {pk: number for number, pk in enumerate(choices)}
        self._rules = {
            pk: self._rule(place.first, question)
            for place in self._places.values()
            for pk, (_form, question) in place.column.fields.items()
        }
        self._with_several = {pk for pk, rule in self._rules.items() if rule.value is None}
        self.none: list[Cell] = [None] * len(self.columns)
        for place in self._places.values() if states else ():
            self.none[place.state] = self._words[Answer.State.NOT_ASKED]
        self._blanks: dict[tuple[int, int], list[Cell]] = {}
        forms = {form for column in questions for form, _question in column.fields.values()}
        self._since = versions.first_asked(forms) if states and forms else {}

    def _put(self, column: QuestionColumn, key: str, label: str, apart: bool) -> None:
        """Add the columns of a question."""
        first, of_choice = len(self.columns), None
        if apart:
            of_choice = self._of_choices(column, key, label)
        else:
            self.columns.append(Column(key, label))
        state = len(self.columns) if self.states else None
        if state is not None:
            self.columns.append(Column(f"{key}.state", _("%(question)s (state)") % {"question": label}))
        self._places[first] = _Place(column, first, state, of_choice)

    def _of_choices(self, column: QuestionColumn, key: str, label: str) -> dict[int, int]:
        """Add a column for each choice, shared by copies of the form. Return choice id -> its position."""
        places: dict[str, int] = {}
        positions = {}
        rows = Choice.objects.filter(field__in=column.fields).order_by("-field__form", "position", "pk")
        for pk, choice in rows.values_list("pk", "key"):
            if choice not in places:
                places[choice] = len(self.columns)
                texts = {"question": label, "choice": self.choices[pk]}
                self.columns.append(Column(f"{key}.{choice}", _("%(question)s: %(choice)s") % texts))
            positions[pk] = places[choice]
        return positions

    def _rule(self, place: int, question: Question) -> _CellRule:
        kind = TYPES[question.type]
        if kind.column == "choices":
            return _CellRule(place, None, None)
        where = _VALUES + self._values.index(kind.column)
        if question.type == "consent":
            # The box was shown and left without a tick.
            return _CellRule(place, where, None, blank=False)
        if kind.column == "v_choice":
            return _CellRule(place, where, self.choices.get)
        if type(kind).export is FieldType.export:
            return _CellRule(place, where, None)
        return _CellRule(place, where, lambda value: kind.export(question, value))

    def _blank(self, form: int, number: int) -> list[Cell]:
        """Return the cells of a response without answers: each question is newer than version ``number``, or was
        not asked.
        """
        if not self.states:
            return self.none
        if (form, number) not in self._blanks:
            cells = self.none.copy()
            for place in self._places.values():
                if number < self._since.get((form, place.column.key), 0):
                    cells[place.state] = self._words[Answer.State.ADDED_LATER]
            self._blanks[form, number] = cells
        return self._blanks[form, number]

    def read(self, of: Mapping[int | None, tuple]) -> dict[int | None, list[Cell]]:
        """Return the cells of each response. ``of``: response id -> form id and version number. At most three queries."""
        cells_by_response = {pk: self._blank(*version).copy() for pk, version in of.items() if pk}
        if not self.questions:
            return cells_by_response
        for pk, cells in cells_by_response.items():
            cells[0] = of[pk][1]
        others: dict[int, set[int]] = {}
        has_more_cells = self.states or any(place.of_choice for place in self._places.values())
        for response, place, state, cell, version in self._given(list(cells_by_response)):
            cells = cells_by_response[response]
            if has_more_cells:
                self._put_cells(cells, self._places[place], state, cell)
            else:
                cells[place] = self._joined(cell) if type(cell) is list else cell
            if version is not None:
                others.setdefault(response, set()).add(version)
        for pk, several in others.items():
            # Some answers were changed under another version: all numbers are listed.
            numbers = {of[pk][1], *(self.version(version) for version in several)}
            cells_by_response[pk][0] = ", ".join(map(str, sorted(numbers)))
        return cells_by_response

    def _put_cells(self, cells: list[Cell], where: _Place, state: int, cell: Cell | list[int]) -> None:
        """Write an answer, its state, and the columns of its choices into the cells of a response."""
        if where.of_choice is None:
            cells[where.first] = self._joined(cell) if isinstance(cell, list) else cell
        elif state in (ANSWERED, BLANK):
            # Every choice could be taken.
            chosen = cell if isinstance(cell, list) else []
            places = sorted(set(where.of_choice.values()))
            taken = {where.of_choice[pk] for pk in chosen}
            cells[where.first : where.first + len(places)] = [number in taken for number in places]
        if where.state is not None:
            cells[where.state] = self._words[state]

    def _joined(self, several: list[int]) -> str:
        """Return the texts of several choices as one. Thousands of answers repeat a few dozen combinations."""
        combination = tuple(several)
        text = self._combinations.get(combination)
        if text is None:
            text = joined([self.choices[pk] for pk in several])
            if len(self._combinations) < COMBINATIONS:
                self._combinations[combination] = text
        return text

    def read_several(self, of: Mapping[int, list[tuple[int, int, int]]]) -> dict[int, list[Cell]]:
        """Return the cells of each row. ``of``: row -> (response id, form id, version number) of its responses."""
        cells = self.read({pk: (form, number) for rows in of.values() for pk, form, number in rows})
        return {row: self._merged([cells[pk] for pk, *_version in rows]) for row, rows in of.items() if rows}

    def _merged(self, parts: list[list[Cell]]) -> list[Cell]:
        """Return the cells of several responses in one row. Copies of a form have the same keys, and so the same
        columns.
        """
        merged, states = parts[0].copy(), {place.state for place in self._places.values()}
        for other in parts[1:]:
            for place, cell in enumerate(other):
                mine = merged[place]
                if place in states:
                    merged[place] = cell if mine == "not_asked" else mine
                elif mine is None or isinstance(mine, bool):
                    merged[place] = mine or cell
                elif cell is not None and cell != mine:
                    merged[place] = joined([str(mine), str(cell)]) if place else f"{mine}, {cell}"
        return merged

    def each(self, ids: list[int]) -> Iterator[tuple[int, QuestionColumn, int, Cell, int | None]]:
        """Yield every answer, in the order of responses and of the form: response id, column, state, cell, and
        the version's id if it was changed later.
        """
        columns = {first: place.column for first, place in self._places.items()}
        for response, place, state, cell, version in sorted(self._given(ids), key=itemgetter(0, 1)):
            text = self._joined(cell) if type(cell) is list else cell
            yield response, columns[place], state, text, version

    def version(self, pk: int) -> int:
        """Return the number of a version, read once."""
        if pk not in self._numbers:
            self._numbers[pk] = FormVersion.objects.values_list("number", flat=True).get(pk=pk)
        return self._numbers[pk]

    def fields(self) -> list[int]:
        """Return the ids of all fields whose answers are read."""
        return list(self._rules)

    def _given(self, ids: list[int]) -> Iterator[tuple[int, int, int, Cell | list[int], int | None]]:
        """Yield response id, position among the cells, state, value (ids of several choices), own version's id."""
        if not self.questions or not ids:
            return
        answers = self._mine.rows(responses=array_of(ids), fields=self.fields())
        several, rules = self._chosen(answers), self._rules
        for answer in answers:
            rule, state = rules[answer[_FIELD]], answer[_STATE]
            cell: Any = None
            if state == ANSWERED:
                if rule.value is None:
                    cell = several.get(answer[_PK])
                else:
                    cell = answer[rule.value]
                    if rule.convert is not None:
                        cell = rule.convert(cell)
            elif state == BLANK:
                cell = rule.blank
            yield answer[_RESPONSE], rule.place, state, cell, answer[_VERSION]

    def _chosen(self, answers: list[tuple]) -> dict[int, list[int]]:
        """Return answer id -> its choices, in the order of the form, for answers that may be several choices."""
        with_several = [answer[_PK] for answer in answers if answer[_FIELD] in self._with_several]
        chosen: dict[int, list[int]] = {}
        for answer, choice in _LINKS.rows(answers=array_of(with_several)) if with_several else ():
            chosen.setdefault(answer, []).append(choice)
        for several in chosen.values():
            several.sort(key=self._order.__getitem__)
        return chosen


# Positions in an answer's row; its values follow.
_PK, _RESPONSE, _FIELD, _STATE, _VERSION, _VALUES = range(6)


def _answers_with(values: list[str]) -> Compiled:
    """Return a query for answers of some responses to some fields, with these values."""
    columns = "pk", "response_id", "field_id", "state", "version_id", *values
    filters = {"response": AnyOf("responses"), "field": AnyOf("fields")}
    return Compiled(lambda: Answer.objects.filter(**filters).order_by().values_list(*columns))


_LINKS = Compiled(
    lambda: (
        Answer.choices.through.objects.filter(answer=AnyOf("answers"))
        .order_by()
        .values_list("answer_id", "choice_id")
    )
)


def of_forms(
    forms: Iterable[int],
    *,
    sensitive: bool,
    states: bool = False,
    apart: bool = False,
    prefix: str = "",
    heading: str = "",
) -> Answers:
    """Return the columns of these forms, with labels in the active language. At most seven queries."""
    columns, choices = question_columns.read(forms, sensitive=sensitive)
    return Answers(columns, choices, prefix=prefix, heading=heading, states=states, apart=apart)
