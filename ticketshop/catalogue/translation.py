"""Texts of the catalogue that an organiser writes in several languages."""

from modeltranslation.translator import TranslationOptions, register

from .models import Category, Event, SeasonPass, Tariff


@register(Category)
class CategoryTranslation(TranslationOptions):
    fields = ("name",)


@register(Event)
class EventTranslation(TranslationOptions):
    fields = ("title", "teaser", "description", "image_alt")


@register(Tariff)
class TariffTranslation(TranslationOptions):
    fields = ("name", "description")


@register(SeasonPass)
class SeasonPassTranslation(TranslationOptions):
    fields = ("name", "teaser", "description")
