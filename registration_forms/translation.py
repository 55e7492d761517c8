"""Texts of forms that an organiser writes in several languages."""

from modeltranslation.translator import TranslationOptions, register

from .models import Choice, Field


@register(Field)
class FieldTranslation(TranslationOptions):
    fields = ("label", "help_text", "purpose")


@register(Choice)
class ChoiceTranslation(TranslationOptions):
    fields = ("label",)
