"""The pages of forms and questions in the back office."""

from . import form_page, question_page  # noqa: F401
