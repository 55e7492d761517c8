"""The columns of link types that are translated."""

from modeltranslation.translator import TranslationOptions, register

from .models import LinkType


@register(LinkType)
class LinkTypeTranslation(TranslationOptions):
    fields = ("label_parent_to_child", "label_child_to_parent")
