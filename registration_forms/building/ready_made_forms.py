"""Ready-made forms to start with: drafts with questions that many organisers ask, in each language of the interface."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from ..models import Choice, Field, RegistrationForm

MANDATORY, VISIBLE = "mandatory", "visible"
# Longest retention, in days, of an answer about health.
FOUR_WEEKS = 28


@dataclass(frozen=True)
class Question:
    """A question of a ready-made form. ``only_if`` is the index of an earlier yes-or-no question that must be answered yes."""

    type: str
    label: Promise
    visibility: str = MANDATORY
    choices: tuple[Promise, ...] = ()
    help_text: Promise | None = None
    purpose: Promise | None = None
    only_if: int | None = None


@dataclass(frozen=True)
class ReadyMade:
    """A ready-made form. ``known`` maps a known field to its visibility; known fields come before ``questions``."""

    code: str
    kind: str
    name: Promise
    questions: tuple[Question, ...]
    known: dict[str, str] = field(default_factory=dict)


_FOR_CARE = _("So that we can prepare what you need.")

READY_MADE = (
    ReadyMade(
        "contact",
        "order",
        _("Contact details and news"),
        (
            Question(
                "dropdown",
                _("How did you hear of us?"),
                VISIBLE,
                (
                    _("Friends or family"),
                    _("Our e-mails"),
                    _("Posters or flyers"),
                    _("Newspaper, radio or television"),
                    _("Social networks"),
                    _("Something else"),
                ),
            ),
            Question("consent", _("Please send me news of your programme by e-mail."), VISIBLE),
        ),
        {"phone": MANDATORY, "address": VISIBLE},
    ),
    ReadyMade(
        "meal",
        "tariff",
        _("Meal"),
        (
            Question("yes_no", _("Do you eat with us?")),
            Question(
                "single_choice",
                _("Which meal?"),
                choices=(_("Meat"), _("Fish"), _("Vegetarian"), _("Vegan")),
                only_if=0,
            ),
            Question(
                "long_text",
                _("Allergies or foods that you do not eat"),
                VISIBLE,
                purpose=_("So that the kitchen can leave it out."),
                only_if=0,
            ),
        ),
    ),
    ReadyMade(
        "child",
        "tariff",
        _("Child at a course or camp"),
        (
            Question("text", _("Whom may we call during the course?")),
            Question("phone", _("Phone number of this person")),
            Question("yes_no", _("May the child go home alone?")),
            Question(
                "long_text",
                _("Allergies, illnesses or medicines that we should know of"),
                VISIBLE,
                purpose=_FOR_CARE,
            ),
            Question("yes_no", _("May we take pictures of the child and publish them?")),
        ),
        {"birth_date": MANDATORY},
    ),
    ReadyMade(
        "course",
        "tariff",
        _("Course or workshop"),
        (
            Question("single_choice", _("Which workshop?"), choices=(_("Morning"), _("Afternoon"))),
            Question(
                "dropdown",
                _("Your experience"),
                VISIBLE,
                (_("None yet"), _("A little"), _("A lot")),
            ),
            Question(
                "long_text",
                _("What do you need to take part?"),
                VISIBLE,
                help_text=_("For example a place for a wheelchair, or an interpreter."),
                purpose=_FOR_CARE,
            ),
        ),
    ),
    ReadyMade(
        "subscriber",
        "pass",
        _("Subscriber"),
        (
            Question(
                "dropdown",
                _("Where do you like to sit?"),
                VISIBLE,
                (_("In front"), _("In the middle"), _("At the back"), _("Anywhere")),
            ),
            Question("yes_no", _("Shall we send you the programme by post?")),
            Question("address", _("Postal address for the programme"), only_if=1),
        ),
        {"birth_date": VISIBLE},
    ),
)
BY_CODE = {ready_made.code: ready_made for ready_made in READY_MADE}


def add_questions(form: RegistrationForm, ready_made: ReadyMade) -> None:
    """Add the questions of a ready-made form to a new form that has its known fields already."""
    fields: list[Field] = []
    for question in ready_made.questions:
        condition = {}
        if question.only_if is not None:
            condition = {"all": [{"field": fields[question.only_if].key, "op": "is", "value": "yes"}]}
        fields.append(_create(form, question, condition))


def _create(form: RegistrationForm, question: Question, condition: dict) -> Field:
    """Create the field and the choices of one question."""
    languages = form.organiser.languages
    sensitive = question.purpose is not None
    row = Field.objects.create(
        form=form,
        type=question.type,
        position=form.fields.count() + 1,
        visibility=question.visibility,
        condition=condition,
        sensitive=sensitive,
        copyable=not sensitive,
        retention_days=FOUR_WEEKS if sensitive else None,
        **texts("label", question.label, languages),
        **(texts("help_text", question.help_text, languages) if question.help_text else {}),
        **(texts("purpose", question.purpose, languages) if question.purpose else {}),
    )
    Choice.objects.bulk_create(
        [
            Choice(field=row, position=number, **texts("label", label, languages))
            for number, label in enumerate(question.choices, 1)
        ]
    )
    return row


def texts(column: str, text: Promise | str, languages: Iterable[str]) -> dict[str, str]:
    """Return column -> text for the columns of a translated field, in each language of the interface.

    If the interface lacks the organiser's first language, that column gets the English text, for the organiser to translate.
    """
    columns = {}
    for code, _name in settings.LANGUAGES:
        with override(code):
            columns[f"{column}_{code}"] = str(text)
    first = f"{column}_{next(iter(languages))}"
    return {first: columns[f"{column}_en"], **columns}
