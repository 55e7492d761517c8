"""Back office: forms and their questions, on two plain pages."""

from . import form_page, question_page  # noqa: F401
