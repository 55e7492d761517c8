"""One form of an order with its answers, as a page shows it or changes it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property

from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from registration_forms.answers import changing, responses
from registration_forms.answers.blocks import Block
from registration_forms.definitions import Definition
from registration_forms.field_types import TYPES
from registration_forms.models import Response

from ..models import Ticket
from . import display, form_blocks


@dataclass
class AnsweredForm:
    """One form of an order, with its answers. ``why``: the sentence that states why they can't be changed; empty
    if they can.

    ``block``: the Django form, set by ``EditableAnswers.fill``. ``posted``: whether a page sent it.
    ``outdated``: whether a question reads differently since that page was made.
    """

    part: display.Part
    response: Response
    given: responses.Given
    until: datetime | None
    why: str = ""
    block: Block | None = None
    posted: bool = False
    outdated: bool = False
    revision: int = 0
    copies: tuple = field(default=(), init=False)

    def __post_init__(self):
        self.form = self.response.form
        self.version = self.form.published
        self.definition: Definition = changing.current_definition(self.response, self.form, self.given)
        self.stored = {key: responses.value_of(answer) for key, answer in self.given.items()}
        self.name = f"r{self.response.pk}"
        self.prefix = form_blocks.prefix(self)
        self.heading = self.part.heading

    @property
    def day(self) -> date | None:
        """Return the day on which an age counts: the date of the ticket, or the first day of the pass."""
        admission = self.part.admission
        if isinstance(admission, Ticket):
            return localtime(admission.session.starts_at).date()
        return admission.valid_from if admission else None

    @cached_property
    def rows(self) -> display.Rows:
        """Return (label, text) for each answer that the buyer may read, in the language that was active first."""
        return display.rows(self.response, self.given, display.for_buyer)

    @property
    def language(self) -> str:
        """Return the name of the language in which the questions were read."""
        return display.language(self.response.language)

    @property
    def has_erased(self) -> bool:
        """Return whether answers of this form were erased."""
        return self.response.erased_on is not None

    @property
    def missing(self) -> list[str]:
        """Return the labels of mandatory questions that the buyer has not answered."""
        if self.why:
            return []
        return [
            question.label for question in changing.missing_questions(self.response, self.form, self.given)
        ]

    @property
    def waived(self) -> list[str]:
        """Return the labels of the questions that staff have skipped and that the buyer may still answer."""
        if self.why:
            return []
        return [
            question.label
            for question in self.definition.questions
            if question.key in self.given.waived and not question.staff_only
        ]

    @property
    def consents(self) -> list[str]:
        """Return the keys of the questions that ask for a consent."""
        return [question.key for question in self.definition.questions if question.type == "consent"]

    def changed_meanwhile(self, key: str) -> str:
        """Return the error for a question whose answer another person changed after the page was shown."""
        question = self.definition.question(key)
        text = (
            TYPES[question.type].display(question, self.stored[key]) if key in self.stored else _("no answer")
        )
        return _(
            "Changed by somebody else meanwhile, to: %(answer)s. Save again to keep what stands here."
        ) % {"answer": text}
