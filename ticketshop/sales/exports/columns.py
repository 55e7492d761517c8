"""Columns of answers: one for each key, in the order of the form, with the label of its latest version.

Questions that are no longer asked come last, where they have answers. The same key in several forms is one column: copies
of a form line up.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from registration_forms.answers import responses
from registration_forms.building import versions
from registration_forms.definitions import Definition, Question, parse, text_in
from registration_forms.field_types import TYPES, FieldType
from registration_forms.models import Answer, Choice, Field, FormVersion, RegistrationForm
from ticketshop.exports.kinds import Column
from ticketshop.lib.compiled import AnyOf, Compiled
from ticketshop.lib.spreadsheets import Cell, Word

ANSWERED = Answer.State.ANSWERED.value
BLANK = Answer.State.BLANK.value
STATES = {
    ANSWERED: "answered",
    BLANK: "blank",
    Answer.State.NOT_ASKED.value: "not_asked",
    Answer.State.ADDED_LATER.value: "added_later",
    Answer.State.WAIVED.value: "waived",
    Answer.State.ERASED.value: "erased",
}


def state_words() -> dict[int, Word]:
    """State of an answer -> the word for it, with its text in the active language."""
    return {state: Word(code, Answer.State(state).label) for state, code in STATES.items()}


def joined(texts: Iterable[str]) -> str:
    """Several choices as one text, from which each can be read again: “Bus; Lunch”.

    A text with a semicolon, a quotation mark at its beginning or a space at an end stands in quotation marks, its own
    doubled, as in a CSV.
    """
    return "; ".join(
        '"{}"'.format(text.replace('"', '""'))
        if ";" in text or text[:1] == '"' or text != text.strip()
        else text
        for text in texts
    )


@dataclass
class Asked:
    """One column: its key and label, and the fields whose answers stand in it: of several forms, if they are copies."""

    key: str
    label: str
    fields: dict[int, tuple[int, Question]] = field(default_factory=dict)  # Field id -> form id, question

    @property
    def has_several(self) -> bool:
        """Whether an answer may be several choices."""
        return any(TYPES[question.type].column == "choices" for _form, question in self.fields.values())


@dataclass(frozen=True)
class _How:
    """Where an answer to a field goes, and where it comes from; ``value`` is None for several choices."""

    place: int
    value: int | None
    convert: Callable[[object], Cell] | None
    blank: Cell = None  # what it means that nothing was answered


@dataclass(frozen=True)
class _Place:
    """Where an answer stands among the cells: from ``first`` on, the cell of its state at ``state``, if any.

    ``of_choice``: choice id -> its own cell, where each choice has one.
    """

    asked: Asked
    first: int
    state: int | None
    of_choice: dict[int, int] | None = None


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
        apart=False,
    ):
        """``states``: a second column for each question; ``apart``: one for each of several choices."""
        self.asked, self.choices, self.states = asked, choices, states
        self._numbers: dict[int, int] = {}
        self._words = state_words()
        # The number of the version whose words were answered stands before the answers.
        self.columns = [Column(f"{prefix}text_version", f"{heading}{_('text version')}")] if asked else []
        self._places: dict[int, _Place] = {}
        for one in asked:
            self._put(one, f"{prefix}{one.key}", f"{heading}{one.label}", apart and one.has_several)
        kinds = {TYPES[question.type].column for one in asked for _form, question in one.fields.values()}
        self._values = sorted(kinds - {"choices"})
        self._mine = _answers_with(self._values)
        self._order = {pk: number for number, pk in enumerate(choices)}
        self._how = {
            pk: self._way(place.first, question)
            for place in self._places.values()
            for pk, (_form, question) in place.asked.fields.items()
        }
        self._with_several = [pk for pk, how in self._how.items() if how.value is None]
        self.none: list[Cell] = [None] * len(self.columns)
        for place in self._places.values() if states else ():
            self.none[place.state] = self._words[Answer.State.NOT_ASKED]
        self._blanks: dict[tuple[int, int], list[Cell]] = {}
        forms = {form for one in asked for form, _question in one.fields.values()}
        self._since = versions.first_asked(forms) if states and forms else {}

    def _put(self, one: Asked, key: str, label: str, apart: bool) -> None:
        """Add the columns of a question."""
        first, of_choice = len(self.columns), None
        if apart:
            of_choice = self._of_choices(one, key, label)
        else:
            self.columns.append(Column(key, label))
        state = len(self.columns) if self.states else None
        if state is not None:
            self.columns.append(Column(f"{key}.state", _("%(question)s (state)") % {"question": label}))
        self._places[first] = _Place(one, first, state, of_choice)

    def _of_choices(self, one: Asked, key: str, label: str) -> dict[int, int]:
        """Add a column for each choice, the same one for the same choice of copies; choice id -> its place."""
        places: dict[str, int] = {}
        found = {}
        rows = Choice.objects.filter(field__in=one.fields).order_by("-field__form", "position", "pk")
        for pk, choice in rows.values_list("pk", "key"):
            if choice not in places:
                places[choice] = len(self.columns)
                texts = {"question": label, "choice": self.choices[pk]}
                self.columns.append(Column(f"{key}.{choice}", _("%(question)s: %(choice)s") % texts))
            found[pk] = places[choice]
        return found

    def _way(self, place: int, question: Question) -> _How:
        kind = TYPES[question.type]
        if kind.column == "choices":
            return _How(place, None, None)
        where = self._values.index(kind.column)
        if question.type == "consent":
            # The box was there, and was left without a tick.
            return _How(place, where, None, blank=False)
        if kind.column == "v_choice":
            return _How(place, where, self.choices.get)
        if type(kind).export is FieldType.export:
            return _How(place, where, None)
        return _How(place, where, lambda value: kind.export(question, value))

    def _blank(self, form: int, number: int) -> list[Cell]:
        """The cells of a response to version ``number`` that has no answers: each question is newer, or was not asked then."""
        if not self.states:
            return self.none
        if (form, number) not in self._blanks:
            cells = self.none.copy()
            for place in self._places.values():
                if number < self._since.get((form, place.asked.key), 0):
                    cells[place.state] = self._words[Answer.State.ADDED_LATER]
            self._blanks[form, number] = cells
        return self._blanks[form, number]

    def read(self, of: Mapping[int | None, tuple]) -> dict[int | None, list[Cell]]:
        """Cells by response, for response id -> form id and number of its version; three queries at most."""
        found = {pk: self._blank(*version).copy() for pk, version in of.items() if pk}
        if not self.asked:
            return found
        others: dict[int, set[int]] = {}
        for response, place, state, cell, version in self._given(list(found)):
            cells, where = found[response], self._places[place]
            if where.of_choice is None:
                cells[place] = joined(map(self.choices.__getitem__, cell)) if isinstance(cell, list) else cell
            elif state in (ANSWERED, BLANK):
                # Every choice was there to be taken.
                cells[place : place + len(set(where.of_choice.values()))] = [
                    number in {where.of_choice[pk] for pk in cell or ()}
                    for number in sorted(set(where.of_choice.values()))
                ]
            if where.state is not None:
                cells[where.state] = self._words[state]
            if version is not None:
                others.setdefault(response, set()).add(version)
        for pk, cells in found.items():
            cells[0] = of[pk][1]
        for pk, several in others.items():
            # Changed under other words than the rest: all of them are named.
            numbers = {of[pk][1], *(self.version(one) for one in several)}
            found[pk][0] = ", ".join(map(str, sorted(numbers)))
        return found

    def read_several(self, of: Mapping[int, list[tuple[int, int, int]]]) -> dict[int, list[Cell]]:
        """Cells by row, for row -> (response id, form id, number of its version) of each of its responses."""
        cells = self.read({pk: (form, number) for rows in of.values() for pk, form, number in rows})
        return {row: self._merged([cells[pk] for pk, *_version in rows]) for row, rows in of.items() if rows}

    def _merged(self, parts: list[list[Cell]]) -> list[Cell]:
        """Several responses in one row: copies of a form have the same keys, and so the same columns."""
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

    def each(self, ids: list[int]) -> Iterator[tuple[int, Asked, int, Cell, int | None]]:
        """Every answer by itself, in the order of responses and of the form: response id, column, state, cell, and the
        id of its own version where it was changed later."""
        for response, place, state, cell, version in sorted(self._given(ids), key=itemgetter(0, 1)):
            text = joined(map(self.choices.__getitem__, cell)) if isinstance(cell, list) else cell
            yield response, self._places[place].asked, state, text, version

    def version(self, pk: int) -> int:
        """The number of a version, read once."""
        if pk not in self._numbers:
            self._numbers[pk] = FormVersion.objects.values_list("number", flat=True).get(pk=pk)
        return self._numbers[pk]

    def fields(self) -> list[int]:
        """The ids of all fields whose answers are read."""
        return list(self._how)

    def _given(self, ids: list[int]) -> Iterator[tuple[int, int, int, Cell | list[int], int | None]]:
        """Response id, place among the cells, state, what was answered (ids of several choices), its own version's id."""
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
            elif state == BLANK:
                cell = way.blank
            yield response, way.place, state, cell, version

    def _chosen(self, ids: list[int]) -> dict[tuple[int, int], list[int]]:
        """(response id, place) -> several choices, in the order of the form."""
        chosen: dict[tuple[int, int], list[int]] = {}
        for response, field_id, choice in _LINKS.rows(responses=ids, fields=self._with_several):
            chosen.setdefault((response, self._how[field_id].place), []).append(choice)
        for several in chosen.values():
            several.sort(key=self._order.__getitem__)
        return chosen


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


