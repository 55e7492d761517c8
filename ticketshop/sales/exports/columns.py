"""Columns of answers: one for each key, in the order of the form, with the label of its latest version.

Questions that are no longer asked come last, where they have answers. The same key in several forms is one column: copies
of a form line up.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from registration_forms import responses
from registration_forms.definitions import Definition, Question, parse, text_in
from registration_forms.field_types import TYPES, FieldType
from registration_forms.models import Answer, Choice, Field, FormVersion, RegistrationForm
from ticketshop.exports.kinds import Column
from ticketshop.lib.compiled import AnyOf, Compiled
from ticketshop.lib.spreadsheets import Cell

ANSWERED = Answer.State.ANSWERED.value
STATES = {
    ANSWERED: "answered",
    Answer.State.BLANK.value: "blank",
    Answer.State.NOT_ASKED.value: "not_asked",
    Answer.State.ADDED_LATER.value: "added_later",
    Answer.State.WAIVED.value: "waived",
    Answer.State.ERASED.value: "erased",
}
# Between several choices of one answer.
BETWEEN = "; "


@dataclass
class Asked:
    """One column: its key and label, and the fields whose answers stand in it: of several forms, if they are copies."""

    key: str
    label: str
    fields: dict[int, tuple[int, Question]] = field(default_factory=dict)  # Field id -> form id, question


@dataclass(frozen=True)
class _How:
    """Where an answer to a field goes, and where it comes from; ``value`` is None for several choices."""

    place: int
    value: int | None
    convert: Callable[[object], Cell] | None


class Answers:
    """The answers to some forms: as columns, and as cells for any responses."""

    def __init__(
        self,
        asked: list[Asked],
        choices: dict[int, str],
        *,
        prefix: str = "",
        heading: str = "",
        states=False,
    ):
        self.asked, self.choices, self.states = asked, choices, states
        self._numbers: dict[int, int] = {}
        # The number of the version whose words were answered stands before the answers.
        version = [Column(f"{prefix}text_version", f"{heading}{_('text version')}")] if asked else []
        self.columns = version + [
            column
            for one in asked
            for column in _columns(f"{prefix}{one.key}", f"{heading}{one.label}", states)
        ]
        kinds = {TYPES[question.type].column for one in asked for _form, question in one.fields.values()}
        self._values = sorted(kinds - {"choices"})
        self._mine = _answers_with(self._values)
        self._order = {pk: number for number, pk in enumerate(choices)}
        width = 2 if states else 1
        self._how = {
            pk: self._way(1 + place * width, question)
            for place, one in enumerate(asked)
            for pk, (_form, question) in one.fields.items()
        }
        self._with_several = [pk for pk, how in self._how.items() if how.value is None]
        self.none = [None] * len(version) + [
            cell for _one in asked for cell in ([None, "not_asked"] if states else [None])
        ]
        self._blank = self._blank_by_form() if states else {}

    def _way(self, place: int, question: Question) -> _How:
        kind = TYPES[question.type]
        if kind.column == "choices":
            return _How(place, None, None)
        where = self._values.index(kind.column)
        if kind.column == "v_choice":
            return _How(place, where, self.choices.get)
        if type(kind).export is FieldType.export:
            return _How(place, where, None)
        return _How(place, where, lambda value: kind.export(question, value))

    def _blank_by_form(self) -> dict[int, list[Cell]]:
        """Form id -> the cells of a response without answers: what the form asks by now is newer than it."""
        found: dict[int, list[Cell]] = {}
        for place, one in enumerate(self.asked):
            for form, _question in one.fields.values():
                found.setdefault(form, self.none.copy())[2 * place + 2] = STATES[
                    Answer.State.ADDED_LATER.value
                ]
        return found

    def read(self, of: Mapping[int | None, tuple]) -> dict[int | None, list[Cell]]:
        """Cells by response, for response id -> form id and number of its version; three queries at most."""
        found = {pk: self._blank.get(form, self.none).copy() for pk, (form, _number) in of.items() if pk}
        if not self.asked:
            return found
        others: dict[int, set[int]] = {}
        for response, place, state, cell, version in self._given(list(found)):
            cells = found[response]
            cells[place] = cell
            if self.states:
                cells[place + 1] = STATES[state]
            if version is not None:
                others.setdefault(response, set()).add(version)
        for pk, cells in found.items():
            cells[0] = of[pk][1]
        for pk, versions in others.items():
            # Changed under other words than the rest: all of them are named.
            numbers = {of[pk][1], *(self.version(one) for one in versions)}
            found[pk][0] = ", ".join(map(str, sorted(numbers)))
        return found

    def read_several(self, of: Mapping[int, list[tuple[int, int, int]]]) -> dict[int, list[Cell]]:
        """Cells by row, for row -> (response id, form id, number of its version) of each of its responses."""
        cells = self.read({pk: (form, number) for rows in of.values() for pk, form, number in rows})
        return {row: self._merged([cells[pk] for pk, *_version in rows]) for row, rows in of.items() if rows}

    def _merged(self, parts: list[list[Cell]]) -> list[Cell]:
        """Several responses in one row: copies of a form have the same keys, and so the same columns."""
        merged = parts[0].copy()
        for other in parts[1:]:
            for place, cell in enumerate(other):
                if merged[place] is None or (merged[place] == "not_asked" and self._is_state(place)):
                    merged[place] = cell
                elif cell is not None and cell != merged[place] and not self._is_state(place):
                    merged[place] = f"{merged[place]}{BETWEEN if place else ', '}{cell}"
        return merged

    def _is_state(self, place: int) -> bool:
        return self.states and place > 0 and place % 2 == 0

    def each(self, ids: list[int]) -> Iterator[tuple[int, Asked, int, Cell, int | None]]:
        """Every answer by itself, in the order of responses and of the form: response id, column, state, cell, and the
        id of its own version where it was changed later."""
        width = 2 if self.states else 1
        for response, place, state, cell, version in sorted(self._given(ids), key=itemgetter(0, 1)):
            yield response, self.asked[(place - 1) // width], state, cell, version

    def version(self, pk: int) -> int:
        """The number of a version, read once."""
        if pk not in self._numbers:
            self._numbers[pk] = FormVersion.objects.values_list("number", flat=True).get(pk=pk)
        return self._numbers[pk]

    def fields(self) -> list[int]:
        """The ids of all fields whose answers are read."""
        return list(self._how)

    def _given(self, ids: list[int]) -> Iterator[tuple[int, int, int, Cell, int | None]]:
        """Response id, place among the cells, state, what was answered, and its own version's id."""
        if not self.asked or not ids:
            return
        several, how = self._chosen(ids) if self._with_several else {}, self._how
        for response, field_id, state, version, *values in self._mine.rows(
            responses=ids, fields=self.fields()
        ):
            way, cell = how[field_id], None
            if state == ANSWERED:
                if way.value is None:
                    cell = several.get((response, way.place))
                else:
                    cell = values[way.value]
                    if way.convert is not None:
                        cell = way.convert(cell)
            yield response, way.place, state, cell, version

    def _chosen(self, ids: list[int]) -> dict[tuple[int, int], str]:
        """(response id, place) -> the texts of several choices, in the order of the form."""
        chosen: dict[tuple[int, int], list[int]] = {}
        for response, field_id, choice in _LINKS.rows(responses=ids, fields=self._with_several):
            chosen.setdefault((response, self._how[field_id].place), []).append(choice)
        return {
            where: BETWEEN.join(self.choices[pk] for pk in sorted(several, key=self._order.__getitem__))
            for where, several in chosen.items()
        }


