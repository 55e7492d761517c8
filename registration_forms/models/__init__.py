"""Form definitions, published versions, and what was answered."""

from .definition import Choice, Field, FormVersion, RegistrationForm
from .response import Answer, AnswerHistory, ChoiceHold, Response

__all__ = [
    "Answer",
    "AnswerHistory",
    "Choice",
    "ChoiceHold",
    "Field",
    "FormVersion",
    "RegistrationForm",
    "Response",
]
