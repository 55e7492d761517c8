"""The questions of some forms as columns of an export: one for each question key, shared by copies of a form."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Exists, OuterRef

from registration_forms.answers import responses
from registration_forms.definitions import Definition, Question, parse, text_in
from registration_forms.field_types import TYPES
from registration_forms.models import Answer, Choice, Field, FormVersion, RegistrationForm


@dataclass
class QuestionColumn:
    """A column: key, label, and the fields whose answers it contains (several if their forms are copies)."""

    key: str
    label: str
    fields: dict[int, tuple[int, Question]] = field(default_factory=dict)  # field id -> form id and question

    @property
    def has_several(self) -> bool:
        """Return whether an answer may be several choices."""
        return any(TYPES[question.type].column == "choices" for _form, question in self.fields.values())


@dataclass(frozen=True)
class _Row:
    """A field as the database stores it."""

    pk: int
    key: str
    form: int
    sensitive: bool


def read(forms: Iterable[int], *, sensitive: bool) -> tuple[list[QuestionColumn], dict[int, str]]:
    """Return the columns of these forms, and choice id -> text. Labels are in the active language.

    ``forms``: ids of forms; ``sensitive``: include sensitive questions.
    """
    latest, names = _latest(forms)
    columns = "pk", "key", "form_id", "sensitive"
    rows = [_Row(*row) for row in Field.objects.filter(form__in=latest).values_list(*columns).order_by("pk")]
    known = {
        (form, question.key): question
        for form, definition in latest.items()
        for question in _shown(definition)
    }
    gone = _gone(latest, [row for row in rows if (row.form, row.key) not in known])
    ids = {(row.form, row.key): row for row in rows}
    question_columns: dict[str, QuestionColumn] = {}
    for place, question in [*known.items(), *gone.items()]:
        row = ids.get(place)
        if row is None or ((row.sensitive or question.sensitive) and not sensitive):
            continue
        column = question_columns.setdefault(question.key, QuestionColumn(question.key, question.label))
        column.fields[row.pk] = row.form, question
    _tell_apart(list(question_columns.values()), names)
    return list(question_columns.values()), _choices(question_columns)


def _tell_apart(question_columns: list[QuestionColumn], names: dict[int, str]) -> None:
    """Add the name of the form to equal labels, and a number if that is equal too."""
    for naming in (
        lambda column, _number: names[next(iter(column.fields.values()))[0]],
        lambda _column, number: str(number),
    ):
        numbers = Counter(column.label for column in question_columns)
        seen: Counter = Counter()
        for column in question_columns:
            label = column.label
            seen[label] += 1
            if numbers[label] > 1:
                column.label = f"{label} ({naming(column, seen[label])})"


def _latest(forms: Iterable[int]) -> tuple[dict[int, Definition], dict[int, str]]:
    """Return form id -> latest version, and form id -> name. Newer forms come first: of copies, the newest
    decides order and labels.
    """
    rows = RegistrationForm.objects.filter(pk__in=set(forms), published__isnull=False).order_by("-pk")
    versions = list(rows.values_list("pk", "name", "published__definition"))
    return {pk: parse(definition) for pk, _name, definition in versions}, {
        pk: name for pk, name, _definition in versions
    }


def _shown(definition: Definition) -> list[Question]:
    return [
        question for question in responses.stored_questions(definition) if question.visibility != "hidden"
    ]


def _gone(latest: dict[int, Definition], rows: list[_Row]) -> dict[tuple[int, str], Question]:
    """Return (form id, key) -> question as last published, for former questions among ``rows`` that have answers."""
    given = Answer.objects.filter(field=OuterRef("pk"), state=Answer.State.ANSWERED)
    places = {row.pk: (row.form, row.key) for row in rows}
    with_answers = (
        Field.objects.filter(Exists(given), pk__in=places).values_list("pk", flat=True) if places else []
    )
    wanted = {places[pk] for pk in with_answers}
    if not wanted:
        return {}
    former_questions: dict[tuple[int, str], Question] = {}
    versions = FormVersion.objects.filter(form__in={form for form, _key in wanted}).order_by(
        "-form", "-number"
    )
    for form, definition in versions.values_list("form_id", "definition"):
        for question in responses.stored_questions(parse(definition)):
            if (form, question.key) in wanted:
                former_questions.setdefault((form, question.key), question)
    return former_questions


def _choices(question_columns: dict[str, QuestionColumn]) -> dict[int, str]:
    """Return choice id -> text, in the order of the form."""
    questions = {
        pk: question
        for column in question_columns.values()
        for pk, (_form, question) in column.fields.items()
    }
    with_choices = [pk for pk, question in questions.items() if question.options]
    rows = (
        Choice.objects.filter(field__in=with_choices).order_by("field", "position", "pk")
        if with_choices
        else []
    )
    texts = {}
    for row in rows:
        option = questions[row.field_id].option(row.key)
        texts[row.pk] = text_in(option.labels) if option else row.label
    return texts