def _answers_with(values: list[str]) -> Compiled:
    """Answers of some responses to some fields, with these columns of theirs."""
    columns = "response_id", "field_id", "state", "version_id", *values
    asked = {"response": AnyOf("responses"), "field": AnyOf("fields")}
    return Compiled(lambda: Answer.objects.filter(**asked).order_by().values_list(*columns))


_LINKS = Compiled(
    lambda: (
        Answer.choices.through.objects.filter(
            answer__response=AnyOf("responses"), answer__field=AnyOf("fields")
        )
        .order_by()
        .values_list("answer__response_id", "answer__field_id", "choice_id")
    )
)


def _columns(key: str, label: str, states: bool) -> list[Column]:
    return [Column(key, label), *([Column(f"{key}.state", f"{label} (state)")] if states else [])]


@dataclass(frozen=True)
class _Row:
    """A field as the database has it."""

    pk: int
    key: str
    form: int
    sensitive: bool


def of_forms(
    forms: Iterable[int], *, sensitive: bool, states: bool = False, prefix: str = "", heading: str = ""
) -> Answers:
    """The columns of these forms; six queries at most. Labels are in the active language."""
    latest = _latest(forms)
    columns = "pk", "key", "form_id", "sensitive"
    rows = [_Row(*row) for row in Field.objects.filter(form__in=latest).values_list(*columns).order_by("pk")]
    known = {(form, question.key): question for form, one in latest.items() for question in _shown(one)}
    gone = _gone(latest, [row for row in rows if (row.form, row.key) not in known])
    ids = {(row.form, row.key): row for row in rows}
    asked: dict[str, Asked] = {}
    for place, question in [*known.items(), *gone.items()]:
        row = ids.get(place)
        if row is None or ((row.sensitive or question.sensitive) and not sensitive):
            continue
        column = asked.setdefault(question.key, Asked(question.key, question.label))
        column.fields[row.pk] = row.form, question
    return Answers(list(asked.values()), _choices(asked), prefix=prefix, heading=heading, states=states)


