"""The text of a saved form for a copy of personal data."""

from collections.abc import Iterator

from .models import KeptSubmission

# Hidden fields that pages add to their forms.
OF_THE_PAGE = ("csrfmiddlewaretoken", "form_token", "checkout_key")


def of_form(kept: KeptSubmission) -> dict[str, str]:
    """Return the typed texts, one per line, without the names of their fields."""
    return {"fields": "\n".join(_texts(kept.fields))}


def _texts(value: object) -> Iterator[str]:
    match value:
        case [str(name), str(text)]:
            if text and name not in OF_THE_PAGE:
                yield text
        case dict() | list():
            for inner in value.values() if isinstance(value, dict) else value:
                yield from _texts(inner)
        case str():
            yield value