@dataclass(frozen=True)
class _Row:
    """A field as the database has it."""

    pk: int
    key: str
    form: int
    sensitive: bool


def of_forms(
    forms: Iterable[int],
    *,
    sensitive: bool,
    states: bool = False,
    apart: bool = False,
    prefix: str = "",
    heading: str = "",
) -> Answers:
    """The columns of these forms; seven queries at most. Labels are in the active language."""
    latest, names = _latest(forms)
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
    _tell_apart(list(asked.values()), names)
    found = _choices(asked)
    return Answers(list(asked.values()), found, prefix=prefix, heading=heading, states=states, apart=apart)


def _tell_apart(asked: list[Asked], names: dict[int, str]) -> None:
    """Give questions of the same label the name of their form, and a number where that is the same, too."""
    for naming in (
        lambda one, _number: names[next(iter(one.fields.values()))[0]],
        lambda _one, number: str(number),
    ):
        numbers = Counter(one.label for one in asked)
        seen: Counter = Counter()
        for one in asked:
            label = one.label
            seen[label] += 1
            if numbers[label] > 1:
                one.label = f"{label} ({naming(one, seen[label])})"


def _latest(forms: Iterable[int]) -> tuple[dict[int, Definition], dict[int, str]]:
    """Form id -> its latest version, newer forms first: of copies, the newest says order and labels; and -> its name."""
    rows = RegistrationForm.objects.filter(pk__in=set(forms), published__isnull=False).order_by("-pk")
    found = list(rows.values_list("pk", "name", "published__definition"))
    return {pk: parse(one) for pk, _name, one in found}, {pk: name for pk, name, _one in found}


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