def _latest(forms: Iterable[int]) -> dict[int, Definition]:
    """Form id -> its latest version, newer forms first: of copies, the newest says order and labels."""
    rows = RegistrationForm.objects.filter(pk__in=set(forms), published__isnull=False).order_by("-pk")
    return {pk: parse(one) for pk, one in rows.values_list("pk", "published__definition")}


def _shown(definition: Definition) -> list[Question]:
    return [one for one in responses.stored_questions(definition) if one.visibility != "hidden"]


def _gone(latest: dict[int, Definition], rows: list[_Row]) -> dict[tuple[int, str], Question]:
    """(form id, key) -> question, as it was last published, of those of ``rows`` that have answers."""
    given = Answer.objects.filter(field=OuterRef("pk"), state=ANSWERED)
    places = {row.pk: (row.form, row.key) for row in rows}
    with_answers = (
        Field.objects.filter(Exists(given), pk__in=places).values_list("pk", flat=True) if places else []
    )
    wanted = {places[pk] for pk in with_answers}
    if not wanted:
        return {}
    found: dict[tuple[int, str], Question] = {}
    versions = FormVersion.objects.filter(form__in={form for form, _key in wanted}).order_by(
        "-form", "-number"
    )
    for form, one in versions.values_list("form_id", "definition"):
        for question in responses.stored_questions(parse(one)):
            if (form, question.key) in wanted:
                found.setdefault((form, question.key), question)
    return found


def _choices(asked: dict[str, Asked]) -> dict[int, str]:
    """Choice id -> its text, in the order of the form."""
    questions = {pk: question for one in asked.values() for pk, (_form, question) in one.fields.items()}
    with_choices = [pk for pk, question in questions.items() if question.options]
    rows = (
        Choice.objects.filter(field__in=with_choices).order_by("field", "position", "pk")
        if with_choices
        else []
    )
    found = {}
    for row in rows:
        option = questions[row.field_id].option(row.key)
        found[row.pk] = text_in(option.labels) if option else row.label
    return found
