"""What every type of question answers."""

from dataclasses import dataclass
from datetime import date, datetime

from django import forms

from ..definitions import Question


@dataclass(frozen=True)
class Asked:
    """What a question may need to know of where it is asked: ``day`` is the ticket's own date, ``now`` the instant."""

    day: date | None = None
    now: datetime | None = None
    # Choice keys that can't be had any more (limited places), per question key.
    sold_out: frozenset[str] = frozenset()
    # What is stored already: a deactivated choice may be kept by whoever has it.
    kept: object = None


class FieldType:
    """A type of question. It stores in one of the typed columns of ``Answer``."""

    code: str
    label: str
    # The column of Answer, or "choices" for several choices, or "" for what is only shown.
    column: str = "v_text"
    # Rules an organiser may set: name -> "number", "date" or "bool".
    rule_names: dict[str, str] = {}
    has_choices = False
    answers = True  # False for static text

    def form_field(self, question: Question, asked: Asked) -> forms.Field:
        """The Django field: checks what was typed and gives the value to store, or None for no answer."""
        raise NotImplementedError

    def common(self, question: Question) -> dict:
        """Label, help and whether an answer is due: the same for all types."""
        return {"label": question.label, "help_text": question.help_text, "required": question.mandatory}

    def is_blank(self, value: object) -> bool:
        """Whether a cleaned value is no answer."""
        return value is None or value == [] or value == ""

    def initial(self, value: object) -> object:
        """A stored value as its field shows it again."""
        return value

    def to_json(self, value: object) -> object:
        """A stored value as JSON can carry it: drafts, history, conditions."""
        return value

    def from_json(self, value: object) -> object:
        """The stored value again, from ``to_json``."""
        return value

    def display(self, question: Question, value: object) -> str:
        """A stored value as people read it, in the active language."""
        return "" if value is None else str(value)

    def export(self, question: Question, value: object) -> object:
        """A stored value for a spreadsheet: typed where the type has one."""
        return value
