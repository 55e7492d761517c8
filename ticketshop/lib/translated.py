"""Texts with a column per language: conditions over all languages, and the language of a text shown instead of a missing one."""

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

# Prefixes of Django's ``search_fields``, which state how a text is compared.
_PREFIXES = "^=@"


def in_every_language(model: type[Model], path: str) -> list[str]:
    """Return the paths of a text in all languages, such as ``event__title_en`` and ``event__title_fr`` for ``event__title``.

    ``[path]`` for a column without languages. ``path`` may begin with a prefix of Django's ``search_fields``.
    """
    prefix, plain = (path[0], path[1:]) if path[:1] in _PREFIXES else ("", path)
    try:
        field = get_fields_from_path(model, plain)[-1]
    except (FieldDoesNotExist, NotRelationField):  # the path ends in a lookup
        return [path]
    before = plain[: len(plain) - len(field.name)]
    if field.name not in (get_translatable_fields_for_model(field.model) or []):
        return [path]
    return [f"{prefix}{before}{column}" for column in get_translation_fields(field.name)]


def contains(model: type[Model], path: str, text: str) -> Q:
    """Return the condition that a column contains ``text`` in one of its languages, without regard to case."""
    condition = Q()
    for column in in_every_language(model, path):
        condition |= Q(**{f"{column}__icontains": text})
    return condition


class StandIn(str):
    """A text in ``language``, shown because there is none in the page's language. The filter ``lang`` marks it in HTML."""

    language: str

    def __new__(cls, text: str, language: str):
        stand_in = super().__new__(cls, text)
        stand_in.language = language
        return stand_in

    @property
    def piece_key(self) -> tuple[str, str]:
        """Return what a piece of a page shows of it; see ``piece_cache``."""
        return str(self), self.language


class Composed(str):
    """A text made of several. In templates each part in another language than the page has its ``lang``."""

    html: SafeString

    def __new__(cls, text: str, html: SafeString):
        composed = super().__new__(cls, text)
        composed.html = html
        return composed

    @property
    def piece_key(self) -> str:
        """Return what a piece of a page shows of it; see ``piece_cache``."""
        return str(self.html)

    def __html__(self) -> SafeString:
        return self.html


def lang_attribute(value: object) -> SafeString:
    """Return the attribute `` lang="de"`` for an element with a text in another language than the page; else an empty text."""
    code = value.language if isinstance(value, StandIn) else ""
    return format_html(' lang="{}"', code) if code else _NO_ATTRIBUTE


_NO_ATTRIBUTE = SafeString("")


def compose(pattern: str, **parts: object) -> str:
    """Return ``pattern % parts``, as a Composed if one of the parts is a StandIn or Composed.

    For attributes of HTML take ``str`` of it, which is the text alone.
    """
    text = pattern % parts
    if not any(isinstance(part, StandIn | Composed) for part in parts.values()):
        return text
    # Escaping the pattern does not change its placeholders.
    html = str(escape(pattern)) % {name: _as_html(part) for name, part in parts.items()}
    return Composed(text, mark_safe(html))  # noqa: S308  pattern and parts are escaped


def joined(separator: str, parts: Iterable[str]) -> str:
    """Return ``separator.join(parts)``, as a Composed if one of the parts is a StandIn or Composed."""
    named = {f"part{number}": part for number, part in enumerate(parts)}
    return compose(separator.replace("%", "%%").join(f"%({name})s" for name in named), **named)


def _as_html(part: object) -> object:
    if isinstance(part, StandIn):
        return format_html('<span lang="{}">{}</span>', part.language, str(part))
    return part if isinstance(part, int) else conditional_escape(part if isinstance(part, str) else str(part))


def text_of(texts: dict[str, str]) -> str:
    """Return the text in the active language, else the first text as a StandIn. ``texts``: language code -> text."""
    active = (get_language() or "")[:2]
    if text := texts.get(active):
        return text
    return next((StandIn(text, code) for code, text in texts.items() if text), "")


def as_language_of(text: str, derived: str) -> str:
    """Return ``derived``, which was made of ``text``, as a StandIn if ``text`` is one."""
    return StandIn(derived, text.language) if isinstance(text, StandIn) else derived


class _Column(TranslationFieldDescriptor):
    """The descriptor of a translated column, which returns a text in another language than the active one as a StandIn."""

    def __get__(self, instance, owner):
        if instance is None:
            return super().__get__(instance, owner)
        active = (get_language() or "")[:2]
        values = instance.__dict__
        text = values.get(f"{self.field.name}_{active}")
        if text and type(text) is str:
            # Most texts are read here: django-modeltranslation first makes a list of languages, which takes six times as long.
            return text
        text = super().__get__(instance, owner)
        if not text or type(text) is not str or values.get(f"{self.field.name}_{active}") == text:
            return text
        # If several languages have the same text, the first of them counts.
        codes = (column.rpartition("_") for column in get_translation_fields(self.field.name))
        return next(
            (StandIn(text, code) for name, _, code in codes if values.get(f"{name}_{code}") == text), text
        )


def mark_stand_ins() -> None:
    """Install the descriptor for the translated columns of all models. Called once, when the apps are loaded."""
    for model in translator.get_registered_models(abstract=False):
        for name in get_translatable_fields_for_model(model) or []:
            original = model.__dict__.get(name)
            if type(original) is TranslationFieldDescriptor:
                descriptor = _Column.__new__(_Column)
                descriptor.__dict__.update(original.__dict__)
                setattr(model, name, descriptor)
