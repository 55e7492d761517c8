"""The translated columns of points of sale."""

from modeltranslation.translator import TranslationOptions, register

from .models import PointOfSale


@register(PointOfSale)
class PointOfSaleTranslation(TranslationOptions):
    fields = ("name", "tagline", "terms", "privacy_notice", "imprint", "accessibility_statement")
