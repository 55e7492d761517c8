"""Texts that have a column for each language, and which language a text is in that stands in for another one."""

from collections.abc import Iterable

from django.contrib.admin.utils import NotRelationField, get_fields_from_path
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model, Q
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from modeltranslation.fields import TranslationFieldDescriptor
from modeltranslation.manager import get_translatable_fields_for_model
from modeltranslation.translator import translator
from modeltranslation.utils import get_translation_fields

# What Django's ``search_fields`` may begin with: how the text is compared.
_PREFIXES = "^=@"


def in_every_language(model: type[Model], path: str) -> list[str]:
    """Return the paths of all languages of a text, ``[path]`` for a column that has no languages.

    ``path`` may lead over other models, and may begin with a sign of Django's ``search_fields``: ``event__title`` gives
    ``event__title_en``, ``event__title_fr`` and so on.
    """
    prefix, plain = (path[0], path[1:]) if path[:1] in _PREFIXES else ("", path)
    try:
        field = get_fields_from_path(model, plain)[-1]
    except (FieldDoesNotExist, NotRelationField):  # it ends in a lookup of its own
        return [path]
    before = plain[: len(plain) - len(field.name)]
    if field.name not in (get_translatable_fields_for_model(field.model) or []):
        return [path]
    return [f"{prefix}{before}{column}" for column in get_translation_fields(field.name)]


def contains(model: type[Model], path: str, text: str) -> Q:
    """Return the condition that a text contains ``text`` in one of its languages, small and capital letters alike."""
    found = Q()
    for column in in_every_language(model, path):
        found |= Q(**{f"{column}__icontains": text})
    return found


class StandIn(str):
    """A text in ``language``, shown because the page's language has none. The filter ``lang`` says so to browsers."""

    language: str

    def __new__(cls, text: str, language: str):
        made = super().__new__(cls, text)
        made.language = language
        return made


class Composed(str):
    """A text made of several. Templates draw it with the language of each part that is in another one than the page."""

    html: SafeString

    def __new__(cls, text: str, html: SafeString):
        made = super().__new__(cls, text)
        made.html = html
        return made

    def __html__(self) -> SafeString:
        return self.html


def compose(pattern: str, **parts: object) -> str:
    """Return ``pattern % parts``; where a part is a StandIn, or Composed itself, as a Composed.

    Not for attributes of HTML: there ``str`` of it is the text alone.
    """
    text = pattern % parts
    if not any(isinstance(part, StandIn | Composed) for part in parts.values()):
        return text
    # Signs of a pattern that HTML escapes are none of its placeholders.
    html = str(escape(pattern)) % {name: _as_html(part) for name, part in parts.items()}
    return Composed(text, mark_safe(html))  # noqa: S308  pattern and parts are escaped


def joined(separator: str, parts: Iterable[str]) -> str:
    """Return ``separator.join(parts)``, as ``compose`` does."""
    named = {f"part{number}": part for number, part in enumerate(parts)}
    return compose(separator.replace("%", "%%").join(f"%({name})s" for name in named), **named)


def _as_html(part: object) -> object:
    if isinstance(part, StandIn):
        return format_html('<span lang="{}">{}</span>', part.language, str(part))
    return part if isinstance(part, int) else conditional_escape(part if isinstance(part, str) else str(part))


def text_of(texts: dict[str, str]) -> str:
    """Return the text in the active language, else the first one there is, as a StandIn. ``texts``: language code -> text."""
    wanted = (get_language() or "")[:2]
    if found := texts.get(wanted):
        return found
    return next((StandIn(text, code) for code, text in texts.items() if text), "")


def as_language_of(text: str, made: str) -> str:
    """Return ``made``, which was made of ``text``, as a StandIn where ``text`` is one."""
    return StandIn(made, text.language) if isinstance(text, StandIn) else made


class _Column(TranslationFieldDescriptor):
    """A translated column of a row: a text of another language than the active one is a StandIn."""

    def __get__(self, instance, owner):
        text = super().__get__(instance, owner)
        if instance is None or not text or type(text) is not str:
            return text
        wanted = (get_language() or "")[:2]
        values = instance.__dict__
        if values.get(f"{self.field.name}_{wanted}") == text:
            return text
        # Equal in several languages or not, it is in the one it was read from.
        codes = (column.rpartition("_") for column in get_translation_fields(self.field.name))
        return next(
            (StandIn(text, code) for name, _, code in codes if values.get(f"{name}_{code}") == text), text
        )


def mark_stand_ins() -> None:
    """Let every translated column of every model say which language its text is in. Called once, when the apps are loaded."""
    for model in translator.get_registered_models(abstract=False):
        for name in get_translatable_fields_for_model(model) or []:
            plain = model.__dict__.get(name)
            if type(plain) is TranslationFieldDescriptor:
                marked = _Column.__new__(_Column)
                marked.__dict__.update(plain.__dict__)
                setattr(model, name, marked)
